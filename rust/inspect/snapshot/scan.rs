//! How processes and threads are walked, and the links of each read.
#![forbid(unsafe_code)]

use super::gaps::Gaps;
use super::lineage::{self, Lineage};
use super::path::Path;
use super::table::{Table, NONE};
use super::way::{Point, Way};
use super::{Depth, Survey};
use crate::error::Cause;
use crate::kind::Kind;
use crate::sys::directory::Directory;
use crate::sys::{nsfs, Errno};
use std::collections::HashSet;
use std::ffi::CStr;

/// In which namespaces a process or thread is: by kind, [`NONE`] where that was not read.
pub type Places = [u32; Kind::ALL.len()];

/// A process and where it is.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    pub pid: i32,
    pub places: Places,
}

/// What is read so far.
#[derive(Debug)]
pub struct Scan {
    pub proc: Directory,
    pub table: Table,
    pub processes: Vec<Row>,
    /// Of each process, if that was asked for.
    pub lineages: Vec<Lineage>,
    /// What holds a namespace beside its processes.
    pub holds: Vec<(u32, Way)>,
    pub points: Vec<Point>,
    /// By inode, those of `AF_UNIX` that were looked into.
    pub unix_sockets: HashSet<u64>,
    pub gaps: Gaps,
    /// Where the calling thread is.
    pub own: Places,
    kinds: Vec<(Kind, &'static CStr)>,
    pub buffer: Vec<u8>,
    numbers: Vec<i32>,
}

/// What getdents64(2) is given room for: larger gains nothing.
const ENTRIES: usize = 65536;

const LINKS: [(Kind, &CStr); 8] = [
    (Kind::Mnt, c"mnt"),
    (Kind::Uts, c"uts"),
    (Kind::Ipc, c"ipc"),
    (Kind::Pid, c"pid"),
    (Kind::Net, c"net"),
    (Kind::User, c"user"),
    (Kind::Cgroup, c"cgroup"),
    (Kind::Time, c"time"),
];

const FOR_CHILDREN: [(Kind, &CStr); 2] =
    [(Kind::Pid, c"pid_for_children"), (Kind::Time, c"time_for_children")];

impl Scan {
    /// Nothing read yet. ENOENT: /proc is not mounted.
    pub fn new(survey: &Survey) -> Result<Scan, Errno> {
        let proc = Directory::open(c"/proc")?;
        // Mounts are read by mount namespace, whatever is sought there.
        let needed = if survey.depth >= Depth::Descriptors { survey.kinds | Kind::Mnt } else { survey.kinds };
        let kinds = LINKS.into_iter().filter(|(kind, _)| needed.contains(*kind)).collect();
        let (processes, lineages, holds, points) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let (buffer, numbers, unix_sockets) = (vec![0; ENTRIES], Vec::new(), HashSet::new());
        let (table, gaps, own) = (Table::default(), Gaps::default(), [NONE; Kind::ALL.len()]);
        Ok(Scan {
            proc,
            table,
            processes,
            lineages,
            holds,
            points,
            unix_sockets,
            gaps,
            own,
            kinds,
            buffer,
            numbers,
        })
    }

    /// Every process, and its threads where the depth says so.
    pub fn processes(&mut self, survey: &Survey) -> Result<(), Errno> {
        let own = self.proc.handle_below(c"thread-self/ns")?;
        self.own = self.places(&own, Way::Own)?;
        let mut pids = Vec::new();
        self.proc.numbers(&mut self.buffer, &mut pids)?;
        self.processes.reserve_exact(pids.len());
        self.lineages.reserve_exact(if survey.lineage { pids.len() } else { 0 });
        let mut path = Path::default();
        for pid in pids {
            let read = match self.proc.handle_below(path.set(format_args!("{pid}/ns"))) {
                Ok(directory) => self.places(&directory, Way::Process(pid)),
                Err(errno) => Err(errno),
            };
            let Some(places) = self.unless_gone(read, "namespaces", pid)? else { continue };
            if survey.lineage {
                let stat = self.proc.file(path.set(format_args!("{pid}/stat")));
                let Some(lineage) = stat.ok().and_then(|stat| lineage::read(&stat)) else { continue };
                self.lineages.push(lineage);
            }
            self.processes.push(Row { pid, places });
            if survey.depth >= Depth::Threads {
                let read = self.threads(pid, &places);
                self.unless_gone(read, "threads", pid)?;
            }
        }
        Ok(())
    }

