//! nsiso_plan: which steps a start takes, in words and in order, without taking them.

use crate::boundary::{call, free, give, no_flags};
use crate::command::{needed, nsiso_command};
use crate::error::nsiso_error;
use crate::spec::{nsiso_spec, or_nothing_new};
use libc::{c_char, c_int};
use nsiso_core::Plan;
use std::ffi::CString;
use std::ptr;

/// The steps that nsiso_spawn would take. Owned by the caller, who frees it; outlives the spec and the
/// command that it was made of. May be read by many threads at once.
pub struct nsiso_plan {
    steps: Vec<CString>,
    needs: Vec<CString>,
    text: CString,
}

/// Makes the plan of a start, and does nothing of it. The same is done first by nsiso_spawn and
/// nsiso_spawn_held, which refuse with the same words.
///
/// spec: NULL for nothing new.
/// command: what would be executed.
/// flags: 0.
/// ret_plan: the plan, to be freed with nsiso_plan_free; written on success.
/// reterr: see the top of this file; nsiso_error_object says which options.
///
/// Returns 0, or: -EINVAL a NULL, an unknown flag, or options that cannot be meant: two joins, or a
/// join and NSISO_NEW*, of one kind; an option without the new namespace that it needs; more than one
/// id map; a host or domain name of more than 64 bytes; a second or more in nanoseconds; process_group
/// and a session of its own; a umask beyond 0777; a score beyond 1000; two limits of one resource, or a
/// soft one above its hard one. -EPERM ids that /etc/subuid and /etc/subgid do not grant. A descriptor
/// or path to join that is no namespace: -ENOTTY, or the errno of open(2).
///
/// MT-Safe env: it reads the environment where nsiso_spawn does. Needs no privilege.
#[no_mangle]
pub unsafe extern "C" fn nsiso_plan_new(
    spec: *const nsiso_spec,
    command: *const nsiso_command,
    flags: u32,
    ret_plan: *mut *mut nsiso_plan,
    reterr: *mut *mut nsiso_error,
) -> c_int {
    let body = || {
        no_flags("nsiso_plan_new", flags)?;
        // SAFETY: the C caller's promise about spec.
        let spec = unsafe { or_nothing_new(spec) };
        // SAFETY: the C caller's promise about command.
        let command = unsafe { needed("nsiso_plan_new", command) }?;
        let make = || spec.plan(command).map(|plan| nsiso_plan::from(&plan));
        // SAFETY: the C caller's promise about ret_plan.
        unsafe { give("nsiso_plan_new", "ret_plan", ret_plan, make) }
    };
    // SAFETY: the C caller's promise about reterr.
    unsafe { call(reterr, body) }
}

/// How many steps there are. 0 for NULL.
#[no_mangle]
pub unsafe extern "C" fn nsiso_plan_count(plan: *const nsiso_plan) -> usize {
    // SAFETY: the C caller guarantees a plan that lives, or NULL.
    unsafe { plan.as_ref() }.map_or(0, |plan| plan.steps.len())
}

/// One step, who takes it and what it is: "parent: clone user,uts". Borrowed from the plan.
///
/// index: counted from 0, in the order in which they are taken.
///
/// NULL for NULL and beyond the last step.
#[no_mangle]
pub unsafe extern "C" fn nsiso_plan_step(plan: *const nsiso_plan, index: usize) -> *const c_char {
    // SAFETY: the C caller guarantees a plan that lives, or NULL.
    let plan = unsafe { plan.as_ref() };
    plan.and_then(|plan| plan.steps.get(index)).map_or(ptr::null(), |step| step.as_ptr())
}

/// What one step needs: privileges, other programs, a kernel that has it. "" where anybody can do it.
/// Borrowed from the plan.
///
/// index: as of nsiso_plan_step.
///
/// NULL for NULL and beyond the last step.
#[no_mangle]
pub unsafe extern "C" fn nsiso_plan_needs(plan: *const nsiso_plan, index: usize) -> *const c_char {
    // SAFETY: the C caller guarantees a plan that lives, or NULL.
    let plan = unsafe { plan.as_ref() };
    plan.and_then(|plan| plan.needs.get(index)).map_or(ptr::null(), |needs| needs.as_ptr())
}

/// All steps, a line each, and behind each what it needs. Borrowed from the plan; NULL for NULL.
#[no_mangle]
pub unsafe extern "C" fn nsiso_plan_text(plan: *const nsiso_plan) -> *const c_char {
    // SAFETY: the C caller guarantees a plan that lives, or NULL.
    unsafe { plan.as_ref() }.map_or(ptr::null(), |plan| plan.text.as_ptr())
}

/// Frees a plan. NULL is allowed. Returns NULL.
#[no_mangle]
pub unsafe extern "C" fn nsiso_plan_free(plan: *mut nsiso_plan) -> *mut nsiso_plan {
    // SAFETY: it came from `give`, and the C caller guarantees that it is freed once.
    unsafe { free(plan, drop) }
}

/// No word of a plan has a NUL: what came from C cannot have one.
impl From<&Plan> for nsiso_plan {
    fn from(plan: &Plan) -> nsiso_plan {
        let text = |words: String| CString::new(words).unwrap_or_default();
        nsiso_plan {
            steps: plan.steps().map(|step| text(step.to_string())).collect(),
            needs: plan.steps().map(|step| text(step.needs())).collect(),
            text: text(plan.to_string()),
        }
    }
}
