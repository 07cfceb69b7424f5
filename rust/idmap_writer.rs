//! How the parent writes a child's id maps: itself, or by newuidmap(1) and newgidmap(1).
#![forbid(unsafe_code)]

use crate::command::Command;
use crate::error::{Cause, Error};
use crate::idmap::{IdMap, IdRange};
use crate::spec::Spec;
use crate::subid::Ids;
use crate::sys::{fd, process, Errno};
use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::fd::BorrowedFd;

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

/// Runs the setuid helper, and hands on what it says when it refuses.
pub fn by_helper(ids: Ids, ranges: &[IdRange], pid: i32) -> Result<(), Refusal> {
    let (mut read, write) = fd::pipe().map(|(read, write)| (File::from(read), write))?;
    let numbers = ranges.iter().flat_map(|range| [range.inside, range.outside, range.count]);
    let command = Command::new(ids.helper())
        .arg(pid.to_string())
        .args(numbers.map(|number| number.to_string()))
        // So that its words are those that are known.
        .env([("LC_ALL", "C")])
        .null(0)
        .null(1)
        .fd(write, 2);
    let told = |error: &Error, cause| Refusal { cause, ..Errno(error.errno()).into() };
    let process = Spec::new().spawn(&command).map_err(|error| {
        let is_missing = error.cause() == Cause::NoProgram;
        told(&error, if is_missing { Cause::HelperMissing } else { error.cause() })
    })?;
    // Its end of the pipe is in the command: without it the reading below comes to an end.
    drop(command);
    let mut words = String::new();
    let _ = read.read_to_string(&mut words);
    match process.wait() {
        Ok(status) if status.success() => Ok(()),
        Ok(_) => Err(Refusal { words, ..Errno(libc::EPERM).into() }),
        Err(error) => Err(told(&error, error.cause())),
    }
}
