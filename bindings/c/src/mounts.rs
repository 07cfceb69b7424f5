//! nsiso_mounts: what a process sees mounted.

use crate::boundary::{bad_argument, borrow, call, free, give, write_record};
use crate::error::nsiso_error;
use libc::{c_char, c_int, pid_t};
use nsiso_core::inspect::{mounts_by, Mount, MountTree, Pid, Route, Tag};
use nsiso_core::{MountTable, Result};
use std::ops::Range;
use std::ptr;

/// nsiso_mounts_read: also find out what is mounted on what, and what is over-mounted.
pub const NSISO_MOUNTS_TREE: u32 = 1;
/// nsiso_mounts_read: read the text of /proc/PID/mountinfo, whatever that costs.
pub const NSISO_MOUNTS_BY_MOUNTINFO: u32 = 2;
/// nsiso_mounts_read: ask mount by mount, with listmount(2) and statmount(2) (Linux 6.15), or fail.
pub const NSISO_MOUNTS_BY_STATMOUNT: u32 = 4;

/// A mount's flag: no path leads into it any more, for another mount is on the same point or on one further up. Told
/// with NSISO_MOUNTS_TREE.
pub const NSISO_MOUNT_OVER_MOUNTED: u32 = 1;
/// A mount's flag: it cannot be bind mounted.
pub const NSISO_MOUNT_UNBINDABLE: u32 = 2;

/// The mounts that a process sees, in the kernel's order. Owned by the caller, who frees it (nsiso_mounts_free). May
/// be read by many threads at once.
pub struct nsiso_mounts {
    table: MountTable,
    strings: Vec<u8>,
    tree: Option<MountTree>,
}

/// One mount: the eleven fields of its line in /proc/PID/mountinfo. See proc(5).
///
/// The strings are borrowed from the table. They are any bytes but NUL, and end with one, which their lengths do not
/// count; what the kernel writes as a backslash and three octal digits is as it was before.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct nsiso_mount {
    /// Its number; the kernel gives it again after an unmount.
    pub id: u32,
    /// The number of the mount that it is mounted on, which may be outside what the process sees.
    pub parent_id: u32,
    /// The device's major number; 0 where there is no block device.
    pub major: u32,
    /// The device's minor number.
    pub minor: u32,
    /// NSISO_MOUNT_* bits.
    pub flags: u32,
    /// Always 0.
    pub reserved: u32,
    /// The index in the table of the mount that it is mounted on; SIZE_MAX for none, and without NSISO_MOUNTS_TREE.
    pub parent: usize,
    /// The peer group that it shares mounts and unmounts with; 0 for none.
    pub shared: u64,
    /// The peer group whose mounts and unmounts it gets; 0 for none.
    pub master: u64,
    /// The nearest peer group that the process sees, of those whose slave it is by way of others; 0 for none.
    pub propagate_from: u64,
    /// Which directory or file of the file system is mounted.
    pub root: *const c_char,
    /// Its length.
    pub root_length: usize,
    /// Where it is mounted, seen from the process's root directory.
    pub point: *const c_char,
    /// Its length.
    pub point_length: usize,
    /// The mount's own options, "rw,relatime".
    pub options: *const c_char,
    /// Their length.
    pub options_length: usize,
    /// The optional fields as the kernel wrote them, "shared:5 master:2"; may be empty.
    pub optional: *const c_char,
    /// Their length.
    pub optional_length: usize,
    /// The file system's type.
    pub fstype: *const c_char,
    /// Its length.
    pub fstype_length: usize,
    /// What was named as its source; may be empty.
    pub source: *const c_char,
    /// Its length.
    pub source_length: usize,
    /// The file system's options, "rw,size=4k".
    pub super_options: *const c_char,
    /// Their length.
    pub super_options_length: usize,
    /// The whole line as the kernel wrote it, escapes and all: in here a comma that is part of an option's value
    /// is told from one between options. Behind it is a newline, and no NUL.
    pub line: *const c_char,
    /// Its length, without the newline.
    pub line_length: usize,
}

