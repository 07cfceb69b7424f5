//! Waiting for a child and signalling it, by pidfd where there is one.
//!
//! # Safety
//!
//! Calls with numbers and pointers to locals.
#![allow(unsafe_code)]

use super::{Errno, Result};
use libc::{c_int, pid_t};
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

/// pidfd_open(2), Linux 5.3.
pub fn pidfd_open(pid: pid_t) -> Result<OwnedFd> {
    // SAFETY: numbers only.
    let fd = Errno::check(unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) })?;
    // SAFETY: the kernel just gave us this descriptor.
    Ok(unsafe { OwnedFd::from_raw_fd(fd as c_int) })
}

/// A pidfd of this process itself.
pub fn own_pidfd() -> Result<OwnedFd> {
    // SAFETY: takes nothing, cannot fail.
    pidfd_open(unsafe { libc::getpid() })
}

/// Sends a signal by pidfd, or where there is none by number, to a child that nobody has reaped.
pub fn kill(pidfd: Option<BorrowedFd<'_>>, pid: pid_t, signal: c_int) -> Result<()> {
    match pidfd.map(|pidfd| pidfd_send_signal(pidfd, signal)) {
        // SAFETY: numbers only.
        None | Some(Err(Errno(libc::ENOSYS | libc::EPERM))) => {
            Errno::check(unsafe { libc::kill(pid, signal) }).map(drop)
        }
        Some(answer) => answer,
    }
}

/// pidfd_send_signal(2), Linux 5.1.
pub fn pidfd_send_signal(pidfd: BorrowedFd<'_>, signal: c_int) -> Result<()> {
    let info = std::ptr::null::<libc::siginfo_t>();
    // SAFETY: a NULL siginfo means that of kill(2); the descriptor is open while borrowed.
    let sent = unsafe { libc::syscall(libc::SYS_pidfd_send_signal, pidfd.as_raw_fd(), signal, info, 0) };
    Errno::check(sent).map(drop)
}

/// Waits for one child, whatever its exit signal, and gives its status in wait(2)'s form.
///
/// EINTR is the caller's to repeat; ECHILD when somebody else has reaped it.
pub fn wait(pid: pid_t, options: c_int) -> Result<Option<c_int>> {
    let mut status = 0;
    // SAFETY: the pointer leads to a local.
    let reaped = Errno::check(unsafe { libc::waitpid(pid, &raw mut status, options | libc::__WALL) })?;
    Ok((reaped == pid).then_some(status))
}

/// Effective user id.
pub fn geteuid() -> u32 {
    // SAFETY: takes nothing, cannot fail.
    unsafe { libc::geteuid() }
}

/// Effective group id.
pub fn getegid() -> u32 {
    // SAFETY: takes nothing, cannot fail.
    unsafe { libc::getegid() }
}
