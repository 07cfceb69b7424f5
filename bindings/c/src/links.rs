//! nsiso_ns_link: which namespaces a process is in.

use crate::boundary::{bad_argument, call, no_flags, write_record};
use crate::error::nsiso_error;
use crate::kind::nsiso_kinds;
use libc::{c_char, c_int, pid_t};
use nsiso_core::inspect::{self, Link, Pid};
use nsiso_core::{Kind, Result};

/// Bytes for a link's name, with the NUL.
pub const NSISO_NS_LINK_NAME: usize = 24;

/// One link under /proc/PID/ns. Two links name the same namespace exactly when device and inode are
/// equal, read at a time when both processes live.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct nsiso_ns_link {
    /// The kind's name, or "pid_for_children" or "time_for_children".
    pub name: [c_char; NSISO_NS_LINK_NAME],
    /// The kind.
    pub kind: nsiso_kinds,
    /// Always 0.
    pub reserved: u32,
    /// Device of the nsfs file system.
    pub device: u64,
    /// Inode in it.
    pub inode: u64,
}

/// Reads the links under /proc/PID/ns, sorted by name, at most ten. Links that lead nowhere are left
/// out (a kind this kernel does not have, most of a zombie's).
///
/// pid: a process or thread as the mounted /proc counts, 0 for the calling thread.
/// ret_links: room for `capacity` records, written on success.
/// size: sizeof(nsiso_ns_link) as the caller knows it; a record that grows in a later version keeps
/// its old fields, and fields that this version does not know are set to 0.
/// capacity: how many records fit; more links are not written, but counted.
/// flags: 0.
/// reterr: see the top of this file.
///
/// Returns how many links there are, or: -ESRCH no such process, -EACCES the caller may not
/// trace it, -ENOENT no /proc, -EINVAL a NULL, too small a size or an unknown flag. MT-Safe. Needs no privilege
/// for one's own processes, CAP_SYS_PTRACE for others'. See namespaces(7).
#[no_mangle]
pub unsafe extern "C" fn nsiso_ns_links(
    pid: pid_t,
    ret_links: *mut nsiso_ns_link,
    size: usize,
    capacity: usize,
    flags: u32,
    reterr: *mut *mut nsiso_error,
) -> c_int {
    let body = || {
        no_flags("nsiso_ns_links", flags)?;
        if ret_links.is_null() && capacity != 0 {
            return Err(bad_argument("nsiso_ns_links", "ret_links is NULL"));
        }
        if size < size_of::<nsiso_ns_link>() {
            return Err(bad_argument("nsiso_ns_links", &format!("size {size}: no record is so small")));
        }
        let links = inspect::links(of(pid)?)?;
        for (index, link) in links.iter().take(capacity).enumerate() {
            let link = nsiso_ns_link::from(link);
            // SAFETY: index is below capacity, and the C caller guarantees room for that many records.
            let record = unsafe { ret_links.byte_add(index * size) };
            // SAFETY: as above, `size` bytes each.
            unsafe { write_record(record, size, &link) };
        }
        Ok(links.len() as c_int)
    };
    // SAFETY: the C caller's promise about reterr.
    unsafe { call(reterr, body) }
}

/// Whether two processes share their namespace of one kind: the same device and inode.
///
/// a, b: processes or threads as the mounted /proc counts, 0 for the calling thread.
/// kind: one of NSISO_NEW*.
/// flags: 0.
/// reterr: see the top of this file.
///
/// Returns 1 or 0, or -errno as nsiso_ns_links; -EINVAL also when kind is not exactly one kind. MT-Safe.
#[no_mangle]
pub unsafe extern "C" fn nsiso_ns_same(
    a: pid_t,
    b: pid_t,
    kind: nsiso_kinds,
    flags: u32,
    reterr: *mut *mut nsiso_error,
) -> c_int {
    let body = || {
        no_flags("nsiso_ns_same", flags)?;
        let unknown = || bad_argument("nsiso_ns_same", &format!("kind {kind:#x}: not exactly one kind"));
        let kind = Kind::from_flag(kind).ok_or_else(unknown)?;
        inspect::same(of(a)?, of(b)?, kind).map(c_int::from)
    };
    // SAFETY: the C caller's promise about reterr.
    unsafe { call(reterr, body) }
}

fn of(pid: pid_t) -> Result<Pid> {
    match pid {
        0 => Ok(Pid::Caller),
        1.. => Ok(Pid::Number(pid)),
        _ => Err(bad_argument("read links", &format!("pid {pid}: it cannot be negative"))),
    }
}

impl From<&Link> for nsiso_ns_link {
    fn from(link: &Link) -> nsiso_ns_link {
        let mut name = [0; NSISO_NS_LINK_NAME];
        for (to, from) in name.iter_mut().take(NSISO_NS_LINK_NAME - 1).zip(link.name.bytes()) {
            *to = from as c_char;
        }
        nsiso_ns_link { name, kind: link.kind.flag(), reserved: 0, device: link.device, inode: link.inode }
    }
}
