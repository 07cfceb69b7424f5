//! A namespace that a program holds: one open descriptor, and what the kernel tells of it.
#![forbid(unsafe_code)]

use crate::error::{Cause, Error, Result};
use crate::kind::{Kind, Kinds};
use crate::sys::{fd, nsfs, process, Errno};
use once_cell::sync::OnceCell;
use std::fmt;
use std::fs::File;
use std::hash::{Hash, Hasher};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

mod numbers;
pub(crate) mod of_process;
pub(crate) mod persist;
mod relations;
mod saved;

/// A namespace, held open: it lives at least as long as this does, with or without processes in it.
///
/// Two are equal exactly when they are the same namespace. May be used by many threads at once; its descriptor is
/// close-on-exec and stays this object's. See namespaces(7).
#[derive(Debug)]
pub struct Namespace {
    fd: OwnedFd,
    kind: Kind,
    device: u64,
    inode: u64,
    /// Device and inode of the user namespace that owns it, once somebody who may know has asked.
    owner: OnceCell<(u64, u64)>,
}

impl Namespace {
    /// The calling thread's own, of this kind.
    ///
    /// # Errors
    ///
    /// ENOENT: the kernel has no such kind, or /proc is not mounted. EMFILE.
    pub fn current(kind: Kind) -> Result<Namespace> {
        let path = format!("/proc/thread-self/ns/{kind}");
        match File::open(&path) {
            Ok(file) => Namespace::known(file.into(), kind),
            Err(source) => Err(refused(path, source.into())),
        }
    }

    /// A process's or a thread's, by its number as the mounted /proc counts.
    ///
    /// # Errors
    ///
    /// ESRCH: there is none, or it has ended. EACCES: the caller may not trace it (ptrace(2), "PTRACE_MODE_READ").
    /// EMFILE.
    pub fn of(pid: i32, kind: Kind) -> Result<Namespace> {
        let opened = of_process::of_process(pid, kind.into()).and_then(of_process::only);
        let object = || format!("{kind} of process {pid}");
        Namespace::known(opened.map_err(|errno| refused(object(), errno))?, kind)
    }

    /// That of the process behind a pidfd, whoever has its number by now.
    ///
    /// # Errors
    ///
    /// As [`Namespace::of`]; EBADF: no pidfd. First kernel: 5.3; asked without /proc since 6.11.
    pub fn of_pidfd(pidfd: impl AsFd, kind: Kind) -> Result<Namespace> {
        let pidfd = pidfd.as_fd();
        let object = || format!("{kind} of pidfd {}", pidfd.as_raw_fd());
        let opened = match nsfs::of_pidfd(pidfd, kind) {
            Err(Errno(libc::ENOTTY | libc::EINVAL | libc::EOPNOTSUPP)) => by_number(pidfd, kind),
            opened => opened,
        };
        Namespace::known(opened.map_err(|errno| refused(object(), errno))?, kind)
    }

    /// The one that a path leads to: a link under `/proc/PID/ns`, a bind mount, `/run/netns/NAME`.
    ///
    /// # Errors
    ///
    /// EINVAL: the file is no namespace; it is not opened. ENOENT, EACCES and others of open(2).
    pub fn open(path: impl AsRef<Path>) -> Result<Namespace> {
        let path = path.as_ref();
        let object = || path.display().to_string();
        // What it is, is found out before it is opened: that could block, or start something.
        let found = File::options().read(true).custom_flags(libc::O_PATH).open(path);
        let found = OwnedFd::from(found.map_err(|source| not_found(object(), source.into()))?);
        if !fd::is_on_nsfs(found.as_fd()) {
            return Err(Error::invalid("open", object(), Cause::NotNamespace));
        }
        let opened = File::open(format!("/proc/self/fd/{}", found.as_raw_fd()));
        Namespace::asked(opened.map_err(|source| refused(object(), source.into()))?.into(), object)
    }

    /// Takes a descriptor over.
    ///
    /// # Errors
    ///
    /// EINVAL: it is no namespace's, and is closed. EBADF: it was opened with `O_PATH`.
    pub fn from_fd(fd: impl Into<OwnedFd>) -> Result<Namespace> {
        let fd = fd.into();
        let number = fd.as_raw_fd();
        Namespace::asked(fd, || format!("fd {number}"))
    }

    /// A copy of a descriptor of the caller's, which stays the caller's.
    ///
    /// # Errors
    ///
    /// As [`Namespace::from_fd`]; EBADF: it is closed.
    pub fn from_borrowed_fd(number: impl AsRawFd) -> Result<Namespace> {
        let number = number.as_raw_fd();
        let object = || format!("fd {number}");
        Namespace::asked(fd::duplicate_number(number, 3).map_err(|errno| refused(object(), errno))?, object)
    }

    /// The net namespace that a socket was made in, of any family.
    ///
    /// # Errors
    ///
    /// EPERM: no CAP_NET_ADMIN in the user namespace that owns it. EINVAL: no socket. First kernel: 4.9.
    pub fn of_socket(socket: impl AsFd) -> Result<Namespace> {
        let socket = socket.as_fd();
        let object = format!("net of socket {}", socket.as_raw_fd());
        match nsfs::of_socket(socket) {
            Ok(fd) => Namespace::known(fd, Kind::Net),
            Err(Errno(libc::EPERM)) => {
                Err(Error::new("open", object, Errno(libc::EPERM), Cause::NoNetPrivilege))
            }
            Err(Errno(libc::ENOTTY)) => Err(Error::invalid("open", object, Cause::NotSocket)),
            Err(errno) => Err(refused(object, errno)),
        }
    }

