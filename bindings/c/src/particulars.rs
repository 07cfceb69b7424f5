//! nsiso_particulars: what a namespace is like inside.

use crate::boundary::{borrow, call, free, give, no_flags};
use crate::error::nsiso_error;
use crate::snapshot::{nsiso_snapshot, record};
use crate::spec::nsiso_id_range;
use libc::{c_char, c_int};
use nsiso_core::inspect::Particulars;
use nsiso_core::{IdRange, Offset};
use std::ffi::CString;
use std::ptr;

/// nsiso_particulars_info's known: the user namespace's maps, of users and of groups.
pub const NSISO_KNOWN_MAPS: u32 = 1;
/// nsiso_particulars_info's known: setgroups.
pub const NSISO_KNOWN_SETGROUPS: u32 = 2;
/// nsiso_particulars_info's known: the uts namespace's names.
pub const NSISO_KNOWN_NAMES: u32 = 4;
/// nsiso_particulars_info's known: the time namespace's clocks.
pub const NSISO_KNOWN_CLOCKS: u32 = 8;
/// nsiso_particulars_info's known: the net namespace's interfaces.
pub const NSISO_KNOWN_INTERFACES: u32 = 16;
/// nsiso_particulars_info's known: the net namespace's number.
pub const NSISO_KNOWN_NSID: u32 = 32;
/// nsiso_particulars_info's known: how many mounts the mnt namespace has.
pub const NSISO_KNOWN_MOUNTS: u32 = 64;

/// What the caller may read of a namespace's inside. Owned by the caller, who frees it (nsiso_particulars_free);
/// outlives the snapshot. May be read by many threads at once.
pub struct nsiso_particulars {
    known: u32,
    uid_map: Vec<nsiso_id_range>,
    gid_map: Vec<nsiso_id_range>,
    host_name: Option<CString>,
    domain_name: Option<CString>,
    /// For the pointers.
    _interfaces: Vec<CString>,
    /// With a NULL behind the last one.
    interfaces: Vec<*const c_char>,
    told: Particulars,
}

/// What is known of it; what is not, and what other kinds have, is 0 or NULL. What it leads to is borrowed from the
/// particulars.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct nsiso_particulars_info {
    /// What is known: NSISO_KNOWN_* bits.
    pub known: u32,
    /// user: 1 if setgroups(2) is allowed there.
    pub setgroups: u32,
    /// user: who is who, the outside numbers being those of the caller's own user namespace, 4294967295 for who has
    /// none there.
    pub uid_map: *const nsiso_id_range,
    /// How many ranges; 0 until it is written.
    pub uid_map_count: usize,
    /// user: the same of groups.
    pub gid_map: *const nsiso_id_range,
    /// How many ranges.
    pub gid_map_count: usize,
    /// uts: the host name.
    pub host_name: *const c_char,
    /// uts: the NIS domain name.
    pub domain_name: *const c_char,
    /// time: how far the monotonic clock is set forward, in seconds.
    pub monotonic_seconds: i64,
    /// time: as monotonic_seconds, of the clock that counts from the machine's start.
    pub boottime_seconds: i64,
    /// time: nanoseconds on top.
    pub monotonic_nanoseconds: u32,
    /// time: nanoseconds on top.
    pub boottime_nanoseconds: u32,
    /// net: the names of its interfaces, and a NULL behind the last one.
    pub interfaces: *const *const c_char,
    /// How many.
    pub interfaces_count: usize,
    /// net: its number as the caller's own net namespace gives it (ip netns list-id).
    pub nsid: i32,
    /// mnt: how many mounts it has, seen from any root (Linux 6.12).
    pub mounts: u32,
}

// SAFETY: its pointers lead to its own strings, which never change.
unsafe impl Send for nsiso_particulars {}
// SAFETY: as above.
unsafe impl Sync for nsiso_particulars {}

/// Reads what a namespace of a snapshot is like inside: now, which may be later than the snapshot.
///
/// snapshot: where.
/// index: of the namespace.
/// flags: 0.
/// ret_particulars: what there is, to be freed with nsiso_particulars_free; written on success.
/// reterr: see the top of this file.
///
/// Returns 0, or -errno as nsiso_snapshot_open; -EINVAL also for an unknown flag. MT-Safe; for uts and net the calling
/// thread may visit the namespace, as nsiso_ns_visit does. What needs which right, nsiso_particulars_info's known says
/// afterwards.
#[no_mangle]
pub unsafe extern "C" fn nsiso_snapshot_particulars(
    snapshot: *const nsiso_snapshot,
    index: u32,
    flags: u32,
    ret_particulars: *mut *mut nsiso_particulars,
    reterr: *mut *mut nsiso_error,
) -> c_int {
    let step = "nsiso_snapshot_particulars";
    let body = || {
        no_flags(step, flags)?;
        // SAFETY: the C caller's promise about snapshot.
        let namespace = unsafe { borrow(step, "snapshot", snapshot) }?.namespace(step, index)?;
        let make = || namespace.particulars().map(nsiso_particulars::from);
        // SAFETY: the C caller's promise about ret_particulars.
        unsafe { give(step, "ret_particulars", ret_particulars, make) }
    };
    // SAFETY: the C caller's promise about reterr.
    unsafe { call(reterr, body) }
}

