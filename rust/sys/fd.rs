//! Descriptors that parent and child meet at: eventfd, pipe, poll; and the futex beside them.
//!
//! # Safety
//!
//! Calls with numbers and pointers to locals; descriptors are owned from the call on, close-on-exec.
#![allow(unsafe_code)]

use super::{Errno, Result};
use libc::c_int;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::ptr;
use std::sync::atomic::AtomicU32;
use std::time::{Duration, Instant};

/// The type of the file system of namespaces (Linux 3.19; proc before).
const NSFS_MAGIC: libc::__fsword_t = 0x6e73_6673;

/// eventfd2(2).
pub fn eventfd() -> Result<OwnedFd> {
    // SAFETY: numbers only.
    let fd = Errno::check(unsafe { libc::eventfd(0, libc::EFD_CLOEXEC) })?;
    // SAFETY: the kernel just gave us this descriptor.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// pipe2(2): the reading and the writing end.
pub fn pipe() -> Result<(OwnedFd, OwnedFd)> {
    let mut ends: [c_int; 2] = [-1; 2];
    // SAFETY: room for two numbers.
    Errno::check(unsafe { libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC) })?;
    // SAFETY: the kernel just gave us both descriptors.
    let owned = ends.map(|end| unsafe { OwnedFd::from_raw_fd(end) });
    let [read, write] = owned;
    Ok((read, write))
}

/// socketpair(2): two ends of which each reads whole messages.
pub fn socket_pair() -> Result<(OwnedFd, OwnedFd)> {
    let mut ends: [c_int; 2] = [-1; 2];
    let kind = libc::SOCK_SEQPACKET | libc::SOCK_CLOEXEC;
    // SAFETY: room for two numbers.
    Errno::check(unsafe { libc::socketpair(libc::AF_UNIX, kind, 0, ends.as_mut_ptr()) })?;
    // SAFETY: the kernel just gave us both descriptors.
    let owned = ends.map(|end| unsafe { OwnedFd::from_raw_fd(end) });
    let [one, other] = owned;
    Ok((one, other))
}

/// fchdir(2).
pub fn chdir(directory: BorrowedFd<'_>) -> Result<()> {
    // SAFETY: one number.
    Errno::check(unsafe { libc::fchdir(directory.as_raw_fd()) }).map(drop)
}

