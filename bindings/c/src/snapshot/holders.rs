//! nsiso_snapshot_holder: why a namespace is there.

use super::{all, index_of, nsiso_snapshot, record, NSISO_NONE};
use crate::boundary::{bad_argument, borrow, call};
use crate::error::nsiso_error;
use libc::{c_char, c_int, pid_t};
use nsiso_core::inspect::{Holder, NamespaceInfo, Snapshot};
use nsiso_core::Kind;
use std::ffi::CString;
use std::ptr;

/// A holder's how: a process is in it.
pub const NSISO_HOLDER_PROCESS: u32 = 0;
/// A holder's how: a thread is in it, and its process is not.
pub const NSISO_HOLDER_THREAD: u32 = 1;
/// A holder's how: the next children of a thread will be in it.
pub const NSISO_HOLDER_FOR_CHILDREN: u32 = 2;
/// A holder's how: a process has it open.
pub const NSISO_HOLDER_DESCRIPTOR: u32 = 3;
/// A holder's how: a process has a socket in it, and is in another itself.
pub const NSISO_HOLDER_SOCKET: u32 = 4;
/// A holder's how: a descriptor of it waits in a socket.
pub const NSISO_HOLDER_IN_FLIGHT: u32 = 5;
/// A holder's how: it is mounted.
pub const NSISO_HOLDER_MOUNT: u32 = 6;
/// A holder's how: another one lies in it.
pub const NSISO_HOLDER_PARENT: u32 = 7;
/// A holder's how: it owns another one.
pub const NSISO_HOLDER_OWNER: u32 = 8;
/// A holder's how: the kernel lists it, and nothing else was found.
pub const NSISO_HOLDER_KERNEL: u32 = 9;

/// One reason why a namespace is there.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct nsiso_snapshot_holder {
    /// How it holds: NSISO_HOLDER_*, and others in later versions.
    pub how: u32,
    /// The process; 0 where none holds.
    pub pid: pid_t,
    /// The thread; 0 where none holds by itself.
    pub tid: pid_t,
    /// The number of the descriptor or socket; -1 where none holds.
    pub fd: c_int,
    /// Index of a namespace: the mount namespace that it is mounted in, the one that lies in it, or the one that it
    /// owns; NSISO_NONE otherwise.
    pub ns: u32,
    /// Always 0.
    pub reserved: u32,
    /// Where it is mounted, as the processes there see it; NULL otherwise. Borrowed from the snapshot.
    pub point: *const c_char,
}

/// What holds namespaces beside the processes in them, side by side.
pub struct Holders {
    all: Vec<Row>,
    /// Where those of each namespace begin, and where the last ones end.
    starts: Vec<usize>,
}

/// A holder, and its mount point.
struct Row(nsiso_snapshot_holder, Option<CString>);

// SAFETY: a row's pointer is NULL: that of its mount point is told when it is asked for.
unsafe impl Send for Row {}
// SAFETY: as above.
unsafe impl Sync for Row {}

/// How many holders of a namespace there are, as far as the depth went. 0 for NULL, and where there is none with this
/// index. MT-Safe.
#[no_mangle]
pub unsafe extern "C" fn nsiso_snapshot_holders_count(snapshot: *const nsiso_snapshot, index: u32) -> usize {
    // SAFETY: the C caller guarantees a snapshot that lives, or NULL.
    let Some(snapshot) = (unsafe { snapshot.as_ref() }) else { return 0 };
    let Some(namespace) = snapshot.core.namespace_at(index as usize) else { return 0 };
    namespace.processes().len() + snapshot.holders().of(index).len()
}

/// Tells of one: processes come first, and last the namespaces that it owns or contains.
///
/// snapshot: where.
/// index: of the namespace.
/// place: counted from 0.
/// ret_holder: written on success.
/// size: sizeof(nsiso_snapshot_holder), as of nsiso_snapshot_get_namespace.
/// reterr: see the top of this file.
///
/// Returns 0 or -EINVAL as nsiso_snapshot_get_namespace. MT-Safe.
#[no_mangle]
pub unsafe extern "C" fn nsiso_snapshot_get_holder(
    snapshot: *const nsiso_snapshot,
    index: u32,
    place: usize,
    ret_holder: *mut nsiso_snapshot_holder,
    size: usize,
    reterr: *mut *mut nsiso_error,
) -> c_int {
    let step = "nsiso_snapshot_get_holder";
    let body = || {
        // SAFETY: the C caller's promise about snapshot.
        let snapshot = unsafe { borrow(step, "snapshot", snapshot) }?;
        let namespace = snapshot.namespace(step, index)?;
        let found = match namespace.process_at(place) {
            Some(process) => Some(held(Holder::Process(process.pid()))),
            None => snapshot.holders().of(index).get(place - namespace.processes().len()).map(Row::told),
        };
        let beyond = || bad_argument(step, &format!("holder {place} of namespace {index}: there are fewer"));
        // SAFETY: the C caller's promise about ret_holder and size.
        unsafe { record(step, "ret_holder", ret_holder, size, &found.ok_or_else(beyond)?) }
    };
    // SAFETY: the C caller's promise about reterr.
    unsafe { call(reterr, body) }
}

