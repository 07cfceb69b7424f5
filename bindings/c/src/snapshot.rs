//! nsiso_snapshot: which namespaces there are on the machine, and who is in each.

use crate::boundary::{bad_argument, borrow, call, free, give, known_kinds, no_flags, write_record};
use crate::error::nsiso_error;
use crate::kind::nsiso_kinds;
use crate::namespace::handed_over;
use libc::{c_char, c_int, pid_t};
use nsiso_core::inspect::{Depth, NamespaceInfo, ProcessInfo, Snapshot, Survey};
use nsiso_core::{Kind, Result};
use once_cell::sync::OnceCell;

mod difference;
mod holders;
mod incomplete;

use holders::Holders;
use incomplete::Gap;

/// In place of an index, and of a number that is not known: none.
pub const NSISO_NONE: u32 = u32::MAX;

/// nsiso_snapshot_take: processes, and the namespaces that own or contain theirs.
pub const NSISO_DEPTH_PROCESSES: u32 = 0;
/// nsiso_snapshot_take: also threads that are elsewhere than their process, and where children will be.
pub const NSISO_DEPTH_THREADS: u32 = 1;
/// nsiso_snapshot_take: also descriptors and sockets of all processes, and what is mounted in the caller's mount
/// namespace.
pub const NSISO_DEPTH_DESCRIPTORS: u32 = 2;
/// nsiso_snapshot_take: also what is mounted in other mount namespaces, and what the kernel itself lists.
pub const NSISO_DEPTH_ALL: u32 = 3;

/// nsiso_snapshot_take: read each process's name, parent and time of birth as well: half as much again.
pub const NSISO_SNAPSHOT_LINEAGE: u32 = 1;
/// nsiso_snapshot_take: from NSISO_DEPTH_DESCRIPTORS on, open copies of descriptors that wait in sockets, by reading
/// messages without taking them.
pub const NSISO_SNAPSHOT_INTRUSIVE: u32 = 2;

/// Bytes for a process's name, with the NUL.
pub const NSISO_SNAPSHOT_NAME: usize = 16;

/// One reading of the machine's namespaces: it holds no descriptor and changes no more.
///
/// What it tells of has an index: namespaces, sorted by kind, as nsiso_kind_at has them, and inode; and processes,
/// sorted by number. What is borrowed from it stays until it is freed. Owned by the caller, who frees it
/// (nsiso_snapshot_free). May be read by many threads at once.
pub struct nsiso_snapshot {
    core: Snapshot,
    count: usize,
    /// Made when they are first asked for.
    holders: OnceCell<Holders>,
    gaps: Vec<Gap>,
}

/// A namespace as it was found.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct nsiso_snapshot_namespace {
    /// The kind.
    pub kind: nsiso_kinds,
    /// As of nsiso_ns_info: who made it, or of other kinds who made the user namespace that owns it; NSISO_NONE
    /// where the caller may not know.
    pub owner_uid: u32,
    /// Its inode while the snapshot was taken: the kernel gives the number to another one soon after nobody holds
    /// the namespace.
    pub inode: u64,
    /// As of nsiso_ns_info: its number that is never given again; 0 where the kernel has none.
    pub id: u64,
    /// Index of the user namespace that owns it, or that this user namespace lies in; NSISO_NONE for the first one,
    /// and where that is outside the caller's own.
    pub user_ns: u32,
    /// Index of the one that this pid or user namespace lies in; NSISO_NONE as above, and for other kinds.
    pub parent: u32,
    /// How many levels below the caller's own this pid or user namespace lies; NSISO_NONE if it does not.
    pub level: u32,
    /// How many processes are in it: see nsiso_snapshot_member.
    pub processes: u32,
}

/// A process as it was found.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct nsiso_snapshot_process {
    /// Its number, as the mounted /proc counts.
    pub pid: pid_t,
    /// The number of its parent, 0 if that is not to be seen here; -1 without NSISO_SNAPSHOT_LINEAGE.
    pub parent: pid_t,
    /// When it was born, in ticks of the clock (sysconf(_SC_CLK_TCK)) since the machine started: with its number that
    /// names it for ever. 0 without NSISO_SNAPSHOT_LINEAGE.
    pub start: u64,
    /// Its name as the kernel shows it; "" without NSISO_SNAPSHOT_LINEAGE.
    pub name: [c_char; NSISO_SNAPSHOT_NAME],
}

