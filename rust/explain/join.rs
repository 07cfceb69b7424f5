//! Why an existing namespace could not be joined, and whose it is.
#![forbid(unsafe_code)]

use super::{filter_refuses_setns, Explain, Finding};
use crate::caller::CAP_SYS_ADMIN;
use crate::error::Cause;
use crate::kind::{Kind, Kinds};
use crate::sys::process::geteuid;
use crate::sys::{fd, ns, nsfs, Errno};
use std::fs::{self, File, Metadata};
use std::io;
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::os::unix::fs::MetadataExt;

/// User namespaces that lead from one to the next further out are no more than this.
const DEPTH: usize = 34;

/// Why setns(2) of `fd` was refused to the calling thread.
pub fn setns(fd: RawFd, nstype: u32, errno: Errno) -> Finding {
    let finding = Explain::here().join(fd, nstype, None, errno);
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
    /// To a process with one thread; `acting` is the user namespace that it has joined before, if any.
    pub fn join(&self, fd: RawFd, nstype: u32, acting: Option<RawFd>, errno: Errno) -> Finding {
        let kind = nsfs::nstype(fd).ok();
        match errno.0 {
            libc::EBADF => Cause::BadDescriptor.into(),
            libc::ESRCH => Cause::ProcessEnded.into(),
            libc::EUSERS => Cause::Threads.into(),
            libc::ENOMEM => Cause::InitGone.into(),
            libc::EPERM | libc::EACCES if filter_refuses_setns() => Cause::Filter.into(),
            libc::EPERM | libc::EACCES => self.no_power(fd, nstype, acting),
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
    fn no_power(&self, fd: RawFd, nstype: u32, acting: Option<RawFd>) -> Finding {
        let own = File::open(self.machine.path("thread-self/ns/user"));
        let Some(own) = own.and_then(|own| own.metadata()).ok().map(|own| identity(&own)) else {
            return Cause::NotOwner.into();
        };
        let judge = Judge {
            own,
            acting: acting.and_then(|fd| self.metadata_of(fd)).map(|file| identity(&file)),
            has_power_here: self.machine.has_capability(CAP_SYS_ADMIN),
        };
        if let Some(kind) = nsfs::nstype(fd).ok().and_then(Kind::from_flag) {
            return judge.verdict(kind, fd).unwrap_or_else(|| Cause::NotOwner.into());
        }
        let kinds = Kinds::from_bits(nstype).unwrap_or_default();
        // Power over the process's namespaces is of use together with its user namespace only.
        if !kinds.contains(Kind::User) && acting.is_none() && !judge.has_power_here {
            return Cause::NotOwner.into();
        }
        let Some(pid) = self.pid_of(fd) else { return Cause::NotOwner.into() };
        for kind in kinds.iter() {
            let finding = match File::open(self.machine.path(&format!("{pid}/ns/{kind}"))) {
                Ok(namespace) => judge.verdict(kind, namespace.as_raw_fd()),
                Err(refused) if refused.kind() == io::ErrorKind::PermissionDenied => {
                    Some(Cause::NotTraceable.into())
                }
                // A zombie has left it.
                Err(_) => Some(Cause::ProcessEnded.into()),
            };
            if let Some(finding) = finding {
                return finding;
            }
        }
        Cause::NotOwner.into()
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

/// Over which user namespaces whoever joins has power.
struct Judge {
    own: (u64, u64),
    /// The one joined before: then power is there, and below it, and nowhere else.
    acting: Option<(u64, u64)>,
    has_power_here: bool,
}

impl Judge {
    /// `None` where there is power enough.
    fn verdict(&self, kind: Kind, fd: RawFd) -> Option<Finding> {
        // A user namespace is joined with power over itself, any other with power over its owner.
        let owner = match kind {
            Kind::User => fd::copy_outside(fd, &[]),
            _ => nsfs::owner(fd),
        };
        let Ok(owner) = owner else {
            let detail = format!("{kind} is owned by a user namespace outside the caller's");
            return Some(Finding::with(Cause::ForeignOwner, detail));
        };
        let owner = File::from(owner);
        let of_owner = owner.metadata().ok()?;
        let uid = nsfs::owner_uid(owner.as_fd());
        let whose = uid.map_or_else(|_| String::new(), |uid| format!(", made by user {uid}"));
        let is_own = identity(&of_owner) == self.own;
        if self.reaches(owner) {
            return None;
        }
        let detail = format!("{kind} is owned by user:[{}]{whose}", of_owner.ino());
        let cause = if is_own && self.acting.is_none() { Cause::NotOwner } else { Cause::ForeignOwner };
        Some(Finding::with(cause, detail))
    }

    /// Whether there is power over this user namespace: it, or one further out, is where the power is; or the
    /// caller has made it, or one in between.
    fn reaches(&self, mut user: File) -> bool {
        let home = self.acting.unwrap_or(self.own);
        for _ in 0..DEPTH {
            let Ok(this) = user.metadata() else { return false };
            if identity(&this) == home {
                return self.acting.is_some() || self.has_power_here;
            }
            let is_made_by_caller = nsfs::owner_uid(user.as_fd()) == Ok(geteuid());
            // EPERM: there is nothing of the caller's further out.
            let Ok(parent) = nsfs::owner(user.as_raw_fd()).map(File::from) else { return false };
            let is_child = parent.metadata().is_ok_and(|parent| identity(&parent) == self.own);
            if self.acting.is_none() && is_child && is_made_by_caller {
                return true;
            }
            user = parent;
        }
        false
    }
}
