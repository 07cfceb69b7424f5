//! What a snapshot tells of one namespace, of one process, and of what holds a namespace.
#![forbid(unsafe_code)]

use super::finish::Snapshot;
use super::table::{self, NONE};
use super::way::Way;
use crate::error::{Cause, Error, Result};
use crate::inspect::particulars::Particulars;
use crate::kind::Kind;
use crate::namespace::Namespace;
use crate::sys::directory::Directory;
use crate::sys::{nsfs, Errno};
use std::fmt;
use std::os::fd::OwnedFd;

/// A namespace as it was found. Two are equal if they are the same of the same snapshot.
#[derive(Clone, Copy)]
pub struct NamespaceInfo<'a> {
    pub(super) snapshot: &'a Snapshot,
    pub(super) index: u32,
}

/// A process as it was found.
#[derive(Clone, Copy)]
pub struct ProcessInfo<'a> {
    pub(super) snapshot: &'a Snapshot,
    pub(super) index: u32,
}

/// One reason why a namespace is there.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Holder<'a> {
    /// A process is in it.
    Process(i32),
    /// A thread is in it, and its process is not.
    Thread {
        /// The process.
        pid: i32,
        /// The thread.
        tid: i32,
    },
    /// The next children of a thread will be in it: `pid_for_children`, `time_for_children`.
    ForChildren {
        /// The process.
        pid: i32,
        /// The thread.
        tid: i32,
    },
    /// A process has it open.
    Descriptor {
        /// The process.
        pid: i32,
        /// The number of the descriptor.
        fd: i32,
    },
    /// A process has a socket in it, and is in another itself.
    Socket {
        /// The process.
        pid: i32,
        /// The number of the socket's descriptor.
        fd: i32,
    },
    /// A descriptor of it waits in a socket.
    InFlight {
        /// The process that has the socket.
        pid: i32,
        /// The number of the socket's descriptor.
        fd: i32,
    },
    /// It is mounted.
    Mount {
        /// In this mount namespace.
        mnt: Option<NamespaceInfo<'a>>,
        /// Where, as the processes there see it.
        point: &'a [u8],
    },
    /// It is the parent of this one.
    Parent(NamespaceInfo<'a>),
    /// It owns this one.
    Owner(NamespaceInfo<'a>),
    /// The kernel lists it, and nothing else was found.
    Kernel,
}

impl<'a> NamespaceInfo<'a> {
    /// Which kind it is of.
    pub fn kind(&self) -> Kind {
        self.row().map_or(Kind::Mnt, |row| row.kind)
    }

    /// Its inode while the snapshot was taken: soon after nobody holds the namespace, the kernel gives the number to
    /// another one.
    pub fn inode(&self) -> u64 {
        self.row().map_or(0, |row| row.inode)
    }

    /// Its place among all that were seen, also those of kinds that were not asked for: [`Snapshot::namespace_at`].
    pub fn index(&self) -> usize {
        self.index as usize
    }

    /// Its number that is never given again before the machine starts anew: since Linux 6.18, of mnt since 6.11.
    pub fn id(&self) -> Option<u64> {
        self.row().map(|row| row.id).filter(|id| *id != 0)
    }

    /// The user namespace that owns it, or, of a user namespace, that it lies in; `None` for the first one, and where
    /// that is outside the caller's own.
    pub fn user_ns(&self) -> Option<NamespaceInfo<'a>> {
        self.row().and_then(|row| self.snapshot.at(row.owner))
    }

    /// The one that this pid or user namespace lies in; `None` as above, and for other kinds.
    pub fn parent(&self) -> Option<NamespaceInfo<'a>> {
        self.row().and_then(|row| self.snapshot.at(row.parent))
    }

    /// Those that lie in it.
    pub fn children(&self) -> impl Iterator<Item = NamespaceInfo<'a>> + use<'a> {
        let index = self.index;
        self.snapshot.where_row(move |row| row.parent == index)
    }

    /// Those that this user namespace owns.
    pub fn owned(&self) -> impl Iterator<Item = NamespaceInfo<'a>> + use<'a> {
        let index = self.index;
        self.snapshot.where_row(move |row| row.owner == index)
    }

    /// Who made it, or of other kinds who made the user namespace that owns it: a user as the caller's own user
    /// namespace numbers them, 65534 for one that has no number there. `None`: the caller may not know.
    pub fn owner_uid(&self) -> Option<u32> {
        match self.row()? {
            row if row.kind == Kind::User => row.uid,
            row => self.snapshot.rows.get(row.owner as usize)?.uid,
        }
    }

    /// How many levels below the caller's own this pid or user namespace lies; `None` if it does not.
    pub fn level(&self) -> Option<u32> {
        let mut at = *self;
        let mut level = 0;
        while !self.snapshot.is_own(at.index) {
            at = at.parent()?;
            level += 1;
        }
        matches!(self.kind(), Kind::Pid | Kind::User).then_some(level)
    }

    /// The processes in it, by number.
    pub fn processes(&self) -> impl ExactSizeIterator<Item = ProcessInfo<'a>> + use<'a> {
        let snapshot = self.snapshot;
        self.members().iter().map(move |index| ProcessInfo { snapshot, index: *index })
    }

    /// One of them, by its place.
    pub fn process_at(&self, place: usize) -> Option<ProcessInfo<'a>> {
        let snapshot = self.snapshot;
        self.members().get(place).map(|index| ProcessInfo { snapshot, index: *index })
    }

    /// Everything that holds it, as far as the depth went: processes first, and last the namespaces that it owns or
    /// contains.
    pub fn holders(&self) -> impl Iterator<Item = Holder<'a>> + use<'a> {
        let processes = self.processes().map(|process| Holder::Process(process.pid()));
        let owned = self.owned().filter(|owned| owned.kind() != Kind::User).map(Holder::Owner);
        let children = self.children().map(Holder::Parent);
        processes.chain(self.held()).chain(children).chain(owned)
    }

    /// What holds it beside processes that are in it and namespaces that it owns or contains.
    pub fn held(&self) -> impl Iterator<Item = Holder<'a>> + use<'a> {
        let snapshot = self.snapshot;
        let holds = self.holds().iter().filter_map(move |(_, way)| snapshot.holder(*way));
        let listed = self.row().filter(|row| row.last == Way::Listed).map(|_| Holder::Kernel);
        holds.chain(listed)
    }

    /// Opens it: by what held it when the snapshot was taken, whoever still does.
    ///
    /// # Errors
    ///
    /// ESTALE: nobody does whom the caller may ask. Never another one that has got its inode since. EMFILE.
    pub fn open(&self) -> Result<Namespace> {
        let processes = self.processes().map(|process| Way::Process(process.pid()));
        let holds = self.holds().iter().map(|(_, way)| *way);
        let opened = processes.chain(holds).find_map(|way| self.opened_by(way));
        let by_handle =
            || self.checked(nsfs::from_handle(&nsfs::handle(self.id()?, self.kind(), self.inode())).ok()?);
        let by_relative =
            || self.children().chain(self.owned()).find_map(|one| self.opened_by_relative(&one));
        opened
            .or_else(by_handle)
            .or_else(by_relative)
            .ok_or_else(|| Error::new("open", self.to_string(), Errno(libc::ESTALE), Cause::GoneOrForeign))
    }

    /// What it is like inside, as far as the caller may read that: now, which may be later than the snapshot.
    ///
    /// # Errors
    ///
    /// As [`NamespaceInfo::open`].
    pub fn particulars(&self) -> Result<Particulars> {
        Particulars::of(&self.open()?, self.processes().map(|process| process.pid()))
    }

    fn opened_by(&self, way: Way) -> Option<Namespace> {
        let directory = Directory::open(c"/proc").ok()?;
        self.checked(way.open(&directory, self.kind()).ok()?)
    }

    fn checked(&self, opened: OwnedFd) -> Option<Namespace> {
        Namespace::from_fd(opened).ok().filter(|namespace| self.is(namespace))
    }

    fn opened_by_relative(&self, relative: &NamespaceInfo<'_>) -> Option<Namespace> {
        let relative_opened = relative.open().ok()?;
        let above = if relative.parent() == Some(*self) {
            relative_opened.parent()
        } else {
            relative_opened.user_ns()
        };
        above.ok().filter(|namespace| self.is(namespace))
    }

    fn is(&self, namespace: &Namespace) -> bool {
        let same = (namespace.kind(), namespace.inode()) == (self.kind(), self.inode());
        same && self.id().is_none_or(|id| namespace.id() == Some(id))
    }

    fn members(&self) -> &'a [u32] {
        let at = |index: u32| self.snapshot.starts.get(index as usize).map_or(0, |start| *start as usize);
        self.snapshot.members.get(at(self.index)..at(self.index + 1)).unwrap_or_default()
    }

    fn holds(&self) -> &'a [(u32, Way)] {
        let holds = &self.snapshot.holds;
        let first = holds.partition_point(|(row, _)| *row < self.index);
        let last = holds.partition_point(|(row, _)| *row <= self.index);
        holds.get(first..last).unwrap_or_default()
    }

    fn row(&self) -> Option<&'a table::Row> {
        self.snapshot.rows.get(self.index as usize)
    }
}

