//! What a namespace's descriptor is asked, and how one is had: nsfs, pidfd and socket ioctls, file handles.
//!
//! # Safety
//!
//! Calls with numbers and pointers to locals; descriptors are owned from the call on, close-on-exec.
#![allow(unsafe_code)]

use super::{Errno, Result};
use crate::kind::Kind;
use libc::{c_int, c_ulong};
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

/// ioctl_nsfs(2): the user namespace that owns it.
const NS_GET_USERNS: c_ulong = 0xb701;
/// ioctl_nsfs(2): the pid or user namespace that it lies in.
const NS_GET_PARENT: c_ulong = 0xb702;
/// ioctl_nsfs(2): the `CLONE_NEW*` value of a namespace descriptor.
const NS_GET_NSTYPE: c_ulong = 0xb703;
/// ioctl_nsfs(2): who made a user namespace.
const NS_GET_OWNER_UID: c_ulong = 0xb704;
/// The number of a mount namespace that is never given again (Linux 6.11).
const NS_GET_MNTNS_ID: c_ulong = 0x8008_b705;
/// Process numbers from one pid namespace to another (Linux 6.11).
const NS_GET_PID_FROM_PIDNS: c_ulong = 0x8004_b706;
/// See [`NS_GET_PID_FROM_PIDNS`].
const NS_GET_PID_IN_PIDNS: c_ulong = 0x8004_b708;
/// The next and the previous of all mount namespaces (Linux 6.12).
const NS_MNT_GET_NEXT: c_ulong = 0x8010_b70b;
/// See [`NS_MNT_GET_NEXT`].
const NS_MNT_GET_PREV: c_ulong = 0x8010_b70c;
/// How many mounts a mount namespace has (Linux 6.12).
const NS_MNT_GET_INFO: c_ulong = 0x8010_b70a;
/// The number of any namespace that is never given again (Linux 6.18).
const NS_GET_ID: c_ulong = 0x8008_b70d;
/// The net namespace of a socket (Linux 4.9).
const SIOCGSKNS: c_ulong = 0x894c;
/// A root to open handles of namespaces below, in place of a descriptor of it (Linux 6.18).
const FD_NSFS_ROOT: c_int = -10003;
/// The type of such handles.
const FILEID_NSFS: c_int = 0xf1;
/// Bytes of such a handle: number, kind, inode.
pub const HANDLE: usize = 16;

/// `NS_GET_NSTYPE` (Linux 4.11): the `CLONE_NEW*` value of an nsfs descriptor; ENOTTY for others.
pub fn nstype(fd: RawFd) -> Result<u32> {
    // SAFETY: this ioctl takes no argument; a closed descriptor is EBADF.
    Errno::check(unsafe { libc::ioctl(fd, NS_GET_NSTYPE) }).map(|kind| kind as u32)
}

/// `NS_GET_USERNS` (Linux 4.9): the user namespace that owns this one; a user namespace's parent. EPERM: it is not
/// the caller's own and not below it.
pub fn owner(fd: RawFd) -> Result<OwnedFd> {
    asked(fd, NS_GET_USERNS)
}

/// `NS_GET_PARENT` (Linux 4.9), of pid and user namespaces, EINVAL for others. EPERM as for [`owner`].
pub fn parent(fd: BorrowedFd<'_>) -> Result<OwnedFd> {
    asked(fd.as_raw_fd(), NS_GET_PARENT)
}

/// `SIOCGSKNS` (Linux 4.9): the net namespace of a socket. EPERM without CAP_NET_ADMIN in its owner, ENOTTY for
/// what is no socket.
pub fn of_socket(socket: BorrowedFd<'_>) -> Result<OwnedFd> {
    asked(socket.as_raw_fd(), SIOCGSKNS)
}

/// `PIDFD_GET_*_NAMESPACE` (Linux 6.11): ENOTTY and EINVAL before.
pub fn of_pidfd(pidfd: BorrowedFd<'_>, kind: Kind) -> Result<OwnedFd> {
    asked(
        pidfd.as_raw_fd(),
        match kind {
            Kind::Cgroup => 0xff01,
            Kind::Ipc => 0xff02,
            Kind::Mnt => 0xff03,
            Kind::Net => 0xff04,
            Kind::Pid => 0xff05,
            Kind::Time => 0xff07,
            Kind::User => 0xff09,
            Kind::Uts => 0xff0a,
        },
    )
}

/// An ioctl without an argument that gives a descriptor.
fn asked(fd: RawFd, request: c_ulong) -> Result<OwnedFd> {
    // SAFETY: these ioctls take no argument, and want 0 where they look; a closed descriptor is EBADF.
    let opened = Errno::check(unsafe { libc::ioctl(fd, request, 0) })?;
    // SAFETY: the kernel just gave us this descriptor.
    Ok(unsafe { OwnedFd::from_raw_fd(opened) })
}

