//! How the parent writes a child's id maps: itself, or by newuidmap(1) and newgidmap(1).
#![forbid(unsafe_code)]

use crate::command::Command;
use crate::error::Cause;
use crate::idmap::{IdMap, IdRange};
use crate::spec::Spec;
use crate::subid::Ids;
use crate::sys::{fd, Errno};
use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};

/// An errno, and why.
type Refusal = (Errno, Cause);

/// Writes the file below `/proc/PID`. The child waits, and nobody reaps it: the number is still its own.
pub fn write(ids: Ids, map: &IdMap, pid: i32) -> Result<(), Refusal> {
    let unknown = |source: std::io::Error| (Errno::from(source), Cause::Unknown);
    let path = format!("/proc/{pid}/{}", ids.file());
    let mut file = OpenOptions::new().write(true).open(path).map_err(unknown)?;
    // In one piece: the kernel takes a map whole or not at all.
    let written = file.write(map.to_string().as_bytes()).map_err(unknown)?;
    if written == map.to_string().len() {
        Ok(())
    } else {
        Err((Errno(libc::EIO), Cause::Unknown))
    }
}

/// Runs the setuid helper, and reads from its words and the machine's state why it refused.
pub fn by_helper(ids: Ids, ranges: &[IdRange], pid: i32) -> Result<(), Refusal> {
    let unknown = |errno: Errno| (errno, Cause::Unknown);
    let (mut read, write) = fd::pipe().map(|(read, write)| (File::from(read), write)).map_err(unknown)?;
    let numbers = ranges.iter().flat_map(|range| [range.inside, range.outside, range.count]);
    let command = Command::new(ids.helper())
        .arg(pid.to_string())
        .args(numbers.map(|number| number.to_string()))
        .null(0)
        .null(1)
        .fd(write, 2);
    let process = Spec::new().spawn(&command).map_err(|error| {
        let missing = error.errno() == libc::ENOENT;
        (Errno(error.errno()), if missing { Cause::HelperMissing } else { error.cause() })
    })?;
    // Its end of the pipe is in the command: without it the reading below comes to an end.
    drop(command);
    let mut words = String::new();
    let _ = read.read_to_string(&mut words);
    match process.wait() {
        Ok(status) if status.success() => Ok(()),
        Ok(_) => Err((Errno(libc::EPERM), why(&words))),
        Err(error) => Err((Errno(error.errno()), error.cause())),
    }
}

fn why(words: &str) -> Cause {
    let has_no_new_privs = fs::read_to_string("/proc/thread-self/status")
        .is_ok_and(|status| status.lines().any(|line| line == "NoNewPrivs:\t1"));
    if has_no_new_privs {
        Cause::HelperPowerless
    } else if words.contains("not allowed") {
        Cause::NotGranted
    } else if words.contains("Operation not permitted") {
        Cause::HelperPowerless
    } else {
        Cause::Unknown
    }
}