/// Takes one, by one walk over /proc. What may not be read, or came or went meanwhile, is no error: see
/// nsiso_snapshot_get_incomplete.
///
/// depth: how far to look, NSISO_DEPTH_*: each looks where the one before looks, and costs more.
/// kinds: those to look for, for instance NSISO_KINDS_ALL. The namespaces that own or contain them are told as well.
/// flags: NSISO_SNAPSHOT_* bits.
/// ret_snapshot: the snapshot, to be freed with nsiso_snapshot_free; written on success.
/// reterr: see the top of this file.
///
/// Returns 0, or: -ENOENT /proc is not mounted; -EMFILE, -ENFILE, -ENOMEM no room for one descriptor more; -EINVAL an
/// unknown depth or flag, no kind or an unknown one, or a NULL. MT-Safe. Needs no privilege for one's own processes,
/// CAP_SYS_PTRACE for others'. First kernel: 4.11; what older ones do not tell, the record says.
#[no_mangle]
pub unsafe extern "C" fn nsiso_snapshot_take(
    depth: u32,
    kinds: nsiso_kinds,
    flags: u32,
    ret_snapshot: *mut *mut nsiso_snapshot,
    reterr: *mut *mut nsiso_error,
) -> c_int {
    let step = "nsiso_snapshot_take";
    let body = || {
        let depth = match depth {
            NSISO_DEPTH_PROCESSES => Depth::Processes,
            NSISO_DEPTH_THREADS => Depth::Threads,
            NSISO_DEPTH_DESCRIPTORS => Depth::Descriptors,
            NSISO_DEPTH_ALL => Depth::All,
            _ => return Err(bad_argument(step, &format!("depth {depth}: it is none of NSISO_DEPTH_*"))),
        };
        if flags & !(NSISO_SNAPSHOT_LINEAGE | NSISO_SNAPSHOT_INTRUSIVE) != 0 {
            return Err(bad_argument(step, &format!("flags {flags:#x}: not all are known")));
        }
        let kinds = known_kinds(step, kinds)?;
        if kinds.is_empty() {
            return Err(bad_argument(step, "kinds is 0"));
        }
        let has = |flag: u32| flags & flag != 0;
        let survey = Survey::new().depth(depth).kinds(kinds);
        let survey = survey.lineage(has(NSISO_SNAPSHOT_LINEAGE)).intrusive(has(NSISO_SNAPSHOT_INTRUSIVE));
        let make = || {
            let core = survey.take()?;
            let gaps = core.incomplete().iter().map(Gap::from).collect();
            let count = all(&core).count();
            Ok(nsiso_snapshot { core, count, holders: OnceCell::new(), gaps })
        };
        // SAFETY: the C caller's promise about ret_snapshot.
        unsafe { give(step, "ret_snapshot", ret_snapshot, make) }
    };
    // SAFETY: the C caller's promise about reterr.
    unsafe { call(reterr, body) }
}

/// How many namespaces were found, those that own or contain one asked for included. 0 for NULL.
#[no_mangle]
pub unsafe extern "C" fn nsiso_snapshot_namespaces_count(snapshot: *const nsiso_snapshot) -> usize {
    // SAFETY: the C caller guarantees a snapshot that lives, or NULL.
    unsafe { snapshot.as_ref() }.map_or(0, |snapshot| snapshot.count)
}

/// Tells of a namespace.
///
/// snapshot: where.
/// index: of the namespace, counted from 0.
/// ret_namespace: written on success.
/// size: sizeof(nsiso_snapshot_namespace) as the caller knows it; a record that grows in a later version keeps its
/// old fields, and fields that this version does not know are set to 0. So with all records of a snapshot.
/// reterr: see the top of this file.
///
/// Returns 0, or -EINVAL: there is none with this index, too small a size, or a NULL. MT-Safe. Allocates nothing.
#[no_mangle]
pub unsafe extern "C" fn nsiso_snapshot_get_namespace(
    snapshot: *const nsiso_snapshot,
    index: u32,
    ret_namespace: *mut nsiso_snapshot_namespace,
    size: usize,
    reterr: *mut *mut nsiso_error,
) -> c_int {
    let step = "nsiso_snapshot_get_namespace";
    let body = || {
        // SAFETY: the C caller's promise about snapshot.
        let namespace = unsafe { borrow(step, "snapshot", snapshot) }?.namespace(step, index)?;
        // SAFETY: the C caller's promise about ret_namespace and size.
        unsafe { record(step, "ret_namespace", ret_namespace, size, &namespace.into()) }
    };
    // SAFETY: the C caller's promise about reterr.
    unsafe { call(reterr, body) }
}

