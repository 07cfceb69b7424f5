//! What a name in a registry's directory stands for: what the file tells is believed only as far as the kernel agrees.
//!
//! Each file has a line that says who keeps the namespace: a bind mount in this mount namespace, or this process of
//! this pid namespace. A mount hides it. Where the mount or the process is gone the file is stale.
#![forbid(unsafe_code)]

use super::holder::{self, Identity, State};
use crate::kind::Kind;
use crate::namespace::persist::Place;
use crate::namespace::Namespace;
use crate::sys::{fd, nsfs, Errno};
use std::fmt;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};

/// What a record begins with; the number counts its forms.
const MAGIC: &str = "nsiso-registry 1";
/// Which state a process's record tells: as long as each other, so that one is written over the other at once.
const HELD: &str = "held";
const ENDING: &str = "ends";
/// More than a record has.
const LONGEST: u64 = 200;

/// Who keeps a namespace, as its file says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Record {
    /// A mount in the mount namespace of this inode.
    Mounted { mnt: u64 },
    /// A process, as the pid namespace of this inode numbers it; and the namespace's inode.
    Held { pid: u64, holder: Identity, inode: u64 },
    /// A process that is being ended: it may be some time until it has.
    Ending { pid: u64, holder: Identity, inode: u64 },
}

/// What there is.
pub enum Found {
    Nothing,
    /// The root of the mount.
    Mounted {
        root: OwnedFd,
        inode: u64,
    },
    Held {
        holder: Identity,
        directory: File,
        inode: u64,
    },
    /// Nobody keeps it any more, or it was never finished. Who it was to be, may still wait.
    Stale(Option<Identity>),
    /// Somewhere else somebody may keep it.
    Elsewhere(Record),
    /// A plain file without a record: another program's, or what that has left.
    Blank,
    /// No namespace of this kind.
    Other,
}

impl Record {
    /// A bind mount of the caller's.
    pub fn mounted() -> Result<Record, Errno> {
        Ok(Record::Mounted { mnt: own(Kind::Mnt)? })
    }

    /// A process of the caller's.
    pub fn held(holder: Identity, inode: u64) -> Result<Record, Errno> {
        Ok(Record::Held { pid: own(Kind::Pid)?, holder, inode })
    }

    fn parse(text: &str) -> Option<Record> {
        let rest = text.strip_prefix(MAGIC)?.strip_suffix('\n')?;
        let words: Vec<&str> = rest.split(' ').collect();
        match words[..] {
            ["", "mounted", mnt] => Some(Record::Mounted { mnt: mnt.parse().ok()? }),
            ["", state, pid_namespace, pid, start, inode] => {
                let holder = Identity { pid: pid.parse().ok()?, start: start.parse().ok()? };
                let (pid, inode) = (pid_namespace.parse().ok()?, inode.parse().ok()?);
                match state {
                    HELD => Some(Record::Held { pid, holder, inode }),
                    ENDING => Some(Record::Ending { pid, holder, inode }),
                    _ => None,
                }
            }
            _ => None,
        }
    }