/// `NS_GET_OWNER_UID` (Linux 4.11): the user who made a user namespace, as the caller's own numbers them.
pub fn owner_uid(user: BorrowedFd<'_>) -> Result<u32> {
    let mut uid = 0_u32;
    // SAFETY: this ioctl writes one such number.
    Errno::check(unsafe { libc::ioctl(user.as_raw_fd(), NS_GET_OWNER_UID, &raw mut uid) }).map(|_| uid)
}

/// `NS_GET_ID`, for mount namespaces `NS_GET_MNTNS_ID`: `None` where the kernel has neither.
pub fn id(fd: BorrowedFd<'_>) -> Option<u64> {
    [NS_GET_ID, NS_GET_MNTNS_ID].into_iter().find_map(|request| {
        let mut id = 0_u64;
        // SAFETY: both ioctls write one such number.
        Errno::check(unsafe { libc::ioctl(fd.as_raw_fd(), request, &raw mut id) }).ok().map(|_| id)
    })
}

/// `NS_GET_PID_FROM_PIDNS`: the caller's number of a process that has this one in a pid namespace. ESRCH.
pub fn pid_from(pid_namespace: BorrowedFd<'_>, pid: i32) -> Result<i32> {
    // SAFETY: this ioctl takes a number by value.
    Errno::check(unsafe {
        libc::ioctl(pid_namespace.as_raw_fd(), NS_GET_PID_FROM_PIDNS, c_ulong::from(pid as u32))
    })
}

/// `NS_GET_PID_IN_PIDNS`: the number in a pid namespace of a process that has this one in the caller's. ESRCH.
pub fn pid_in(pid_namespace: BorrowedFd<'_>, pid: i32) -> Result<i32> {
    // SAFETY: this ioctl takes a number by value.
    Errno::check(unsafe {
        libc::ioctl(pid_namespace.as_raw_fd(), NS_GET_PID_IN_PIDNS, c_ulong::from(pid as u32))
    })
}

/// `struct mnt_ns_info` as of Linux 6.12; later kernels take this size as well.
#[repr(C)]
struct MountNamespaceInfo {
    size: u32,
    mounts: u32,
    id: u64,
}

/// `NS_MNT_GET_INFO` (Linux 6.12): how many mounts a mount namespace has, seen or not.
pub fn mounts(mnt: BorrowedFd<'_>) -> Result<u32> {
    let mut info = MountNamespaceInfo { size: size_of::<MountNamespaceInfo>() as u32, mounts: 0, id: 0 };
    // SAFETY: the structure is as large as its first field says.
    Errno::check(unsafe { libc::ioctl(mnt.as_raw_fd(), NS_MNT_GET_INFO, &raw mut info) }).map(|_| info.mounts)
}

/// `NS_MNT_GET_NEXT` (Linux 6.12): the mount namespace after this one, or before it. ENOENT: there is none. EPERM: the
/// caller has no CAP_SYS_ADMIN in the initial user namespace, or is not in the initial pid namespace.
pub fn mnt_beside(mnt: BorrowedFd<'_>, before: bool) -> Result<OwnedFd> {
    let request = if before { NS_MNT_GET_PREV } else { NS_MNT_GET_NEXT };
    let mut info = MountNamespaceInfo { size: size_of::<MountNamespaceInfo>() as u32, mounts: 0, id: 0 };
    // SAFETY: the structure is as large as its first field says.
    let opened = Errno::check(unsafe { libc::ioctl(mnt.as_raw_fd(), request, &raw mut info) })?;
    // SAFETY: the kernel just gave us this descriptor.
    Ok(unsafe { OwnedFd::from_raw_fd(opened) })
}

/// fstat(2): device and inode, which name a namespace while somebody holds it.
pub fn identity(fd: BorrowedFd<'_>) -> Result<(u64, u64)> {
    // SAFETY: plain numbers, for which zero is a value.
    let mut status: libc::stat = unsafe { std::mem::zeroed() };
    // SAFETY: room for what the call writes.
    Errno::check(unsafe { libc::fstat(fd.as_raw_fd(), &raw mut status) })?;
    Ok((status.st_dev, status.st_ino))
}

/// readlinkat(2) of an `O_PATH` descriptor of a link in a `/proc/…/ns`: the inode that it leads to now. Cheaper
/// than following it.
pub fn inode_of_link(link: BorrowedFd<'_>) -> Result<u64> {
    let mut text = [0_u8; 32];
    // SAFETY: a C string, and as much room as is said.
    let length =
        unsafe { libc::readlinkat(link.as_raw_fd(), c"".as_ptr(), text.as_mut_ptr().cast(), text.len()) };
    let length = Errno::check(length)? as usize;
    inode_in(text.get(..length).unwrap_or_default()).ok_or(Errno(libc::EINVAL))
}

