//! Why a process could not be placed in a control group, or the group not be limited.
#![forbid(unsafe_code)]

use super::Finding;
use crate::error::Cause;
use crate::sys::Errno;
use std::fs::OpenOptions;
use std::path::Path;

/// Why a process could not be placed in this group.
pub fn placing(directory: &Path, errno: Errno) -> Finding {
    group(directory, errno).unwrap_or_else(|| Cause::Unknown.into())
}

/// Why the kernel refuses to have a process in this group; `None` where the group is not to blame.
pub fn group(directory: &Path, errno: Errno) -> Option<Finding> {
    let procs = directory.join("cgroup.procs");
    let cause = match errno.0 {
        libc::ENOENT | libc::ENODEV | libc::ENOTDIR => Cause::NoGroup,
        libc::EBUSY | libc::EOPNOTSUPP => Cause::GroupTakesNone,
        libc::EROFS => Cause::GroupForbidden,
        // For the group further out that has both this one and the caller's the same right is needed.
        libc::EACCES | libc::EPERM if OpenOptions::new().write(true).open(&procs).is_err() => {
            Cause::GroupForbidden
        }
        _ => return None,
    };
    Some(Finding::with(cause, procs.display().to_string()))
}

/// Why a limit could not be set in any of these groups.
pub fn limit(errno: Errno) -> Finding {
    let cause = match errno.0 {
        libc::ENOENT => Cause::NoController,
        libc::EACCES | libc::EPERM | libc::EROFS => Cause::GroupForbidden,
        _ => Cause::Unknown,
    };
    cause.into()
}
