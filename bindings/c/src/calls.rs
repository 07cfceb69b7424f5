//! The documented calls: clone(2), setns(2) and unshare(2) as the manual has them, -1 and errno.
//!
//! Nothing is locked or caught here, and nothing allocated in a process with one thread: they may be
//! called in a child that must keep to system calls.

use crate::boundary::{get_errno, set_errno};
use libc::{c_int, c_void, pid_t};
use nsiso_core::raw::{self, ClonePointers, Errno};

/// clone(2): runs func(arg) in a new process; func's result is its exit status.
///
/// func: may return, _exit, exec, or (without CLONE_VM) leave by longjmp: nothing of the library is
/// pending around it. NULL is EINVAL.
/// stack: one past the highest byte of the child's stack, aligned down to 16. It must stay until the
/// child has ended or executed, if the child shares memory with the caller. NULL: without CLONE_VM
/// the child runs on its copy of the caller's stack; with CLONE_VM and CLONE_VFORK the library
/// provides 1 MiB with a guard page and frees it.
/// flags: the manual's CLONE_* flags, and the exit signal in the low byte (SIGCHLD, or 0 for none).
/// There the bit 0x80 means CLONE_NEWTIME (NSISO_NEWTIME): no signal has that number.
/// arg: passed to func as it is.
///
/// Returns the child's process id, or -1 with errno, and then there is no child: EINVAL func is NULL,
/// flags that exclude each other, a NULL stack with CLONE_VM but without CLONE_VFORK, or a flag that
/// needs a pointer (CLONE_PIDFD, CLONE_PARENT_SETTID, CLONE_CHILD_SETTID, CLONE_CHILD_CLEARTID,
/// CLONE_SETTLS: see nsiso_clone_with); EPERM new namespaces without CAP_SYS_ADMIN and
/// without CLONE_NEWUSER, or CLONE_NEWUSER in a chroot; EAGAIN too many processes; ENOMEM out of
/// memory, or the pid namespace for children has lost its first process; ENOSPC a limit on namespaces.
///
/// MT-Safe. Without CLONE_VM the child is a raw copy of the caller: no fork handler has run, and
/// only the calling thread exists in it. When the caller has threads, its child may only do what
/// is async-signal-safe, since a lock may be held for ever. First kernel: any; a kind of namespace since
/// its own (nsiso_kind_first_kernel). It uses clone(2), and clone3(2) for CLONE_NEWTIME alone (Linux
/// 6.3); where that is refused, a process that ends at once stands between, at the price of one more
/// exit signal. See clone(2), namespaces(7).
#[no_mangle]
pub unsafe extern "C" fn nsiso_clone(
    func: Option<unsafe extern "C" fn(arg: *mut c_void) -> c_int>,
    stack: *mut c_void,
    flags: c_int,
    arg: *mut c_void,
) -> c_int {
    let Some(func) = func else { return answer(|| Err(Errno(libc::EINVAL))) };
    // SAFETY: the C caller's promises are those of clone(2).
    answer(|| unsafe { raw::clone(func, stack, flags, arg) })
}

/// clone(2) with the manual's optional arguments; otherwise as nsiso_clone.
///
/// parent_tid: where CLONE_PARENT_SETTID stores the child's id, or CLONE_PIDFD its descriptor.
/// tls: the child's thread-local storage, for CLONE_SETTLS.
/// child_tid: in the child's memory, where CLONE_CHILD_SETTID stores its id and CLONE_CHILD_CLEARTID
/// clears it at the end.
///
/// Errors as nsiso_clone, and EINVAL for a flag whose pointer is NULL. Pointers without a flag are ignored.
#[no_mangle]
pub unsafe extern "C" fn nsiso_clone_with(
    func: Option<unsafe extern "C" fn(arg: *mut c_void) -> c_int>,
    stack: *mut c_void,
    flags: c_int,
    arg: *mut c_void,
    parent_tid: *mut pid_t,
    tls: *mut c_void,
    child_tid: *mut pid_t,
) -> c_int {
    let Some(func) = func else { return answer(|| Err(Errno(libc::EINVAL))) };
    let pointers = ClonePointers { parent_tid, tls, child_tid };
    // SAFETY: the C caller's promises are those of clone(2).
    answer(|| unsafe { raw::clone_with(func, stack, flags, arg, pointers) })
}