/// The index of the namespace of this kind with this inode; NSISO_NONE if none was found, and for NULL. MT-Safe.
#[no_mangle]
pub unsafe extern "C" fn nsiso_snapshot_find_namespace(
    snapshot: *const nsiso_snapshot,
    kind: nsiso_kinds,
    inode: u64,
) -> u32 {
    // SAFETY: the C caller guarantees a snapshot that lives, or NULL.
    let snapshot = unsafe { snapshot.as_ref() };
    let found =
        snapshot.zip(Kind::from_flag(kind)).and_then(|(snapshot, kind)| snapshot.core.find(kind, inode));
    index_of(found)
}

/// Opens a namespace, by what held it when the snapshot was taken, whoever still does; and never another one that has
/// got its inode since.
///
/// snapshot: where.
/// index: of the namespace.
/// flags: 0.
/// reterr: see the top of this file.
///
/// Returns a descriptor, close-on-exec, which the caller closes, or: -ESTALE nobody holds it any more whom the caller
/// may ask; -EMFILE; -EINVAL there is none with this index, an unknown flag, or a NULL. MT-Safe.
#[no_mangle]
pub unsafe extern "C" fn nsiso_snapshot_open(
    snapshot: *const nsiso_snapshot,
    index: u32,
    flags: u32,
    reterr: *mut *mut nsiso_error,
) -> c_int {
    let step = "nsiso_snapshot_open";
    let body = || {
        no_flags(step, flags)?;
        // SAFETY: the C caller's promise about snapshot.
        let snapshot = unsafe { borrow(step, "snapshot", snapshot) }?;
        snapshot.namespace(step, index)?.open().map(handed_over)
    };
    // SAFETY: the C caller's promise about reterr.
    unsafe { call(reterr, body) }
}

/// The processes in a namespace one by one, by number: the index of the one at this place, counted from 0;
/// NSISO_NONE when there are no more, and for NULL. MT-Safe.
#[no_mangle]
pub unsafe extern "C" fn nsiso_snapshot_member(
    snapshot: *const nsiso_snapshot,
    index: u32,
    place: u32,
) -> u32 {
    // SAFETY: the C caller guarantees a snapshot that lives, or NULL.
    let namespace =
        unsafe { snapshot.as_ref() }.and_then(|snapshot| snapshot.core.namespace_at(index as usize));
    let process = namespace.and_then(|namespace| namespace.process_at(place as usize));
    process.map_or(NSISO_NONE, |process| process.index() as u32)
}

/// How many processes were read. 0 for NULL.
#[no_mangle]
pub unsafe extern "C" fn nsiso_snapshot_processes_count(snapshot: *const nsiso_snapshot) -> usize {
    // SAFETY: the C caller guarantees a snapshot that lives, or NULL.
    unsafe { snapshot.as_ref() }.map_or(0, |snapshot| snapshot.core.processes().len())
}

/// Tells of a process.
///
/// snapshot: where.
/// index: of the process, counted from 0.
/// ret_process: written on success.
/// size: sizeof(nsiso_snapshot_process), as of nsiso_snapshot_get_namespace.
/// reterr: see the top of this file.
///
/// Returns 0 or -EINVAL as nsiso_snapshot_get_namespace. MT-Safe. Allocates nothing.
#[no_mangle]
pub unsafe extern "C" fn nsiso_snapshot_get_process(
    snapshot: *const nsiso_snapshot,
    index: u32,
    ret_process: *mut nsiso_snapshot_process,
    size: usize,
    reterr: *mut *mut nsiso_error,
) -> c_int {
    let step = "nsiso_snapshot_get_process";
    let body = || {
        // SAFETY: the C caller's promise about snapshot.
        let process = unsafe { borrow(step, "snapshot", snapshot) }?.process(step, index)?;
        // SAFETY: the C caller's promise about ret_process and size.
        unsafe { record(step, "ret_process", ret_process, size, &process.into()) }
    };
    // SAFETY: the C caller's promise about reterr.
    unsafe { call(reterr, body) }
}