/// Reads what a process sees mounted, as one table, also where mounts come and go meanwhile.
///
/// pid: a process or thread as the mounted /proc counts, 0 for the calling thread.
/// flags: NSISO_MOUNTS_* bits; without one of NSISO_MOUNTS_BY_* it is read by whatever costs least. All ways tell the
/// same, but for the option "mand" of file systems, without a meaning since Linux 5.15.
/// ret_mounts: the table, to be freed with nsiso_mounts_free; written on success.
/// reterr: see the top of this file.
///
/// Returns 0, or: -ESRCH no such process, or it has ended; -EACCES the caller may not trace it, where /proc is mounted
/// so, and with NSISO_MOUNTS_BY_STATMOUNT always; -ENOENT no /proc; -EPROTO a line that is not of the documented form;
/// -EFBIG the text is 4 GiB or longer; -EMFILE; -EINVAL a NULL, a negative pid, unknown flags, or both ways; with
/// NSISO_MOUNTS_BY_STATMOUNT also -ENOSYS, -EOPNOTSUPP, -EPERM, -ENOENT and -EXDEV: the kernel does not tell what that
/// process sees. MT-Safe. Needs no privilege. See proc(5), mount_namespaces(7).
#[no_mangle]
pub unsafe extern "C" fn nsiso_mounts_read(
    pid: pid_t,
    flags: u32,
    ret_mounts: *mut *mut nsiso_mounts,
    reterr: *mut *mut nsiso_error,
) -> c_int {
    let step = "nsiso_mounts_read";
    let body = || {
        let route = route(step, flags)?;
        let pid = match pid {
            0 => Pid::Caller,
            1.. => Pid::Number(pid),
            _ => return Err(bad_argument(step, &format!("pid {pid}: it cannot be negative"))),
        };
        let make = || {
            let table = mounts_by(pid, route)?;
            let tree = (flags & NSISO_MOUNTS_TREE != 0).then(|| table.tree());
            Ok(nsiso_mounts { strings: table.c_text(), table, tree })
        };
        // SAFETY: the C caller's promise about ret_mounts.
        unsafe { give(step, "ret_mounts", ret_mounts, make) }
    };
    // SAFETY: the C caller's promise about reterr.
    unsafe { call(reterr, body) }
}

/// How many mounts there are. 0 for NULL.
#[no_mangle]
pub unsafe extern "C" fn nsiso_mounts_count(mounts: *const nsiso_mounts) -> usize {
    // SAFETY: the C caller guarantees a table that lives, or NULL.
    unsafe { mounts.as_ref() }.map_or(0, |mounts| mounts.table.len())
}

/// Whether mounts came and went each time that the table was read, so that some may be missing or stale. 0 for NULL.
#[no_mangle]
pub unsafe extern "C" fn nsiso_mounts_changed(mounts: *const nsiso_mounts) -> c_int {
    // SAFETY: the C caller guarantees a table that lives, or NULL.
    let mounts = unsafe { mounts.as_ref() };
    c_int::from(mounts.is_some_and(|mounts| mounts.table.changed_while_read()))
}