/// Tells what is known.
///
/// particulars: of what.
/// ret_info: written on success.
/// size: sizeof(nsiso_particulars_info), as of nsiso_snapshot_get_namespace.
/// reterr: see the top of this file.
///
/// Returns 0, or -EINVAL: too small a size, or a NULL. MT-Safe. Allocates nothing.
#[no_mangle]
pub unsafe extern "C" fn nsiso_particulars_get(
    particulars: *const nsiso_particulars,
    ret_info: *mut nsiso_particulars_info,
    size: usize,
    reterr: *mut *mut nsiso_error,
) -> c_int {
    let step = "nsiso_particulars_get";
    let body = || {
        // SAFETY: the C caller's promise about particulars.
        let particulars = unsafe { borrow(step, "particulars", particulars) }?;
        // SAFETY: the C caller's promise about ret_info and size.
        unsafe { record(step, "ret_info", ret_info, size, &particulars.into()) }
    };
    // SAFETY: the C caller's promise about reterr.
    unsafe { call(reterr, body) }
}

/// Frees them; NULL is allowed. Returns NULL.
#[no_mangle]
pub unsafe extern "C" fn nsiso_particulars_free(
    particulars: *mut nsiso_particulars,
) -> *mut nsiso_particulars {
    // SAFETY: they came from `give`, and the C caller guarantees that they are freed once.
    unsafe { free(particulars, drop) }
}

impl From<Particulars> for nsiso_particulars {
    fn from(told: Particulars) -> nsiso_particulars {
        let known = [
            (told.uid_map.is_some() && told.gid_map.is_some(), NSISO_KNOWN_MAPS),
            (told.setgroups.is_some(), NSISO_KNOWN_SETGROUPS),
            (told.host_name.is_some() && told.domain_name.is_some(), NSISO_KNOWN_NAMES),
            (told.monotonic.is_some() && told.boottime.is_some(), NSISO_KNOWN_CLOCKS),
            (told.interfaces.is_some(), NSISO_KNOWN_INTERFACES),
            (told.nsid.is_some(), NSISO_KNOWN_NSID),
            (told.mounts.is_some(), NSISO_KNOWN_MOUNTS),
        ];
        // No name of the kernel's has a NUL in it.
        let text = |name: &Vec<u8>| CString::new(name.as_slice()).unwrap_or_default();
        let names: Vec<CString> = told.interfaces.iter().flatten().map(text).collect();
        let mut interfaces: Vec<*const c_char> = names.iter().map(|name| name.as_ptr()).collect();
        interfaces.push(ptr::null());
        nsiso_particulars {
            known: known.into_iter().filter(|(is_known, _)| *is_known).fold(0, |bits, (_, bit)| bits | bit),
            uid_map: ranges(told.uid_map.as_deref()),
            gid_map: ranges(told.gid_map.as_deref()),
            host_name: told.host_name.as_ref().map(text),
            domain_name: told.domain_name.as_ref().map(text),
            _interfaces: names,
            interfaces,
            told,
        }
    }
}

fn ranges(map: Option<&[IdRange]>) -> Vec<nsiso_id_range> {
    let range =
        |range: &IdRange| nsiso_id_range { inside: range.inside, outside: range.outside, count: range.count };
    map.unwrap_or_default().iter().map(range).collect()
}

impl From<&nsiso_particulars> for nsiso_particulars_info {
    fn from(of: &nsiso_particulars) -> nsiso_particulars_info {
        let text = |name: &Option<CString>| name.as_ref().map_or(ptr::null(), |name| name.as_ptr());
        let nothing = Offset { seconds: 0, nanoseconds: 0 };
        let (monotonic, boottime) =
            (of.told.monotonic.unwrap_or(nothing), of.told.boottime.unwrap_or(nothing));
        let has_interfaces = of.known & NSISO_KNOWN_INTERFACES != 0;
        nsiso_particulars_info {
            known: of.known,
            setgroups: u32::from(of.told.setgroups == Some(true)),
            uid_map: first(&of.uid_map),
            uid_map_count: of.uid_map.len(),
            gid_map: first(&of.gid_map),
            gid_map_count: of.gid_map.len(),
            host_name: text(&of.host_name),
            domain_name: text(&of.domain_name),
            monotonic_seconds: monotonic.seconds,
            boottime_seconds: boottime.seconds,
            monotonic_nanoseconds: monotonic.nanoseconds,
            boottime_nanoseconds: boottime.nanoseconds,
            interfaces: if has_interfaces { of.interfaces.as_ptr() } else { ptr::null() },
            interfaces_count: of.interfaces.len() - 1,
            nsid: of.told.nsid.unwrap_or(0),
            mounts: of.told.mounts.unwrap_or(0),
        }
    }
}

/// NULL where there is none: an empty vector's own pointer leads nowhere.
fn first(ranges: &[nsiso_id_range]) -> *const nsiso_id_range {
    ranges.first().map_or(ptr::null(), ptr::from_ref)
}
