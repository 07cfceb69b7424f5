//! What an error says: step, object, errno, cause and remedy.
#![forbid(unsafe_code)]

use crate::errno::{errno_name, Errno};
use std::fmt;
use std::io;

mod cause;

pub use cause::Cause;

/// A specialised `Result`.
pub type Result<T> = std::result::Result<T, Error>;

/// Why a step failed, on which object, and what to do.
///
/// One pointer wide. `Display` tells everything in one line; [`From`] makes an [`io::Error`] of it
/// that keeps the kind and, as its source, this error.
#[derive(Clone, PartialEq, Eq)]
pub struct Error(Box<Inner>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Inner {
    step: String,
    object: String,
    errno: i32,
    cause: Cause,
}

impl Error {
    pub(crate) fn new(
        step: impl Into<String>,
        object: impl Into<String>,
        errno: Errno,
        cause: Cause,
    ) -> Error {
        Error(Box::new(Inner { step: step.into(), object: object.into(), errno: errno.0, cause }))
    }

    /// An error that a binding found before the core was asked.
    #[doc(hidden)]
    pub fn of_caller(step: &str, object: &str, errno: i32, cause: Cause) -> Error {
        Error::new(step, object, Errno(errno), cause)
    }

    /// An error of the caller's own words, EINVAL.
    pub(crate) fn invalid(step: impl Into<String>, object: impl Into<String>, cause: Cause) -> Error {
        Error::new(step, object, Errno(libc::EINVAL), cause)
    }

    /// What was being done, for instance `"setns"`.
    pub fn step(&self) -> &str {
        &self.0.step
    }

    /// What it was done to, for instance `"fd 7"`; may be empty.
    pub fn object(&self) -> &str {
        &self.0.object
    }

    /// The kernel's errno, or the one that says the same; positive.
    pub fn errno(&self) -> i32 {
        self.0.errno
    }

    /// Why it failed, as far as the machine's state tells.
    pub fn cause(&self) -> Cause {
        self.0.cause
    }

    /// What to do about it; empty when the cause is unknown.
    pub fn remedy(&self) -> &'static str {
        self.0.cause.remedy()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.step)?;
        if !self.0.object.is_empty() {
            write!(f, " ({})", self.0.object)?;
        }
        write!(f, ": {}", errno_name(self.0.errno))?;
        if self.0.cause == Cause::Unknown {
            return write!(f, " ({})", io::Error::from_raw_os_error(self.0.errno));
        }
        write!(f, ", because {}: {}", self.0.cause, self.remedy())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl std::error::Error for Error {}

impl From<Error> for io::Error {
    fn from(error: Error) -> io::Error {
        let kind = io::Error::from_raw_os_error(error.errno()).kind();
        io::Error::new(kind, error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_tells_everything_in_one_line() {
        let error = Error::new("setns", "fd 7", Errno(libc::EINVAL), Cause::ThreadsShareRoot);
        let text = error.to_string();
        assert!(text.starts_with("setns (fd 7): EINVAL, because threads share the root"), "{text}");
        assert!(text.ends_with("or join in a child process"), "{text}");
        assert!(!text.contains('\n'));
        let plain = Error::new("unshare", "", Errno(libc::EPERM), Cause::Unknown).to_string();
        assert_eq!(plain, "unshare: EPERM (Operation not permitted (os error 1))");
    }

    #[test]
    fn an_io_error_keeps_kind_and_story() {
        let error = io::Error::from(Error::new("unshare", "net", Errno(libc::EPERM), Cause::NoPrivilege));
        assert_eq!(error.kind(), io::ErrorKind::PermissionDenied);
        assert!(error.to_string().contains("CAP_SYS_ADMIN"));
    }

    #[test]
    fn every_cause_has_its_own_phrase_and_a_remedy() {
        let mut phrases: Vec<_> = Cause::ALL.iter().map(|cause| cause.as_str()).collect();
        phrases.sort_unstable();
        phrases.dedup();
        assert_eq!(phrases.len(), Cause::ALL.len());
        for cause in Cause::ALL {
            assert_eq!(cause.remedy().is_empty(), *cause == Cause::Unknown, "{cause}");
        }
    }
}
