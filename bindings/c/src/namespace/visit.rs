//! nsiso_ns_visit: how a function is called in a namespace, and a socket is made in one.

use super::{handed_over, lent};
use crate::boundary::{bad_argument, call, no_flags, one_kind};
use crate::error::nsiso_error;
use crate::kind::nsiso_kinds;
use libc::{c_int, c_void};
use nsiso_core::{Cause, Error, Home, Kind, Namespace, Result, Visit};
use std::os::fd::{AsFd, IntoRawFd};

/// Opens where the calling thread comes back to from nsiso_ns_visit: its own namespace of this kind, after
/// the way back was tried.
///
/// kind: NSISO_NEWUTS, NSISO_NEWIPC, NSISO_NEWNET or NSISO_NEWCGROUP.
/// flags: 0.
/// reterr: see the top of this file.
///
/// Returns a descriptor, close-on-exec, which the caller closes, for any number of visits by this thread;
/// or: -EPERM no CAP_SYS_ADMIN in the caller's own user namespace and in that which owns the namespace: who
/// leaves it could not come back; -EINVAL another kind or an unknown flag; -ENOENT no /proc; -EMFILE. MT-Safe.
#[no_mangle]
pub unsafe extern "C" fn nsiso_ns_home(
    kind: nsiso_kinds,
    flags: u32,
    reterr: *mut *mut nsiso_error,
) -> c_int {
    let step = "nsiso_ns_home";
    let body = || {
        no_flags(step, flags)?;
        let home = Home::of_thread(one_kind(step, kind)?)?;
        Ok(handed_over(home.into()))
    };
    // SAFETY: the C caller's promise about reterr.
    unsafe { call(reterr, body) }
}

/// Calls a function in a namespace: uts, ipc, net and cgroup on the calling thread, which is there
/// meanwhile and back afterwards; mnt on a thread of its own, which has a root and working directory of its
/// own there, gets no signals, and ends before this returns.
///
/// fd: the namespace's descriptor.
/// kind: its kind, one NSISO_NEW* bit.
/// home: what nsiso_ns_home has given to this thread: then a visit allocates nothing and opens nothing. Or
/// -1: the way back is opened and tried each time. For mnt -1, for nobody has to come back.
/// func: called as func(arg). It must return: neither longjmp nor pthread_exit nor an exception may lead out
/// of it. It may visit others.
/// arg: passed to func as it is.
/// ret_result: what func returned; NULL if not wanted. Written on success, as func was called then and only
/// then.
/// flags: 0.
/// reterr: see the top of this file.
///
/// Returns 0, or, with the thread where it was: -EPERM no CAP_SYS_ADMIN in the caller's own user namespace
/// and in those which own this namespace and that which the thread comes from; for mnt also no CAP_SYS_CHROOT in
/// the caller's own; -EINVAL a kind other than these five (see nsiso_spawn_function), kind or home does not
/// fit fd, a NULL or an unknown flag; -EBADF a descriptor is closed; -EMFILE; -EAGAIN for mnt, there can be
/// no more threads; -ENOMEM.
///
/// If the way back is refused (func gave up its capabilities, or installed a filter), this does not return:
/// what else would run on this thread would be in the wrong namespace without knowing. MT-Safe; other threads
/// stay where they are. See setns(2).
#[no_mangle]
pub unsafe extern "C" fn nsiso_ns_visit(
    fd: c_int,
    kind: nsiso_kinds,
    home: c_int,
    func: Option<unsafe extern "C" fn(arg: *mut c_void) -> c_int>,
    arg: *mut c_void,
    ret_result: *mut c_int,
    flags: u32,
    reterr: *mut *mut nsiso_error,
) -> c_int {
    let step = "nsiso_ns_visit";
    let body = || {
        no_flags(step, flags)?;
        let kind = one_kind(step, kind)?;
        let func = func.ok_or_else(|| bad_argument(step, "func is NULL"))?;
        let work = Work { func, arg };
        let result = if kind == Kind::Mnt {
            apart(fd, home, work)?
        } else if home == -1 {
            let home = Home::of_thread(kind)?;
            let _visit = Visit::by_descriptors(lent(step, "fd", fd)?, kind, home.namespace().as_fd())?;
            work.perform()
        } else {
            let _visit = Visit::by_descriptors(lent(step, "fd", fd)?, kind, lent(step, "home", home)?)?;
            work.perform()
        };
        if !ret_result.is_null() {
            // SAFETY: not NULL, and the C caller's promise about ret_result.
            unsafe { *ret_result = result };
        }
        Ok(0)
    };
    // SAFETY: the C caller's promise about reterr.
    unsafe { call(reterr, body) }
}

/// Makes a socket in a net namespace, for use where the caller is.
///
/// fd: the net namespace's descriptor.
/// domain, type, protocol: as socket(2) takes them; the socket is close-on-exec in any case.
/// flags: 0.
/// reterr: see the top of this file.
///
/// Returns the socket's descriptor, which the caller closes, or -errno as nsiso_ns_visit with home -1, or
/// what socket(2) brings; -EINVAL also when fd is no net namespace's. MT-Safe.
#[no_mangle]
pub unsafe extern "C" fn nsiso_ns_socket(
    fd: c_int,
    domain: c_int,
    r#type: c_int,
    protocol: c_int,
    flags: u32,
    reterr: *mut *mut nsiso_error,
) -> c_int {
    let body = || {
        no_flags("nsiso_ns_socket", flags)?;
        Namespace::from_borrowed_fd(fd)?.socket(domain, r#type, protocol).map(IntoRawFd::into_raw_fd)
    };
    // SAFETY: the C caller's promise about reterr.
    unsafe { call(reterr, body) }
}

/// On a thread of its own.
fn apart(fd: c_int, home: c_int, work: Work) -> Result<c_int> {
    if home != -1 {
        return Err(bad_argument("nsiso_ns_visit", &format!("home {home}: for mnt there is none, pass -1")));
    }
    let namespace = Namespace::from_borrowed_fd(fd)?;
    if namespace.kind() != Kind::Mnt {
        let object = format!("mnt of fd {fd}");
        return Err(Error::of_caller("nsiso_ns_visit", &object, libc::EINVAL, Cause::WrongDescriptor));
    }
    namespace.visit_with(|| work.perform())
}

/// What the caller wants done.
struct Work {
    func: unsafe extern "C" fn(arg: *mut c_void) -> c_int,
    arg: *mut c_void,
}

// SAFETY: the C caller is told on which thread the function runs, and waits for it.
unsafe impl Send for Work {}

impl Work {
    fn perform(self) -> c_int {
        // SAFETY: the C caller's promise about func and arg.
        unsafe { (self.func)(self.arg) }
    }
}
