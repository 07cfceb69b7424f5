//! Why a step of a plan failed, seen beside the steps before it.
#![forbid(unsafe_code)]

use super::map::UID_MAP;
use super::{filter_refuses_unshare, Explain, Finding};
use crate::caller::{CAP_SETGID, CAP_SETUID, CAP_SYS_RESOURCE};
use crate::error::Cause;
use crate::join::{Join, Target};
use crate::kind::{Kind, Kinds};
use crate::plan::{Op, Plan, Step};
use crate::sys::Errno;
use std::ffi::CStr;
use std::os::fd::RawFd;

/// A plan as it was performed: with the descriptors that its joins opened.
#[derive(Clone, Copy, Debug)]
pub struct Performed<'a> {
    /// Its steps.
    pub plan: &'a Plan,
    /// For [`Op::Join`].
    pub joins: &'a [(RawFd, u32)],
}

impl Performed<'_> {
    /// Why this step of the child's failed.
    pub fn explain(self, step: Step<'_>, errno: Errno) -> Finding {
        Explain::here().step(self, step.op(), errno)
    }

    fn before<'a>(&'a self, op: &'a Op) -> impl Iterator<Item = &'a Op> {
        self.plan.ops.iter().take_while(move |other| !std::ptr::eq(*other, op))
    }

    /// Whether the child is in a user namespace of its own by now.
    fn has_new_users(&self, op: &Op) -> bool {
        self.before(op).any(|op| {
            matches!(op, Op::Clone { kinds, .. } | Op::Unshare(kinds) | Op::Fork(kinds) if kinds.contains(Kind::User))
        })
    }

    /// What was joined by now: each descriptor with the kinds that it joins.
    fn joined<'a>(&'a self, op: &'a Op) -> impl Iterator<Item = (Kinds, RawFd)> + 'a {
        let by_now = self.before(op).any(|op| matches!(op, Op::Join(_)));
        let calls = self.joins.iter().filter(move |_| by_now);
        calls.filter_map(|(fd, flags)| Some((Kinds::from_bits(*flags)?, *fd)))
    }

    /// The process whose user namespace the child has joined by now, as /proc counts.
    fn process_joined(&self, op: &Op) -> Option<i32> {
        let process = |join: &Join| match join {
            Join { target: Target::Process(pid), kinds } if kinds.contains(Kind::User) => Some(*pid),
            _ => None,
        };
        let joins = self.before(op).find_map(|op| if let Op::Join(joins) = op { Some(joins) } else { None });
        joins?.iter().find_map(process)
    }

    /// The last namespace of this kind that the child has joined by now: its own, or a process that is in it.
    fn has_joined(&self, kind: Kind, op: &Op) -> Option<RawFd> {
        self.joined(op).filter(|(kinds, _)| kinds.contains(kind)).last().map(|(_, fd)| fd)
    }
}

/// Why what a plan names could not be opened.
pub fn open(errno: Errno) -> Finding {
    let cause = match errno.0 {
        libc::ESRCH => Cause::ProcessEnded,
        libc::EACCES => Cause::NotTraceable,
        // Only to a pidfd: a path is not refused so.
        libc::EPERM | libc::ENOSYS => Cause::NoPidfd,
        _ => Cause::Unknown,
    };
    cause.into()
}

impl Explain {
    /// Why the child's step failed.
    pub fn step(&self, performed: Performed<'_>, op: &Op, errno: Errno) -> Finding {
        match op {
            // One that was joined without its init is dead, and so is one whose init has ended meanwhile.
            Op::Fork(_) if errno.0 == libc::ENOMEM && performed.has_joined(Kind::Pid, op).is_some() => {
                Cause::InitGone.into()
            }
            Op::Clone { kinds, .. } | Op::Unshare(kinds) | Op::Fork(kinds) => {
                self.make(performed, op, *kinds, errno)
            }
            Op::Join(_) => {
                let finding = |(fd, flags): &(RawFd, u32)| self.join(*fd, *flags, errno);
                // One of several that has a name for what stands in the way.
                let named = |finding: &Finding| finding.cause != Cause::Unknown;
                let found = performed.joins.iter().map(finding).find(named);
                found.unwrap_or_else(|| Cause::Unknown.into())
            }
            Op::Write { path, .. } => self.write(performed, op, path, errno),
            Op::Setgroups(_) if errno.0 == libc::EPERM => self.no_groups(performed, op),
            Op::Setgid(_) | Op::Setuid(_) if errno.0 == libc::EPERM => self.no_ids(performed, op),
            Op::Setgroups(_) | Op::Setgid(_) | Op::Setuid(_) if errno.0 == libc::EINVAL => {
                Cause::IdUnmapped.into()
            }
            Op::Rlimit { .. } if errno.0 == libc::EPERM => self.no_resources(performed, op),
            Op::PrivateMounts if errno.0 == libc::EINVAL => Cause::RootNotMount.into(),
            Op::MountProc if errno.0 == libc::EPERM => match self.machine.proc_is_masked() {
                Some(what) => Finding::with(Cause::MaskedProc, what),
                None => self.denied(performed, op),
            },
            Op::PrivateMounts
            | Op::MountProc
            | Op::LoopbackUp
            | Op::Sethostname(_)
            | Op::Setdomainname(_)
                if matches!(errno.0, libc::EPERM | libc::EACCES) =>
            {
                self.denied(performed, op)
            }
            Op::Exec { .. } => match errno.0 {
                libc::ENOENT | libc::ENOTDIR => Cause::NoProgram.into(),
                libc::EACCES | libc::ENOEXEC => Cause::NotExecutable.into(),
                _ => Cause::Unknown.into(),
            },
            Op::Await | Op::Hold if errno.0 == libc::ETIMEDOUT => Cause::TimedOut.into(),
            _ => Cause::Unknown.into(),
        }
    }

