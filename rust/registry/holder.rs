//! How a process keeps a namespace where the caller may not mount: started, found again, and ended.
#![forbid(unsafe_code)]

use crate::command::Command;
use crate::error::{Cause, Error, Result};
use crate::namespace::Namespace;
use crate::process::Process;
use crate::spec::Spec;
use crate::sys::{fd, process, program_file, Errno};
use nsiso_child::HELPER;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::thread;
use std::time::{Duration, Instant};

/// Where a holder has the namespace, and what it is told over.
const HELD: i32 = 3;
const CONTROL: i32 = 4;
/// How a holder is called once it stays; before it has another name.
const NAME: &str = "nsiso-holder";
/// How long one look for its end lasts.
const A_MOMENT: Duration = Duration::from_millis(1);

/// A holder that ends with this process or with the value, until it is told to stay.
pub struct Waiting {
    process: Process,
    control: OwnedFd,
    identity: Identity,
}

/// A process, whoever has its number later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    pub pid: i32,
    /// In ticks after the machine's.
    pub start: u64,
}

/// What has become of a holder.
pub enum State {
    Ended,
    /// Nobody has told it to stay, or not yet.
    Waiting,
    /// Its directory in proc.
    Holding(File),
}

impl Waiting {
    /// Starts one. The name is for those who look at processes.
    pub fn start(namespace: &Namespace, name: &OsStr) -> Result<Waiting> {
        let refused = |errno| Error::new("hold", namespace.to_string(), errno, Cause::Unknown);
        let file = program_file::of(c"nsiso-holder", HELPER);
        let file = file.and_then(|file| fd::outside(file, &[0, 1, 2, HELD, CONTROL])).map_err(refused)?;
        let (control, its_end) = fd::socket_pair().map_err(refused)?;
        let mut command = Command::new(NAME)
            .arg(namespace.to_string())
            .arg(name)
            .env::<&str, &str>([])
            .null(0)
            .null(1)
            .null(2)
            .fd(namespace.try_clone()?.into(), HELD)
            .fd(its_end, CONTROL);
        command.file = Some(file.into());
        let process = Spec::new().new_session().cwd("/").spawn(&command)?.kill_on_drop(true);
        let pid = process.id();
        let start = opened(pid).and_then(|directory| Stat::read(&directory)).map_err(refused)?.start;
        Ok(Waiting { process, control, identity: Identity { pid, start } })
    }

    pub fn identity(&self) -> Identity {
        self.identity
    }

    /// Lets it run on, whatever becomes of this process.
    pub fn stay(self) -> Result<()> {
        let object = || format!("process {}", self.process.id());
        let told = fd::send_byte(self.control.as_fd(), 1).and_then(|()| self.answer());
        told.map_err(|errno| Error::new("hold", object(), errno, Cause::KilledInSetUp))?;
        drop(self.process.kill_on_drop(false));
        Ok(())
    }

    /// ESRCH: it has ended instead.
    fn answer(&self) -> std::result::Result<(), Errno> {
        let both = [Some(self.control.as_fd()), self.process.pidfd()];
        let ready = loop {
            match fd::poll_first(both, None) {
                Err(Errno(libc::EINTR)) => {}
                answer => break answer?,
            }
        };
        match ready {
            Some(0) if fd::read_byte(self.control.as_fd())?.is_some() => Ok(()),
            _ => Err(Errno(libc::ESRCH)),
        }
    }
}

impl Identity {
    pub fn state(self) -> std::result::Result<State, Errno> {
        let found = opened(self.pid).and_then(|directory| Ok((Stat::read(&directory)?, directory)));
        match found {
            Err(Errno(libc::ENOENT | libc::ESRCH)) => Ok(State::Ended),
            Err(errno) => Err(errno),
            Ok((stat, _)) if stat.start != self.start || stat.has_ended => Ok(State::Ended),
            Ok((stat, _)) if !stat.is_holder => Ok(State::Waiting),
            Ok((_, directory)) => Ok(State::Holding(directory)),
        }
    }

    /// Kills it, and waits for its end.
    pub fn end(self) -> std::result::Result<(), Errno> {
        let pidfd = process::pidfd_open(self.pid).ok();
        // Asked once there is a pidfd: that is the same process's then.
        if matches!(self.state()?, State::Ended) {
            return Ok(());
        }
        match process::kill(pidfd.as_ref().map(AsFd::as_fd), self.pid, libc::SIGKILL) {
            Ok(()) | Err(Errno(libc::ESRCH)) => {}
            Err(errno) => return Err(errno),
        }
        while !matches!(self.state()?, State::Ended) {
            let deadline = Instant::now().checked_add(A_MOMENT);
            match pidfd.as_ref().map(|pidfd| fd::poll_read(pidfd.as_fd(), deadline)) {
                Some(_) => {}
                None => thread::sleep(A_MOMENT),
            }
        }
        Ok(())
    }
}

/// What a holder holds. ESRCH: it has ended meanwhile.
pub fn held(directory: &File) -> std::result::Result<File, Errno> {
    let path = format!("/proc/thread-self/fd/{}/fd/{HELD}", directory.as_raw_fd());
    File::open(path).map_err(|source| match source.into() {
        Errno(libc::ENOENT) => Errno(libc::ESRCH),
        errno => errno,
    })
}

/// A process's directory in proc: while it is open it is this process's, whoever gets the number later.
fn opened(pid: i32) -> std::result::Result<File, Errno> {
    let mut options = File::options();
    let options = options.read(true).custom_flags(libc::O_PATH | libc::O_DIRECTORY);
    Ok(options.open(format!("/proc/{pid}"))?)
}

/// What /proc/PID/stat says (proc(5)).
#[derive(Debug, PartialEq, Eq)]
struct Stat {
    is_holder: bool,
    has_ended: bool,
    start: u64,
}

impl Stat {
    fn read(directory: &File) -> std::result::Result<Stat, Errno> {
        let text = fs::read(format!("/proc/thread-self/fd/{}/stat", directory.as_raw_fd()))?;
        Stat::parse(&String::from_utf8_lossy(&text)).ok_or(Errno(libc::EIO))
    }

    fn parse(text: &str) -> Option<Stat> {
        // A program's name may have blanks and brackets in it.
        let (before, after) = text.rsplit_once(')')?;
        let (_, name) = before.split_once('(')?;
        let mut fields = after.split_whitespace();
        let has_ended = matches!(fields.next()?, "Z" | "X" | "x");
        // The third field was the first of these, and the 22nd is meant.
        let start = fields.nth(18)?.parse().ok()?;
        Some(Stat { is_holder: name == NAME, has_ended, start })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_holder_is_told_by_its_name_and_start() {
        let rest = "S 1 77 77 0 -1 1 2 3 4 5 6 7 8 9 20 0 1 0 4711 99 1";
        let stat = |name: &str, rest: &str| Stat::parse(&format!("77 ({name}) {rest}\n"));
        let expected = Stat { is_holder: true, has_ended: false, start: 4711 };
        assert_eq!(stat(NAME, rest), Some(expected));
        assert_eq!(stat("x) S (y", rest).map(|stat| (stat.is_holder, stat.start)), Some((false, 4711)));
        assert_eq!(stat(NAME, &rest.replace('S', "Z")).map(|stat| stat.has_ended), Some(true));
        assert_eq!(stat(NAME, "S 1 77"), None);
    }
}
