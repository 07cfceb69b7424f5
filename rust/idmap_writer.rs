//! How the parent writes a child's id maps: itself, or by newuidmap(1) and newgidmap(1).
#![forbid(unsafe_code)]

use crate::cancel::Cancel;
use crate::command::Command;
use crate::error::{Cause, Error};
use crate::idmap::{IdMap, IdRange};
use crate::spec::Spec;
use crate::subid::Ids;
use crate::sys::{fd, process, Errno};
use once_cell::sync::OnceCell;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::fd::{AsFd, BorrowedFd, RawFd};
use std::time::Instant;

/// Where the helper finds the process's directory.
const DIRECTORY: RawFd = 3;

/// Why a map was not written, as far as its writer knows.
#[derive(Debug)]
pub struct Refusal {
    pub errno: Errno,
    pub cause: Cause,
    /// What the helper said.
    pub words: String,
}

impl From<Errno> for Refusal {
    fn from(errno: Errno) -> Refusal {
        Refusal { errno, cause: Cause::Unknown, words: String::new() }
    }
}

/// Writes the file below `/proc/PID`, where the child waits.
pub fn write(ids: Ids, map: &IdMap, pid: i32, pidfd: Option<BorrowedFd<'_>>) -> Result<(), Refusal> {
    let unknown = |source: std::io::Error| Refusal::from(Errno::from(source));
    let path = format!("/proc/{pid}/{}", ids.file());
    let mut file = OpenOptions::new().write(true).open(path).map_err(unknown)?;
    // Nobody has reaped it: so the number was its own when the file was opened, which stays the same child's.
    process::is_unreaped(pidfd, pid)?;
    // In one piece: the kernel takes a map whole or not at all.
    let written = file.write(map.to_string().as_bytes()).map_err(unknown)?;
    if written == map.to_string().len() {
        Ok(())
    } else {
        Err(Errno(libc::EIO).into())
    }
}

/// How long a helper may take, and who may call it off.
pub struct Patience<'a> {
    pub deadline: Option<Instant>,
    pub cancel: Option<&'a Cancel>,
    /// Asked after each signal that this thread handles meanwhile.
    pub go_on: &'a mut dyn FnMut() -> bool,
}

/// Runs the setuid helper, and hands on what it says when it refuses.
pub fn by_helper(
    ids: Ids,
    ranges: &[IdRange],
    pid: i32,
    pidfd: Option<BorrowedFd<'_>>,
    patience: &mut Patience<'_>,
) -> Result<(), Refusal> {
    let mut command = Command::new(ids.helper());
    if takes_descriptor(ids, patience)? {
        let directory = File::open(format!("/proc/{pid}")).map_err(Errno::from)?;
        // As in `write`: so it is this child's.
        process::is_unreaped(pidfd, pid)?;
        command = command.arg(format!("fd:{DIRECTORY}")).fd(directory.into(), DIRECTORY);
    } else {
        // Its number is its own as long as nobody reaps it, which nobody does before it executes.
        command = command.arg(pid.to_string());
    }
    let numbers = ranges.iter().flat_map(|range| [range.inside, range.outside, range.count]);
    let (has_written, words) = said(command.args(numbers.map(|number| number.to_string())), patience)?;
    if has_written {
        Ok(())
    } else {
        Err(Refusal { words, ..Errno(libc::EPERM).into() })
    }
}

/// Whether the helper can be told of a process by its directory in /proc (shadow 4.14): then its usage says so.
fn takes_descriptor(ids: Ids, patience: &mut Patience<'_>) -> Result<bool, Refusal> {
    static USERS: OnceCell<bool> = OnceCell::new();
    static GROUPS: OnceCell<bool> = OnceCell::new();
    let known = match ids {
        Ids::Users => &USERS,
        Ids::Groups => &GROUPS,
    };
    let usage = || said(Command::new(ids.helper()), patience).map(|(_, words)| words.contains("fd:"));
    known.get_or_try_init(usage).copied()
}

/// Runs a helper to its end: whether it succeeded, and what it had to say.
fn said(command: Command, patience: &mut Patience<'_>) -> Result<(bool, String), Refusal> {
    let (read, write) = fd::pipe()?;
    // The language in which its words are known.
    let command = command.env([("LC_ALL", "C")]).null(0).null(1).fd(write, 2);
    let told = |error: &Error, cause| Refusal { cause, ..Errno(error.errno()).into() };
    let process = Spec::new().spawn(&command).map_err(|error| {
        let is_missing = error.cause() == Cause::NoProgram;
        told(&error, if is_missing { Cause::HelperMissing } else { error.cause() })
    })?;
    // Its end of the pipe is in the command: without it the reading below comes to an end.
    drop(command);
    // A setuid program can be killed by whoever runs it.
    let process = process.kill_on_drop(true);
    let armed = patience.cancel.map(|token| token.arm(process.id(), process.pidfd())).transpose()?;
    let words = read_all(read.as_fd(), patience)?;
    // Before it is reaped.
    drop(armed);
    let status = process.wait().map_err(|error| told(&error, error.cause()))?;
    if patience.cancel.is_some_and(Cancel::is_cancelled) {
        return Err(Refusal { cause: Cause::Cancelled, ..Errno(libc::ECANCELED).into() });
    }
    Ok((status.success(), words))
}

fn read_all(pipe: BorrowedFd<'_>, patience: &mut Patience<'_>) -> Result<String, Refusal> {
    let gave_up = |errno, cause| Refusal { cause, ..Errno(errno).into() };
    let mut words = Vec::new();
    loop {
        match fd::poll_read(pipe, patience.deadline) {
            Ok(true) => {}
            Ok(false) => return Err(gave_up(libc::ETIMEDOUT, Cause::TimedOut)),
            Err(Errno(libc::EINTR)) if !(patience.go_on)() => {
                return Err(gave_up(libc::ECANCELED, Cause::Cancelled));
            }
            Err(Errno(libc::EINTR)) => continue,
            Err(errno) => return Err(errno.into()),
        }
        let mut piece = [0; 512];
        match fd::read_bytes(pipe, &mut piece)? {
            0 => return Ok(String::from_utf8_lossy(&words).into_owned()),
            length => words.extend_from_slice(piece.get(..length).unwrap_or_default()),
        }
    }
}