/// clone(2) without a function: returns twice as fork(2) does, the child's id in the caller and 0 in
/// the child.
///
/// flags: as nsiso_clone, so nsiso_fork(SIGCHLD) is a fork without fork handlers.
///
/// Returns -1 with errno and no child as nsiso_clone; EINVAL also for CLONE_VM.
/// MT-Safe; what the child of a threaded caller may do: see nsiso_clone.
#[no_mangle]
pub unsafe extern "C" fn nsiso_fork(flags: c_int) -> c_int {
    // SAFETY: the C caller's promise is that of clone(2) without CLONE_VM.
    answer(|| unsafe { raw::fork(flags) })
}

/// setns(2): moves the calling thread (for pid: its later children) into an existing namespace.
///
/// fd: a namespace's descriptor, or a pidfd (Linux 5.8). Stays the caller's.
/// nstype: with a namespace's descriptor its own CLONE_NEW* value, or 0 ("do not check"); with a
/// pidfd a mask of CLONE_NEW* bits, all of which are joined or none.
///
/// Returns 0, or -1 with errno and nothing changed: EBADF fd is closed or opened with O_PATH; EINVAL
/// nstype does not fit fd, the caller's own user namespace, or a user or mnt namespace from a thread
/// of many; EUSERS a time namespace from a thread of many; EPERM no CAP_SYS_ADMIN in the caller's
/// user namespace and in that which owns the target; ESRCH the process has ended; ENOMEM.
///
/// EINVAL also where the kernel would do harm in silence: a pidfd with CLONE_NEWNS, while another
/// thread shares this one's root and working directory. The kernel would move these in all
/// threads, into a mount namespace that only this thread enters. Call unshare(CLONE_FS) on this
/// thread before, or join in a child. The manual page and examples/c/pidfd.c tell more.
///
/// MT-Safe; changes the calling thread only. Needs, beside the CAP_SYS_ADMIN of EPERM, CAP_SYS_CHROOT in the
/// caller's user namespace for mnt; for user, CAP_SYS_ADMIN in the target alone. First kernel: 3.0. See setns(2).
#[no_mangle]
pub extern "C" fn nsiso_setns(fd: c_int, nstype: c_int) -> c_int {
    answer(|| raw::setns(fd, nstype).map(|()| 0))
}

/// unshare(2): moves the calling thread (for pid and time: its later children) into new namespaces.
///
/// flags: CLONE_NEW* bits, and the manual's CLONE_FILES, CLONE_FS and CLONE_SYSVSEM.
///
/// Returns 0, or -1 with errno and nothing changed: EINVAL an unknown flag, or a user namespace in a
/// process with threads; EPERM namespaces without CAP_SYS_ADMIN and without CLONE_NEWUSER, or
/// CLONE_NEWUSER in a chroot; ENOSPC a limit on namespaces; ENOMEM.
///
/// MT-Safe; changes the calling thread only. First kernel: 2.6.16. See unshare(2).
#[no_mangle]
pub unsafe extern "C" fn nsiso_unshare(flags: c_int) -> c_int {
    // SAFETY: a C caller knows whose descriptors it unshares.
    answer(|| unsafe { raw::unshare(flags) }.map(|()| 0))
}

/// Makes a call and gives its result as libc does: -1 and errno, or errno as it was before.
fn answer(call: impl FnOnce() -> Result<c_int, Errno>) -> c_int {
    let before = get_errno();
    match call() {
        Ok(number) => {
            // Questions asked on the way may have failed and left theirs.
            set_errno(before);
            number
        }
        Err(Errno(errno)) => {
            set_errno(errno);
            -1
        }
    }
}
