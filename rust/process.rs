//! A running child: wait for it, poll it, signal it.
#![forbid(unsafe_code)]

use crate::error::{Cause, Error, Result};
use crate::sys::{process, Errno};
use once_cell::sync::OnceCell;
use std::fmt;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// A child and its pidfd. Dropping it detaches: the child runs on.
#[derive(Debug)]
pub struct Process {
    pid: libc::pid_t,
    pidfd: Option<OwnedFd>,
    status: OnceCell<ExitStatus>,
}

impl Process {
    pub(crate) fn new(pid: libc::pid_t, pidfd: Option<OwnedFd>) -> Process {
        Process { pid, pidfd, status: OnceCell::new() }
    }

    /// Its number in the caller's pid namespace.
    pub fn id(&self) -> i32 {
        self.pid
    }

    /// Waits until it has ended. The status can be had as often as wanted.
    ///
    /// # Errors
    ///
    /// ECHILD: somebody else in this process has reaped it.
    pub fn wait(&self) -> Result<ExitStatus> {
        self.status
            .get_or_try_init(|| loop {
                match process::wait(self.pid, 0) {
                    Ok(Some(status)) => return Ok(ExitStatus(status)),
                    Ok(None) | Err(Errno(libc::EINTR)) => {}
                    Err(errno) => return Err(self.error("wait", errno)),
                }
            })
            .copied()
    }

    /// The status if it has ended.
    ///
    /// # Errors
    ///
    /// As [`Process::wait`].
    pub fn poll(&self) -> Result<Option<ExitStatus>> {
        if self.status.get().is_none() {
            match process::wait(self.pid, libc::WNOHANG) {
                Ok(None) => return Ok(None),
                Ok(Some(status)) => drop(self.status.set(ExitStatus(status))),
                Err(errno) => return Err(self.error("wait", errno)),
            }
        }
        Ok(self.status.get().copied())
    }

    /// The pidfd, readable (poll(2)) once the child has ended; `None` before Linux 5.2.
    pub fn pidfd(&self) -> Option<BorrowedFd<'_>> {
        self.pidfd.as_ref().map(AsFd::as_fd)
    }

    /// Sends a signal, by pidfd: it never reaches another process.
    ///
    /// # Errors
    ///
    /// ESRCH: it has ended and was reaped. EPERM: it runs as another user now. EINVAL: no such signal.
    pub fn send_signal(&self, signal: i32) -> Result<()> {
        if self.status.get().is_some() {
            return Err(self.error("signal", Errno(libc::ESRCH)));
        }
        process::kill(self.pidfd(), self.pid, signal).map_err(|errno| self.error("signal", errno))
    }

    fn error(&self, step: &'static str, errno: Errno) -> Error {
        let cause = if errno.0 == libc::ESRCH { Cause::ProcessEnded } else { Cause::Unknown };
        Error::new(step, format!("process {}", self.pid), errno, cause)
    }
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ExitStatus(i32);

impl ExitStatus {
    /// Whether it ended by itself with 0.
    pub fn success(self) -> bool {
        self.code() == Some(0)
    }

    /// Its exit status, if it ended by itself.
    pub fn code(self) -> Option<i32> {
        libc::WIFEXITED(self.0).then(|| libc::WEXITSTATUS(self.0))
    }

    /// The signal that ended it, if one did.
    pub fn signal(self) -> Option<i32> {
        libc::WIFSIGNALED(self.0).then(|| libc::WTERMSIG(self.0))
    }

    /// As wait(2) stores it.
    pub fn into_raw(self) -> i32 {
        self.0
    }
}

impl fmt::Display for ExitStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.code(), self.signal()) {
            (Some(code), _) => write!(f, "exit status {code}"),
            (None, Some(signal)) => write!(f, "signal {signal}"),
            (None, None) => write!(f, "wait status {:#x}", self.0),
        }
    }
}
