//! setns, unshare and what is asked about threads and children before: raw calls, kernel's answers.
//!
//! # Safety
//!
//! Calls that take numbers only; the unsafe ones among the public say what they can break.
#![allow(unsafe_code)]

use super::{Errno, Result};
use libc::{c_int, pid_t};
use once_cell::sync::OnceCell;
use std::ffi::CStr;
use std::os::fd::AsRawFd;

/// kcmp(2): do two tasks share root directory, working directory and umask?
const KCMP_FS: c_int = 3;

/// setns(2), nothing added.
///
/// # Errors
///
/// The kernel's.
pub fn setns(fd: c_int, nstype: c_int) -> Result<()> {
    // SAFETY: two numbers; a closed descriptor is EBADF.
    Errno::check(unsafe { libc::setns(fd, nstype) }).map(drop)
}

/// unshare(2), nothing added.
///
/// # Safety
///
/// `CLONE_FILES` gives this thread its own table of descriptors: an `OwnedFd` or `BorrowedFd` that
/// goes to or comes from another thread afterwards names something else there. The other flags are safe.
///
/// # Errors
///
/// The kernel's.
pub unsafe fn unshare(flags: c_int) -> Result<()> {
    // The kernel reads a whole register, and libc's function leaves the upper half of an int as it comes.
    let flags = libc::c_ulong::from(flags as u32);
    // SAFETY: one number; what it does to other threads' descriptors is the caller's promise.
    Errno::check(unsafe { libc::syscall(libc::SYS_unshare, flags) }).map(drop)
}

/// unshare(2) of namespaces only, which no descriptor can notice.
pub fn unshare_kinds(kinds: crate::Kinds) -> Result<()> {
    // SAFETY: `Kinds` holds namespace bits only, CLONE_FILES is none of them.
    unsafe { unshare(kinds.bits() as c_int) }
}

/// unshare(2) of `CLONE_FS`: this thread's root, working directory and umask are its own from now on.
pub fn unshare_fs() -> Result<()> {
    // SAFETY: CLONE_FS is not CLONE_FILES.
    unsafe { unshare(libc::CLONE_FS) }
}

/// Whether the kernel gives pidfds and joins by them (Linux 5.8): one's own namespace is joined without effect, or
/// refused for want of privilege.
pub fn joins_by_pidfd() -> bool {
    static KNOWN: OnceCell<bool> = OnceCell::new();
    *KNOWN.get_or_init(|| {
        let own = super::process::own_pidfd();
        own.is_ok_and(|own| setns(own.as_raw_fd(), libc::CLONE_NEWUTS) != Err(Errno(libc::EINVAL)))
    })
}

/// uname(2): host name and NIS domain name of the calling thread's uts namespace.
pub fn names() -> Result<(Vec<u8>, Vec<u8>)> {
    // SAFETY: arrays of bytes, for which zero is a value.
    let mut names: libc::utsname = unsafe { std::mem::zeroed() };
    // SAFETY: room for what the call writes.
    Errno::check(unsafe { libc::uname(&raw mut names) })?;
    let text = |field: &[libc::c_char]| {
        field.iter().take_while(|byte| **byte != 0).map(|byte| *byte as u8).collect()
    };
    Ok((text(&names.nodename), text(&names.domainname)))
}

/// The calling thread's id.
pub fn gettid() -> pid_t {
    // SAFETY: takes nothing, cannot fail.
    unsafe { libc::gettid() }
}

/// kcmp(2) with `KCMP_FS`: whether two tasks share their `fs_struct`.
pub fn share_fs(a: pid_t, b: pid_t) -> Result<bool> {
    // SAFETY: numbers only; KCMP_FS reads no further argument.
    let order = unsafe { libc::syscall(libc::SYS_kcmp, a, b, KCMP_FS, 0, 0) };
    Errno::check(order).map(|order| order == 0)
}

/// Whether children of this thread go into another pid namespace than its own, or into one that waits
/// for its first process: whoever is cloned first is its init. Without /proc nobody can tell: no.
///
/// Allocates nothing: a child that must keep to system calls may ask.
pub fn children_go_elsewhere() -> bool {
    let (own, childrens) =
        (link(c"/proc/thread-self/ns/pid"), link(c"/proc/thread-self/ns/pid_for_children"));
    // The second link leads nowhere between unshare(2) and the first child.
    own.is_ok() && own != childrens
}

/// readlink(2) of a link that is short: `pid:[4026531836]`.
fn link(path: &CStr) -> Result<[u8; 32]> {
    let mut text = [0; 32];
    // SAFETY: a C string, and room for as many bytes as said.
    let length = unsafe { libc::readlink(path.as_ptr(), text.as_mut_ptr().cast(), text.len()) };
    Errno::check(length).map(|_| text)
}

/// Whether the process has one thread, asked without /proc: unshare(2) of `CLONE_THREAD` does nothing
/// to a process with one thread, and is EINVAL for one with more. Where a filter refuses it, /proc tells.
pub fn is_single_threaded() -> bool {
    // SAFETY: changes nothing, whatever the answer.
    match unsafe { unshare(libc::CLONE_THREAD) } {
        Ok(()) => true,
        Err(Errno(libc::EINVAL)) => false,
        Err(_) => std::fs::read_dir("/proc/self/task").is_ok_and(|threads| threads.count() == 1),
    }
}
