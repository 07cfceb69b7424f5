//! Why new namespaces were refused.
#![forbid(unsafe_code)]

use super::{filter_refuses_unshare, kernel_has, limits, Explain, Finding};
use crate::caller::CAP_SYS_ADMIN;
use crate::error::Cause;
use crate::kind::{Kind, Kinds};
use crate::sys::{ns, nsfs, Errno};
use std::fs::File;
use std::os::fd::AsFd;

impl Explain {
    /// To a new process, or to a child that has one thread.
    pub fn create(&self, kinds: Kinds, errno: Errno) -> Finding {
        match errno.0 {
            libc::ENOSPC => limits::reached(&self.machine, kinds),
            libc::ENOMEM if ns::children_go_elsewhere() => Cause::InitGone.into(),
            libc::EPERM | libc::EACCES if kinds.contains(Kind::User) => self.no_user_namespace(errno),
            libc::EPERM if filter_refuses_unshare() => Cause::Filter.into(),
            libc::EPERM if !self.machine.has_capability(CAP_SYS_ADMIN) => Cause::NoPrivilege.into(),
            libc::EPERM | libc::EACCES | libc::ENOSYS => Cause::Filter.into(),
            libc::EINVAL => match kinds.iter().find(|kind| !kernel_has(*kind)) {
                Some(kind) => Finding::with(Cause::NoSuchKind, kind.name()),
                None if kinds.contains(Kind::Pid) && ns::children_go_elsewhere() => {
                    Cause::ChildrenElsewhere.into()
                }
                None => Cause::BadArgument.into(),
            },
            _ => Cause::Unknown.into(),
        }
    }

    /// To the calling thread itself.
    pub fn unshare(&self, kinds: Kinds, errno: Errno) -> Finding {
        let in_thread = errno.0 == libc::EINVAL && kinds.contains(Kind::User) && !ns::is_single_threaded();
        match self.create(kinds, errno) {
            finding if finding.cause == Cause::BadArgument && in_thread => Cause::Threads.into(),
            finding => finding,
        }
    }

    /// To a child whose flags only clone3 takes. Such a call has no other road where the child is to be a thread
    /// or a sibling of the caller, and then the refusal of clone3 itself is what there is to tell.
    pub fn clone3(&self, kinds: Kinds, errno: Errno) -> Finding {
        let may = kinds.contains(Kind::User) || self.machine.has_capability(CAP_SYS_ADMIN);
        match errno.0 {
            // A kernel that has time namespaces (5.6) has clone3 (5.3).
            libc::ENOSYS if kernel_has(Kind::Time) => Cause::Clone3Refused.into(),
            libc::EPERM if may && self.machine.is_confined() && !filter_refuses_unshare() => {
                Cause::Clone3Refused.into()
            }
            _ => self.create(kinds, errno),
        }
    }

    /// The kernel's own reasons first; what remains is somebody's policy.
    fn no_user_namespace(&self, errno: Errno) -> Finding {
        let machine = &self.machine;
        if errno.0 == libc::EPERM && machine.root_is_no_mount() {
            return Cause::Chroot.into();
        }
        if errno.0 == libc::EPERM && machine.is_unmapped() {
            return Cause::Unmapped.into();
        }
        if machine.sysctl_forbids_users() && !machine.is_privileged() {
            return Cause::SysctlForbids.into();
        }
        if self.apparmor_restricts() {
            return Cause::AppArmorRestricts.into();
        }
        if errno.0 == libc::EPERM && !filter_refuses_unshare() && self.hides_mounts() {
            return Cause::Chroot.into();
        }
        Cause::Filter.into()
    }

    /// Whether the mount namespace has more mounts than the caller sees: in a chroot whose root is a mount
    /// point, nothing else tells. The namespace's own first mount may be hidden in any case. A kernel that does not
    /// count them leaves the chroot as what remains where nobody's policy is in force.
    fn hides_mounts(&self) -> bool {
        let Ok(namespace) = File::open(self.machine.path("thread-self/ns/mnt")) else { return false };
        match nsfs::mounts(namespace.as_fd()) {
            Ok(all) => self.machine.visible_mounts().is_some_and(|seen| all as usize > seen + 1),
            Err(errno) => errno.0 == libc::ENOTTY && !self.machine.is_confined(),
        }
    }
}