    /// The threads that are elsewhere than their process, and where children will be.
    fn threads(&mut self, pid: i32, process: &Places) -> Result<(), Errno> {
        let mut path = Path::default();
        let tasks = self.proc.below(path.set(format_args!("{pid}/task")))?;
        let mut tids = std::mem::take(&mut self.numbers);
        tids.clear();
        let listed = tasks.numbers(&mut self.buffer, &mut tids);
        for tid in listed.map(|()| &tids)? {
            let Ok(directory) = tasks.handle_below(path.set(format_args!("{tid}/ns"))) else { continue };
            let places = if *tid == pid {
                *process
            } else {
                let way = Way::Thread(pid, *tid);
                let Ok(places) = self.places(&directory, way) else { continue };
                let elsewhere = places.iter().zip(process).filter(|(thread, process)| thread != process);
                self.holds.extend(elsewhere.filter(|(row, _)| **row != NONE).map(|(row, _)| (*row, way)));
                places
            };
            for (kind, link) in FOR_CHILDREN {
                let way = Way::ForChildren(pid, *tid);
                if let Ok(row) = self.place(&directory, kind, link, way) {
                    if row != places[kind.index()] && places[kind.index()] != NONE {
                        self.holds.push((row, way));
                    }
                }
            }
        }
        self.numbers = tids;
        Ok(())
    }

    /// What the links in a `ns` directory lead to; those of a zombie lead nowhere, but two.
    fn places(&mut self, directory: &Directory, way: Way) -> Result<Places, Errno> {
        let mut places = [NONE; Kind::ALL.len()];
        let mut last = Errno(libc::ESRCH);
        for index in 0..self.kinds.len() {
            let (kind, link) = self.kinds[index];
            match self.place(directory, kind, link, way) {
                Ok(row) => places[kind.index()] = row,
                // A thread may be a zombie alone: then there is nothing to be said of this kind.
                Err(Errno(libc::ENOENT)) => last = Errno(libc::ENOENT),
                Err(errno) => return Err(errno),
            }
        }
        if places == [NONE; Kind::ALL.len()] {
            Err(last)
        } else {
            Ok(places)
        }
    }

    fn place(&mut self, directory: &Directory, kind: Kind, link: &CStr, way: Way) -> Result<u32, Errno> {
        let mut text = [0; 48];
        let read = match directory.link(link, &mut text) {
            // Also when the process ended this moment; then it is not there the next.
            Err(Errno(libc::EACCES)) => directory.link(link, &mut text),
            read => read,
        };
        let inode = nsfs::inode_in(read?).ok_or(Errno(libc::EINVAL))?;
        self.table.enter(kind, inode, way, || directory.file(link))
    }

    /// What was read; `None` of a process that ended meanwhile, or that the caller may not read, which is noted.
    pub fn unless_gone<T>(
        &mut self,
        read: Result<T, Errno>,
        what: &'static str,
        pid: i32,
    ) -> Result<Option<T>, Errno> {
        match read {
            Ok(read) => Ok(Some(read)),
            Err(Errno(libc::ENOENT | libc::ESRCH)) => Ok(None),
            Err(errno @ Errno(libc::EMFILE | libc::ENFILE | libc::ENOMEM)) => Err(errno),
            Err(errno) => {
                let cause = match errno.0 {
                    libc::EACCES | libc::EPERM => Cause::NotTraceable,
                    // Nothing else here is newer than the kernels that this is for.
                    libc::ENOSYS => Cause::NoPidfd,
                    _ => Cause::Unknown,
                };
                self.gaps.of_process(what, 1, pid, errno, cause);
                Ok(None)
            }
        }
    }
}