/// Tells one mount.
///
/// mounts: the table.
/// index: counted from 0, in the kernel's order.
/// ret_mount: written on success. Its strings are borrowed from the table.
/// size: sizeof(nsiso_mount) as the caller knows it; a record that grows in a later version keeps its old fields,
/// and fields that this version does not know are set to 0.
/// reterr: see the top of this file.
///
/// Returns 0, or -EINVAL: there are no more, too small a size, or a NULL. MT-Safe.
#[no_mangle]
pub unsafe extern "C" fn nsiso_mounts_get(
    mounts: *const nsiso_mounts,
    index: usize,
    ret_mount: *mut nsiso_mount,
    size: usize,
    reterr: *mut *mut nsiso_error,
) -> c_int {
    let step = "nsiso_mounts_get";
    let body = || {
        // SAFETY: the C caller's promise about mounts.
        let mounts = unsafe { borrow(step, "mounts", mounts) }?;
        if ret_mount.is_null() {
            return Err(bad_argument(step, "ret_mount is NULL"));
        }
        if size < size_of::<nsiso_mount>() {
            return Err(bad_argument(step, &format!("size {size}: no record is so small")));
        }
        let beyond = || bad_argument(step, &format!("index {index}: there are {}", mounts.table.len()));
        let record = mounts.record(index, mounts.table.get(index).ok_or_else(beyond)?);
        // SAFETY: not NULL, and the C caller guarantees room for `size` bytes.
        unsafe { write_record(ret_mount, size, &record) };
        Ok(0)
    };
    // SAFETY: the C caller's promise about reterr.
    unsafe { call(reterr, body) }
}

/// Frees a table; NULL is allowed. Returns NULL.
#[no_mangle]
pub unsafe extern "C" fn nsiso_mounts_free(mounts: *mut nsiso_mounts) -> *mut nsiso_mounts {
    // SAFETY: it came from `give`, and the C caller guarantees that it is freed once.
    unsafe { free(mounts, drop) }
}

fn route(step: &str, flags: u32) -> Result<Route> {
    match flags & !NSISO_MOUNTS_TREE {
        0 => Ok(Route::Fastest),
        NSISO_MOUNTS_BY_MOUNTINFO => Ok(Route::Mountinfo),
        NSISO_MOUNTS_BY_STATMOUNT => Ok(Route::Statmount),
        _ => Err(bad_argument(
            step,
            &format!("flags {flags:#x}: not all are known, or they exclude each other"),
        )),
    }
}

impl nsiso_mounts {
    /// A field as a C string, and its length.
    fn string(&self, place: Range<usize>) -> (*const c_char, usize) {
        let Some(field) = self.strings.get(place) else { return (ptr::null(), 0) };
        // Filled up with NULs if it became shorter.
        let length = match field.last() {
            Some(0) => field.iter().position(|byte| *byte == 0).unwrap_or(field.len()),
            _ => field.len(),
        };
        (field.as_ptr().cast(), length)
    }

    fn record(&self, index: usize, mount: Mount<'_>) -> nsiso_mount {
        let [root, point, options, optional, fstype, source, super_options] =
            mount.places().map(|place| self.string(place));
        let is_over_mounted = self.tree.as_ref().is_some_and(|tree| tree.is_over_mounted(index));
        let mut record = nsiso_mount {
            id: mount.id(),
            parent_id: mount.parent_id(),
            major: mount.major(),
            minor: mount.minor(),
            flags: if is_over_mounted { NSISO_MOUNT_OVER_MOUNTED } else { 0 },
            reserved: 0,
            parent: self.tree.as_ref().and_then(|tree| tree.parent(index)).unwrap_or(usize::MAX),
            shared: 0,
            master: 0,
            propagate_from: 0,
            root: root.0,
            root_length: root.1,
            point: point.0,
            point_length: point.1,
            options: options.0,
            options_length: options.1,
            optional: optional.0,
            optional_length: optional.1,
            fstype: fstype.0,
            fstype_length: fstype.1,
            source: source.0,
            source_length: source.1,
            super_options: super_options.0,
            super_options_length: super_options.1,
            line: mount.line().as_ptr().cast(),
            line_length: mount.line().len(),
        };
        for tag in mount.tags() {
            match tag {
                Tag::Shared(group) => record.shared = group,
                Tag::Master(group) => record.master = group,
                Tag::PropagateFrom(group) => record.propagate_from = group,
                Tag::Unbindable => record.flags |= NSISO_MOUNT_UNBINDABLE,
                Tag::Other { .. } => {}
            }
        }
        record
    }
}
