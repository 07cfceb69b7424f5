//! nsiso_namespaces: a spec's namespaces held without a process; and entering namespaces in place.

use crate::boundary::{borrow, call, free, give, no_flags, one_kind};
use crate::error::nsiso_error;
use crate::kind::nsiso_kinds;
use crate::spec::{nsiso_spec, set};
use libc::{c_int, pid_t};
use nsiso_core::Namespaces;
use std::os::fd::AsRawFd;

/// Namespaces that are held open together, with no process in them but pid 1 of a pid namespace, a tiny
/// program of the library's.
///
/// Owned by the caller, who frees it (nsiso_namespaces_free). May be used by many threads at once. When it
/// is freed, and no spec that joins it is left, or when its process ends, that pid 1 ends, and with it
/// everything in the pid namespace; the others live on as long as somebody is in them or has them open.
pub struct nsiso_namespaces(pub(crate) Namespaces);

/// Makes the namespaces of a spec, with id maps, names, clocks, /proc and lo, and holds them without a process;
/// those that the spec joins are among them. What it says of a process has no meaning here.
///
/// spec: what to make. Is not changed.
/// flags: 0.
/// ret_set: the namespaces; written on success.
/// reterr: see the top of this file.
///
/// Returns 0 or what nsiso_spawn does, but for what execution brings; -EINVAL also: the spec has no
/// namespaces. The caller stays where it is. MT-Safe env. Privilege and first kernel: as the spec's options;
/// with NSISO_NEWPID 5.3.
#[no_mangle]
pub unsafe extern "C" fn nsiso_hold(
    spec: *const nsiso_spec,
    flags: u32,
    ret_set: *mut *mut nsiso_namespaces,
    reterr: *mut *mut nsiso_error,
) -> c_int {
    let step = "nsiso_hold";
    let body = || {
        no_flags(step, flags)?;
        // SAFETY: the C caller's promise about spec.
        let spec = unsafe { borrow(step, "spec", spec) }?;
        let make = || spec.0.hold().map(nsiso_namespaces);
        // SAFETY: the C caller's promise about ret_set.
        unsafe { give(step, "ret_set", ret_set, make) }
    };
    // SAFETY: the C caller's promise about reterr.
    unsafe { call(reterr, body) }
}

/// The descriptor of one of them, for nsiso_ns_* and setns(2). Borrowed: the set's until that is freed, not
/// to be closed.
///
/// set: the namespaces.
/// kind: one NSISO_NEW* bit.
///
/// Returns -1 for a kind that is not among them, for no kind and for NULL. MT-Safe.
#[no_mangle]
pub unsafe extern "C" fn nsiso_namespaces_fd(set: *const nsiso_namespaces, kind: nsiso_kinds) -> c_int {
    // SAFETY: the C caller guarantees a set that lives, or NULL.
    let set = unsafe { set.as_ref() };
    let one = set.zip(one_kind("", kind).ok()).and_then(|(set, kind)| set.0.get(kind));
    one.map_or(-1, AsRawFd::as_raw_fd)
}

/// The number of pid 1 as the caller's pid namespace counts. 0 without a pid namespace, and for NULL. MT-Safe.
#[no_mangle]
pub unsafe extern "C" fn nsiso_namespaces_init(set: *const nsiso_namespaces) -> pid_t {
    // SAFETY: the C caller guarantees a set that lives, or NULL.
    unsafe { set.as_ref() }.and_then(|set| set.0.init()).unwrap_or(0)
}

/// Lets go of them; NULL is allowed. Returns NULL. MT-Safe race:set.
#[no_mangle]
pub unsafe extern "C" fn nsiso_namespaces_free(set: *mut nsiso_namespaces) -> *mut nsiso_namespaces {
    // SAFETY: the C caller's promise about set.
    unsafe { free(set, drop) }
}

/// Adds a set, to be joined, all of it. The spec holds it as well, so that it may be freed before.
///
/// spec: is changed. Joins add up: see nsiso_spec_join_pid.
/// set: the namespaces.
/// reterr: see the top of this file.
///
/// Returns 0, or -EINVAL: a NULL. MT-Safe race:spec. Privilege: as nsiso_spec_join_fd.
#[no_mangle]
pub unsafe extern "C" fn nsiso_spec_join_namespaces(
    spec: *mut nsiso_spec,
    set_to_join: *const nsiso_namespaces,
    reterr: *mut *mut nsiso_error,
) -> c_int {
    let step = "nsiso_spec_join_namespaces";
    let by = |spec: nsiso_core::Spec| {
        // SAFETY: the C caller's promise about the set.
        let joined = unsafe { borrow(step, "set", set_to_join) }?;
        Ok(spec.join_namespaces(&joined.0))
    };
    // SAFETY: the C caller's promises about spec and reterr.
    unsafe { set(step, spec, reterr, by) }
}

/// Moves the calling thread into what a spec joins; of a pid namespace, its children from now on. What it is in
/// already is left out. With a mnt namespace the root and the working directory become that namespace's root.
///
/// spec: joins, and nothing else. Is not changed.
/// flags: 0.
/// reterr: see the top of this file.
///
/// Returns 0, or with nothing changed: -EINVAL a NULL, an option that is no join, a process with threads and
/// NSISO_NEWUSER or NSISO_NEWNS among the kinds, or a pid namespace that is not below the caller's; -EUSERS
/// a process with threads, and NSISO_NEWTIME; -EPERM no power over a namespace, whose owner the error names;
/// -EACCES a process that may not be traced; -ESRCH it has ended. Where something was entered and could not
/// be left again, the error's object says which kinds.
/// MT-Safe: changes the calling thread only. Privilege: as nsiso_setns; an order is found that it allows.
/// See setns(2).
#[no_mangle]
pub unsafe extern "C" fn nsiso_enter(
    spec: *const nsiso_spec,
    flags: u32,
    reterr: *mut *mut nsiso_error,
) -> c_int {
    let step = "nsiso_enter";
    let body = || {
        no_flags(step, flags)?;
        // SAFETY: the C caller's promise about spec.
        let spec = unsafe { borrow(step, "spec", spec) }?;
        spec.0.enter().map(|()| 0)
    };
    // SAFETY: the C caller's promise about reterr.
    unsafe { call(reterr, body) }
}
