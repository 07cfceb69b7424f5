//! nsiso_snapshot_incomplete: what a snapshot could not see, and why.

use super::{nsiso_snapshot, record};
use crate::boundary::{bad_argument, borrow, call};
use crate::error::nsiso_error;
use libc::{c_char, c_int, pid_t};
use nsiso_core::inspect::Incomplete;
use std::ffi::CString;

/// Something that could not be read, in the same way and for the same reason. What it leads to is borrowed from the
/// snapshot.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct nsiso_snapshot_incomplete {
    /// What is missing, for instance "namespaces", "descriptors", "sockets", "owners".
    pub what: *const c_char,
    /// Why, as of nsiso_error_cause.
    pub cause: *const c_char,
    /// What to do about it, as of nsiso_error_remedy.
    pub remedy: *const c_char,
    /// All of it in one line.
    pub text: *const c_char,
    /// Of which processes, by number; not to be read if there are none.
    pub pids: *const pid_t,
    /// How many these are; 0 where it is not of a process.
    pub pids_count: usize,
    /// How many things are missing, as far as that is known: processes, or namespaces, or descriptors.
    pub count: usize,
    /// The kernel's errno; 0 where nothing was refused but is not to be seen from here.
    pub errno_value: c_int,
    /// Always 0.
    pub reserved: u32,
}

/// The same in words as C wants them.
pub struct Gap {
    what: CString,
    cause: CString,
    remedy: CString,
    text: CString,
    pids: Vec<pid_t>,
    count: usize,
    errno: c_int,
}

/// How many lines of what could not be seen there are; 0 if everything was, as far as the depth goes, and for NULL.
#[no_mangle]
pub unsafe extern "C" fn nsiso_snapshot_incomplete_count(snapshot: *const nsiso_snapshot) -> usize {
    // SAFETY: the C caller guarantees a snapshot that lives, or NULL.
    unsafe { snapshot.as_ref() }.map_or(0, |snapshot| snapshot.gaps.len())
}

/// Tells one of them.
///
/// snapshot: where.
/// index: counted from 0.
/// ret_incomplete: written on success.
/// size: sizeof(nsiso_snapshot_incomplete), as of nsiso_snapshot_get_namespace.
/// reterr: see the top of this file.
///
/// Returns 0 or -EINVAL as nsiso_snapshot_get_namespace. MT-Safe. Allocates nothing.
#[no_mangle]
pub unsafe extern "C" fn nsiso_snapshot_get_incomplete(
    snapshot: *const nsiso_snapshot,
    index: usize,
    ret_incomplete: *mut nsiso_snapshot_incomplete,
    size: usize,
    reterr: *mut *mut nsiso_error,
) -> c_int {
    let step = "nsiso_snapshot_get_incomplete";
    let body = || {
        // SAFETY: the C caller's promise about snapshot.
        let snapshot = unsafe { borrow(step, "snapshot", snapshot) }?;
        let beyond = || bad_argument(step, &format!("index {index}: there are {}", snapshot.gaps.len()));
        let gap = snapshot.gaps.get(index).ok_or_else(beyond)?;
        // SAFETY: the C caller's promise about ret_incomplete and size.
        unsafe { record(step, "ret_incomplete", ret_incomplete, size, &gap.into()) }
    };
    // SAFETY: the C caller's promise about reterr.
    unsafe { call(reterr, body) }
}

/// No word of it has a NUL.
impl From<&Incomplete> for Gap {
    fn from(incomplete: &Incomplete) -> Gap {
        let text = |words: &str| CString::new(words).unwrap_or_default();
        Gap {
            what: text(incomplete.what),
            cause: text(incomplete.cause.as_str()),
            remedy: text(incomplete.cause.remedy()),
            text: text(&incomplete.to_string()),
            pids: incomplete.pids.clone(),
            count: incomplete.count,
            errno: incomplete.errno,
        }
    }
}

impl From<&Gap> for nsiso_snapshot_incomplete {
    fn from(gap: &Gap) -> nsiso_snapshot_incomplete {
        nsiso_snapshot_incomplete {
            what: gap.what.as_ptr(),
            cause: gap.cause.as_ptr(),
            remedy: gap.remedy.as_ptr(),
            text: gap.text.as_ptr(),
            pids: gap.pids.as_ptr(),
            pids_count: gap.pids.len(),
            count: gap.count,
            errno_value: gap.errno,
            reserved: 0,
        }
    }
}
