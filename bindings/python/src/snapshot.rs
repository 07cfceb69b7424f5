//! A snapshot for Python: its namespaces by place, as plain tuples; `nsiso` makes records of them.

use crate::error::to_python;
use crate::namespace::Namespace;
use crate::visit;
use nsiso::inspect::{self, Holder, NamespaceInfo, Particulars, ProcessInfo, Relation, Survey};
use nsiso::{IdRange, Kind, Kinds, Offset};
use pyo3::exceptions::{PyIndexError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyTuple;

/// Kind, inode, number, owner's uid, place of the owner, place of the parent, level.
type NamespaceRow = (u32, u64, Option<u64>, Option<u32>, Option<usize>, Option<usize>, Option<u32>);
/// Number, name, parent, time of birth, and the places of its namespaces in the order of the kinds.
type ProcessRow = (i32, Option<Vec<u8>>, Option<i32>, Option<u64>, Vec<Option<usize>>);
/// How, process, thread, descriptor, place of a namespace, mount point.
type HolderRow = (&'static str, Option<i32>, Option<i32>, Option<i32>, Option<usize>, Option<Vec<u8>>);
/// What, errno, cause, remedy, processes, how many, all of it in one line.
type IncompleteRow = (&'static str, i32, &'static str, &'static str, Vec<i32>, usize, String);
type Ranges = Vec<(u32, u32, u32)>;
/// As the fields of `Particulars` are in order.
type ParticularsRow = (
    Option<Ranges>,
    Option<Ranges>,
    Option<bool>,
    Option<Vec<u8>>,
    Option<Vec<u8>>,
    Option<(i64, u32)>,
    Option<(i64, u32)>,
    Option<Vec<Vec<u8>>>,
    Option<i32>,
    Option<u32>,
);
/// Numbers on all levels, parent, uid, name, command.
type DescriptionRow = (Vec<i32>, i32, u32, Vec<u8>, Vec<u8>);

/// Changes no more; any thread may read it.
#[pyclass(frozen, module = "nsiso._nsiso")]
pub struct Snapshot {
    core: inspect::Snapshot,
    /// Of each namespace, or of none.
    particulars: Vec<Option<Particulars>>,
}

/// Takes one, with the interpreter detached.
#[pyfunction]
#[pyo3(signature = (depth, kinds, lineage, intrusive, particulars))]
pub fn snapshot(
    py: Python<'_>,
    depth: &str,
    kinds: u32,
    lineage: bool,
    intrusive: bool,
    particulars: bool,
) -> PyResult<Snapshot> {
    let depth = depth.parse().map_err(|error| to_python(py, &error))?;
    let kinds = Kinds::from_bits(kinds)
        .ok_or_else(|| PyValueError::new_err(format!("{kinds:#x} is no set of kinds")))?;
    let survey = Survey::new().depth(depth).kinds(kinds).lineage(lineage).intrusive(intrusive);
    let take = || {
        let core = survey.take()?;
        let read = |namespace: NamespaceInfo<'_>| namespace.particulars().ok();
        let particulars = if particulars { all(&core).map(read).collect() } else { Vec::new() };
        Ok(Snapshot { core, particulars })
    };
    // For particulars the thread visits namespaces.
    visit::opened();
    let taken = py.detach(take);
    visit::closed();
    taken.map_err(|error| to_python(py, &error))
}

/// Describes a process.
#[pyfunction]
pub fn describe(py: Python<'_>, pid: i32) -> PyResult<DescriptionRow> {
    let told = py.detach(|| inspect::describe(pid)).map_err(|error| to_python(py, &error))?;
    Ok((told.numbers, told.parent, told.uid, told.name, told.command))
}

#[pymethods]
impl Snapshot {
    /// All that were seen, by place.
    fn namespaces(&self) -> Vec<NamespaceRow> {
        let row = |one: NamespaceInfo<'_>| {
            let (owner, parent) = (place(one.user_ns()), place(one.parent()));
            (one.kind().flag(), one.inode(), one.id(), one.owner_uid(), owner, parent, one.level())
        };
        all(&self.core).map(row).collect()
    }

    fn find(&self, kind: u32, inode: u64) -> Option<usize> {
        place(self.core.find(Kind::from_flag(kind)?, inode))
    }

    fn children(&self, place: usize) -> PyResult<Vec<usize>> {
        Ok(places(self.at(place)?.children()))
    }

    fn owned(&self, place: usize) -> PyResult<Vec<usize>> {
        Ok(places(self.at(place)?.owned()))
    }

    /// The numbers of the processes in it.
    fn members<'py>(&self, py: Python<'py>, place: usize) -> PyResult<Bound<'py, PyTuple>> {
        PyTuple::new(py, self.at(place)?.processes().map(|process| process.pid()))
    }

    fn member_count(&self, place: usize) -> PyResult<usize> {
        Ok(self.at(place)?.processes().len())
    }

    fn holders(&self, place: usize) -> PyResult<Vec<HolderRow>> {
        Ok(self.at(place)?.holders().filter_map(holder).collect())
    }

    fn particulars(&self, place: usize) -> Option<ParticularsRow> {
        let read = self.particulars.get(place)?.as_ref()?;
        let ranges = |map: &Option<Vec<IdRange>>| {
            Some(map.as_ref()?.iter().map(|range| (range.inside, range.outside, range.count)).collect())
        };
        let offset = |offset: Option<Offset>| offset.map(|offset| (offset.seconds, offset.nanoseconds));
        Some((
            ranges(&read.uid_map),
            ranges(&read.gid_map),
            read.setgroups,
            read.host_name.clone(),
            read.domain_name.clone(),
            offset(read.monotonic),
            offset(read.boottime),
            read.interfaces.clone(),
            read.nsid,
            read.mounts,
        ))
    }

    /// Opens it.
    fn open(&self, py: Python<'_>, place: usize) -> PyResult<Namespace> {
        let namespace = self.at(place)?;
        Namespace::made(py, py.detach(|| namespace.open()))
    }

    /// The numbers of all processes.
    fn pids<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        PyTuple::new(py, self.core.processes().map(|process| process.pid()))
    }

    fn process_count(&self) -> usize {
        self.core.processes().len()
    }

    /// The process at a place.
    fn process(&self, place: usize) -> PyResult<ProcessRow> {
        let process = self.core.processes().nth(place).ok_or_else(|| PyIndexError::new_err(place))?;
        Ok(process_row(process))
    }

    /// The process of this number.
    fn of(&self, pid: i32) -> Option<ProcessRow> {
        self.core.of(pid).map(process_row)
    }

    fn incomplete(&self) -> Vec<IncompleteRow> {
        let row = |one: &inspect::Incomplete| {
            let (cause, pids) = (one.cause, one.pids.clone());
            (one.what, one.errno, cause.as_str(), cause.remedy(), pids, one.count, one.to_string())
        };
        self.core.incomplete().iter().map(row).collect()
    }

    /// Roots, and of each namespace those below it.
    fn tree(&self, by: &str) -> PyResult<(Vec<usize>, Vec<Vec<usize>>)> {
        let by = match by {
            "parent" => Relation::Parent,
            "owner" => Relation::Owner,
            "process" => Relation::Process,
            _ => return Err(PyValueError::new_err(format!("no relation is called {by:?}"))),
        };
        let tree = self.core.tree(by);
        let below = all(&self.core).map(|namespace| places(tree.below(namespace))).collect();
        Ok((places(tree.roots()), below))
    }

    /// What appeared here, what is gone from there, and which processes were elsewhere: number, there, here.
    #[allow(clippy::type_complexity)] // Three lists.
    fn since(&self, earlier: &Snapshot) -> (Vec<usize>, Vec<usize>, Vec<(i32, usize, usize)>) {
        let changed = self.core.since(&earlier.core);
        let moved = changed.moved.iter();
        let moved = moved.map(|one| (one.process.pid(), one.from.index(), one.to.index())).collect();
        (places(changed.appeared.into_iter()), places(changed.gone.into_iter()), moved)
    }
}

