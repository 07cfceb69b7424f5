//! nsiso_ns_*: namespaces held by plain descriptors: how one is opened and asked.

use crate::boundary::{bad_argument, call, no_flags, one_kind, text, write_record};
use crate::error::nsiso_error;
use crate::kind::nsiso_kinds;
use libc::{c_char, c_int, pid_t};
use nsiso_core::{Cause, Error, Namespace, Result};
use std::os::fd::{BorrowedFd, IntoRawFd, OwnedFd};

mod keep;
mod save;
mod visit;

/// What the kernel tells of a namespace. Two are the same exactly when device and inode are equal while
/// both are held.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct nsiso_ns_info {
    /// The kind.
    pub kind: nsiso_kinds,
    /// Who made it, or of other kinds who made the user namespace that owns it, as the caller's own user
    /// namespace numbers them; 65534 for one that has no number there; (uint32_t)-1 where the caller may
    /// not ask, as of a namespace that is owned further out than its own.
    pub owner_uid: u32,
    /// Device of the nsfs file system.
    pub device: u64,
    /// Inode in it: the kernel gives the number to another one soon after nobody holds the namespace.
    pub inode: u64,
    /// Its number that is never given again before the machine starts anew; 0 where the kernel has
    /// none: before Linux 6.18, for mnt before 6.11.
    pub id: u64,
}

/// Opens the namespace that a path leads to: a link under /proc/PID/ns, a bind mount of one,
/// /run/netns/NAME.
///
/// path: what it leads to is not opened unless it is a namespace.
/// flags: 0.
/// reterr: see the top of this file.
///
/// Returns a descriptor, close-on-exec, which the caller closes, or: -EINVAL it is no namespace, a NULL or an
/// unknown flag; -ENOENT, -EACCES and others of open(2). MT-Safe. See namespaces(7).
#[no_mangle]
pub unsafe extern "C" fn nsiso_ns_open(
    path: *const c_char,
    flags: u32,
    reterr: *mut *mut nsiso_error,
) -> c_int {
    let step = "nsiso_ns_open";
    let body = || {
        no_flags(step, flags)?;
        // SAFETY: the C caller's promise about path.
        let path = unsafe { text(step, "path", path) }?;
        Namespace::open(path).map(handed_over)
    };
    // SAFETY: the C caller's promise about reterr.
    unsafe { call(reterr, body) }
}

/// Opens a namespace of a process or thread.
///
/// pid: its number as the mounted /proc counts, 0 for the calling thread.
/// kind: one NSISO_NEW* bit.
/// flags: 0.
/// reterr: see the top of this file.
///
/// Returns a descriptor as nsiso_ns_open does, or: -ESRCH there is none, or it has ended; -EACCES the caller
/// may not trace it; -ENOENT the kernel has no such kind, or no /proc; -EMFILE; -EINVAL a negative pid, not
/// one kind or an unknown flag. MT-Safe. Needs no privilege for one's own processes, CAP_SYS_PTRACE for others'.
#[no_mangle]
pub unsafe extern "C" fn nsiso_ns_of_pid(
    pid: pid_t,
    kind: nsiso_kinds,
    flags: u32,
    reterr: *mut *mut nsiso_error,
) -> c_int {
    let step = "nsiso_ns_of_pid";
    let body = || {
        no_flags(step, flags)?;
        let kind = one_kind(step, kind)?;
        let opened = match pid {
            0 => Namespace::current(kind),
            1.. => Namespace::of(pid, kind),
            _ => Err(bad_argument(step, &format!("pid {pid}: it cannot be negative"))),
        };
        opened.map(handed_over)
    };
    // SAFETY: the C caller's promise about reterr.
    unsafe { call(reterr, body) }
}

/// Opens a namespace of the process behind a pidfd, whoever has its number by now.
///
/// pidfd: stays the caller's.
/// kind: one NSISO_NEW* bit.
/// flags: 0.
/// reterr: see the top of this file.
///
/// Returns a descriptor or -errno as nsiso_ns_of_pid does; -EBADF also for what is no pidfd. MT-Safe. First
/// kernel: 5.3; asked without /proc since 6.11.
#[no_mangle]
pub unsafe extern "C" fn nsiso_ns_of_pidfd(
    pidfd: c_int,
    kind: nsiso_kinds,
    flags: u32,
    reterr: *mut *mut nsiso_error,
) -> c_int {
    let step = "nsiso_ns_of_pidfd";
    let body = || {
        no_flags(step, flags)?;
        let kind = one_kind(step, kind)?;
        Namespace::of_pidfd(lent(step, "pidfd", pidfd)?, kind).map(handed_over)
    };
    // SAFETY: the C caller's promise about reterr.
    unsafe { call(reterr, body) }
}