/// The index of the process with this number; NSISO_NONE if none was read, and for NULL. MT-Safe.
#[no_mangle]
pub unsafe extern "C" fn nsiso_snapshot_find_process(snapshot: *const nsiso_snapshot, pid: pid_t) -> u32 {
    // SAFETY: the C caller guarantees a snapshot that lives, or NULL.
    let found = unsafe { snapshot.as_ref() }.and_then(|snapshot| snapshot.core.of(pid));
    found.map_or(NSISO_NONE, |process| process.index() as u32)
}

/// The index of the namespace of one kind that a process was in; NSISO_NONE where that is not known: of a zombie,
/// which is in few, of kinds that were not asked for, and for NULL. MT-Safe.
#[no_mangle]
pub unsafe extern "C" fn nsiso_snapshot_namespace_of(
    snapshot: *const nsiso_snapshot,
    process: u32,
    kind: nsiso_kinds,
) -> u32 {
    // SAFETY: the C caller guarantees a snapshot that lives, or NULL.
    let process =
        unsafe { snapshot.as_ref() }.and_then(|snapshot| snapshot.core.process_at(process as usize));
    index_of(process.zip(Kind::from_flag(kind)).and_then(|(process, kind)| process.namespace(kind)))
}

/// Frees a snapshot; NULL is allowed. Returns NULL.
#[no_mangle]
pub unsafe extern "C" fn nsiso_snapshot_free(snapshot: *mut nsiso_snapshot) -> *mut nsiso_snapshot {
    // SAFETY: it came from `give`, and the C caller guarantees that it is freed once.
    unsafe { free(snapshot, drop) }
}

impl nsiso_snapshot {
    pub(super) fn namespace(&self, step: &str, index: u32) -> Result<NamespaceInfo<'_>> {
        let beyond = || bad_argument(step, &format!("namespace {index}: there are {}", self.count));
        self.core.namespace_at(index as usize).ok_or_else(beyond)
    }

    fn process(&self, step: &str, index: u32) -> Result<ProcessInfo<'_>> {
        let count = self.core.processes().len();
        let beyond = || bad_argument(step, &format!("process {index}: there are {count}"));
        self.core.process_at(index as usize).ok_or_else(beyond)
    }
}

fn all(snapshot: &Snapshot) -> impl Iterator<Item = NamespaceInfo<'_>> {
    (0..).map_while(|index| snapshot.namespace_at(index))
}

fn index_of(namespace: Option<NamespaceInfo<'_>>) -> u32 {
    namespace.map_or(NSISO_NONE, |namespace| namespace.index() as u32)
}

/// Writes a record where the caller wants it.
///
/// # Safety
///
/// `to` must be NULL or lead to room for `size` bytes, and `R` must be plain old data.
pub(crate) unsafe fn record<R: Copy>(
    step: &str,
    name: &str,
    to: *mut R,
    size: usize,
    from: &R,
) -> Result<c_int> {
    if to.is_null() {
        return Err(bad_argument(step, &format!("{name} is NULL")));
    }
    if size < size_of::<R>() {
        return Err(bad_argument(step, &format!("size {size}: no record is so small")));
    }
    // SAFETY: not NULL, large enough, and the caller's promise.
    unsafe { write_record(to, size, from) };
    Ok(0)
}

impl From<NamespaceInfo<'_>> for nsiso_snapshot_namespace {
    fn from(namespace: NamespaceInfo<'_>) -> nsiso_snapshot_namespace {
        nsiso_snapshot_namespace {
            kind: namespace.kind().flag(),
            owner_uid: namespace.owner_uid().unwrap_or(NSISO_NONE),
            inode: namespace.inode(),
            id: namespace.id().unwrap_or(0),
            user_ns: index_of(namespace.user_ns()),
            parent: index_of(namespace.parent()),
            level: namespace.level().unwrap_or(NSISO_NONE),
            processes: namespace.processes().len() as u32,
        }
    }
}

impl From<ProcessInfo<'_>> for nsiso_snapshot_process {
    fn from(process: ProcessInfo<'_>) -> nsiso_snapshot_process {
        let mut name = [0; NSISO_SNAPSHOT_NAME];
        let told = process.name().unwrap_or_default();
        for (to, from) in name.iter_mut().take(NSISO_SNAPSHOT_NAME - 1).zip(told) {
            *to = *from as c_char;
        }
        nsiso_snapshot_process {
            pid: process.pid(),
            parent: process.parent().unwrap_or(-1),
            start: process.start().unwrap_or(0),
            name,
        }
    }
}
