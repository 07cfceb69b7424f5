//! How a child in a memory of its own is heard: by a pipe that closes when it executes.
//!
//! Another thread of the host may fork while the pipe is made: then a stranger holds the writing end too, and it does
//! not close. So the child says by a byte what it can; its end is its pidfd's or waitid's to tell; and an exec shows in /proc.
#![forbid(unsafe_code)]

use super::{fd, process, Errno, Result};
use libc::pid_t;
use nsiso_child::report::{SAYS_CALLING, SAYS_SUCCEEDED};
use std::fs;
use std::io::ErrorKind;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::time::{Duration, Instant};

/// How long the pipe may be silent before /proc is asked.
const SILENCE: Duration = Duration::from_millis(50);

/// The host's end.
#[derive(Debug)]
pub struct Notice {
    reading: OwnedFd,
    /// The number of the child's end.
    writing: RawFd,
}

/// What is heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    /// It waits for the parent.
    Waits,
    /// A successor goes on.
    HandedOver,
    /// It has executed, or calls its function.
    Goes,
    /// The process has ended.
    Ended,
    /// Nothing in time, or the caller was interrupted and does not go on.
    Nothing,
}

impl Notice {
    /// A pipe, and the end that the child inherits.
    pub fn new(lift: impl Fn(OwnedFd) -> Result<OwnedFd>) -> Result<(Notice, OwnedFd)> {
        let (reading, writing) = fd::pipe()?;
        let writing = lift(writing)?;
        Ok((Notice { reading, writing: writing.as_raw_fd() }, writing))
    }

    /// For the child to close.
    pub fn number(&self) -> RawFd {
        self.reading.as_raw_fd()
    }

    /// Sleeps until there is something. `executes`: whether the child is at that step, as far as it has reported.
    pub fn next(
        &self,
        (pid, pidfd): (pid_t, Option<BorrowedFd<'_>>),
        deadline: Option<Instant>,
        go_on: &mut dyn FnMut() -> bool,
        executes: &dyn Fn() -> bool,
    ) -> Result<Heard> {
        loop {
            let soon = Instant::now() + SILENCE;
            let until = deadline.map_or(soon, |deadline| deadline.min(soon));
            match fd::poll_first([Some(self.reading.as_fd()), pidfd], Some(until)) {
                Ok(Some(0)) => break,
                Ok(Some(_)) => return Ok(Heard::Ended),
                Ok(None) if deadline.is_some_and(|deadline| deadline <= Instant::now()) => {
                    return Ok(Heard::Nothing);
                }
                // Where no pidfd could say so.
                Ok(None) if pidfd.is_none() && process::has_ended(pid) => return Ok(Heard::Ended),
                Ok(None) if executes() && self.is_let_go(pid) => return Ok(Heard::Goes),
                Err(Errno(libc::EINTR)) if !go_on() => return Ok(Heard::Nothing),
                Ok(None) | Err(Errno(libc::EINTR)) => {}
                Err(errno) => return Err(errno),
            }
        }
        Ok(match fd::read_byte(self.reading.as_fd())? {
            None | Some(SAYS_CALLING) => Heard::Goes,
            Some(SAYS_SUCCEEDED) => Heard::HandedOver,
            Some(_) => Heard::Waits,
        })
    }

    /// Whether this process has the other end no more. False where nobody may look.
    fn is_let_go(&self, pid: pid_t) -> bool {
        let own = fs::read_link(format!("/proc/self/fd/{}", self.reading.as_raw_fd()));
        match fs::read_link(format!("/proc/{pid}/fd/{}", self.writing)) {
            // Both ends of a pipe have one name.
            Ok(theirs) => own.is_ok_and(|own| own != theirs),
            Err(missing) => missing.kind() == ErrorKind::NotFound,
        }
    }
}
