//! Which number a process has in another pid namespace.
#![forbid(unsafe_code)]

use super::Namespace;
use crate::error::{Cause, Result};
use crate::kind::Kind;
use crate::sys::{nsfs, Errno};
use std::fs;
use std::os::fd::AsFd;

impl Namespace {
    /// The number in this pid namespace of the process that has `pid` in the caller's.
    ///
    /// # Errors
    ///
    /// ESRCH: there is none, or it has no number here. EINVAL: this is no pid namespace. Since Linux 6.11 by one
    /// system call; before, from /proc/PID/status, which needs the right to trace the process (EACCES).
    pub fn pid_inside(&self, pid: i32) -> Result<i32> {
        self.asked_for_number(|| nsfs::pid_in(self.as_fd(), pid), || self.read_inside(pid))
    }

    /// The caller's number of the process that has `pid` in this pid namespace.
    ///
    /// # Errors
    ///
    /// As [`Namespace::pid_inside`]; before Linux 6.11 all of /proc is read for it.
    pub fn pid_outside(&self, pid: i32) -> Result<i32> {
        self.asked_for_number(|| nsfs::pid_from(self.as_fd(), pid), || self.find_outside(pid))
    }

    fn asked_for_number(
        &self,
        ask: impl Fn() -> std::result::Result<i32, Errno>,
        read: impl Fn() -> Option<i32>,
    ) -> Result<i32> {
        if self.kind() != Kind::Pid {
            return Err(self.error("translate a number", Errno(libc::EINVAL), Cause::NotPidNamespace));
        }
        let number = match ask() {
            Err(Errno(libc::ENOTTY | libc::EINVAL)) => read().ok_or(Errno(libc::ESRCH)),
            answer => answer,
        };
        let gone = |errno: Errno| if errno.0 == libc::ESRCH { Cause::NoSuchProcess } else { Cause::Unknown };
        number.map_err(|errno| self.error("translate a number", errno, gone(errno)))
    }

    /// By the list of its numbers, of which the last is that of its own namespace, and the one before that of the next
    /// further out.
    fn read_inside(&self, pid: i32) -> Option<i32> {
        let mut namespace = Namespace::of(pid, Kind::Pid).ok()?;
        let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        let numbers = status.lines().find_map(|line| line.strip_prefix("NSpid:"))?;
        for number in numbers.split_whitespace().rev() {
            if namespace == *self {
                return number.parse().ok();
            }
            namespace = namespace.parent().ok()?;
        }
        None
    }

    fn find_outside(&self, pid: i32) -> Option<i32> {
        let processes = fs::read_dir("/proc").ok()?;
        let mut numbers = processes.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
        numbers.find(|outside: &i32| self.read_inside(*outside) == Some(pid))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_roads_give_the_same_numbers() {
        let own = Namespace::current(Kind::Pid).unwrap();
        let pid = std::process::id() as i32;
        assert_eq!((own.pid_inside(pid).unwrap(), own.read_inside(pid)), (pid, Some(pid)));
        assert_eq!((own.pid_outside(pid).unwrap(), own.find_outside(pid)), (pid, Some(pid)));
        assert_eq!(own.pid_inside(0).unwrap_err().errno(), libc::ESRCH);
        let uts = Namespace::current(Kind::Uts).unwrap();
        assert_eq!(uts.pid_inside(pid).unwrap_err().cause(), Cause::NotPidNamespace);
    }
}
