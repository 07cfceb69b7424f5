//! How does a mount table come from the kernel: as text, or mount by mount; and did it hold still meanwhile?
#![forbid(unsafe_code)]

use super::{stat, MountTable};
use crate::error::{Cause, Error, Result};
use crate::inspect::links::missing_process;
use crate::inspect::Pid;
use crate::sys::mount_table::{list, place, Place};
use crate::sys::{fd, nsfs, Errno};
use std::ffi::CString;
use std::fs::{self, File};
use std::io::Seek;
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::time::{Duration, Instant};

/// How much is asked for at a time. The kernel gives a page, or what a longer line takes.
const READ: usize = 64 << 10;
/// By how many times its length the text's room grows.
const GROWTH: usize = 7;
/// As much of it as tells whether the first mounts are slaves, and how long that takes.
const FIRST_LOOK: usize = 1 << 10;
/// A line takes half a microsecond. Where a slave's takes as long as this, the kernel goes through a peer group of some
/// hundred mounts for it.
const SLOW: Duration = Duration::from_micros(3);
/// What a mount costs by the calls, less than this.
const BY_CALLS: Duration = Duration::from_micros(1);
/// How often a table is read that changes meanwhile.
const ATTEMPTS: usize = 4;

/// By which system calls a mount table is read. What is told is the same, but for `mand` (see mount(8)), which has no
/// meaning since Linux 5.15 and which statmount does not tell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Route {
    /// The text, until slaves of large peer groups come: as where the host's mounts spread into a service or container.
    /// For each of their lines the kernel goes through the group anew. Where such lines are seen to be slow, and enough
    /// mounts are left, it goes on mount by mount, unless statmount does not tell what the process sees.
    #[default]
    Fastest,
    /// The text of `/proc/PID/mountinfo`.
    Mountinfo,
    /// listmount(2) and statmount(2), mount by mount (Linux 6.15). Not of a process with another root directory than
    /// the caller's in the caller's mount namespace, or than the namespace's own in another one. Of another mount
    /// namespace only with CAP_SYS_ADMIN in the user namespace that owns it, and not if its mounts could be slaves of
    /// each other by way of mounts that are not in it (`propagate_from`): that the kernel tells of one's own alone.
    Statmount,
}

/// The mounts that a process sees, by the fastest route: as one table, also where mounts come and go meanwhile (see
/// [`MountTable::changed_while_read`]).
///
/// ```
/// use nsiso::inspect::Pid;
///
/// # fn main() -> nsiso::Result<()> {
/// for mount in &nsiso::mounts(Pid::Caller)? {
///     println!("{}", String::from_utf8_lossy(&mount.point()));
/// }
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// ESRCH: there is no such process, or it has ended. EACCES: the caller may not trace it, where /proc is mounted so.
/// ENOENT: no `/proc`. EPROTO: a line is not of the documented form. EMFILE.
pub fn mounts(pid: Pid) -> Result<MountTable> {
    mounts_by(pid, Route::Fastest)
}

/// As [`mounts`], by this route.
///
/// # Errors
///
/// As [`mounts`]. With [`Route::Statmount`] also ENOSYS, EOPNOTSUPP, EPERM, ENOENT and EXDEV: it does not tell what the
/// process sees; EACCES: the caller may not trace the process.
pub fn mounts_by(pid: Pid, route: Route) -> Result<MountTable> {
    let mut process = Process::open(pid)?;
    let mut table = process.read(route)?;
    for _ in 1..ATTEMPTS {
        if !process.has_changed() {
            return Ok(table);
        }
        process.rewind()?;
        table = process.read(route)?;
    }
    table.changed = process.has_changed();
    Ok(table)
}

/// A process whose table is read.
struct Process {
    pid: Pid,
    /// As the caller knows it.
    name: String,
    /// The way to it, for as long as `_directory` is open: to no other one.
    path: String,
    _directory: Option<File>,
    mountinfo: File,
}

impl Process {
    fn open(pid: Pid) -> Result<Process> {
        let name = pid.directory() + "/mountinfo";
        let error = |source| open_error(pid, &name, source);
        let (path, directory) = match pid {
            Pid::Caller => (pid.directory(), None),
            Pid::Number(_) => {
                let mut options = File::options();
                let options = options.read(true).custom_flags(libc::O_PATH | libc::O_DIRECTORY);
                let directory = options.open(pid.directory()).map_err(error)?;
                (format!("/proc/thread-self/fd/{}", directory.as_raw_fd()), Some(directory))
            }
        };
        let mountinfo = File::open(format!("{path}/mountinfo")).map_err(error)?;
        Ok(Process { pid, name, path, _directory: directory, mountinfo })
    }

    fn read(&self, route: Route) -> Result<MountTable> {
        match route {
            Route::Fastest => self.by_text(true),
            Route::Mountinfo => self.by_text(false),
            Route::Statmount => self.by_calls(),
        }
    }

