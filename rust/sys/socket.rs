//! How another process's sockets are looked at: a copy of the descriptor, its net namespace, what waits in it.
//!
//! # Safety
//!
//! Calls with numbers and pointers to locals; descriptors are owned from the call on, close-on-exec.
#![allow(unsafe_code)]

use super::{Errno, Result};
use libc::{c_int, c_uint};
use std::mem::{size_of, zeroed};
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::ptr::null_mut;

/// getsockopt(2), level `SOL_SOCKET` (Linux 5.14): the number of its net namespace, never given again.
const SO_NETNS_COOKIE: c_int = 71;
/// `SCM_MAX_FD`: the most descriptors that one message carries.
const SCM_MAX_FD: usize = 253;

/// pidfd_getfd(2) (Linux 5.6): a copy of a process's descriptor. EPERM: the caller may not trace it; EBADF: it is
/// closed; ENOSYS before.
pub fn of_process(pidfd: BorrowedFd<'_>, number: RawFd) -> Result<OwnedFd> {
    const NO_FLAGS: c_uint = 0;
    // SAFETY: plain numbers; what is no pidfd is EBADF.
    let copy = unsafe { libc::syscall(libc::SYS_pidfd_getfd, pidfd.as_raw_fd(), number, NO_FLAGS) };
    let copy = Errno::check(copy)?;
    // SAFETY: the kernel just gave us this descriptor.
    Ok(unsafe { OwnedFd::from_raw_fd(copy as RawFd) })
}

/// The number of a socket's net namespace. ENOPROTOOPT before Linux 5.14.
pub fn net_cookie(socket: BorrowedFd<'_>) -> Result<u64> {
    option(socket, SO_NETNS_COOKIE)
}

/// Whether it is of `AF_UNIX`, through which descriptors are sent.
pub fn is_unix(socket: BorrowedFd<'_>) -> bool {
    option(socket, libc::SO_DOMAIN) == Ok(libc::AF_UNIX)
}

fn option<T: Copy + Default>(socket: BorrowedFd<'_>, name: c_int) -> Result<T> {
    let (mut value, mut length) = (T::default(), size_of::<T>() as libc::socklen_t);
    let (fd, room) = (socket.as_raw_fd(), &raw mut length);
    // SAFETY: room for as many bytes as is said.
    let read = unsafe { libc::getsockopt(fd, libc::SOL_SOCKET, name, (&raw mut value).cast(), room) };
    Errno::check(read).map(|_| value)
}

/// Copies of the descriptors that come with the next message of a socket, which is left where it is: recvmsg(2)
/// with `MSG_PEEK`. EAGAIN: none waits.
pub fn peek_descriptors(socket: BorrowedFd<'_>) -> Result<Vec<OwnedFd>> {
    const ROOM: usize = size_of::<libc::cmsghdr>() + SCM_MAX_FD * size_of::<RawFd>();
    let mut byte = 0_u8;
    let mut part = libc::iovec { iov_base: (&raw mut byte).cast(), iov_len: 1 };
    // Words, so that the header lies where it must.
    let mut control = [0_u64; ROOM.div_ceil(size_of::<u64>()) + 8];
    // SAFETY: numbers and pointers, for which zero is a value.
    let mut message: libc::msghdr = unsafe { zeroed() };
    (message.msg_iov, message.msg_iovlen) = (&raw mut part, 1);
    (message.msg_control, message.msg_controllen) = (control.as_mut_ptr().cast(), size_of_val(&control) as _);
    (message.msg_name, message.msg_namelen) = (null_mut(), 0);
    let flags = libc::MSG_PEEK | libc::MSG_DONTWAIT | libc::MSG_CMSG_CLOEXEC;
    // SAFETY: all that the header points to is above, as long as it says.
    Errno::check(unsafe { libc::recvmsg(socket.as_raw_fd(), &raw mut message, flags) })?;
    let mut descriptors = Vec::new();
    // SAFETY: the kernel has filled the header in.
    let mut header = unsafe { libc::CMSG_FIRSTHDR(&raw const message) };
    while !header.is_null() {
        // SAFETY: a header within the control bytes.
        let found = unsafe { *header };
        if (found.cmsg_level, found.cmsg_type) == (libc::SOL_SOCKET, libc::SCM_RIGHTS) {
            // SAFETY: the data of such a header.
            let mut data = unsafe { libc::CMSG_DATA(header) };
            // SAFETY: a length alone.
            let mut length = found.cmsg_len as usize - unsafe { libc::CMSG_LEN(0) } as usize;
            while length >= size_of::<RawFd>() {
                let mut number = [0_u8; size_of::<RawFd>()];
                // SAFETY: within the data, whose length the header says.
                unsafe { data.copy_to_nonoverlapping(number.as_mut_ptr(), number.len()) };
                // SAFETY: the kernel just gave us this descriptor.
                descriptors.push(unsafe { OwnedFd::from_raw_fd(RawFd::from_ne_bytes(number)) });
                data = data.wrapping_add(number.len());
                length -= number.len();
            }
        }
        // SAFETY: as for the first.
        header = unsafe { libc::CMSG_NXTHDR(&raw const message, header) };
    }
    Ok(descriptors)
}
