//! nsiso_held: a child that is set up and waits before its command, so that the caller can attach things.

use crate::boundary::{bad_argument, borrow, call, free, give, no_flags, one_kind};
use crate::command::{needed, nsiso_command};
use crate::error::nsiso_error;
use crate::kind::nsiso_kinds;
use crate::process::nsiso_process;
use crate::spec::{nsiso_spec, or_nothing_new};
use libc::{c_int, pid_t};
use nsiso_core::Held;
use std::os::fd::{AsRawFd, IntoRawFd};

/// A child in its namespaces, set up, that waits before it executes its command.
///
/// Owned by the caller, who releases it (nsiso_held_release) or frees it, which ends the child. The
/// child also ends with the process that started it. May be used by one thread at a time, and not in a
/// forked copy of its process.
pub struct nsiso_held(Held);

/// Sets all up as nsiso_spawn does and stops before the command is executed. The caller can then look
/// at the child and attach things: move a network device in, place it in a cgroup, open its namespaces.
///
/// spec: NULL for nothing new.
/// command: what to execute after nsiso_held_release.
/// flags: 0.
/// ret_held: the child; written on success.
/// reterr: see the top of this file.
///
/// Returns 0 or what nsiso_spawn does, but for what execution brings. MT-Safe env as there. First
/// kernel: 5.3 (pidfd_open(2), by which the child sees the caller end). See nsiso_spawn.
#[no_mangle]
pub unsafe extern "C" fn nsiso_spawn_held(
    spec: *const nsiso_spec,
    command: *const nsiso_command,
    flags: u32,
    ret_held: *mut *mut nsiso_held,
    reterr: *mut *mut nsiso_error,
) -> c_int {
    let body = || {
        no_flags("nsiso_spawn_held", flags)?;
        // SAFETY: the C caller's promise about spec.
        let spec = unsafe { or_nothing_new(spec) };
        // SAFETY: the C caller's promise about command.
        let command = unsafe { needed("nsiso_spawn_held", command) }?;
        let make = || spec.spawn_held(command).map(nsiso_held);
        // SAFETY: the C caller's promise about ret_held.
        unsafe { give("nsiso_spawn_held", "ret_held", ret_held, make) }
    };
    // SAFETY: the C caller's promise about reterr.
    unsafe { call(reterr, body) }
}

/// The child's number in the caller's pid namespace. 0 for NULL.
#[no_mangle]
pub unsafe extern "C" fn nsiso_held_pid(held: *const nsiso_held) -> pid_t {
    // SAFETY: the C caller guarantees a held child that lives, or NULL.
    unsafe { held.as_ref() }.map_or(0, |nsiso_held(held)| held.id())
}

/// Its pidfd. Borrowed: the held child's until that is released or freed, not to be closed. -1 for NULL.
#[no_mangle]
pub unsafe extern "C" fn nsiso_held_pidfd(held: *const nsiso_held) -> c_int {
    // SAFETY: the C caller guarantees a held child that lives, or NULL.
    let held = unsafe { held.as_ref() };
    held.and_then(|nsiso_held(held)| held.pidfd()).map_or(-1, |pidfd| pidfd.as_raw_fd())
}

/// Opens a namespace that the child is in, or will be in once it executes.
///
/// held: the child.
/// kind: one NSISO_NEW* bit.
/// flags: 0.
/// reterr: see the top of this file.
///
/// Returns a descriptor, close-on-exec, which the caller closes, or -errno as nsiso_process_namespace.
#[no_mangle]
pub unsafe extern "C" fn nsiso_held_namespace(
    held: *const nsiso_held,
    kind: nsiso_kinds,
    flags: u32,
    reterr: *mut *mut nsiso_error,
) -> c_int {
    let step = "nsiso_held_namespace";
    let body = || {
        no_flags(step, flags)?;
        // SAFETY: the C caller's promise about held.
        let nsiso_held(held) = unsafe { borrow(step, "held", held) }?;
        held.namespace(one_kind(step, kind)?).map(IntoRawFd::into_raw_fd)
    };
    // SAFETY: the C caller's promise about reterr.
    unsafe { call(reterr, body) }
}

/// Lets the child execute its command, and comes back when it does, or when it is known why not.
///
/// held: is used up and freed in any case, also on failure. Then the child is ended and reaped.
/// flags: 0.
/// ret_process: the running child, to be freed with nsiso_process_free; written on success.
/// reterr: see the top of this file.
///
/// Returns 0, or: what execution brings, as nsiso_spawn; -ESRCH somebody has killed it meanwhile;
/// -ETIMEDOUT nsiso_spec_timeout, which has counted since nsiso_spawn_held; -EINVAL a NULL or an
/// unknown flag. Not to be called by two threads. A signal handler that runs meanwhile does not end it.
/// See execve(2).
#[no_mangle]
pub unsafe extern "C" fn nsiso_held_release(
    held: *mut nsiso_held,
    flags: u32,
    ret_process: *mut *mut nsiso_process,
    reterr: *mut *mut nsiso_error,
) -> c_int {
    let step = "nsiso_held_release";
    // Whatever comes, it is taken from the caller.
    let mut taken = None;
    // SAFETY: it came from `give`, and the C caller guarantees that it is used up once.
    unsafe { free(held, |nsiso_held(held)| taken = Some(held)) };
    let body = || {
        no_flags(step, flags)?;
        let held = taken.ok_or_else(|| bad_argument(step, "held is NULL"))?;
        let make = || held.release().map(nsiso_process::new);
        // SAFETY: the C caller's promise about ret_process.
        unsafe { give(step, "ret_process", ret_process, make) }
    };
    // SAFETY: the C caller's promise about reterr.
    unsafe { call(reterr, body) }
}

/// Ends a child that was not released, with SIGKILL, and reaps it: nothing is left of it. NULL is allowed.
/// Returns NULL.
#[no_mangle]
pub unsafe extern "C" fn nsiso_held_free(held: *mut nsiso_held) -> *mut nsiso_held {
    // SAFETY: it came from `give`, and the C caller guarantees that it is freed once.
    unsafe { free(held, drop) }
}
