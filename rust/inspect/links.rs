//! Which namespaces a process is in: the links under `/proc/PID/ns`.
#![forbid(unsafe_code)]

use crate::error::{Cause, Error, Result};
use crate::kind::Kind;
use crate::sys::Errno;
use std::fmt;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;

/// Whose links.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pid {
    /// The calling thread, which may be in other namespaces than its process's first thread.
    Caller,
    /// A process or thread by number, as the mounted `/proc` counts.
    Number(libc::pid_t),
}

impl Pid {
    /// Its directory in proc.
    pub(super) fn directory(self) -> String {
        match self {
            Pid::Caller => "/proc/thread-self".to_owned(),
            Pid::Number(number) => format!("/proc/{number}"),
        }
    }
}

/// One link: `name` leads to the namespace with this device and inode.
///
/// Two links name the same namespace exactly when device and inode are equal, at a time when both
/// processes live: the kernel gives an inode's number to another namespace soon after.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Link {
    /// The kind's name, or `pid_for_children` or `time_for_children`.
    pub name: &'static str,
    /// The kind of namespace.
    pub kind: Kind,
    /// Device of the nsfs file system.
    pub device: u64,
    /// Inode in it.
    pub inode: u64,
}

/// As readlink(1) shows it: `uts:[4026531838]`.
impl fmt::Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:[{}]", self.kind, self.inode)
    }
}

/// The links that say into which namespace children go, where that may be another one.
const FOR_CHILDREN: [(&str, Kind); 2] = [("pid_for_children", Kind::Pid), ("time_for_children", Kind::Time)];

/// The links of a process, at most ten, sorted by name.
///
/// A link that does not lead anywhere is left out: a kind that the kernel does not have, most of a
/// zombie's, `pid_for_children` between unshare(2) and the first child.
///
/// # Errors
///
/// ESRCH: no such process. EACCES: the caller may not trace it (see ptrace(2), "PTRACE_MODE_READ").
/// ENOENT: no `/proc`.
pub fn links(pid: Pid) -> Result<Vec<Link>> {
    let directory = pid.directory() + "/ns";
    let error = |errno: Errno| Error::new("read links", &directory, errno, cause(errno));
    // Says "no such process" where the links would only say "no such file".
    fs::metadata(&directory).map_err(|source| error(missing_process(pid, source)))?;
    let mut names: Vec<(&'static str, Kind)> =
        Kind::ALL.iter().map(|kind| (kind.name(), *kind)).chain(FOR_CHILDREN).collect();
    names.sort_unstable_by_key(|(name, _)| *name);
    let mut links = Vec::with_capacity(names.len());
    for (name, kind) in names {
        match fs::metadata(format!("{directory}/{name}")) {
            Ok(file) => links.push(Link { name, kind, device: file.dev(), inode: file.ino() }),
            Err(missing) if missing.kind() == io::ErrorKind::NotFound => {}
            Err(refused) => return Err(error(refused.into())),
        }
    }
    Ok(links)
}

/// Whether two processes share their namespace of this kind: the same device and inode.
///
/// # Errors
///
/// As [`links`]; ESRCH also for a process that is about to end and has left the namespace.
pub fn same(a: Pid, b: Pid, kind: Kind) -> Result<bool> {
    let identity = |pid: Pid| {
        let path = format!("{}/ns/{kind}", pid.directory());
        fs::metadata(&path).map(|file| (file.dev(), file.ino())).map_err(|source| {
            let errno = missing_process(pid, source);
            Error::new("read link", path, errno, cause(errno))
        })
    };
    Ok(identity(a)? == identity(b)?)
}

fn cause(errno: Errno) -> Cause {
    match errno.0 {
        libc::EACCES => Cause::NotTraceable,
        libc::ESRCH => Cause::ProcessEnded,
        _ => Cause::Unknown,
    }
}

/// `/proc/PID` is missing: ESRCH is what that means, unless `/proc` is missing altogether.
pub(super) fn missing_process(pid: Pid, source: io::Error) -> Errno {
    let is_number = matches!(pid, Pid::Number(_));
    if source.kind() == io::ErrorKind::NotFound && is_number && fs::metadata("/proc/self").is_ok() {
        Errno(libc::ESRCH)
    } else {
        source.into()
    }
}
