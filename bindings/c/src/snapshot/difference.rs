//! nsiso_difference: how namespaces stand to each other, and what changed between two snapshots.

use super::{all, index_of, nsiso_snapshot, record, NSISO_NONE};
use crate::boundary::{bad_argument, borrow, call, free, give, no_flags};
use crate::error::nsiso_error;
use crate::kind::nsiso_kinds;
use libc::c_int;
use nsiso_core::inspect::{Difference, NamespaceInfo, Relation};

/// nsiso_snapshot_tree: below the one that a pid or user namespace lies in.
pub const NSISO_TREE_PARENT: u32 = 0;
/// nsiso_snapshot_tree: below the one that owns it.
pub const NSISO_TREE_OWNER: u32 = 1;
/// nsiso_snapshot_tree: below the one of the same kind of which its process with the lowest number is a child: needs
/// NSISO_SNAPSHOT_LINEAGE.
pub const NSISO_TREE_PROCESS: u32 = 2;

/// A change's what: only the later snapshot has the namespace.
pub const NSISO_CHANGE_APPEARED: u32 = 0;
/// A change's what: only the earlier snapshot has the namespace.
pub const NSISO_CHANGE_GONE: u32 = 1;
/// A change's what: a process that both have is in another namespace.
pub const NSISO_CHANGE_MOVED: u32 = 2;

/// What changed between two snapshots. Owned by the caller, who frees it; outlives the snapshots. May be read by many
/// threads at once.
pub struct nsiso_difference(Vec<nsiso_change>);

/// One change.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct nsiso_change {
    /// What: NSISO_CHANGE_*, and others in later versions.
    pub what: u32,
    /// Which kind of namespace.
    pub kind: nsiso_kinds,
    /// Index, in the later snapshot, of the process that moved; else NSISO_NONE.
    pub process: u32,
    /// Index, in the earlier snapshot, of the namespace that is gone, or where the process was; else NSISO_NONE.
    pub from: u32,
    /// Index, in the later snapshot, of the namespace that appeared, or where the process is; else NSISO_NONE.
    pub to: u32,
}

/// Tells above whom each namespace stands in a tree.
///
/// snapshot: of what.
/// relation: NSISO_TREE_*.
/// ret_above: room for `capacity` indices, written on success: of each namespace, in its place, the index of the one
/// directly above it, or NSISO_NONE for a root. Following them always comes to an end.
/// capacity: how many fit; nsiso_snapshot_namespaces_count is enough.
/// flags: 0.
/// reterr: see the top of this file.
///
/// Returns how many namespaces there are, or -EINVAL: an unknown relation or flag, or a NULL. MT-Safe.
#[no_mangle]
pub unsafe extern "C" fn nsiso_snapshot_tree(
    snapshot: *const nsiso_snapshot,
    relation: u32,
    ret_above: *mut u32,
    capacity: usize,
    flags: u32,
    reterr: *mut *mut nsiso_error,
) -> c_int {
    let step = "nsiso_snapshot_tree";
    let body = || {
        no_flags(step, flags)?;
        // SAFETY: the C caller's promise about snapshot.
        let snapshot = unsafe { borrow(step, "snapshot", snapshot) }?;
        let relation = match relation {
            NSISO_TREE_PARENT => Relation::Parent,
            NSISO_TREE_OWNER => Relation::Owner,
            NSISO_TREE_PROCESS => Relation::Process,
            _ => return Err(bad_argument(step, &format!("relation {relation}: none of NSISO_TREE_*"))),
        };
        if ret_above.is_null() && capacity != 0 {
            return Err(bad_argument(step, "ret_above is NULL"));
        }
        let tree = snapshot.core.tree(relation);
        let mut above = vec![NSISO_NONE; snapshot.count];
        for namespace in all(&snapshot.core) {
            for below in tree.below(namespace) {
                if let Some(above) = above.get_mut(below.index()) {
                    *above = namespace.index() as u32;
                }
            }
        }
        let fitting = above.len().min(capacity);
        if fitting > 0 {
            // SAFETY: not NULL, the C caller guarantees room for `capacity` indices, and no more are written.
            unsafe { ret_above.copy_from_nonoverlapping(above.as_ptr(), fitting) };
        }
        Ok(above.len() as c_int)
    };
    // SAFETY: the C caller's promise about reterr.
    unsafe { call(reterr, body) }
}

