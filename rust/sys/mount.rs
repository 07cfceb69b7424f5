//! mount(2) and umount2(2), of what descriptors lead to.
//!
//! # Safety
//!
//! Calls with C strings and numbers.
#![allow(unsafe_code)]

use super::{Errno, Result};
use libc::c_ulong;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::ptr;

/// Who sees what is mounted below a mount.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Propagation {
    /// Its own mount namespace alone.
    Private,
    /// Copies of the mount too, in other mount namespaces, and those below it as well.
    Shared,
}

/// Shows the file or directory of one descriptor in the place of another's.
pub fn bind(source: BorrowedFd<'_>, target: BorrowedFd<'_>) -> Result<()> {
    mount(Some(source), target, libc::MS_BIND)
}

/// Makes a directory a mount point by mounting it on itself, with what is mounted below it. The descriptor still leads
/// to what is underneath.
pub fn bind_on_itself(directory: BorrowedFd<'_>) -> Result<()> {
    mount(Some(directory), directory, libc::MS_BIND | libc::MS_REC)
}

/// EINVAL: it is no mount point.
pub fn propagate(directory: BorrowedFd<'_>, how: Propagation) -> Result<()> {
    let flags = match how {
        Propagation::Private => libc::MS_PRIVATE,
        Propagation::Shared => libc::MS_SHARED | libc::MS_REC,
    };
    mount(None, directory, flags)
}

fn mount(source: Option<BorrowedFd<'_>>, target: BorrowedFd<'_>, flags: c_ulong) -> Result<()> {
    let (source, target) = (source.map(path), path(target));
    let source = source.as_ref().map_or(ptr::null(), |path| path.as_ptr());
    let (none, data) = (ptr::null(), ptr::null());
    // SAFETY: two C strings, NUL included, and NULL where these flags look at nothing.
    Errno::check(unsafe { libc::mount(source.cast(), target.as_ptr().cast(), none, flags, data) }).map(drop)
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