    /// Another descriptor of the same namespace.
    ///
    /// # Errors
    ///
    /// EMFILE.
    pub fn try_clone(&self) -> Result<Namespace> {
        let fd = self.fd.try_clone().map_err(|source| refused(self.to_string(), source.into()))?;
        Ok(Namespace { fd, owner: self.owner.clone(), ..*self })
    }

    /// What it isolates.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The device of the nsfs file system.
    pub fn device(&self) -> u64 {
        self.device
    }

    /// Its inode there: a name while somebody holds the namespace. The kernel gives the number to another one soon
    /// after nobody does.
    pub fn inode(&self) -> u64 {
        self.inode
    }

    /// Its number that is never given again before the machine starts anew: since Linux 6.18, for mnt since 6.11;
    /// `None` before.
    pub fn id(&self) -> Option<u64> {
        nsfs::id(self.fd.as_fd())
    }

    /// A descriptor whose kind is known.
    fn known(fd: OwnedFd, kind: Kind) -> Result<Namespace> {
        let identity = nsfs::identity(fd.as_fd());
        let (device, inode) = identity.map_err(|errno| refused(kind.to_string(), errno))?;
        Ok(Namespace { fd, kind, device, inode, owner: OnceCell::new() })
    }

    /// A descriptor that is asked whether it is one at all.
    fn asked(fd: OwnedFd, object: impl Fn() -> String) -> Result<Namespace> {
        match nsfs::nstype(fd.as_raw_fd()).map(Kind::from_flag) {
            Ok(Some(kind)) => Namespace::known(fd, kind),
            Err(Errno(libc::EBADF)) => {
                Err(Error::new("open", object(), Errno(libc::EBADF), Cause::BadDescriptor))
            }
            _ => Err(Error::invalid("open", object(), Cause::NotNamespace)),
        }
    }

    fn error(&self, step: &str, errno: Errno, cause: Cause) -> Error {
        Error::new(step, self.to_string(), errno, cause)
    }
}

/// By the number behind a pidfd, and only if that is still its own afterwards.
fn by_number(pidfd: BorrowedFd<'_>, kind: Kind) -> std::result::Result<OwnedFd, Errno> {
    let pid = of_process::number_of(pidfd)?;
    let opened = of_process::of_process(pid, kind.into()).and_then(of_process::only)?;
    match process::pidfd_send_signal(pidfd, 0) {
        Ok(()) | Err(Errno(libc::EPERM)) => Ok(opened),
        Err(errno) => Err(errno),
    }
}

fn not_found(path: String, errno: Errno) -> Error {
    match errno.0 {
        libc::ENOENT | libc::ENOTDIR => Error::new("open", path, errno, Cause::NothingKept),
        _ => refused(path, errno),
    }
}

fn refused(object: impl Into<String>, errno: Errno) -> Error {
    let cause = match errno.0 {
        libc::ESRCH => Cause::ProcessEnded,
        libc::EACCES => Cause::NotTraceable,
        libc::EBADF => Cause::BadDescriptor,
        _ => Cause::Unknown,
    };
    Error::new("open", object, errno, cause)
}

/// As readlink(1) shows it: `uts:[4026531838]`.
impl fmt::Display for Namespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:[{}]", self.kind, self.inode)
    }
}

impl PartialEq for Namespace {
    fn eq(&self, other: &Namespace) -> bool {
        // Both are held, so neither number can have gone to another.
        (self.device, self.inode) == (other.device, other.inode)
    }
}

impl Eq for Namespace {}

impl Hash for Namespace {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.device, self.inode).hash(state);
    }
}

impl AsFd for Namespace {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl AsRawFd for Namespace {
    fn as_raw_fd(&self) -> RawFd {
        self.fd.as_raw_fd()
    }
}

impl From<Namespace> for OwnedFd {
    fn from(namespace: Namespace) -> OwnedFd {
        namespace.fd
    }
}

impl From<&Namespace> for Kinds {
    fn from(namespace: &Namespace) -> Kinds {
        namespace.kind.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Command, Stdio};

    #[test]
    fn the_number_behind_a_pidfd_leads_to_the_same_until_it_is_reaped() {
        let mut child = Command::new("cat").stdin(Stdio::piped()).spawn().unwrap();
        let pidfd = process::pidfd_open(child.id() as i32);
        let pidfd = pidfd.map_err(|errno| format!("pidfd_open: {errno:?}")).unwrap();
        for kind in Kind::ALL {
            let found = by_number(pidfd.as_fd(), kind).and_then(|opened| nsfs::identity(opened.as_fd()));
            let own = Namespace::current(kind).unwrap();
            assert_eq!(found, Ok((own.device(), own.inode())), "{kind}");
        }
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(by_number(pidfd.as_fd(), Kind::Uts).unwrap_err(), Errno(libc::ESRCH));
        let no_pidfd = File::open("/dev/null").unwrap();
        assert_eq!(by_number(no_pidfd.as_fd(), Kind::Uts).unwrap_err(), Errno(libc::EBADF));
    }
}