impl<'a> ProcessInfo<'a> {
    /// Its number, as the mounted /proc counts.
    pub fn pid(&self) -> i32 {
        self.row().map_or(0, |row| row.pid)
    }

    /// The namespace of this kind that it was in; `None` of a zombie, which is in few.
    pub fn namespace(&self, kind: Kind) -> Option<NamespaceInfo<'a>> {
        self.row().and_then(|row| self.snapshot.at(row.places[kind.index()]))
    }

    /// Its name as the kernel shows it, at most 15 bytes; `None` unless the lineage was asked for.
    pub fn name(&self) -> Option<&'a [u8]> {
        self.lineage().map(super::lineage::Lineage::name)
    }

    /// The number of its parent, 0 if that is not to be seen here; `None` unless the lineage was asked for.
    pub fn parent(&self) -> Option<i32> {
        self.lineage().map(|lineage| lineage.parent)
    }

    /// When it was born, in ticks of the clock (`sysconf(_SC_CLK_TCK)`) since the machine started: with its number
    /// that names it for ever. `None` unless the lineage was asked for.
    pub fn start(&self) -> Option<u64> {
        self.lineage().map(|lineage| lineage.start)
    }

    /// Its place in [`Snapshot::processes`].
    pub fn index(&self) -> usize {
        self.index as usize
    }

    fn row(&self) -> Option<&'a super::scan::Row> {
        self.snapshot.processes.get(self.index as usize)
    }

    fn lineage(&self) -> Option<&'a super::lineage::Lineage> {
        self.snapshot.lineages.get(self.index as usize)
    }
}

