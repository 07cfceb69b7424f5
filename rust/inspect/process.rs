//! Who a process is: its numbers on every level, its user, its command.
#![forbid(unsafe_code)]

use crate::error::{Cause, Error, Result};
use crate::sys::directory::Directory;
use crate::sys::{fd, Errno};
use std::ffi::{CStr, CString};
use std::os::fd::AsFd;

/// What /proc tells of a process to anybody.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Description {
    /// Its number in each pid namespace that it is in, from that of the mounted /proc to its own.
    pub numbers: Vec<i32>,
    /// The number of its parent; 0 if that is not to be seen here.
    pub parent: i32,
    /// Its effective user, as the caller's own user namespace numbers them.
    pub uid: u32,
    /// The name that the kernel shows.
    pub name: Vec<u8>,
    /// Its words, each ended by a NUL; empty of a kernel's thread and of a zombie.
    pub command: Vec<u8>,
}

/// Describes a process or thread, by its number as the mounted /proc counts.
///
/// # Errors
///
/// ESRCH: there is none. ENOENT: /proc is not mounted. EMFILE.
pub fn describe(pid: i32) -> Result<Description> {
    let error = |errno: Errno| {
        let cause = if errno.0 == libc::ESRCH { Cause::ProcessEnded } else { Cause::Unknown };
        Error::new("read status", format!("process {pid}"), errno, cause)
    };
    let ended = |errno: Errno| if errno.0 == libc::ENOENT { Errno(libc::ESRCH) } else { errno };
    let proc = Directory::open(c"/proc").map_err(error)?;
    let name = CString::new(pid.to_string()).map_err(|_| error(Errno(libc::ESRCH)))?;
    // It stays this process's, whoever gets the number.
    let process = proc.handle_below(&name).map_err(|errno| error(ended(errno)))?;
    let read = |name: &CStr| process.file(name).and_then(|file| fd::read_all(file.as_fd()));
    let status = read(c"status").map_err(|errno| error(ended(errno)))?;
    let command = read(c"cmdline").map_err(|errno| error(ended(errno)))?;
    parse(&status, command).ok_or_else(|| error(Errno(libc::EPROTO)))
}

/// Lines of `Name:<tab>value`.
pub(super) fn parse(status: &[u8], command: Vec<u8>) -> Option<Description> {
    let value = |name: &str| {
        let lines = status.split(|byte| *byte == b'\n');
        let found = lines.into_iter().find_map(|line| line.strip_prefix(name.as_bytes()))?;
        Some(found.strip_prefix(b":")?.trim_ascii())
    };
    let words = |name: &str| Some(std::str::from_utf8(value(name)?).ok()?.split_ascii_whitespace());
    let numbers = match words("NSpid") {
        Some(numbers) => numbers.map(|number| number.parse().ok()).collect::<Option<Vec<i32>>>()?,
        // A kernel without pid namespaces.
        None => vec![words("Pid")?.next()?.parse().ok()?],
    };
    let parent = words("PPid")?.next()?.parse().ok()?;
    let uid = words("Uid")?.nth(1)?.parse().ok()?;
    Some(Description { numbers, parent, uid, name: unescaped(value("Name")?), command })
}

/// A name in `status`, where line ends and backslashes are written `\n` and `\\`.
fn unescaped(name: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(name.len());
    let mut rest = name.iter();
    while let Some(byte) = rest.next() {
        bytes.push(match (byte, rest.as_slice().first()) {
            (b'\\', Some(b'n')) => rest.next().map_or(*byte, |_| b'\n'),
            (b'\\', Some(b'\\')) => rest.next().map_or(*byte, |_| b'\\'),
            _ => *byte,
        });
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn status_is_read() {
        let status = b"Name:\ta\\\\b\\nc: \\x\nPid:\t7\nPPid:\t3\nUid:\t0\t5\t5\t5\nNSpid:\t7\t2\t1\n";
        let told = parse(status, Vec::new()).unwrap();
        assert_eq!((told.numbers, told.parent, told.uid), (vec![7, 2, 1], 3, 5));
        assert_eq!(told.name, b"a\\b\nc: \\x");
        for cut in [&b""[..], b"Name:\tx\n", b"Name:\tx\nNSpid:\tx\nPPid:\t1\nUid:\t1\t1\n", b"Name"] {
            assert_eq!(parse(cut, Vec::new()), None);
        }
    }

    #[test]
    fn the_caller_is_described() {
        let own = describe(std::process::id() as i32).unwrap();
        assert_eq!(own.numbers[0], std::process::id() as i32);
        assert!(own.command.starts_with(std::env::args().next().unwrap().as_bytes()));
        assert_eq!(describe(-1).unwrap_err().errno(), libc::ESRCH);
    }
}
