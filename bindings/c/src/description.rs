//! nsiso_description: who a process is.

use crate::boundary::{borrow, call, free, give, no_flags};
use crate::error::nsiso_error;
use crate::snapshot::record;
use libc::{c_char, c_int, pid_t, uid_t};
use nsiso_core::inspect::{describe, Description};
use std::ffi::CString;

/// What /proc tells of a process to anybody. Owned by the caller, who frees it (nsiso_description_free). May be read
/// by many threads at once.
pub struct nsiso_description {
    told: Description,
    name: CString,
    /// With a NUL behind the last word's.
    command: Vec<u8>,
}

/// The same in a record. What it leads to is borrowed from the description.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct nsiso_description_info {
    /// The number of its parent; 0 if that is not to be seen here.
    pub parent: pid_t,
    /// Its effective user, as the caller's own user namespace numbers them.
    pub uid: uid_t,
    /// Its number in each pid namespace that it is in, from that of the mounted /proc to its own.
    pub numbers: *const pid_t,
    /// How many these are, at least 1.
    pub numbers_count: usize,
    /// Its name as the kernel shows it, without escapes.
    pub name: *const c_char,
    /// Its words, each ended by a NUL; "" of a kernel's thread and of a zombie. A process may write anything there.
    pub command: *const c_char,
    /// How many bytes these are, their NULs included.
    pub command_length: usize,
}

/// Describes a process or thread.
///
/// pid: its number, as the mounted /proc counts.
/// flags: 0.
/// ret_description: what it is, to be freed with nsiso_description_free; written on success.
/// reterr: see the top of this file.
///
/// Returns 0, or: -ESRCH there is none; -ENOENT /proc is not mounted; -EMFILE; -EINVAL a NULL or an unknown flag.
/// MT-Safe. Needs no privilege. See proc(5).
#[no_mangle]
pub unsafe extern "C" fn nsiso_describe(
    pid: pid_t,
    flags: u32,
    ret_description: *mut *mut nsiso_description,
    reterr: *mut *mut nsiso_error,
) -> c_int {
    let step = "nsiso_describe";
    let body = || {
        no_flags(step, flags)?;
        // SAFETY: the C caller's promise about ret_description.
        unsafe { give(step, "ret_description", ret_description, || Ok(describe(pid)?.into())) }
    };
    // SAFETY: the C caller's promise about reterr.
    unsafe { call(reterr, body) }
}

/// Tells it.
///
/// description: of whom.
/// ret_info: written on success.
/// size: sizeof(nsiso_description_info), as of nsiso_snapshot_get_namespace.
/// reterr: see the top of this file.
///
/// Returns 0, or -EINVAL: too small a size, or a NULL. MT-Safe. Allocates nothing.
#[no_mangle]
pub unsafe extern "C" fn nsiso_description_get(
    description: *const nsiso_description,
    ret_info: *mut nsiso_description_info,
    size: usize,
    reterr: *mut *mut nsiso_error,
) -> c_int {
    let step = "nsiso_description_get";
    let body = || {
        // SAFETY: the C caller's promise about description.
        let description = unsafe { borrow(step, "description", description) }?;
        // SAFETY: the C caller's promise about ret_info and size.
        unsafe { record(step, "ret_info", ret_info, size, &description.into()) }
    };
    // SAFETY: the C caller's promise about reterr.
    unsafe { call(reterr, body) }
}

/// Frees it; NULL is allowed. Returns NULL.
#[no_mangle]
pub unsafe extern "C" fn nsiso_description_free(
    description: *mut nsiso_description,
) -> *mut nsiso_description {
    // SAFETY: it came from `give`, and the C caller guarantees that it is freed once.
    unsafe { free(description, drop) }
}

impl From<Description> for nsiso_description {
    fn from(mut told: Description) -> nsiso_description {
        let mut command = std::mem::take(&mut told.command);
        command.push(0);
        // The kernel ends a name at its first NUL.
        let name = CString::new(told.name.as_slice()).unwrap_or_default();
        nsiso_description { told, name, command }
    }
}

impl From<&nsiso_description> for nsiso_description_info {
    fn from(description: &nsiso_description) -> nsiso_description_info {
        nsiso_description_info {
            parent: description.told.parent,
            uid: description.told.uid,
            numbers: description.told.numbers.as_ptr(),
            numbers_count: description.told.numbers.len(),
            name: description.name.as_ptr(),
            command: description.command.as_ptr().cast(),
            command_length: description.command.len() - 1,
        }
    }
}