impl Snapshot {
    fn at(&self, place: usize) -> PyResult<NamespaceInfo<'_>> {
        self.core.namespace_at(place).ok_or_else(|| PyIndexError::new_err(place))
    }
}

fn all(core: &inspect::Snapshot) -> impl Iterator<Item = NamespaceInfo<'_>> {
    (0..).map_while(|place| core.namespace_at(place))
}

fn place(namespace: Option<NamespaceInfo<'_>>) -> Option<usize> {
    namespace.map(|namespace| namespace.index())
}

fn places<'a>(namespaces: impl Iterator<Item = NamespaceInfo<'a>>) -> Vec<usize> {
    namespaces.map(|namespace| namespace.index()).collect()
}

fn process_row(process: ProcessInfo<'_>) -> ProcessRow {
    let places = Kind::ALL.into_iter().map(|kind| place(process.namespace(kind))).collect();
    (process.pid(), process.name().map(<[u8]>::to_vec), process.parent(), process.start(), places)
}

/// `None` of a way that this does not know yet.
fn holder(holder: Holder<'_>) -> Option<HolderRow> {
    let of_process = |how, pid| (how, Some(pid), None, None, None, None);
    let of_thread = |how, pid, tid| (how, Some(pid), Some(tid), None, None, None);
    let of_descriptor = |how, pid, fd| (how, Some(pid), None, Some(fd), None, None);
    let of_other = |how, other: Option<NamespaceInfo<'_>>| (how, None, None, None, place(other), None);
    Some(match holder {
        Holder::Process(pid) => of_process("process", pid),
        Holder::Thread { pid, tid } => of_thread("thread", pid, tid),
        Holder::ForChildren { pid, tid } => of_thread("for_children", pid, tid),
        Holder::Descriptor { pid, fd } => of_descriptor("descriptor", pid, fd),
        Holder::Socket { pid, fd } => of_descriptor("socket", pid, fd),
        Holder::InFlight { pid, fd } => of_descriptor("in_flight", pid, fd),
        Holder::Mount { mnt, point } => ("mount", None, None, None, place(mnt), Some(point.to_vec())),
        Holder::Parent(child) => of_other("parent", Some(child)),
        Holder::Owner(owned) => of_other("owner", Some(owned)),
        Holder::Kernel => of_other("kernel", None),
        _ => return None,
    })
}
