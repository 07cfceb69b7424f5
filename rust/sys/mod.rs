//! The core's only door to the kernel, and its only unsafe code: one file per family of calls.

pub mod clone;
mod clone_time;
pub mod copy;
pub mod exec;
pub mod fd;
pub mod function;
pub mod ns;
pub mod process;
pub mod program_file;
pub mod signals;
pub mod stack;
pub mod start;

use std::fmt;
use std::io;

/// An errno value, as the kernel gave it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Errno(pub i32);

/// What a system call gives back.
pub type Result<T> = std::result::Result<T, Errno>;

impl Errno {
    /// The errno that libc's last failed call on this thread left.
    fn last() -> Errno {
        Errno(io::Error::last_os_error().raw_os_error().unwrap_or(libc::EIO))
    }

    /// Reads a libc call's result: -1 means failure.
    fn check<T: PartialEq + From<i8>>(result: T) -> Result<T> {
        if result == T::from(-1) {
            Err(Errno::last())
        } else {
            Ok(result)
        }
    }

    /// Reads a raw system call's result: negative means `-errno`.
    fn check_raw(result: isize) -> Result<usize> {
        usize::try_from(result).map_err(|_| Errno(result.unsigned_abs() as i32))
    }
}

impl From<Errno> for io::Error {
    fn from(errno: Errno) -> io::Error {
        io::Error::from_raw_os_error(errno.0)
    }
}

impl From<io::Error> for Errno {
    fn from(error: io::Error) -> Errno {
        Errno(error.raw_os_error().unwrap_or(libc::EIO))
    }
}

impl fmt::Debug for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(crate::error::errno_name(self.0))
    }
}
