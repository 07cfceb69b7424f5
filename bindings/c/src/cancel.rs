//! nsiso_cancel: how a start is called off from another thread.

use crate::boundary::{borrow, call, free, give, no_flags};
use crate::error::nsiso_error;
use crate::spec::{nsiso_spec, set};
use libc::c_int;
use nsiso_core::Cancel;

/// A token that calls off the starts of the specs that were given it.
///
/// Owned by the caller, who frees it; the specs keep what they need of it. Many threads may use one at once, also
/// while others start something. In a forked copy of its process it is another token.
pub struct nsiso_cancel(Cancel);

/// Makes a token.
///
/// flags: 0.
/// ret_cancel: the token, to be freed with nsiso_cancel_free; written on success.
/// reterr: see the top of this file.
///
/// Returns 0, or -EINVAL: a NULL or an unknown flag. MT-Safe. Needs no privilege and no kernel feature.
#[no_mangle]
pub unsafe extern "C" fn nsiso_cancel_new(
    flags: u32,
    ret_cancel: *mut *mut nsiso_cancel,
    reterr: *mut *mut nsiso_error,
) -> c_int {
    let body = || {
        no_flags("nsiso_cancel_new", flags)?;
        // SAFETY: the C caller's promise about ret_cancel.
        unsafe { give("nsiso_cancel_new", "ret_cancel", ret_cancel, || Ok(nsiso_cancel(Cancel::new()))) }
    };
    // SAFETY: the C caller's promise about reterr.
    unsafe { call(reterr, body) }
}

/// Calls off: what is being set up is undone, and its start is -ECANCELED; later starts are at once. A command
/// or function that runs already runs on (nsiso_process_kill). Once is for ever. MT-Safe, not to be called from
/// a signal handler. NULL is allowed. Cannot fail.
#[no_mangle]
pub unsafe extern "C" fn nsiso_cancel_now(cancel: *const nsiso_cancel) {
    // SAFETY: the C caller guarantees a token that lives, or NULL.
    if let Some(nsiso_cancel(cancel)) = unsafe { cancel.as_ref() } {
        cancel.cancel();
    }
}

/// 1 if it has called off, else 0; 0 for NULL. MT-Safe.
#[no_mangle]
pub unsafe extern "C" fn nsiso_cancel_is_cancelled(cancel: *const nsiso_cancel) -> c_int {
    // SAFETY: the C caller guarantees a token that lives, or NULL.
    unsafe { cancel.as_ref() }.map_or(0, |nsiso_cancel(cancel)| c_int::from(cancel.is_cancelled()))
}

/// Frees a token. Starts that are under way go on, and nobody calls them off. NULL is allowed. Returns NULL.
#[no_mangle]
pub unsafe extern "C" fn nsiso_cancel_free(cancel: *mut nsiso_cancel) -> *mut nsiso_cancel {
    // SAFETY: it came from `give`, and the C caller guarantees that it is freed once.
    unsafe { free(cancel, drop) }
}

/// Lets a token call off the starts of a spec, newuidmap(1) that runs for them included.
///
/// spec: is changed. A token that is given again takes the place of the one before.
/// cancel: stays the caller's.
/// reterr: see the top of this file.
///
/// Returns 0, or -EINVAL: a NULL. MT-Safe race:spec. See nsiso_spec_timeout for the other way to give up.
#[no_mangle]
pub unsafe extern "C" fn nsiso_spec_cancel_by(
    spec: *mut nsiso_spec,
    cancel: *const nsiso_cancel,
    reterr: *mut *mut nsiso_error,
) -> c_int {
    let step = "nsiso_spec_cancel_by";
    let by = |spec: nsiso_core::Spec| {
        // SAFETY: the C caller's promise about cancel.
        let nsiso_cancel(cancel) = unsafe { borrow(step, "cancel", cancel) }?;
        Ok(spec.cancel_by(cancel))
    };
    // SAFETY: the C caller's promises about spec and reterr.
    unsafe { set(step, spec, reterr, by) }
}
