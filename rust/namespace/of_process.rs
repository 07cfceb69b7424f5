//! How a process's namespaces are opened: never another process's.
#![forbid(unsafe_code)]

use crate::kind::{Kind, Kinds};
use crate::sys::Errno;
use std::fs::{self, File};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;

/// A process's namespaces of these kinds, all of the same process: ESRCH when it ends meanwhile.
pub fn of_process(pid: i32, kinds: Kinds) -> Result<Vec<(Kind, OwnedFd)>, Errno> {
    below(pid, kinds, Kind::name)
}

/// Those that a child will be in once it executes.
pub fn of_child(pid: i32, kinds: Kinds) -> Result<Vec<(Kind, OwnedFd)>, Errno> {
    let link = |kind: Kind| if kind == Kind::Time { "time_for_children" } else { kind.name() };
    below(pid, kinds, link)
}

fn below(pid: i32, kinds: Kinds, link: fn(Kind) -> &'static str) -> Result<Vec<(Kind, OwnedFd)>, Errno> {
    let ended = |source: io::Error| match Errno::from(source) {
        Errno(libc::ENOENT) => Errno(libc::ESRCH),
        errno => errno,
    };
    let mut options = File::options();
    let options = options.read(true).custom_flags(libc::O_PATH | libc::O_DIRECTORY);
    // While it is open it is this process's, whoever gets the number later.
    let directory = options.open(format!("/proc/{pid}")).map_err(ended)?;
    let namespace = |kind: Kind| {
        let path = format!("/proc/self/fd/{}/ns/{}", directory.as_raw_fd(), link(kind));
        File::open(path).map(|file| (kind, file.into())).map_err(ended)
    };
    kinds.iter().map(namespace).collect()
}

/// The number of the process behind a pidfd. EBADF: it is no pidfd; ESRCH: the process has been reaped.
pub fn number_of(pidfd: BorrowedFd<'_>) -> Result<i32, Errno> {
    let info = fs::read_to_string(format!("/proc/thread-self/fdinfo/{}", pidfd.as_raw_fd()))?;
    let pid = info.lines().find_map(|line| line.strip_prefix("Pid:")).ok_or(Errno(libc::EBADF))?;
    pid.trim().parse().ok().filter(|pid| *pid > 0).ok_or(Errno(libc::ESRCH))
}

/// The one that was asked for.
pub fn only(opened: Vec<(Kind, OwnedFd)>) -> Result<OwnedFd, Errno> {
    opened.into_iter().next().map(|(_, fd)| fd).ok_or(Errno(libc::ESRCH))
}
