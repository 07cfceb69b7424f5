//! Which namespaces there are on the machine, who is in each, and what holds it: one reading of /proc.
#![forbid(unsafe_code)]

use crate::error::{Cause, Error, Result};
use crate::kind::Kinds;
use std::fmt;
use std::str::FromStr;

mod descriptors;
mod finish;
pub(super) mod flight;
mod gaps;
pub(super) mod lineage;
mod listed;
mod mounts;
mod path;
mod relations;
mod scan;
mod settle;
mod table;
mod unseen;
mod view;
mod way;

pub use finish::Snapshot;
pub use gaps::Incomplete;
pub use relations::{Difference, Moved, Relation, Tree};
pub use view::{Holder, NamespaceInfo, ProcessInfo};

/// How far a survey looks. Each looks where the one before looks, and costs more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Depth {
    /// Processes, and the namespaces that own or contain theirs.
    #[default]
    Processes,
    /// Threads that are elsewhere than their process, and where children will be.
    Threads,
    /// Descriptors and sockets of all processes, and what is mounted in the caller's mount namespace.
    Descriptors,
    /// What is mounted in other mount namespaces, and what the kernel itself lists.
    All,
}

impl Depth {
    /// Every depth, the least first.
    pub const ALL: [Depth; 4] = [Depth::Processes, Depth::Threads, Depth::Descriptors, Depth::All];

    /// `"processes"`, `"threads"`, `"descriptors"` or `"all"`.
    pub const fn name(self) -> &'static str {
        match self {
            Depth::Processes => "processes",
            Depth::Threads => "threads",
            Depth::Descriptors => "descriptors",
            Depth::All => "all",
        }
    }
}

impl fmt::Display for Depth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Depth {
    type Err = Error;

    fn from_str(text: &str) -> Result<Depth> {
        let found = Depth::ALL.into_iter().find(|depth| depth.name() == text);
        found.ok_or_else(|| Error::invalid("take a snapshot", format!("depth {text:?}"), Cause::BadArgument))
    }
}

/// What a snapshot is to look at.
///
/// ```
/// # fn main() -> nsiso::Result<()> {
/// use nsiso::inspect::{Depth, Survey};
/// use nsiso::Kind;
///
/// let snapshot = Survey::new().depth(Depth::Threads).take()?;
/// for namespace in snapshot.namespaces().filter(|namespace| namespace.kind() == Kind::Net) {
///     println!("{namespace}: {} processes", namespace.processes().len());
/// }
/// for missing in snapshot.incomplete() {
///     println!("not seen: {missing}");
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Survey {
    depth: Depth,
    kinds: Kinds,
    lineage: bool,
    intrusive: bool,
}

impl Survey {
    /// Processes, all kinds, and nothing else.
    pub fn new() -> Survey {
        Survey { depth: Depth::Processes, kinds: Kinds::ALL, lineage: false, intrusive: false }
    }

    /// How far to look.
    pub fn depth(mut self, depth: Depth) -> Survey {
        self.depth = depth;
        self
    }

    /// Only these kinds, and the namespaces that own or contain them.
    pub fn kinds(mut self, kinds: impl Into<Kinds>) -> Survey {
        self.kinds = kinds.into();
        self
    }

    /// Reads each process's name, parent and time of birth as well: half as much again.
    pub fn lineage(mut self, lineage: bool) -> Survey {
        self.lineage = lineage;
        self
    }

    /// Opens copies of descriptors that wait in sockets, by reading messages without taking them: from
    /// [`Depth::Descriptors`] on. Of a stream, the first message is all that can be seen so.
    pub fn intrusive(mut self, intrusive: bool) -> Survey {
        self.intrusive = intrusive;
        self
    }

    /// Takes it. What may not be read, or came or went meanwhile, is no error: see [`Snapshot::incomplete`].
    ///
    /// Any thread may do so, any number at once. Numbers of processes are those of the mounted /proc.
    ///
    /// # Errors
    ///
    /// ENOENT: /proc is not mounted. EMFILE, ENFILE, ENOMEM: the caller has no room for one descriptor more. EINVAL: no
    /// kind was asked for.
    pub fn take(&self) -> Result<Snapshot> {
        if self.kinds.is_empty() {
            return Err(Error::invalid("take a snapshot", "of no kind", Cause::BadArgument));
        }
        let error = |errno| Error::new("take a snapshot", "/proc", errno, Cause::Unknown);
        let mut scan = scan::Scan::new(self).map_err(error)?;
        scan.processes(self).map_err(error)?;
        if self.depth >= Depth::Descriptors {
            scan.descriptors(self).map_err(error)?;
        }
        if self.depth >= Depth::All {
            scan.listed(self).map_err(error)?;
        }
        if self.depth >= Depth::Descriptors {
            scan.mounts(self).map_err(error)?;
        }
        scan.unseen();
        scan.settle().map_err(error)?;
        Ok(Snapshot::made_of(scan, self))
    }
}

impl Default for Survey {
    fn default() -> Survey {
        Survey::new()
    }
}
