//! Waiting for a child and signalling it, by pidfd where there is one; and whether clone3 can start one.
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
    pidfd_open(getpid())
}

/// Whether clone3(2) is there (Linux 5.3) and no filter refuses it: asked for nothing, the kernel does nothing.
pub fn clone3_answers() -> Result<()> {
    // SAFETY: arguments of size 0, of which the kernel reads none: it starts no child by them.
    let answer = unsafe { libc::syscall(libc::SYS_clone3, std::ptr::null::<libc::clone_args>(), 0_usize) };
    match Errno::check(answer) {
        Err(Errno(libc::EINVAL)) => Ok(()),
        answer => answer.map(drop),
    }
}

/// Sends a signal by pidfd, or where there is none by number, to a child that nobody has reaped.
pub fn kill(pidfd: Option<BorrowedFd<'_>>, pid: pid_t, signal: c_int) -> Result<()> {
    match pidfd.map(|pidfd| pidfd_send_signal(pidfd, signal)) {
        None | Some(Err(Errno(libc::ENOSYS | libc::EPERM))) => {
            // SAFETY: numbers only.
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

/// A status in wait(2)'s form, and what the process has used up.
pub struct Ended {
    /// See `WIFEXITED` and its like.
    pub status: c_int,
    /// getrusage(2) of the child, which includes the children that it waited for.
    pub usage: libc::rusage,
}

/// waitid(2) of a child that may have ended: by pidfd (Linux 5.4), else by number.
///
/// `None` while it runs, unless asked to `sleep` until then; ECHILD when somebody else has reaped it; EINTR.
pub fn reap(pidfd: Option<BorrowedFd<'_>>, pid: pid_t, sleep: bool) -> Result<Option<Ended>> {
    let options = libc::WEXITED | libc::__WALL | if sleep { 0 } else { libc::WNOHANG };
    match pidfd.map(|pidfd| waitid(libc::P_PIDFD, pidfd.as_raw_fd() as libc::id_t, options)) {
        None | Some(Err(Errno(libc::EINVAL))) => waitid(libc::P_PID, pid as libc::id_t, options),
        Some(answer) => answer,
    }
}

/// Whether nobody has reaped this child yet, so that its number is still its own; else ECHILD.
pub fn is_unreaped(pidfd: Option<BorrowedFd<'_>>, pid: pid_t) -> Result<()> {
    let options = libc::WEXITED | libc::WNOHANG | libc::WNOWAIT | libc::__WALL;
    match pidfd.map(|pidfd| waitid(libc::P_PIDFD, pidfd.as_raw_fd() as libc::id_t, options)) {
        None | Some(Err(Errno(libc::EINVAL))) => waitid(libc::P_PID, pid as libc::id_t, options),
        Some(answer) => answer,
    }
    .map(drop)
}

/// Whether this child, which nobody else reaps, has ended.
pub fn has_ended(pid: pid_t) -> bool {
    let options = libc::WEXITED | libc::WNOHANG | libc::WNOWAIT | libc::__WALL;
    !matches!(waitid(libc::P_PID, pid as libc::id_t, options), Ok(None))
}

/// The raw call, because libc's gives no usage.
fn waitid(kind: libc::idtype_t, id: libc::id_t, options: c_int) -> Result<Option<Ended>> {
    // SAFETY: plain numbers, for which zero is a value.
    let mut info: libc::siginfo_t = unsafe { std::mem::zeroed() };
    // SAFETY: as above.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    let (to_info, to_usage) = (&raw mut info, &raw mut usage);
    // SAFETY: both pointers lead to locals.
    let answer = unsafe { libc::syscall(libc::SYS_waitid, kind, id, to_info, options, to_usage) };
    Errno::check(answer)?;
    // SAFETY: the kernel filled in the fields of a child, or zeros.
    if unsafe { info.si_pid() } == 0 {
        return Ok(None);
    }
    // SAFETY: as above.
    let value = unsafe { info.si_status() };
    let status = match info.si_code {
        libc::CLD_EXITED => (value & 0xff) << 8,
        libc::CLD_DUMPED => value & 0x7f | 0x80,
        _ => value & 0x7f,
    };
    Ok(Some(Ended { status, usage }))
}

/// `struct pidfd_info` as of Linux 6.13; later kernels take this size as well.
#[repr(C)]
#[derive(Default)]
struct PidfdInfo {
    mask: u64,
    cgroupid: u64,
    ids: [u32; 11],
    exit_code: i32,
}

/// `PIDFD_GET_INFO` of that size.
const PIDFD_GET_INFO: u32 = 0xc040_ff0b;
/// The bit that asks for, and tells of, an exit status (Linux 6.15).
const PIDFD_INFO_EXIT: u64 = 8;

/// The status of a process that somebody else has reaped, if the kernel keeps it.
pub fn status_after_reaping(pidfd: BorrowedFd<'_>) -> Option<c_int> {
    let mut info = PidfdInfo { mask: PIDFD_INFO_EXIT, ..PidfdInfo::default() };
    let to_info = &raw mut info;
    // SAFETY: the structure is as large as the request says.
    let answer = unsafe { libc::ioctl(pidfd.as_raw_fd(), PIDFD_GET_INFO.into(), to_info) };
    (answer == 0 && info.mask & PIDFD_INFO_EXIT != 0).then_some(info.exit_code)
}

/// This process's number.
pub fn getpid() -> pid_t {
    // SAFETY: takes nothing, cannot fail.
    unsafe { libc::getpid() }
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
