//! What is joined: namespaces of processes, or such as are open or have a path.
#![forbid(unsafe_code)]

use crate::error::{Cause, Error, Result};
use crate::hold::Namespaces;
use crate::kind::{Kind, Kinds};
use crate::sys::nsfs::nstype;
use crate::sys::Errno;
use std::fmt;
use std::fs::File;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::path::PathBuf;
use std::sync::Arc;

mod open;
mod order;

pub(crate) use order::{link, order, ownership, shares_mounts, Joining, Whose};

/// Namespaces to join.
#[derive(Clone, Debug)]
pub(crate) struct Join {
    pub target: Target,
    /// Which of the target's; a namespace's own descriptor or path knows its kind.
    pub kinds: Kinds,
}

/// Where namespaces to join are found.
#[derive(Clone, Debug)]
pub(crate) enum Target {
    Process(i32),
    Path(PathBuf),
    Fd(Arc<OwnedFd>),
    Number(RawFd),
    Set(Namespaces),
    /// The reaper that was started before as pid 1.
    Init,
}

impl Join {
    /// The kinds that it is about: a namespace's own descriptor or path is asked for its kind.
    pub fn asked_kinds(&self) -> Result<Kinds> {
        let asked = match &self.target {
            _ if !self.kinds.is_empty() => return Ok(self.kinds),
            Target::Process(pid) => {
                let complaint = format!("join of process {pid} names no kinds");
                return Err(Error::invalid("plan", complaint, Cause::BadArgument));
            }
            // Their kinds are named where they come from.
            Target::Init | Target::Set(_) => Ok(0),
            Target::Path(path) => {
                File::open(path).map_err(Errno::from).and_then(|file| nstype(file.as_raw_fd()))
            }
            Target::Fd(fd) => nstype(fd.as_raw_fd()),
            Target::Number(fd) => nstype(*fd),
        };
        asked.map(|flag| Kinds::from_bits(flag).unwrap_or_default()).map_err(|errno| {
            let cause = match errno.0 {
                libc::ENOTTY | libc::EBADF => Cause::WrongDescriptor,
                libc::EACCES if matches!(self.target, Target::Path(_)) => Cause::NotTraceable,
                _ => Cause::Unknown,
            };
            Error::new("join", self.to_string(), errno, cause)
        })
    }
}

impl fmt::Display for Join {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Join { target, kinds } = self;
        match target {
            Target::Process(pid) => write!(f, "process {pid}: {kinds}"),
            Target::Path(path) => path.display().fmt(f),
            Target::Fd(fd) => descriptor(f, fd.as_raw_fd(), *kinds),
            Target::Number(fd) => descriptor(f, *fd, *kinds),
            Target::Set(_) => write!(f, "what is held: {kinds}"),
            Target::Init => write!(f, "pid 1: {kinds}"),
        }
    }
}

/// A namespace's or, where several kinds are meant, a pidfd.
fn descriptor(f: &mut fmt::Formatter<'_>, fd: RawFd, kinds: Kinds) -> fmt::Result {
    write!(f, "fd {fd}")?;
    if kinds.is_empty() {
        return Ok(());
    }
    write!(f, ": {kinds}")
}

/// Several, as a step names them.
pub(crate) fn words(joins: &[Join]) -> String {
    joins.iter().map(Join::to_string).collect::<Vec<_>>().join("; ")
}

/// Whether one of them is about this kind.
pub(crate) fn is_about(joins: &[Join], kind: Kind) -> bool {
    joins.iter().any(|join| join.kinds.contains(kind))
}