impl Snapshot {
    /// The namespace whose [`NamespaceInfo::index`] this is: they are counted from 0, without gaps.
    pub fn namespace_at(&self, index: usize) -> Option<NamespaceInfo<'_>> {
        self.rows.get(index).map(|_| NamespaceInfo { snapshot: self, index: index as u32 })
    }

    /// The process whose [`ProcessInfo::index`] this is.
    pub fn process_at(&self, index: usize) -> Option<ProcessInfo<'_>> {
        self.processes.get(index).map(|_| ProcessInfo { snapshot: self, index: index as u32 })
    }

    fn at(&self, index: u32) -> Option<NamespaceInfo<'_>> {
        (index != NONE).then_some(NamespaceInfo { snapshot: self, index })
    }

    fn where_row<'a>(
        &'a self,
        is_meant: impl Fn(&table::Row) -> bool + 'a,
    ) -> impl Iterator<Item = NamespaceInfo<'a>> {
        let found = self.rows.iter().enumerate().filter(move |(_, row)| is_meant(row));
        found.map(|(index, _)| NamespaceInfo { snapshot: self, index: index as u32 })
    }

    fn holder(&self, way: Way) -> Option<Holder<'_>> {
        Some(match way {
            Way::Thread(pid, tid) => Holder::Thread { pid, tid },
            Way::ForChildren(pid, tid) => Holder::ForChildren { pid, tid },
            Way::Descriptor(pid, fd) => Holder::Descriptor { pid, fd },
            Way::Socket(pid, fd) => Holder::Socket { pid, fd },
            Way::InFlight(pid, fd) => Holder::InFlight { pid, fd },
            Way::Mount(number) => {
                let point = self.points.get(number as usize)?;
                Holder::Mount { mnt: self.at(point.mnt), point: &point.path }
            }
            Way::Own | Way::Process(_) | Way::OwnerOf(_) | Way::ParentOf(_) | Way::Listed => return None,
        })
    }
}

/// As readlink(1) shows it: `uts:[4026531838]`.
impl fmt::Display for NamespaceInfo<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:[{}]", self.kind(), self.inode())
    }
}

impl fmt::Debug for NamespaceInfo<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl PartialEq for NamespaceInfo<'_> {
    fn eq(&self, other: &NamespaceInfo<'_>) -> bool {
        std::ptr::eq(self.snapshot, other.snapshot) && self.index == other.index
    }
}

impl Eq for NamespaceInfo<'_> {}

impl fmt::Debug for ProcessInfo<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "process {}", self.pid())
    }
}
