//! The documented calls, told in Rust: setns(2) and unshare(2), thin but not naive.
//!
//! clone(2) is unsafe by nature and stands, with its kin, in [`crate::raw`].
#![forbid(unsafe_code)]

use crate::error::{Cause, Error, Result};
use crate::explain;
use crate::kind::{Kind, Kinds};
use crate::sys::{ns, nsfs, Errno};
use std::fs;
use std::os::fd::{AsRawFd, RawFd};

/// setns(2): moves the calling thread (for pid: its later children) into an existing namespace.
///
/// `fd` is a namespace's descriptor, with its own `CLONE_NEW*` value or 0 ("do not check") as
/// `nstype`; or a pidfd (Linux 5.8) with a mask of kinds, all of which are joined or none.
///
/// # Errors
///
/// Nothing has changed when there is one. The kernel's: EBADF closed descriptor, EINVAL wrong `nstype`,
/// own user namespace, or a user or mnt namespace from a thread of many, EUSERS a time namespace
/// from a thread of many, EPERM no CAP_SYS_ADMIN in one's own user namespace and in that which
/// owns the target, ESRCH the process has ended, ENOMEM out of memory.
///
/// And EINVAL with [`Cause::ThreadsShareRoot`] where the kernel would do harm in silence: a pidfd
/// with `CLONE_NEWNS` from one thread of many moves the root and working directory of all threads
/// into a mount namespace that only the calling thread enters. After `unshare(CLONE_FS)` on this
/// thread the call is allowed; nsiso does not do that behind its caller's back.
///
/// # Threads and privilege
///
/// Changes the calling thread only. Needs CAP_SYS_ADMIN in one's own user namespace and in that which
/// owns the target; for mnt also CAP_SYS_CHROOT in one's own; for user in the target alone.
/// First kernel: 3.0. See setns(2).
pub fn setns(fd: impl AsRawFd, nstype: u32) -> Result<()> {
    let fd = fd.as_raw_fd();
    setns_unexplained(fd, nstype as i32).map_err(|errno| {
        let trapped = errno.0 == libc::EINVAL && moves_other_threads(fd, nstype);
        let finding =
            if trapped { Cause::ThreadsShareRoot.into() } else { explain::setns(fd, nstype, errno) };
        finding.error("setns", describe_join(fd, nstype), errno)
    })
}

/// [`setns`] with nothing but an errno, and no allocation in a process with one thread: for children
/// in which only system calls are safe.
///
/// # Errors
///
/// As [`setns`].
pub fn setns_unexplained(fd: RawFd, nstype: i32) -> std::result::Result<(), Errno> {
    if moves_other_threads(fd, nstype as u32) {
        return Err(Errno(libc::EINVAL));
    }
    ns::setns(fd, nstype)
}

/// unshare(2) of namespaces: moves the calling thread (for pid and time: its later children) into new ones.
///
/// # Errors
///
/// Nothing has changed when there is one. The kernel's: EPERM no CAP_SYS_ADMIN and no new user
/// namespace in `kinds`, or a new user namespace in a chroot; EINVAL a user namespace in a process
/// with threads; ENOSPC a limit is reached; ENOMEM out of memory.
///
/// # Threads and privilege
///
/// Changes the calling thread only; a new mnt namespace also gives it a root and working directory of
/// its own. Needs CAP_SYS_ADMIN for all kinds but user. First kernel: 2.6.16. See unshare(2).
pub fn unshare(kinds: impl Into<Kinds>) -> Result<()> {
    let kinds = kinds.into();
    ns::unshare_kinds(kinds)
        .map_err(|errno| explain::unshare(kinds, errno).error("unshare", kinds.to_string(), errno))
}

/// The error of a refused clone(2) or unshare(2) with these raw flags.
pub fn creation_error(step: &'static str, flags: u32, errno: i32) -> Error {
    let kinds = Kinds::from_bits(flags & Kinds::ALL.bits()).unwrap_or_default();
    let explain = match step {
        "unshare" => explain::unshare,
        _ if kinds.contains(Kind::Time) => explain::clone3,
        _ => explain::clone,
    };
    let rest = flags & !Kinds::ALL.bits();
    let object = if rest == 0 { kinds.to_string() } else { format!("flags {flags:#x}: {kinds}") };
    explain(kinds, Errno(errno)).error(step, object, Errno(errno))
}

/// Whether the kernel would write the target's root and working directory into an `fs_struct` that
/// other threads use too. setns(2) with a mount namespace's own descriptor is refused in that case;
/// with a pidfd the kernel forgets to look.
fn moves_other_threads(fd: RawFd, nstype: u32) -> bool {
    nstype & Kind::Mnt.flag() != 0 && !ns::is_single_threaded() && nsfs::nstype(fd).is_err() && shares_fs()
}

/// Whether another thread has this one's root and working directory. A thread that comes into being
/// meanwhile takes them from one that has them already, so there is no race. What cannot be asked
/// (no /proc, no kcmp) counts as shared: that is how threads are born.
pub(crate) fn shares_fs() -> bool {
    let own = ns::gettid();
    let Ok(threads) = fs::read_dir("/proc/self/task") else { return true };
    threads
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter(|thread| *thread != own)
        .any(|thread| match ns::share_fs(own, thread) {
            Ok(shared) => shared,
            Err(Errno(errno)) => errno != libc::ESRCH,
        })
}

fn describe_join(fd: RawFd, nstype: u32) -> String {
    match Kinds::from_bits(nstype) {
        Some(Kinds::NONE) => format!("fd {fd}"),
        Some(kinds) => format!("fd {fd}, {kinds}"),
        None => format!("fd {fd}, nstype {nstype:#x}"),
    }
}