/// The inode in the text of such a link: `net:[4026531840]`.
pub fn inode_in(link: &[u8]) -> Option<u64> {
    let digits = link.strip_suffix(b"]")?.rsplit(|byte| *byte == b'[').next()?;
    let add = |number: u64, byte: &u8| {
        let digit = byte.is_ascii_digit().then(|| u64::from(byte - b'0'))?;
        number.checked_mul(10)?.checked_add(digit)
    };
    digits.iter().try_fold(0, add).filter(|_| !digits.is_empty())
}

/// Kind and inode in the text of such a link.
pub fn named_by(link: &[u8]) -> Option<(Kind, u64)> {
    let is_it =
        |kind: &Kind| link.strip_prefix(kind.name().as_bytes()).is_some_and(|rest| rest.starts_with(b":["));
    Some((Kind::ALL.into_iter().find(is_it)?, inode_in(link)?))
}

/// `struct ns_id_req` as of Linux 6.19; later kernels take this size as well.
#[repr(C)]
struct Listing {
    size: u32,
    spare: u32,
    after: u64,
    kinds: u32,
    spare2: u32,
    user_ns: u64,
}

/// listns(2) (Linux 6.19): fills in the numbers of namespaces of this kind that come after this number; how many.
/// ENOSYS before.
pub fn list(kind: Kind, after: u64, ids: &mut [u64]) -> Result<usize> {
    const SYS_LISTNS: libc::c_long = 470;
    const NO_FLAGS: c_ulong = 0;
    let size = size_of::<Listing>() as u32;
    let listing = Listing { size, spare: 0, after, kinds: kind.flag(), spare2: 0, user_ns: 0 };
    let (request, room) = (&raw const listing, ids.len());
    // SAFETY: a structure as long as it says, and room for as many numbers as is said.
    let listed = unsafe { libc::syscall(SYS_LISTNS, request, ids.as_mut_ptr(), room, NO_FLAGS) };
    Errno::check(listed).map(|listed| listed as usize)
}

/// `struct file_handle` with room for a namespace's.
#[repr(C)]
struct FileHandle {
    bytes: u32,
    kind: c_int,
    handle: [u8; HANDLE],
}

/// The handle of the namespace with this number and inode.
pub fn handle(id: u64, kind: Kind, inode: u64) -> [u8; HANDLE] {
    let mut handle = [0; HANDLE];
    handle[..8].copy_from_slice(&id.to_ne_bytes());
    handle[8..12].copy_from_slice(&kind.flag().to_ne_bytes());
    handle[12..].copy_from_slice(&(inode as u32).to_ne_bytes());
    handle
}

/// name_to_handle_at(2) (Linux 6.18): what [`from_handle`] takes. EOPNOTSUPP before.
pub fn to_handle(fd: BorrowedFd<'_>) -> Result<[u8; HANDLE]> {
    let mut handle = FileHandle { bytes: HANDLE as u32, kind: 0, handle: [0; HANDLE] };
    let (mut mount, at) = (0 as c_int, libc::AT_EMPTY_PATH);
    // SAFETY: a C string, a handle whose room is what it says, and a number to be written.
    let named = unsafe {
        libc::syscall(
            libc::SYS_name_to_handle_at,
            fd.as_raw_fd(),
            c"".as_ptr(),
            &raw mut handle,
            &raw mut mount,
            at,
        )
    };
    Errno::check(named)?;
    if handle.kind == FILEID_NSFS && handle.bytes == HANDLE as u32 {
        Ok(handle.handle)
    } else {
        Err(Errno(libc::EOPNOTSUPP))
    }
}

/// open_by_handle_at(2) (Linux 6.18): ESTALE when the namespace is gone or not the caller's to open.
pub fn from_handle(handle: &[u8; HANDLE]) -> Result<OwnedFd> {
    let mut handle = FileHandle { bytes: HANDLE as u32, kind: FILEID_NSFS, handle: *handle };
    let flags = libc::O_RDONLY | libc::O_CLOEXEC;
    // SAFETY: a handle whose length is what it says.
    let opened = unsafe { libc::syscall(libc::SYS_open_by_handle_at, FD_NSFS_ROOT, &raw mut handle, flags) };
    let opened = Errno::check(opened)?;
    // SAFETY: the kernel just gave us this descriptor.
    Ok(unsafe { OwnedFd::from_raw_fd(opened as c_int) })
}