    /// Reads the text; turns to the calls if that may be, and is faster, and they tell the same.
    fn by_text(&self, mut may_turn: bool) -> Result<MountTable> {
        let mut table = MountTable::empty(Route::Mountinfo);
        let (mut parsed, mut most) = (0, if may_turn { FIRST_LOOK } else { READ });
        table.text.reserve(READ);
        loop {
            if table.text.capacity() - table.text.len() < most {
                // What is not used is never touched, and what is used would be copied.
                table.text.reserve(most.max(table.text.len() * GROWTH));
            }
            let (asked, known) = (Instant::now(), table.len());
            let read = fd::read_more(self.mountinfo.as_fd(), &mut table.text, most);
            let took = asked.elapsed();
            if read.map_err(|errno| Error::new("read mounts", &self.name, errno, Cause::Unknown))? == 0 {
                table.read_rows(parsed, table.text.len(), &self.name)?;
                return Ok(table);
            }
            most = READ;
            let more = table.text.get(parsed..).unwrap_or_default();
            let lines = more.iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1);
            parsed = table.read_rows(parsed, parsed + lines, &self.name)?;
            let new = table.len() - known;
            if may_turn
                && took > SLOW * new as u32
                && table.iter().skip(known).any(|mount| mount.master().is_some())
            {
                let a_line = took / new.max(1) as u32;
                let pays =
                    |all: usize| BY_CALLS * (all as u32) < a_line * all.saturating_sub(known + new) as u32;
                match self.text_by_calls(pays) {
                    Ok(Some(text)) => return self.parsed(text),
                    Ok(None) | Err(_) => may_turn = false,
                }
            }
        }
    }

    /// Asks for mount by mount.
    fn by_calls(&self) -> Result<MountTable> {
        let error = |errno: Errno| {
            let errno = if self.has_ended() { Errno(libc::ESRCH) } else { errno };
            let cause = match errno.0 {
                libc::ESRCH => Cause::ProcessEnded,
                libc::EACCES => Cause::NotTraceable,
                libc::ENOSYS | libc::EOPNOTSUPP | libc::EPERM | libc::ENOENT | libc::EXDEV => {
                    Cause::NoStatmount
                }
                _ => Cause::Unknown,
            };
            Error::new("read mounts by statmount", &self.name, errno, cause)
        };
        let text = self.text_by_calls(|_| true).map_err(error)?.unwrap_or_default();
        self.parsed(text)
    }

    /// Whether the process has left its mount namespace, and with that its table.
    fn has_ended(&self) -> bool {
        let link = fs::read_link(format!("{}/ns/mnt", self.path));
        link.is_err_and(|error| matches!(Errno::from(error), Errno(libc::ENOENT | libc::ESRCH)))
    }

    fn parsed(&self, text: Vec<u8>) -> Result<MountTable> {
        let mut table = MountTable { text, ..MountTable::empty(Route::Statmount) };
        table.read_rows(0, table.text.len(), &self.name).map(|_| table)
    }

    /// The text that the calls make, if so many mounts are worth it.
    fn text_by_calls(&self, pays: impl Fn(usize) -> bool) -> std::result::Result<Option<Vec<u8>>, Errno> {
        let (namespace, root) = match self.pid {
            Pid::Caller => (0, None),
            Pid::Number(_) => self.seen_from()?,
        };
        let ids = list(namespace)?;
        if !pays(ids.len()) {
            return Ok(None);
        }
        stat::text(namespace, &ids, root).map(Some)
    }

    /// The process's mount namespace, 0 for the caller's own, and for another one the process's root directory. EXDEV
    /// if it sees other mounts of the caller's own than the caller does.
    fn seen_from(&self) -> std::result::Result<(u64, Option<Place>), Errno> {
        let identity = |path: String| fs::metadata(path).map(|file| (file.dev(), file.ino()));
        let (own, others) = (Pid::Caller.directory(), &self.path);
        let root =
            |path: &str| place(&CString::new(format!("{path}/root")).map_err(|_| Errno(libc::EINVAL))?);
        if identity(format!("{own}/ns/mnt"))? == identity(format!("{others}/ns/mnt"))? {
            return if root(&own)? == root(others)? { Ok((0, None)) } else { Err(Errno(libc::EXDEV)) };
        }
        let namespace = File::open(format!("{others}/ns/mnt"))?;
        let id = nsfs::id(namespace.as_fd()).ok_or(Errno(libc::EOPNOTSUPP))?;
        Ok((id, Some(root(others)?)))
    }

    /// Whether mounts have come or gone since it was opened, or since this was asked.
    fn has_changed(&self) -> bool {
        let mut polls = [libc::pollfd { fd: self.mountinfo.as_raw_fd(), events: libc::POLLPRI, revents: 0 }];
        let asked = fd::poll(&mut polls, Duration::ZERO);
        asked.is_ok() && polls.iter().any(|poll| poll.revents & (libc::POLLPRI | libc::POLLERR) != 0)
    }

    fn rewind(&mut self) -> Result<()> {
        self.mountinfo
            .rewind()
            .map_err(|source| Error::new("read mounts", &self.name, source.into(), Cause::Unknown))
    }
}

fn open_error(pid: Pid, name: &str, source: std::io::Error) -> Error {
    // What a zombie says: it has left its namespaces.
    let errno = match missing_process(pid, source) {
        Errno(libc::EINVAL) => Errno(libc::ESRCH),
        errno => errno,
    };
    let cause = match errno.0 {
        libc::ESRCH => Cause::ProcessEnded,
        libc::EACCES => Cause::NotTraceable,
        _ => Cause::Unknown,
    };
    Error::new("read mounts", name, errno, cause)
}
