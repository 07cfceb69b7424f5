//! nsiso_spec: which namespaces are wanted, and what of the process in them. Its options stand in spec/.

mod containment;
mod namespaces;
mod process;

pub use namespaces::nsiso_id_range;

use crate::boundary::{borrow, borrow_mut, call, free, give, no_flags};
use crate::error::nsiso_error;
use libc::c_int;
use nsiso_core::{Result, Spec};
use std::borrow::Cow;

/// What is wanted: namespaces that are new, namespaces that are joined, how they are set up, and
/// what the process in them is to be. Making one does nothing yet; it can be used often, by
/// nsiso_spawn, nsiso_spawn_held and nsiso_plan_new, with any command.
///
/// Every option is a function nsiso_spec_OPTION. It returns 0, or -EINVAL for a NULL spec and what else
/// it names; on failure the spec stays as it was. An option that is set again replaces what was
/// set before, unless it says otherwise. Options are looked at together, and against each
/// other, when a plan is made of them: see nsiso_plan_new for what is refused there.
///
/// A command in namespaces of its own that has a terminal on one of its descriptors 0 to 2 is kept from
/// typing into it what runs outside: it leads a session of its own, without that terminal, and where it
/// keeps CAP_SYS_ADMIN a filter refuses the attempt. nsiso_spec_terminal gives it
/// one of its own, or the caller's.
///
/// A spec copies what it is told: strings and arrays stay the caller's, and of descriptors it
/// keeps duplicates of its own, close-on-exec, until it is freed.
///
/// Owned by the caller, who frees it. Many threads may use a spec at once as long as none changes
/// it (attributes(7): MT-Safe race:spec). It may also be used in a forked copy of its process.
#[derive(Clone)]
pub struct nsiso_spec(pub(crate) Spec);

/// Makes a spec in which nothing is new: the caller's namespaces, the process as it comes.
///
/// flags: 0.
/// ret_spec: the spec, to be freed with nsiso_spec_free; written on success.
/// reterr: see the top of this file.
///
/// Returns 0, or -EINVAL: a NULL or an unknown flag. MT-Safe. Needs no privilege and no kernel feature.
#[no_mangle]
pub unsafe extern "C" fn nsiso_spec_new(
    flags: u32,
    ret_spec: *mut *mut nsiso_spec,
    reterr: *mut *mut nsiso_error,
) -> c_int {
    let body = || {
        no_flags("nsiso_spec_new", flags)?;
        // SAFETY: the C caller's promise about ret_spec.
        unsafe { give("nsiso_spec_new", "ret_spec", ret_spec, || Ok(nsiso_spec(Spec::new()))) }
    };
    // SAFETY: the C caller's promise about reterr.
    unsafe { call(reterr, body) }
}

/// Makes a spec with the same options, which goes its own way from then on.
///
/// spec: stays as it is. The two share the descriptors to join, which are closed with the last one.
/// ret_copy: the new spec, to be freed with nsiso_spec_free; written on success.
/// reterr: see the top of this file.
///
/// Returns 0, or -EINVAL: a NULL. MT-Safe race:spec. Needs no privilege and no kernel feature.
#[no_mangle]
pub unsafe extern "C" fn nsiso_spec_copy(
    spec: *const nsiso_spec,
    ret_copy: *mut *mut nsiso_spec,
    reterr: *mut *mut nsiso_error,
) -> c_int {
    let body = || {
        // SAFETY: the C caller's promise about spec.
        let spec = unsafe { borrow("nsiso_spec_copy", "spec", spec) }?;
        // SAFETY: the C caller's promise about ret_copy.
        unsafe { give("nsiso_spec_copy", "ret_copy", ret_copy, || Ok(spec.clone())) }
    };
    // SAFETY: the C caller's promise about reterr.
    unsafe { call(reterr, body) }
}

/// Frees a spec. Processes that were started of it, and plans, need it no more. NULL is allowed.
/// Returns NULL.
#[no_mangle]
pub unsafe extern "C" fn nsiso_spec_free(spec: *mut nsiso_spec) -> *mut nsiso_spec {
    // SAFETY: it came from `give`, and the C caller guarantees that it is freed once.
    unsafe { free(spec, drop) }
}

/// The spec of a call that takes NULL for "nothing new".
///
/// # Safety
///
/// `spec` must be NULL or a spec that lives, and does not change, for as long as the answer is used.
pub unsafe fn or_nothing_new<'a>(spec: *const nsiso_spec) -> Cow<'a, Spec> {
    // SAFETY: the caller's promise.
    unsafe { spec.as_ref() }.map_or_else(|| Cow::Owned(Spec::new()), |spec| Cow::Borrowed(&spec.0))
}

/// What every option is: changes a spec as `by` says, or leaves it as it was.
///
/// # Safety
///
/// `spec` must be NULL or a spec that nobody else uses meanwhile; `reterr` as for [`call`].
pub(crate) unsafe fn set(
    step: &str,
    spec: *mut nsiso_spec,
    reterr: *mut *mut nsiso_error,
    by: impl FnOnce(Spec) -> Result<Spec>,
) -> c_int {
    let body = || {
        // SAFETY: the caller's promise.
        let nsiso_spec(spec) = unsafe { borrow_mut(step, "spec", spec) }?;
        // A copy is changed, so that half a change never stays.
        *spec = by(spec.clone())?;
        Ok(0)
    };
    // SAFETY: the caller's promise.
    unsafe { call(reterr, body) }
}
