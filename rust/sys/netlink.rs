//! What the kernel's routing socket is asked: the number of a net namespace.
//!
//! # Safety
//!
//! Calls with numbers and pointers to locals.
#![allow(unsafe_code)]

use super::{fd, Errno, Result};
use std::mem::size_of;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

/// rtnetlink(7): asks for the number of a net namespace (Linux 4.0).
const RTM_GETNSID: u16 = 90;
const NETNSA_NSID: u16 = 1;
const NETNSA_FD: u16 = 3;

/// `struct nlmsghdr`, `struct rtgenmsg` as it lies there, and one attribute with a descriptor.
#[repr(C)]
struct Question {
    length: u32,
    kind: u16,
    flags: u16,
    sequence: u32,
    port: u32,
    family: [u8; 4],
    attribute_length: u16,
    attribute: u16,
    fd: i32,
}

/// The number that the calling thread's net namespace gives to another one. ENODATA: it gives none.
pub fn nsid(net: BorrowedFd<'_>) -> Result<i32> {
    let question = Question {
        length: size_of::<Question>() as u32,
        kind: RTM_GETNSID,
        flags: libc::NLM_F_REQUEST as u16,
        sequence: 1,
        port: 0,
        family: [libc::AF_UNSPEC as u8, 0, 0, 0],
        attribute_length: 8,
        attribute: NETNSA_FD,
        fd: net.as_raw_fd(),
    };
    let socket = fd::socket(libc::AF_NETLINK, libc::SOCK_RAW, libc::NETLINK_ROUTE)?;
    let length = size_of::<Question>();
    // SAFETY: a structure of numbers without padding, as long as is said.
    let sent = unsafe { libc::send(socket.as_raw_fd(), (&raw const question).cast(), length, 0) };
    Errno::check(sent)?;
    let mut answer = [0; 256];
    let length = fd::read_bytes(socket.as_fd(), &mut answer)?;
    match nsid_in(answer.get(..length).unwrap_or_default()) {
        Some(Ok(nsid)) if nsid >= 0 => Ok(nsid),
        Some(Err(errno)) => Err(errno),
        _ => Err(Errno(libc::ENODATA)),
    }
}

/// An error of netlink(7), or the number.
fn nsid_in(answer: &[u8]) -> Option<Result<i32>> {
    const ATTRIBUTES: usize = 20;
    let word = |at: usize| Some(i32::from_ne_bytes(answer.get(at..at + 4)?.try_into().ok()?));
    let half = |at: usize| Some(u16::from_ne_bytes(answer.get(at..at + 2)?.try_into().ok()?));
    if half(4)? == libc::NLMSG_ERROR as u16 {
        return Some(Err(Errno(-word(16)?)));
    }
    let mut at = ATTRIBUTES;
    while half(at + 2)? != NETNSA_NSID {
        at += usize::from(half(at)?.max(4)).next_multiple_of(4);
    }
    word(at + 4).map(Ok)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_an_error_or_a_number() {
        let head = |kind: u16| [&[36, 0, 0, 0][..], &kind.to_ne_bytes(), &[0; 10]].concat();
        let error = [head(2), (-libc::EPERM).to_ne_bytes().to_vec()].concat();
        assert_eq!(nsid_in(&error), Some(Err(Errno(libc::EPERM))));
        let answer = [&head(88)[..], &[0; 4], &[8, 0, 9, 0, 1, 1, 1, 1], &[8, 0, 1, 0, 7, 0, 0, 0]].concat();
        assert_eq!(nsid_in(&answer), Some(Ok(7)));
        assert_eq!((nsid_in(&answer[..30]), nsid_in(&[])), (None, None));
    }
}