    /// Makes the file with this in it, in one step: it is there as a whole or not at all. EEXIST.
    pub fn write(&self, place: &Place) -> Result<(), Errno> {
        let directory = format!("/proc/thread-self/fd/{}", place.directory().as_raw_fd());
        let mut options = File::options();
        options.write(true).mode(0o600);
        match options.clone().custom_flags(libc::O_TMPFILE).open(directory) {
            Ok(mut unnamed) => {
                unnamed.write_all(self.to_string().as_bytes())?;
                crate::sys::file::name(unnamed.as_fd(), place.directory(), place.name())
            }
            // Not every file system has such files.
            Err(error) if matches!(error.raw_os_error(), Some(libc::EOPNOTSUPP | libc::EISDIR)) => {
                let mut file = options.create_new(true).open(place.path())?;
                Ok(file.write_all(self.to_string().as_bytes())?)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Notes in a record of [`Record::Held`] that the process is about to be ended.
    pub fn mark_ending(place: &Place) -> Result<(), Errno> {
        let file = File::options().write(true).custom_flags(libc::O_NOFOLLOW).open(place.path())?;
        Ok(file.write_all_at(ENDING.as_bytes(), MAGIC.len() as u64 + 1)?)
    }

    /// What it says is true of the file that it is in.
    fn found(self) -> Result<Found, Errno> {
        match self {
            Record::Mounted { mnt } if mnt == own(Kind::Mnt)? => Ok(Found::Stale(None)),
            Record::Held { pid, holder, inode } if pid == own(Kind::Pid)? => Ok(match holder.state()? {
                State::Ended => Found::Stale(None),
                State::Waiting => Found::Stale(Some(holder)),
                State::Holding(directory) => Found::Held { holder, directory, inode },
            }),
            Record::Ending { pid, holder, .. } if pid == own(Kind::Pid)? => Ok(Found::Stale(Some(holder))),
            elsewhere => Ok(Found::Elsewhere(elsewhere)),
        }
    }
}

impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut process = |state, pid_namespace, holder: Identity, inode| {
            writeln!(f, "{MAGIC} {state} {pid_namespace} {} {} {inode}", holder.pid, holder.start)
        };
        match *self {
            Record::Mounted { mnt } => writeln!(f, "{MAGIC} mounted {mnt}"),
            Record::Held { pid, holder, inode } => process(HELD, pid, holder, inode),
            Record::Ending { pid, holder, inode } => process(ENDING, pid, holder, inode),
        }
    }
}

/// Looks, and changes nothing.
pub fn look(place: &Place, kind: Kind) -> Result<Found, Errno> {
    let there = match place.open() {
        Err(Errno(libc::ENOENT)) => return Ok(Found::Nothing),
        there => there?,
    };
    let path = format!("/proc/thread-self/fd/{}", there.as_raw_fd());
    if fd::is_on_nsfs(there.as_fd()) {
        let is_meant = nsfs::nstype(File::open(path)?.as_raw_fd()) == Ok(kind.flag());
        let (_, inode) = nsfs::identity(there.as_fd())?;
        return Ok(if is_meant { Found::Mounted { root: there, inode } } else { Found::Other });
    }
    let file = fs::metadata(&path)?;
    if !file.is_file() || file.size() > LONGEST {
        return Ok(Found::Other);
    }
    let mut text = String::new();
    match File::open(path).and_then(|file| file.take(LONGEST).read_to_string(&mut text)) {
        Ok(_) => Record::parse(&text).map_or(Ok(Found::Blank), Record::found),
        Err(_) => Ok(Found::Blank),
    }
}

impl Found {
    /// Opens what is kept; `None` where nothing is. ESTALE: it is not what the record says.
    pub fn open(&self, kind: Kind) -> Result<Option<OwnedFd>, Errno> {
        match self {
            Found::Mounted { root, .. } => {
                Ok(Some(File::open(format!("/proc/thread-self/fd/{}", root.as_raw_fd()))?.into()))
            }
            Found::Held { directory, inode, .. } => {
                let opened = holder::held(directory)?;
                let is_meant = nsfs::nstype(opened.as_raw_fd()) == Ok(kind.flag());
                if is_meant && nsfs::identity(opened.as_fd())?.1 == *inode {
                    Ok(Some(opened.into()))
                } else {
                    Err(Errno(libc::ESTALE))
                }
            }
            _ => Ok(None),
        }
    }
}

/// The inode of the caller's own namespace.
fn own(kind: Kind) -> Result<u64, Errno> {
    Namespace::current(kind).map(|own| own.inode()).map_err(|error| Errno(error.errno()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_go_there_and_back() {
        let holder = Identity { pid: 77, start: u64::MAX };
        let (held, ending) =
            (Record::Held { pid: 6, holder, inode: 7 }, Record::Ending { pid: 6, holder, inode: 7 });
        assert_eq!(ending.to_string().replace(ENDING, HELD), held.to_string());
        for record in [Record::Mounted { mnt: 5 }, held, ending] {
            let text = record.to_string();
            assert_eq!(Record::parse(&text), Some(record));
            assert!((text.len() as u64) < LONGEST);
            for length in 0..text.len() {
                assert_eq!(Record::parse(&text[..length]), None, "half of one: {}", &text[..length]);
            }
        }
        assert_eq!(Record::parse("nsiso-registry 2 mounted 5\n"), None);
    }
}