impl nsiso_snapshot {
    fn holders(&self) -> &Holders {
        self.holders.get_or_init(|| Holders::from(&self.core))
    }
}

impl Holders {
    fn of(&self, namespace: u32) -> &[Row] {
        let at = |index: usize| self.starts.get(index).copied().unwrap_or(0);
        self.all.get(at(namespace as usize)..at(namespace as usize + 1)).unwrap_or_default()
    }
}

impl From<&Snapshot> for Holders {
    fn from(snapshot: &Snapshot) -> Holders {
        // Each namespace is asked once for those above it, in place of all once for each namespace.
        let mut lying: Vec<Vec<NamespaceInfo<'_>>> = vec![Vec::new(); all(snapshot).count()];
        let mut owned = lying.clone();
        let under = |lists: &mut Vec<Vec<_>>, above: Option<NamespaceInfo<'_>>, below| {
            if let Some(list) = above.and_then(|above| lists.get_mut(above.index())) {
                list.push(below);
            }
        };
        for namespace in all(snapshot) {
            under(&mut lying, namespace.parent(), namespace);
            if namespace.kind() != Kind::User {
                under(&mut owned, namespace.user_ns(), namespace);
            }
        }
        let mut holders = Holders { all: Vec::new(), starts: vec![0] };
        for (namespace, (lying, owned)) in all(snapshot).zip(lying.into_iter().zip(owned)) {
            let relatives = lying.into_iter().map(Holder::Parent).chain(owned.into_iter().map(Holder::Owner));
            holders.all.extend(namespace.held().chain(relatives).map(Row::from));
            holders.starts.push(holders.all.len());
        }
        holders
    }
}

impl Row {
    fn told(&self) -> nsiso_snapshot_holder {
        let Row(holder, point) = self;
        nsiso_snapshot_holder { point: point.as_ref().map_or(ptr::null(), |point| point.as_ptr()), ..*holder }
    }
}

impl From<Holder<'_>> for Row {
    fn from(holder: Holder<'_>) -> Row {
        let point = match holder {
            // No path of the kernel's has a NUL in it.
            Holder::Mount { point, .. } => CString::new(point).ok(),
            _ => None,
        };
        Row(held(holder), point)
    }
}

/// Without the mount point.
fn held(holder: Holder<'_>) -> nsiso_snapshot_holder {
    let none = nsiso_snapshot_holder {
        how: NSISO_HOLDER_KERNEL,
        pid: 0,
        tid: 0,
        fd: -1,
        ns: NSISO_NONE,
        reserved: 0,
        point: ptr::null(),
    };
    let of = |how, pid| nsiso_snapshot_holder { how, pid, ..none };
    let above = |how, ns| nsiso_snapshot_holder { how, ns: index_of(ns), ..none };
    match holder {
        Holder::Process(pid) => of(NSISO_HOLDER_PROCESS, pid),
        Holder::Thread { pid, tid } => nsiso_snapshot_holder { tid, ..of(NSISO_HOLDER_THREAD, pid) },
        Holder::ForChildren { pid, tid } => {
            nsiso_snapshot_holder { tid, ..of(NSISO_HOLDER_FOR_CHILDREN, pid) }
        }
        Holder::Descriptor { pid, fd } => nsiso_snapshot_holder { fd, ..of(NSISO_HOLDER_DESCRIPTOR, pid) },
        Holder::Socket { pid, fd } => nsiso_snapshot_holder { fd, ..of(NSISO_HOLDER_SOCKET, pid) },
        Holder::InFlight { pid, fd } => nsiso_snapshot_holder { fd, ..of(NSISO_HOLDER_IN_FLIGHT, pid) },
        Holder::Mount { mnt, .. } => above(NSISO_HOLDER_MOUNT, mnt),
        Holder::Parent(below) => above(NSISO_HOLDER_PARENT, Some(below)),
        Holder::Owner(below) => above(NSISO_HOLDER_OWNER, Some(below)),
        _ => none,
    }
}