/// Opens the net namespace that a socket was made in, of any family.
///
/// socket: stays the caller's.
/// flags: 0.
/// reterr: see the top of this file.
///
/// Returns a descriptor as nsiso_ns_open does, or: -EPERM no CAP_NET_ADMIN in the user namespace that owns
/// it; -EINVAL no socket, or an unknown flag; -EBADF socket is closed; -EMFILE. MT-Safe. First kernel: 4.9.
#[no_mangle]
pub unsafe extern "C" fn nsiso_ns_of_socket(
    socket: c_int,
    flags: u32,
    reterr: *mut *mut nsiso_error,
) -> c_int {
    let step = "nsiso_ns_of_socket";
    let body = || {
        no_flags(step, flags)?;
        Namespace::of_socket(lent(step, "socket", socket)?).map(handed_over)
    };
    // SAFETY: the C caller's promise about reterr.
    unsafe { call(reterr, body) }
}

/// Tells what a namespace is.
///
/// fd: a namespace's descriptor, which stays the caller's, here and in all that follows.
/// ret_info: written on success.
/// size: sizeof(nsiso_ns_info) as the caller knows it; a record that grows in a later version keeps its old
/// fields, and fields that this version does not know are set to 0.
/// flags: 0.
/// reterr: see the top of this file.
///
/// Returns 0, or: -EINVAL fd is no namespace's, a NULL, too small a size or an unknown flag; -EBADF fd is
/// closed, or was opened with O_PATH; -EMFILE. MT-Safe. First kernel: 4.11. See ioctl_nsfs(2).
#[no_mangle]
pub unsafe extern "C" fn nsiso_ns_get_info(
    fd: c_int,
    ret_info: *mut nsiso_ns_info,
    size: usize,
    flags: u32,
    reterr: *mut *mut nsiso_error,
) -> c_int {
    let step = "nsiso_ns_get_info";
    let body = || {
        no_flags(step, flags)?;
        if ret_info.is_null() {
            return Err(bad_argument(step, "ret_info is NULL"));
        }
        if size < size_of::<nsiso_ns_info>() {
            return Err(bad_argument(step, &format!("size {size}: no record is so small")));
        }
        let info = nsiso_ns_info::from(&Namespace::from_borrowed_fd(fd)?);
        // SAFETY: not NULL, and the C caller guarantees room for `size` bytes.
        unsafe { write_record(ret_info, size, &info) };
        Ok(0)
    };
    // SAFETY: the C caller's promise about reterr.
    unsafe { call(reterr, body) }
}

/// Opens the user namespace that owns a namespace; of a user namespace, the one that it lies in.
///
/// fd: a namespace's descriptor.
/// flags: 0.
/// reterr: see the top of this file.
///
/// Returns a descriptor as nsiso_ns_open does, or: -EPERM that is neither the caller's own nor below it;
/// -EINVAL and -EBADF as nsiso_ns_get_info; -EMFILE. MT-Safe. First kernel: 4.9.
#[no_mangle]
pub unsafe extern "C" fn nsiso_ns_owner(fd: c_int, flags: u32, reterr: *mut *mut nsiso_error) -> c_int {
    let body = || {
        no_flags("nsiso_ns_owner", flags)?;
        Namespace::from_borrowed_fd(fd)?.user_ns().map(handed_over)
    };
    // SAFETY: the C caller's promise about reterr.
    unsafe { call(reterr, body) }
}

/// Opens the namespace that a pid or user namespace lies in.
///
/// fd: its descriptor.
/// flags: 0.
/// reterr: see the top of this file.
///
/// Returns a descriptor as nsiso_ns_open does, or: -EINVAL another kind, for these do not lie in each other,
/// or as nsiso_ns_get_info; -EPERM, -EBADF, -EMFILE as nsiso_ns_owner. MT-Safe. First kernel: 4.9.
#[no_mangle]
pub unsafe extern "C" fn nsiso_ns_parent(fd: c_int, flags: u32, reterr: *mut *mut nsiso_error) -> c_int {
    let body = || {
        no_flags("nsiso_ns_parent", flags)?;
        Namespace::from_borrowed_fd(fd)?.parent().map(handed_over)
    };
    // SAFETY: the C caller's promise about reterr.
    unsafe { call(reterr, body) }
}

