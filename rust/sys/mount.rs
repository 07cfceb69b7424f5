//! mount(2) and umount2(2), of what descriptors lead to.
//!
//! # Safety
//!
//! Calls with C strings and numbers.
#![allow(unsafe_code)]

use super::{Errno, Result};
use std::os::fd::{AsRawFd, BorrowedFd};
use std::ptr;

/// Shows the file or directory of one descriptor in the place of another's.
pub fn bind(source: BorrowedFd<'_>, target: BorrowedFd<'_>) -> Result<()> {
    let (source, target) = (path(source), path(target));
    let (none, data) = (ptr::null(), ptr::null());
    // SAFETY: two C strings, NUL included, and NULL where this flag looks at nothing.
    let bound =
        unsafe { libc::mount(source.as_ptr().cast(), target.as_ptr().cast(), none, libc::MS_BIND, data) };
    Errno::check(bound).map(drop)
}

/// umount2(2) of the very mount whose root a descriptor of `O_PATH` leads to, also while it is in use.
pub fn detach(root: BorrowedFd<'_>) -> Result<()> {
    // SAFETY: a C string, NUL included.
    Errno::check(unsafe { libc::umount2(path(root).as_ptr().cast(), libc::MNT_DETACH) }).map(drop)
}

/// Where the descriptor is in proc: no link on the way, and no name that could mean something else by now.
fn path(fd: BorrowedFd<'_>) -> String {
    format!("/proc/thread-self/fd/{}\0", fd.as_raw_fd())
}
