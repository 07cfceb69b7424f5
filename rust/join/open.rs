//! How the namespaces that are to be joined are opened.
#![forbid(unsafe_code)]

use super::Target;
use crate::kind::{Kind, Kinds};
use crate::namespace::of_process;
use crate::sys::{ns, nsfs, process, Errno};
use std::fs::File;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd, RawFd};

/// What setns(2) can be called with.
#[derive(Debug)]
pub enum Found {
    /// A pidfd, which joins several at once.
    Pidfd(RawFd),
    /// Namespaces, one by one.
    Namespaces(Vec<(Kind, RawFd)>),
}

/// Finds these kinds of a target. What is opened for it is put to `opened`.
pub fn open(
    target: &Target,
    kinds: Kinds,
    pid_1: Option<BorrowedFd<'_>>,
    opened: &mut Vec<OwnedFd>,
) -> Result<Found, Errno> {
    let mut keep = |fd: OwnedFd| {
        let number = fd.as_raw_fd();
        opened.push(fd);
        number
    };
    let fd = match target {
        Target::Init => return pid_1.map(|fd| Found::Pidfd(fd.as_raw_fd())).ok_or(Errno(libc::ENOSYS)),
        Target::Process(pid) if ns::joins_by_pidfd() => {
            return process::pidfd_open(*pid).map(|pidfd| Found::Pidfd(keep(pidfd)));
        }
        Target::Process(pid) => {
            let namespaces = of_process::of_process(*pid, kinds)?;
            return Ok(Found::Namespaces(
                namespaces.into_iter().map(|(kind, fd)| (kind, keep(fd))).collect(),
            ));
        }
        Target::Set(set) => {
            return Ok(Found::Namespaces(set.iter().map(|one| (one.kind(), one.as_raw_fd())).collect()));
        }
        Target::Path(path) => keep(File::open(path)?.into()),
        Target::Fd(fd) => fd.as_raw_fd(),
        Target::Number(number) => *number,
    };
    Ok(match nsfs::nstype(fd).map(Kind::from_flag) {
        Ok(Some(kind)) => Found::Namespaces(vec![(kind, fd)]),
        Err(Errno(libc::EBADF)) => return Err(Errno(libc::EBADF)),
        // What is no pidfd either, setns(2) refuses by name.
        _ => Found::Pidfd(fd),
    })
}