/// Finds what changed since an earlier snapshot of the same machine. A process counts as the same if its number is;
/// with NSISO_SNAPSHOT_LINEAGE in both, only if it was born at the same time as well.
///
/// snapshot: the later one.
/// earlier: the other.
/// flags: 0.
/// ret_difference: the changes, to be freed with nsiso_difference_free; written on success.
/// reterr: see the top of this file.
///
/// Returns 0, or -EINVAL: an unknown flag, or a NULL. MT-Safe.
#[no_mangle]
pub unsafe extern "C" fn nsiso_snapshot_since(
    snapshot: *const nsiso_snapshot,
    earlier: *const nsiso_snapshot,
    flags: u32,
    ret_difference: *mut *mut nsiso_difference,
    reterr: *mut *mut nsiso_error,
) -> c_int {
    let step = "nsiso_snapshot_since";
    let body = || {
        no_flags(step, flags)?;
        // SAFETY: the C caller's promise about snapshot.
        let snapshot = unsafe { borrow(step, "snapshot", snapshot) }?;
        // SAFETY: the C caller's promise about earlier.
        let earlier = unsafe { borrow(step, "earlier", earlier) }?;
        let make = || Ok(nsiso_difference::from(&snapshot.core.since(&earlier.core)));
        // SAFETY: the C caller's promise about ret_difference.
        unsafe { give(step, "ret_difference", ret_difference, make) }
    };
    // SAFETY: the C caller's promise about reterr.
    unsafe { call(reterr, body) }
}

/// How many changes there are. 0 for NULL.
#[no_mangle]
pub unsafe extern "C" fn nsiso_difference_count(difference: *const nsiso_difference) -> usize {
    // SAFETY: the C caller guarantees a difference that lives, or NULL.
    unsafe { difference.as_ref() }.map_or(0, |nsiso_difference(changes)| changes.len())
}

/// Tells one change: namespaces that appeared come first, then those that are gone, then processes that moved.
///
/// difference: where.
/// index: counted from 0.
/// ret_change: written on success.
/// size: sizeof(nsiso_change), as of nsiso_snapshot_get_namespace.
/// reterr: see the top of this file.
///
/// Returns 0 or -EINVAL as nsiso_snapshot_get_namespace. MT-Safe. Allocates nothing.
#[no_mangle]
pub unsafe extern "C" fn nsiso_difference_get(
    difference: *const nsiso_difference,
    index: usize,
    ret_change: *mut nsiso_change,
    size: usize,
    reterr: *mut *mut nsiso_error,
) -> c_int {
    let step = "nsiso_difference_get";
    let body = || {
        // SAFETY: the C caller's promise about difference.
        let nsiso_difference(changes) = unsafe { borrow(step, "difference", difference) }?;
        let beyond = || bad_argument(step, &format!("index {index}: there are {}", changes.len()));
        let change = changes.get(index).ok_or_else(beyond)?;
        // SAFETY: the C caller's promise about ret_change and size.
        unsafe { record(step, "ret_change", ret_change, size, change) }
    };
    // SAFETY: the C caller's promise about reterr.
    unsafe { call(reterr, body) }
}

/// Frees a difference; NULL is allowed. Returns NULL.
#[no_mangle]
pub unsafe extern "C" fn nsiso_difference_free(difference: *mut nsiso_difference) -> *mut nsiso_difference {
    // SAFETY: it came from `give`, and the C caller guarantees that it is freed once.
    unsafe { free(difference, drop) }
}

impl From<&Difference<'_>> for nsiso_difference {
    fn from(difference: &Difference<'_>) -> nsiso_difference {
        let change = |what, namespace: &NamespaceInfo<'_>| nsiso_change {
            what,
            kind: namespace.kind().flag(),
            process: NSISO_NONE,
            from: NSISO_NONE,
            to: NSISO_NONE,
        };
        let appeared = difference.appeared.iter().map(|namespace| nsiso_change {
            to: index_of(Some(*namespace)),
            ..change(NSISO_CHANGE_APPEARED, namespace)
        });
        let gone = difference.gone.iter().map(|namespace| nsiso_change {
            from: index_of(Some(*namespace)),
            ..change(NSISO_CHANGE_GONE, namespace)
        });
        let moved = difference.moved.iter().map(|moved| nsiso_change {
            process: moved.process.index() as u32,
            from: index_of(Some(moved.from)),
            to: index_of(Some(moved.to)),
            ..change(NSISO_CHANGE_MOVED, &moved.to)
        });
        nsiso_difference(appeared.chain(gone).chain(moved).collect())
    }
}
