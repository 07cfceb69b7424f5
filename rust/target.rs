//! How the namespaces that a spec wants to join are opened.
#![forbid(unsafe_code)]

use crate::kind::{Kind, Kinds};
use crate::namespace::of_process;
use crate::spec::Target;
use crate::sys::{ns, process, Errno};
use std::fs::{self, File};
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::fs::MetadataExt;

/// What setns(2) takes, one after the other, to join these kinds of a target. What is opened for it is put to `opened`.
pub fn open(
    target: &Target,
    kinds: Kinds,
    pid_1: Option<BorrowedFd<'_>>,
    opened: &mut Vec<OwnedFd>,
) -> Result<Vec<(RawFd, u32)>, Errno> {
    let mut keep = |fd: OwnedFd| {
        let number = fd.as_raw_fd();
        opened.push(fd);
        number
    };
    let fd = match target {
        Target::Init => pid_1.ok_or(Errno(libc::ENOSYS))?.as_raw_fd(),
        Target::Process(pid) if ns::joins_by_pidfd() => {
            let pidfd = process::pidfd_open(*pid)?;
            let is_own = is_own_user_namespace(&format!("{pid}/ns/user"));
            let kinds = if is_own { kinds - Kind::User } else { kinds };
            if kinds.is_empty() {
                return Ok(Vec::new());
            }
            return Ok(vec![(keep(pidfd), kinds.bits())]);
        }
        Target::Process(pid) => {
            let mut namespaces = of_process::of_process(*pid, kinds)?;
            let is_own = |fd: &OwnedFd| is_own_user_namespace(&format!("self/fd/{}", fd.as_raw_fd()));
            // It cannot be joined, and need not be.
            namespaces.retain(|(kind, fd)| *kind != Kind::User || !is_own(fd));
            return Ok(namespaces.into_iter().map(|(kind, fd)| (keep(fd), kind.flag())).collect());
        }
        Target::Path(path) => keep(File::open(path)?.into()),
        Target::Fd(fd) => fd.as_raw_fd(),
        Target::Number(number) => *number,
    };
    Ok(vec![(fd, kinds.bits())])
}

/// Whether this file of proc leads to the caller's user namespace.
fn is_own_user_namespace(file: &str) -> bool {
    let identity =
        |name: &str| fs::metadata(format!("/proc/{name}")).map(|file| (file.dev(), file.ino())).ok();
    let own = identity("thread-self/ns/user");
    own.is_some() && own == identity(file)
}
