//! Locks on files, and a name for a file that has none.
//!
//! # Safety
//!
//! Calls with numbers and C strings.
#![allow(unsafe_code)]

use super::{Errno, Result};
use std::ffi::{CString, OsStr};
use std::os::fd::{AsRawFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt;

/// flock(2), repeated after signals: alone, or together with others who do not want to be alone.
pub fn lock(file: BorrowedFd<'_>, alone: bool) -> Result<()> {
    let how = if alone { libc::LOCK_EX } else { libc::LOCK_SH };
    loop {
        // SAFETY: numbers only.
        match Errno::check(unsafe { libc::flock(file.as_raw_fd(), how) }) {
            Err(Errno(libc::EINTR)) => {}
            answer => return answer.map(drop),
        }
    }
}

/// flock(2) `LOCK_UN`: for all who share the open file, such as forked copies of this process.
pub fn unlock(file: BorrowedFd<'_>) {
    // SAFETY: numbers only. It fails for no lock that was taken.
    unsafe { libc::flock(file.as_raw_fd(), libc::LOCK_UN) };
}

/// linkat(2): gives a file of `O_TMPFILE` its name. EEXIST.
pub fn name(file: BorrowedFd<'_>, directory: BorrowedFd<'_>, name: &OsStr) -> Result<()> {
    let path = format!("/proc/thread-self/fd/{}\0", file.as_raw_fd());
    let name = CString::new(name.as_bytes()).map_err(|_| Errno(libc::EINVAL))?;
    let (at, flags) = (directory.as_raw_fd(), libc::AT_SYMLINK_FOLLOW);
    // SAFETY: two C strings, and numbers.
    let linked = unsafe { libc::linkat(libc::AT_FDCWD, path.as_ptr().cast(), at, name.as_ptr(), flags) };
    Errno::check(linked).map(drop)
}