/// How many levels below the calling thread's own a pid or user namespace lies; 0 for its own.
///
/// fd: its descriptor.
/// ret_level: written on success.
/// flags: 0.
/// reterr: see the top of this file.
///
/// Returns 0, or: -EPERM it is not below the caller's own; -EINVAL, -EBADF, -EMFILE as nsiso_ns_parent, and
/// -EINVAL for a NULL. MT-Safe. First kernel: 4.9.
#[no_mangle]
pub unsafe extern "C" fn nsiso_ns_level(
    fd: c_int,
    ret_level: *mut u32,
    flags: u32,
    reterr: *mut *mut nsiso_error,
) -> c_int {
    let step = "nsiso_ns_level";
    let body = || {
        no_flags(step, flags)?;
        if ret_level.is_null() {
            return Err(bad_argument(step, "ret_level is NULL"));
        }
        let level = Namespace::from_borrowed_fd(fd)?.level()?;
        // SAFETY: not NULL, and the C caller's promise about ret_level.
        unsafe { *ret_level = level };
        Ok(0)
    };
    // SAFETY: the C caller's promise about reterr.
    unsafe { call(reterr, body) }
}

/// Which number a process has in a pid namespace.
///
/// fd: the pid namespace's descriptor.
/// pid: its number in the caller's own.
/// flags: 0.
/// reterr: see the top of this file.
///
/// Returns the number, or: -ESRCH there is no such process, or it has no number there; -EINVAL fd is no pid
/// namespace's, or an unknown flag; -EBADF fd is closed; -EMFILE. MT-Safe. Asked by one system call since
/// Linux 6.11; before, read from /proc, of processes that the caller may trace.
#[no_mangle]
pub unsafe extern "C" fn nsiso_ns_pid_inside(
    fd: c_int,
    pid: pid_t,
    flags: u32,
    reterr: *mut *mut nsiso_error,
) -> c_int {
    let body = || {
        no_flags("nsiso_ns_pid_inside", flags)?;
        Namespace::from_borrowed_fd(fd)?.pid_inside(pid)
    };
    // SAFETY: the C caller's promise about reterr.
    unsafe { call(reterr, body) }
}

/// Which number a process of a pid namespace has in the caller's own.
///
/// fd: the pid namespace's descriptor.
/// pid: its number in there.
/// flags: 0.
/// reterr: see the top of this file.
///
/// Returns the number or -errno as nsiso_ns_pid_inside. MT-Safe. Before Linux 6.11 all of /proc is read.
#[no_mangle]
pub unsafe extern "C" fn nsiso_ns_pid_outside(
    fd: c_int,
    pid: pid_t,
    flags: u32,
    reterr: *mut *mut nsiso_error,
) -> c_int {
    let body = || {
        no_flags("nsiso_ns_pid_outside", flags)?;
        Namespace::from_borrowed_fd(fd)?.pid_outside(pid)
    };
    // SAFETY: the C caller's promise about reterr.
    unsafe { call(reterr, body) }
}

/// Whether two descriptors are of the same namespace.
///
/// a, b: descriptors of namespaces.
/// reterr: see the top of this file.
///
/// Returns 1 or 0, or -EINVAL, -EBADF, -EMFILE as nsiso_ns_get_info. MT-Safe. First kernel: 4.11.
#[no_mangle]
pub unsafe extern "C" fn nsiso_ns_equal(a: c_int, b: c_int, reterr: *mut *mut nsiso_error) -> c_int {
    let body = || Ok(c_int::from(Namespace::from_borrowed_fd(a)? == Namespace::from_borrowed_fd(b)?));
    // SAFETY: the C caller's promise about reterr.
    unsafe { call(reterr, body) }
}

/// The caller's number of a descriptor, for the length of a call.
fn lent<'a>(step: &str, name: &str, fd: c_int) -> Result<BorrowedFd<'a>> {
    if fd < 0 {
        return Err(Error::of_caller(step, &format!("{name} {fd}"), libc::EBADF, Cause::BadDescriptor));
    }
    // SAFETY: not -1; should it be closed, the kernel answers EBADF.
    Ok(unsafe { BorrowedFd::borrow_raw(fd) })
}

/// The caller's from now on.
pub(crate) fn handed_over(namespace: Namespace) -> c_int {
    OwnedFd::from(namespace).into_raw_fd()
}

impl From<&Namespace> for nsiso_ns_info {
    fn from(namespace: &Namespace) -> nsiso_ns_info {
        nsiso_ns_info {
            kind: namespace.kind().flag(),
            owner_uid: namespace.owner_uid().unwrap_or(u32::MAX),
            device: namespace.device(),
            inode: namespace.inode(),
            id: namespace.id().unwrap_or(0),
        }
    }
}