/// socket(2), close-on-exec.
pub fn socket(domain: c_int, kind: c_int, protocol: c_int) -> Result<OwnedFd> {
    // SAFETY: numbers only.
    let fd = Errno::check(unsafe { libc::socket(domain, kind | libc::SOCK_CLOEXEC, protocol) })?;
    // SAFETY: the kernel just gave us this descriptor.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// A control message with one descriptor, as cmsg(3) lays it out.
#[repr(C, align(8))]
struct OneDescriptor {
    header: libc::cmsghdr,
    fd: c_int,
}

/// sendmsg(2) of one byte and a copy of a descriptor (unix(7), `SCM_RIGHTS`).
pub fn send_descriptor(socket: BorrowedFd<'_>, fd: BorrowedFd<'_>) -> Result<()> {
    let mut byte = 0_u8;
    let mut vector = libc::iovec { iov_base: (&raw mut byte).cast(), iov_len: 1 };
    // SAFETY: plain numbers, some of them padding.
    let mut header: libc::cmsghdr = unsafe { std::mem::zeroed() };
    header.cmsg_len = (size_of::<libc::cmsghdr>() + size_of::<c_int>()) as _;
    header.cmsg_level = libc::SOL_SOCKET;
    header.cmsg_type = libc::SCM_RIGHTS;
    let mut control = OneDescriptor { header, fd: fd.as_raw_fd() };
    // SAFETY: plain numbers and pointers, for which zero means none.
    let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
    message.msg_iov = &raw mut vector;
    message.msg_iovlen = 1;
    message.msg_control = (&raw mut control).cast();
    message.msg_controllen = size_of_val(&control) as _;
    // SAFETY: all that the message leads to are locals of the lengths that it says.
    let sent = unsafe { libc::sendmsg(socket.as_raw_fd(), &raw const message, libc::MSG_NOSIGNAL) };
    Errno::check(sent).map(drop)
}

/// send(2) of one byte; EPIPE, and no signal, when nobody is there any more.
pub fn send_byte(socket: BorrowedFd<'_>, byte: u8) -> Result<()> {
    let (number, flags) = (socket.as_raw_fd(), libc::MSG_NOSIGNAL);
    // SAFETY: one byte, a local.
    let sent = unsafe { libc::send(number, (&raw const byte).cast(), 1, flags) };
    Errno::check(sent).map(drop)
}

/// fcntl(2) `F_DUPFD_CLOEXEC`: a copy whose number is at least `least`; EBADF for a closed one.
pub fn duplicate_number(fd: RawFd, least: c_int) -> Result<OwnedFd> {
    // SAFETY: numbers only.
    let copy = Errno::check(unsafe { libc::fcntl(fd, libc::F_DUPFD_CLOEXEC, least) })?;
    // SAFETY: the kernel just gave us this descriptor.
    Ok(unsafe { OwnedFd::from_raw_fd(copy) })
}

/// Whether a descriptor has this number: fcntl(2) `F_GETFD`.
pub fn is_open(fd: RawFd) -> bool {
    // SAFETY: numbers only.
    unsafe { libc::fcntl(fd, libc::F_GETFD) >= 0 }
}

/// Whether it is a file of nsfs, without opening that: fstatfs(2).
pub fn is_on_nsfs(fd: BorrowedFd<'_>) -> bool {
    // SAFETY: plain numbers, for which zero is a value.
    let mut status: libc::statfs = unsafe { std::mem::zeroed() };
    // SAFETY: room for what the call writes.
    let known = unsafe { libc::fstatfs(fd.as_raw_fd(), &raw mut status) } == 0;
    known && status.f_type == NSFS_MAGIC
}

/// isatty(3); false for a closed one.
pub fn is_terminal(fd: RawFd) -> bool {
    // SAFETY: numbers only.
    unsafe { libc::isatty(fd) == 1 }
}

/// The descriptor itself, or a copy in its place whose number is none of these.
pub fn outside(fd: OwnedFd, taken: &[RawFd]) -> Result<OwnedFd> {
    if taken.contains(&fd.as_raw_fd()) {
        copy_outside(fd.as_raw_fd(), taken)
    } else {
        Ok(fd)
    }
}

/// A copy whose number is none of these, above the standard three. EBADF for a closed one.
pub fn copy_outside(fd: RawFd, taken: &[RawFd]) -> Result<OwnedFd> {
    let mut copy = duplicate_number(fd, 3)?;
    while taken.contains(&copy.as_raw_fd()) {
        // The kernel gives the least that is free, so this ends after as many tries as there are taken.
        copy = duplicate_number(fd, copy.as_raw_fd() + 1)?;
    }
    Ok(copy)
}

/// Adds to an eventfd, or writes as many bytes to a pipe.
pub fn write_word(fd: BorrowedFd<'_>, word: u64) -> Result<()> {
    write_bytes(fd, &word.to_ne_bytes()).map(drop)
}

/// Reads a byte; `None` at the end.
pub fn read_byte(fd: BorrowedFd<'_>) -> Result<Option<u8>> {
    let mut byte = [0];
    read_bytes(fd, &mut byte).map(|read| (read == 1).then_some(byte[0]))
}

/// read(2), repeated after signals.
pub fn read_bytes(fd: BorrowedFd<'_>, buffer: &mut [u8]) -> Result<usize> {
    loop {
        // SAFETY: room for as many bytes as said.
        let read = unsafe { libc::read(fd.as_raw_fd(), buffer.as_mut_ptr().cast(), buffer.len()) };
        match Errno::check(read) {
            Err(Errno(libc::EINTR)) => {}
            answer => return answer.map(|read| read as usize),
        }
    }
}

/// read(2) until the end, in large pieces.
pub fn read_all(fd: BorrowedFd<'_>) -> Result<Vec<u8>> {
    const PIECE: usize = 32768;
    let mut bytes = Vec::new();
    loop {
        let length = bytes.len();
        bytes.resize(length + PIECE, 0);
        let read = read_bytes(fd, bytes.get_mut(length..).unwrap_or_default())?;
        bytes.truncate(length + read);
        if read == 0 {
            return Ok(bytes);
        }
    }
}

/// write(2).
pub fn write_bytes(fd: BorrowedFd<'_>, bytes: &[u8]) -> Result<usize> {
    // SAFETY: as many bytes as said.
    let written = unsafe { libc::write(fd.as_raw_fd(), bytes.as_ptr().cast(), bytes.len()) };
    Errno::check(written).map(|written| written as usize)
}

/// read(2) of at most so many bytes, which come behind those that there are; 0 at the end.
pub fn read_more(fd: BorrowedFd<'_>, bytes: &mut Vec<u8>, most: usize) -> Result<usize> {
    bytes.reserve(most);
    let room = bytes.spare_capacity_mut();
    // SAFETY: room for as many bytes as said.
    let read = unsafe { libc::read(fd.as_raw_fd(), room.as_mut_ptr().cast(), most) };
    let read = Errno::check(read)? as usize;
    // SAFETY: the kernel has written so many of them.
    unsafe { bytes.set_len(bytes.len() + read) };
    Ok(read)
}

/// poll(2) until there is something to read or the other end is gone; false when the time is over first.
///
/// EINTR is the caller's to repeat.
pub fn poll_read(fd: BorrowedFd<'_>, deadline: Option<Instant>) -> Result<bool> {
    poll_first([Some(fd), None], deadline).map(|first| first.is_some())
}

/// As [`poll_read`] with two of them: which is the first that has something, `None` when the time is over first.
pub fn poll_first(fds: [Option<BorrowedFd<'_>>; 2], deadline: Option<Instant>) -> Result<Option<usize>> {
    // A negative number is passed over.
    let number = |fd: Option<BorrowedFd<'_>>| fd.map_or(-1, |fd| fd.as_raw_fd());
    let mut polls = fds.map(|fd| libc::pollfd { fd: number(fd), events: libc::POLLIN, revents: 0 });
    let timeout = deadline.map(time_left);
    let timeout = timeout.as_ref().map_or(ptr::null(), ptr::from_ref);
    // SAFETY: two pollfds and one timespec, all of them locals.
    Errno::check(unsafe { libc::ppoll(polls.as_mut_ptr(), 2, timeout, ptr::null()) })?;
    Ok(polls.iter().position(|poll| poll.revents != 0))
}

/// poll(2) of many, for so long at most.
///
/// EINTR is the caller's to repeat.
pub fn poll(polls: &mut [libc::pollfd], timeout: Duration) -> Result<()> {
    let milliseconds = c_int::try_from(timeout.as_millis()).unwrap_or(c_int::MAX);
    // SAFETY: as many as said.
    let ready = unsafe { libc::poll(polls.as_mut_ptr(), polls.len() as libc::nfds_t, milliseconds) };
    Errno::check(ready).map(drop)
}

/// fcntl(2) `O_NONBLOCK`, for all who share the open file; what it was before.
pub fn set_nonblocking(fd: BorrowedFd<'_>, nonblocking: bool) -> Result<bool> {
    // SAFETY: numbers only.
    let flags = Errno::check(unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_GETFL) })?;
    let wanted = if nonblocking { flags | libc::O_NONBLOCK } else { flags & !libc::O_NONBLOCK };
    // SAFETY: numbers only.
    Errno::check(unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_SETFL, wanted) })?;
    Ok(flags & libc::O_NONBLOCK != 0)
}

/// futex(2) `FUTEX_WAIT`, across processes: sleeps while the word is `value`.
///
/// EAGAIN it is not; ETIMEDOUT; EINTR is the caller's to repeat.
pub fn futex_wait(word: &AtomicU32, value: u32, deadline: Option<Instant>) -> Result<()> {
    let timeout = deadline.map(time_left);
    let timeout = timeout.as_ref().map_or(ptr::null(), ptr::from_ref);
    // SAFETY: the word and the timespec live for the length of the call.
    let woken = unsafe { libc::syscall(libc::SYS_futex, word.as_ptr(), libc::FUTEX_WAIT, value, timeout) };
    Errno::check(woken).map(drop)
}

fn time_left(deadline: Instant) -> libc::timespec {
    let left = deadline.saturating_duration_since(Instant::now()).min(Duration::from_secs(i32::MAX as u64));
    libc::timespec {
        tv_sec: left.as_secs() as libc::time_t,
        tv_nsec: libc::c_long::from(left.subsec_nanos() as i32),
    }
}
