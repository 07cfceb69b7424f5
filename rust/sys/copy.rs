//! How a function's process is made from a threaded host: from a single-threaded copy of it.
//!
//! libc's fork first: it takes the allocator's locks and runs the fork handlers, so that the copy
//! is sane, and goes into its other namespaces by unshare(2). Into a pid or time namespace only a child
//! of it can go: the copy then clones that with `CLONE_PARENT`, and ends.
//!
//! # Safety
//!
//! fork(2) and clone(2) without `CLONE_VM`; the child's own thread is set up as libc's fork would.
#![allow(unsafe_code)]

use super::clone::{fork_raw, CLONE_NEWTIME};
use super::stack::{Sharing, Stack};
use super::{fd, ns, process, Errno, Result};
use libc::{c_int, pid_t};
use nsiso_child::ThreadState;
use std::os::fd::AsFd;
use std::sync::atomic::Ordering;

/// prctl(2): where the kernel clears this thread's id; libc's fork has put its own note of it there.
const PR_GET_TID_ADDRESS: c_int = 40;

/// Returns twice as fork(2) does: in the caller with the child's id, in the child with 0. The child
/// is in new namespaces as `kinds` say, sends SIGCHLD at its end, and its libc works.
///
/// With a new pid or time namespace the caller gets one SIGCHLD more than it has children, for the copy in
/// between, which is reaped here.
///
/// # Safety
///
/// In the child no other thread runs: locks other than libc's own may be held for ever.
///
/// # Errors
///
/// The kernel's, of fork(2), unshare(2) or clone(2); EAGAIN when somebody killed the copy.
pub unsafe fn fork(kinds: crate::Kinds) -> Result<pid_t> {
    let flags = kinds.bits() as c_int;
    if flags & (libc::CLONE_NEWPID | CLONE_NEWTIME) == 0 {
        // SAFETY: the caller's promise.
        return unsafe { copy_and_unshare(flags) };
    }
    if ns::children_go_elsewhere() {
        // The copy would be, and end, the init of a pid namespace that waits for its first process.
        // SAFETY: the caller's promise.
        return unsafe { init_of_a_pending_namespace(flags) };
    }
    let shared = Stack::new(0, Sharing::WithCopies)?;
    let [answer, _] = shared.words();
    // SAFETY: the caller's promise.
    let copy = Errno::check(unsafe { libc::fork() })?;
    if copy != 0 {
        while process::wait(copy, 0) == Err(Errno(libc::EINTR)) {}
        return match answer.load(Ordering::Acquire) {
            0 => Err(Errno(libc::EAGAIN)),
            negative @ ..=-1 => Err(Errno(-negative)),
            pid => Ok(pid),
        };
    }
    let thread = thread_state();
    match child_of_the_caller(flags, &thread) {
        Ok(0) => {
            restore(&thread);
            Ok(0)
        }
        made => {
            answer.store(made.unwrap_or_else(|errno| -errno.0), Ordering::Release);
            // SAFETY: one number; the copy ends without any of the host's exit handlers.
            unsafe { libc::_exit(0) }
        }
    }
}

/// The next child is the init of a pid namespace, so that must be the wanted one.
///
/// # Safety
///
/// As [`fork`].
unsafe fn init_of_a_pending_namespace(flags: c_int) -> Result<pid_t> {
    // A second new pid namespace is the kernel's EINVAL; and a time namespace can be made by a clone only,
    // which is sane where nobody can hold a lock of libc's.
    if flags & libc::CLONE_NEWPID != 0 || !ns::is_single_threaded() {
        return Err(Errno(libc::EINVAL));
    }
    // SAFETY: the caller's promise.
    unsafe { super::clone::fork(flags | libc::SIGCHLD) }
}

/// A copy that is the child itself.
///
/// # Safety
///
/// As [`fork`].
unsafe fn copy_and_unshare(flags: c_int) -> Result<pid_t> {
    if flags == 0 {
        // SAFETY: the caller's promise.
        return Errno::check(unsafe { libc::fork() });
    }
    let (read, write) = fd::pipe()?;
    // SAFETY: the caller's promise.
    let child = Errno::check(unsafe { libc::fork() })?;
    if child == 0 {
        // SAFETY: namespaces only.
        return match unsafe { ns::unshare(flags) } {
            Ok(()) => Ok(0),
            Err(Errno(errno)) => {
                let _ = fd::write_bytes(write.as_fd(), &errno.to_ne_bytes());
                // SAFETY: one number.
                unsafe { libc::_exit(0) }
            }
        };
    }
    drop(write);
    let mut errno = [0; size_of::<c_int>()];
    // Nothing is said by a child that goes on: its end of the pipe closes when this function returns in it.
    if fd::read_bytes(read.as_fd(), &mut errno) == Ok(0) {
        return Ok(child);
    }
    while process::wait(child, 0) == Err(Errno(libc::EINTR)) {}
    Err(Errno(c_int::from_ne_bytes(errno)))
}

/// In the copy: the child, cloned beside it.
fn child_of_the_caller(flags: c_int, thread: &ThreadState) -> Result<pid_t> {
    let mut flags = flags;
    if flags & CLONE_NEWTIME != 0 {
        // clone(2) has no bit for it; the copy is nobody's, so it may move its children.
        let first = CLONE_NEWTIME | flags & libc::CLONE_NEWUSER;
        // SAFETY: namespaces only.
        unsafe { ns::unshare(first) }?;
        flags &= !first;
    }
    let note_tid =
        if thread.tid_address == 0 { 0 } else { libc::CLONE_CHILD_SETTID | libc::CLONE_CHILD_CLEARTID };
    // SAFETY: without CLONE_VM; the address is the one that libc gave the kernel for this thread.
    unsafe { fork_raw(flags | libc::CLONE_PARENT | note_tid, thread.tid_address as *mut pid_t) }
}

/// What libc's fork sets up for the child's thread and clone(2) does not: this thread's own.
pub fn thread_state() -> ThreadState {
    let mut state = ThreadState::default();
    // SAFETY: the kernel stores one pointer (or says EINVAL, and clone goes without).
    unsafe { libc::prctl(PR_GET_TID_ADDRESS, &raw mut state.tid_address) };
    let (list, length) = (&raw mut state.robust_list, &raw mut state.robust_length);
    // SAFETY: the kernel stores one pointer and one length.
    unsafe { libc::syscall(libc::SYS_get_robust_list, 0, list, length) };
    state
}

/// In the child: robust mutexes work again. Fails for a bad length only, and it was the kernel's.
fn restore(state: &ThreadState) {
    if state.robust_list != 0 {
        // SAFETY: the list's head is this thread's own, at the same place in the copy.
        unsafe { libc::syscall(libc::SYS_set_robust_list, state.robust_list, state.robust_length) };
    }
}
