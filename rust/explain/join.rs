//! Why an existing namespace could not be joined, and whose it is.
#![forbid(unsafe_code)]

use super::{filter_refuses_setns, Explain, Finding};
use crate::error::Cause;
use crate::join::ownership;
use crate::kind::{Kind, Kinds};
use crate::namespace::Namespace;
use crate::power::Power;
use crate::sys::{ns, nsfs, Errno};
use std::fs::{self, Metadata};
use std::os::fd::RawFd;
use std::os::unix::fs::MetadataExt;

/// Why setns(2) of `fd` was refused to the calling thread.
pub fn setns(fd: RawFd, nstype: u32, errno: Errno) -> Finding {
    let finding = Explain::here().join(fd, nstype, errno);
    let is_asked = |kind: Kind| nsfs::nstype(fd).unwrap_or(nstype) & kind.flag() != 0;
    let knows_better = matches!(finding.cause, Cause::WrongDescriptor | Cause::OwnUserNamespace);
    if errno.0 != libc::EINVAL || knows_better || ns::is_single_threaded() {
        finding
    } else if is_asked(Kind::User) {
        Cause::Threads.into()
    } else if is_asked(Kind::Mnt) {
        Cause::ThreadsShareRoot.into()
    } else {
        finding
    }
}

impl Explain {
    /// To a process with one thread.
    pub fn join(&self, fd: RawFd, nstype: u32, errno: Errno) -> Finding {
        let kind = nsfs::nstype(fd).ok();
        match errno.0 {
            libc::EBADF => Cause::BadDescriptor.into(),
            libc::ESRCH => Cause::ProcessEnded.into(),
            libc::EUSERS => Cause::Threads.into(),
            libc::ENOMEM => Cause::InitGone.into(),
            libc::EPERM | libc::EACCES if filter_refuses_setns() => Cause::Filter.into(),
            libc::EPERM | libc::EACCES => self.no_power(fd, nstype),
            libc::ENOSYS => Cause::Filter.into(),
            libc::EINVAL => match kind.and_then(Kind::from_flag) {
                Some(kind) if nstype != 0 && nstype != kind.flag() => Cause::WrongDescriptor.into(),
                Some(Kind::User) if self.is_own_user_namespace(fd) => Cause::OwnUserNamespace.into(),
                Some(Kind::Pid) => Cause::NotDescendant.into(),
                Some(_) => Cause::Unknown.into(),
                // A pidfd: all its kinds are joined or none.
                None => match (self.pid_of(fd), Kinds::from_bits(nstype)) {
                    (None, _) | (_, None | Some(Kinds::NONE)) => Cause::WrongDescriptor.into(),
                    (Some(pid), Some(kinds)) if kinds.contains(Kind::User) && self.is_neighbour(&pid) => {
                        Cause::OwnUserNamespace.into()
                    }
                    (Some(_), Some(kinds)) if kinds.contains(Kind::Pid) => Cause::NotDescendant.into(),
                    _ => Cause::Unknown.into(),
                },
            },
            _ => Cause::Unknown.into(),
        }
    }

    /// Which of the namespaces belongs to whom, where the caller has no power.
    fn no_power(&self, fd: RawFd, nstype: u32) -> Finding {
        let Ok(power) = Power::here() else { return Cause::NotOwner.into() };
        if let Ok(namespace) = Namespace::from_borrowed_fd(fd) {
            return verdict(&power, &namespace).unwrap_or_else(|| Cause::NotOwner.into());
        }
        let kinds = Kinds::from_bits(nstype).unwrap_or_default();
        // Power over the process's namespaces is of use together with its user namespace only.
        if !kinds.contains(Kind::User) && !power.is_at_home() {
            return Cause::NotOwner.into();
        }
        let pid = self.pid_of(fd).and_then(|pid| pid.parse().ok());
        let Some(pid) = pid else { return Cause::NotOwner.into() };
        let verdict = |kind: Kind| match Namespace::of(pid, kind) {
            Ok(namespace) => verdict(&power, &namespace),
            // Its cause: not to be traced, or ended.
            Err(refused) => Some(refused.cause().into()),
        };
        kinds.iter().find_map(verdict).unwrap_or_else(|| Cause::NotOwner.into())
    }

    fn is_own_user_namespace(&self, fd: RawFd) -> bool {
        let own = fs::metadata(self.machine.path("thread-self/ns/user")).ok();
        own.zip(self.metadata_of(fd)).is_some_and(|(own, other)| identity(&own) == identity(&other))
    }

    /// Whether a process is in the caller's user namespace.
    fn is_neighbour(&self, pid: &str) -> bool {
        let identity = |name: &str| {
            fs::metadata(self.machine.path(&format!("{name}/ns/user"))).map(|file| identity(&file)).ok()
        };
        let own = identity("thread-self");
        own.is_some() && own == identity(pid)
    }

    /// The number of the process behind a pidfd; `None` for any other descriptor.
    pub(super) fn pid_of(&self, pidfd: RawFd) -> Option<String> {
        let info = self.machine.read(&format!("thread-self/fdinfo/{pidfd}"))?;
        let pid = info.lines().find_map(|line| line.strip_prefix("Pid:"))?.trim().to_owned();
        (pid != "-1").then_some(pid)
    }

    /// A number's file, without taking the descriptor over.
    fn metadata_of(&self, fd: RawFd) -> Option<Metadata> {
        fs::metadata(self.machine.path(&format!("thread-self/fd/{fd}"))).ok()
    }
}

/// Device and inode, which name a namespace while somebody holds it.
fn identity(file: &Metadata) -> (u64, u64) {
    (file.dev(), file.ino())
}

/// `None` where there is power enough.
fn verdict(power: &Power, namespace: &Namespace) -> Option<Finding> {
    // A user namespace is joined with power over itself, any other with power over its owner.
    let kind = namespace.kind();
    let owner = if kind == Kind::User { namespace.try_clone() } else { namespace.user_ns() };
    let Ok(owner) = owner else {
        let detail = format!("{kind} is owned by a user namespace outside the caller's");
        return Some(Finding::with(Cause::ForeignOwner, detail));
    };
    if power.over(&owner) {
        return None;
    }
    let cause = if owner == *power.own() { Cause::NotOwner } else { Cause::ForeignOwner };
    Some(Finding::with(cause, ownership(kind, &owner)))
}
