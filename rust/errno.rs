//! What the kernel says when it refuses: a number, and the name that manuals give it.
#![forbid(unsafe_code)]

use std::fmt;
use std::io;

/// An errno value, as the kernel gave it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Errno(pub i32);

impl Errno {
    /// The errno that libc's last failed call on this thread left.
    pub(crate) fn last() -> Errno {
        Errno(io::Error::last_os_error().raw_os_error().unwrap_or(libc::EIO))
    }

    /// Reads a libc call's result: -1 means failure.
    pub(crate) fn check<T: PartialEq + From<i8>>(result: T) -> Result<T, Errno> {
        if result == T::from(-1) {
            Err(Errno::last())
        } else {
            Ok(result)
        }
    }

    /// Reads a raw system call's result: negative means `-errno`.
    pub(crate) fn check_raw(result: isize) -> Result<usize, Errno> {
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
        f.write_str(errno_name(self.0))
    }
}

/// The errno's name, for instance `"EPERM"`; `"errno"` when it is none that these calls give.
pub fn errno_name(errno: i32) -> &'static str {
    macro_rules! names { ($($name:ident)*) => { match errno { $(libc::$name => stringify!($name),)* _ => "errno" } } }
    names! {
        E2BIG EACCES EADDRINUSE EADDRNOTAVAIL EAGAIN EBADF EBUSY ECANCELED ECHILD ECONNREFUSED EDEADLK
        EDOM EEXIST EFAULT EFBIG EHOSTUNREACH EILSEQ EINTR EINVAL EIO EISDIR ELIBBAD ELOOP EMFILE EMLINK
        EMSGSIZE ENAMETOOLONG ENETUNREACH ENFILE ENOBUFS ENODEV ENOENT ENOEXEC ENOLCK ENOMEM ENOSPC
        ENOSYS ENOTBLK ENOTCONN ENOTDIR ENOTEMPTY ENOTRECOVERABLE ENOTSOCK ENOTTY ENXIO EOPNOTSUPP
        EOVERFLOW EPERM EPIPE EPROTO ERANGE EROFS ESPIPE ESRCH ESTALE ETIMEDOUT ETXTBSY EUSERS EXDEV
    }
}