    /// New namespaces, perhaps in a user namespace that was joined or made just before.
    fn make(&self, performed: Performed<'_>, op: &Op, kinds: Kinds, errno: Errno) -> Finding {
        let is_elsewhere = performed.has_joined(Kind::User, op).is_some();
        // What the caller's own limits and capabilities say does not hold there.
        if is_elsewhere && errno.0 == libc::ENOSPC {
            return Cause::LimitFurtherOut.into();
        }
        match (self.create(kinds, errno), errno.0) {
            (finding, libc::EPERM | libc::EACCES) if is_elsewhere || performed.has_new_users(op) => {
                match finding.cause {
                    Cause::Filter if kinds.contains(Kind::User) && !self.machine.is_confined() => {
                        Cause::Unmapped.into()
                    }
                    Cause::NoPrivilege | Cause::Filter => self.denied(performed, op),
                    _ => finding,
                }
            }
            (finding, _) => finding,
        }
    }

    /// What the kernel allows and somebody's policy does not.
    fn denied(&self, performed: Performed<'_>, op: &Op) -> Finding {
        if performed.has_new_users(op) && self.apparmor_restricts() {
            Cause::AppArmorRestricts.into()
        } else if self.machine.is_confined() || filter_refuses_unshare() {
            Cause::Filter.into()
        } else {
            Cause::Unknown.into()
        }
    }

    /// A file below /proc/self, which is the child's.
    fn write(&self, performed: Performed<'_>, op: &Op, path: &CStr, errno: Errno) -> Finding {
        let name = path.to_bytes();
        let is = |file: &str| name == format!("/proc/self/{file}").as_bytes();
        let is_of_ids = [UID_MAP, "gid_map", "setgroups"].into_iter().any(is);
        match errno.0 {
            libc::ENOENT | libc::EROFS if name.starts_with(b"/proc/") => {
                match self.machine.proc_is_masked() {
                    Some(what) => Finding::with(Cause::MaskedProc, what),
                    None => Cause::Unknown.into(),
                }
            }
            libc::ERANGE if is("timens_offsets") => Cause::OffsetOutOfRange.into(),
            libc::EPERM | libc::EACCES if is_of_ids => {
                self.own_map(is(UID_MAP), errno).unwrap_or_else(|| self.denied(performed, op))
            }
            libc::EACCES if self.machine.is_undumpable() => Cause::NotDumpable.into(),
            libc::EPERM | libc::EACCES if is("oom_score_adj") => self.no_resources(performed, op),
            _ => Cause::Unknown.into(),
        }
    }

    /// More than the caller has of what the whole machine shares.
    fn no_resources(&self, performed: Performed<'_>, op: &Op) -> Finding {
        let machine = &self.machine;
        let may = machine.is_in_initial_user_namespace() && machine.has_capability(CAP_SYS_RESOURCE);
        let is_elsewhere = performed.has_new_users(op) || performed.has_joined(Kind::User, op).is_some();
        if may && !is_elsewhere {
            self.denied(performed, op)
        } else {
            Cause::NoResourcePrivilege.into()
        }
    }

    fn no_groups(&self, performed: Performed<'_>, op: &Op) -> Finding {
        let is_map = |op: &Op| match op {
            Op::WriteMap { .. } => true,
            Op::Write { path, .. } => path.to_bytes().ends_with(b"_map"),
            _ => false,
        };
        let denies =
            |op: &Op| matches!(op, Op::Write { path, .. } if path.to_bytes().ends_with(b"setgroups"));
        let there = performed.has_joined(Kind::User, op).map(|fd| {
            let process = performed.process_joined(op).map(|pid| pid.to_string()).or_else(|| self.pid_of(fd));
            let answer = process.map(|pid| self.machine.denies_setgroups(&pid));
            // Whoever joins a user namespace has every capability in it: there is nothing else to forbid this.
            answer.unwrap_or_else(|| !self.machine.is_confined())
        });
        let here = performed.before(op).any(denies) || self.machine.denies_setgroups("thread-self");
        if there.unwrap_or(here) {
            Cause::SetgroupsDenied.into()
        } else if performed.has_new_users(op) && !performed.before(op).any(is_map) {
            Cause::Unmapped.into()
        } else {
            self.no_ids(performed, op)
        }
    }

    fn no_ids(&self, performed: Performed<'_>, op: &Op) -> Finding {
        let may = self.machine.has_capability(CAP_SETUID) && self.machine.has_capability(CAP_SETGID);
        let is_elsewhere = performed.has_new_users(op) || performed.has_joined(Kind::User, op).is_some();
        if may || is_elsewhere {
            self.denied(performed, op)
        } else {
            Cause::NoIdPrivilege.into()
        }
    }
}
