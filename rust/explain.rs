//! Why the kernel refused: from an errno and the machine's state to a cause.
//!
//! Asked after the fact, never before: reading state first and acting on it later would race.
#![forbid(unsafe_code)]

use crate::caller::{has_capability, is_chrooted, is_unmapped, sysctl_forbids_users, CAP_SYS_ADMIN};
use crate::error::Cause;
use crate::kind::{Kind, Kinds};
use crate::plan::Op;
use crate::sys::{ns, Errno};
use std::fs;
use std::os::fd::RawFd;
use std::os::unix::fs::MetadataExt;

/// Why new namespaces of these kinds were refused.
pub fn create(kinds: Kinds, errno: Errno) -> Cause {
    match errno.0 {
        libc::ENOSPC => Cause::Limit,
        libc::EUSERS if kinds.contains(Kind::User) => Cause::Limit,
        libc::ENOMEM if ns::children_go_elsewhere() => Cause::InitGone,
        libc::EPERM if kinds.contains(Kind::User) && is_chrooted() => Cause::Chroot,
        libc::EPERM if kinds.contains(Kind::User) && is_unmapped() => Cause::Unmapped,
        libc::EPERM if kinds.contains(Kind::User) && sysctl_forbids_users() => Cause::SysctlForbids,
        libc::EPERM | libc::EACCES if kinds.contains(Kind::User) => Cause::Filter,
        libc::EPERM if !has_capability(CAP_SYS_ADMIN) => Cause::NoPrivilege,
        libc::EPERM | libc::ENOSYS => Cause::Filter,
        libc::EINVAL if !kinds.iter().all(kernel_has) => Cause::NoSuchKind,
        libc::EINVAL if kinds.contains(Kind::User) && !ns::is_single_threaded() => Cause::Threads,
        libc::EINVAL => Cause::BadArgument,
        _ => Cause::Unknown,
    }
}

/// Why setns(2) of `fd` was refused.
pub fn join(fd: RawFd, nstype: u32, errno: Errno) -> Cause {
    let kind = ns::nstype(fd).ok();
    let is_user = |kind: u32| kind == Kind::User.flag();
    match errno.0 {
        libc::EBADF => Cause::BadDescriptor,
        libc::ESRCH => Cause::ProcessEnded,
        libc::EUSERS => Cause::Threads,
        libc::EPERM => Cause::NotOwner,
        libc::ENOMEM => Cause::InitGone,
        libc::EINVAL => match kind {
            Some(kind) if nstype != 0 && nstype != kind => Cause::WrongDescriptor,
            Some(kind) if is_user(kind) && is_own_user_namespace(fd) => Cause::OwnUserNamespace,
            Some(kind) if is_user(kind) && !ns::is_single_threaded() => Cause::Threads,
            Some(kind) if kind == Kind::Mnt.flag() && !ns::is_single_threaded() => Cause::ThreadsShareRoot,
            Some(_) => Cause::Unknown,
            None if nstype == 0 || Kinds::from_bits(nstype).is_none() => Cause::WrongDescriptor,
            None if nstype & Kind::User.flag() != 0 && !ns::is_single_threaded() => Cause::Threads,
            None => Cause::WrongDescriptor,
        },
        _ => Cause::Unknown,
    }
}

/// Why a step of a plan failed.
pub fn step(op: &Op, errno: Errno) -> Cause {
    match (op, errno.0) {
        (Op::Clone { kinds } | Op::Unshare(kinds) | Op::Fork(kinds), _) => create(*kinds, errno),
        (Op::Join { .. }, libc::ESRCH) => Cause::ProcessEnded,
        (Op::Join { .. }, libc::EPERM) => Cause::NotOwner,
        (Op::MountProc, libc::EPERM) => Cause::MaskedProc,
        (Op::PrivateMounts, libc::EINVAL) => Cause::RootNotMount,
        (Op::Exec { .. }, libc::ENOENT | libc::ENOTDIR) => Cause::NoProgram,
        (Op::Exec { .. }, libc::EACCES | libc::ENOEXEC) => Cause::NotExecutable,
        (Op::Await | Op::Hold, libc::ETIMEDOUT) => Cause::TimedOut,
        _ => Cause::Unknown,
    }
}

/// Whether the kernel knows the kind: it then shows a link for it.
pub fn kernel_has(kind: Kind) -> bool {
    let there = |path: &str| fs::symlink_metadata(path).is_ok();
    // Without /proc nobody can tell, and the kernel's own answer has to do.
    there(&format!("/proc/self/ns/{kind}")) || !there("/proc/self/ns")
}

fn is_own_user_namespace(fd: RawFd) -> bool {
    let identity = |path: &str| fs::metadata(path).map(|file| (file.dev(), file.ino())).ok();
    let own = identity("/proc/thread-self/ns/user");
    own.is_some() && own == identity(&format!("/proc/thread-self/fd/{fd}"))
}
