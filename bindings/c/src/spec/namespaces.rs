//! nsiso_spec's options about namespaces: which are new or joined, and how they are set up.

use super::{nsiso_spec, set};
use crate::boundary::{array, bad_argument, duplicate, known_kinds, text};
use crate::error::nsiso_error;
use crate::kind::nsiso_kinds;
use libc::{c_char, c_int, pid_t};
use nsiso_core::{IdMap, IdRange, Kinds, Offset, Result};

/// nsiso_spec_time_offset: the kernel's CLOCK_MONOTONIC.
pub const NSISO_CLOCK_MONOTONIC: c_int = 1;
/// nsiso_spec_time_offset: the kernel's CLOCK_BOOTTIME.
pub const NSISO_CLOCK_BOOTTIME: c_int = 7;

const _: () = assert!(NSISO_CLOCK_MONOTONIC == libc::CLOCK_MONOTONIC);
const _: () = assert!(NSISO_CLOCK_BOOTTIME == libc::CLOCK_BOOTTIME);

/// Some ids in a row: `inside` and the following stand for `outside` and the following.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct nsiso_id_range {
    /// First id in the new user namespace.
    pub inside: u32,
    /// First id in the caller's user namespace.
    pub outside: u32,
    /// How many, at least 1.
    pub count: u32,
}

/// Adds new namespaces.
///
/// spec: is changed.
/// kinds: NSISO_NEW* bits; those of earlier calls stay. A new mnt namespace gets private
/// propagation, so that its mounts do not show outside; a new net namespace has lo up.
/// reterr: see the top of this file.
///
/// Returns 0, or -EINVAL: spec is NULL, or a bit is unknown. MT-Safe race:spec. A process of it needs
/// CAP_SYS_ADMIN for all kinds but user; with NSISO_NEWUSER among them, nothing. First kernel: of
/// each kind its own (nsiso_kind_first_kernel). See namespaces(7), clone(2).
#[no_mangle]
pub unsafe extern "C" fn nsiso_spec_unshare(
    spec: *mut nsiso_spec,
    kinds: nsiso_kinds,
    reterr: *mut *mut nsiso_error,
) -> c_int {
    let step = "nsiso_spec_unshare";
    // SAFETY: the C caller's promises about spec and reterr.
    unsafe { set(step, spec, reterr, |spec| Ok(spec.unshare(known_kinds(step, kinds)?))) }
}

/// Adds namespaces of a process, to be joined.
///
/// spec: is changed. Joins add up, of each kind one. They are made in an order that the caller's rights allow; what
/// a child of the caller is in anyway is left out, and what is new is made in what is joined.
/// pid: a process as the caller's pid namespace counts, looked up at each start. Where it
/// may end and its number be used again meanwhile, nsiso_spec_join_pidfd is the safe way.
/// kinds: which of its namespaces, NSISO_NEW* bits, at least one.
/// reterr: see the top of this file.
///
/// Returns 0, or -EINVAL: spec is NULL, pid is not positive, or kinds is 0 or has an unknown bit.
/// MT-Safe race:spec. A process of it needs CAP_SYS_ADMIN over each namespace that it joins and in its
/// own user namespace, and the right to trace the target (ptrace(2)); a user namespace that is joined
/// in the same call gives it the first where that owns the others. Before Linux 5.8 its
/// links in /proc are joined one by one. See setns(2), pidfd_open(2).
#[no_mangle]
pub unsafe extern "C" fn nsiso_spec_join_pid(
    spec: *mut nsiso_spec,
    pid: pid_t,
    kinds: nsiso_kinds,
    reterr: *mut *mut nsiso_error,
) -> c_int {
    let step = "nsiso_spec_join_pid";
    let by = |spec: nsiso_core::Spec| {
        if pid <= 0 {
            return Err(bad_argument(step, &format!("pid {pid}: it must be positive")));
        }
        Ok(spec.join_process(pid, some_kinds(step, kinds)?))
    };
    // SAFETY: the C caller's promises about spec and reterr.
    unsafe { set(step, spec, reterr, by) }
}

/// As nsiso_spec_join_pid, of the process behind a pidfd: never another one that got its number.
///
/// fd: a pidfd (pidfd_open(2), nsiso_process_pidfd), of which the spec keeps a duplicate.
///
/// Returns 0, or: -EINVAL as nsiso_spec_join_pid, -EBADF fd is closed, -EMFILE too many descriptors
/// are open. The rest as nsiso_spec_join_pid; a start after the process was reaped is -ESRCH.
#[no_mangle]
pub unsafe extern "C" fn nsiso_spec_join_pidfd(
    spec: *mut nsiso_spec,
    fd: c_int,
    kinds: nsiso_kinds,
    reterr: *mut *mut nsiso_error,
) -> c_int {
    let step = "nsiso_spec_join_pidfd";
    let by = |spec: nsiso_core::Spec| {
        let kinds = some_kinds(step, kinds)?;
        Ok(spec.join_fd(duplicate(step, fd)?, kinds))
    };
    // SAFETY: the C caller's promises about spec and reterr.
    unsafe { set(step, spec, reterr, by) }
}

/// Adds a namespace, to be joined.
///
/// spec: is changed. Joins add up: see nsiso_spec_join_pid.
/// fd: a namespace's descriptor, opened for reading from /proc/PID/ns or a bind mount of such. It
/// knows its kind. The spec keeps a duplicate, which keeps the namespace alive.
/// reterr: see the top of this file.
///
/// Returns 0, or: -EINVAL spec is NULL, -EBADF fd is closed, -EMFILE too many descriptors are open. A
/// descriptor of something else is refused when a plan is made. MT-Safe race:spec. A process of it needs
/// CAP_SYS_ADMIN over the namespace and in its own user namespace, for mnt CAP_SYS_CHROOT as well; for
/// a user namespace that in the target alone. First kernel: 4.11 (the kind is asked for by ioctl_ns(2)).
/// See setns(2), namespaces(7).
#[no_mangle]
pub unsafe extern "C" fn nsiso_spec_join_fd(
    spec: *mut nsiso_spec,
    fd: c_int,
    reterr: *mut *mut nsiso_error,
) -> c_int {
    let step = "nsiso_spec_join_fd";
    // SAFETY: the C caller's promises about spec and reterr.
    unsafe { set(step, spec, reterr, |spec| Ok(spec.join_fd(duplicate(step, fd)?, Kinds::NONE))) }
}

/// As nsiso_spec_join_fd, by path.
///
/// path: of a link under /proc/PID/ns, or of a bind mount of such; copied, and opened at each start.
///
/// Returns 0, or -EINVAL: a NULL. A path that leads nowhere is refused when a plan is made, with the
/// errno of open(2). The rest as nsiso_spec_join_fd.
#[no_mangle]
pub unsafe extern "C" fn nsiso_spec_join_path(
    spec: *mut nsiso_spec,
    path: *const c_char,
    reterr: *mut *mut nsiso_error,
) -> c_int {
    let step = "nsiso_spec_join_path";
    // SAFETY: the C caller's promise about path.
    let by = |spec: nsiso_core::Spec| Ok(spec.join_path(unsafe { text(step, "path", path) }?));
    // SAFETY: the C caller's promises about spec and reterr.
    unsafe { set(step, spec, reterr, by) }
}

/// Makes the caller's user and group root inside. Needs NSISO_NEWUSER, and is one of four that
/// exclude each other: nsiso_spec_map_root, _map_current, _map_auto, _map_ids.
///
/// spec: is changed.
/// reterr: see the top of this file.
///
/// Returns 0, or -EINVAL: spec is NULL. MT-Safe race:spec. Needs no privilege: the new process writes the
/// map itself, after it has given up setgroups(2) in /proc/PID/setgroups. First kernel: 3.8 (setgroups
/// file: 3.19). See user_namespaces(7).
#[no_mangle]
pub unsafe extern "C" fn nsiso_spec_map_root(spec: *mut nsiso_spec, reterr: *mut *mut nsiso_error) -> c_int {
    // SAFETY: the C caller's promises about spec and reterr.
    unsafe { set("nsiso_spec_map_root", spec, reterr, |spec| Ok(spec.map_root())) }
}

/// Keeps the caller's user and group their numbers inside; otherwise as nsiso_spec_map_root.
#[no_mangle]
pub unsafe extern "C" fn nsiso_spec_map_current(
    spec: *mut nsiso_spec,
    reterr: *mut *mut nsiso_error,
) -> c_int {
    // SAFETY: the C caller's promises about spec and reterr.
    unsafe { set("nsiso_spec_map_current", spec, reterr, |spec| Ok(spec.map_current())) }
}

/// Makes the caller root inside, followed by all ids that /etc/subuid and /etc/subgid grant it. Excludes
/// the other maps: see nsiso_spec_map_root.
///
/// spec: is changed. The files are read when a plan is made, which is -EPERM when they grant nothing.
/// reterr: see the top of this file.
///
/// Returns 0, or -EINVAL: spec is NULL. MT-Safe race:spec. An ordinary user needs newuidmap(1) and
/// newgidmap(1), a caller with CAP_SETUID and CAP_SETGID writes the maps by itself. First kernel: 3.8.
/// See user_namespaces(7), subuid(5), subgid(5).
#[no_mangle]
pub unsafe extern "C" fn nsiso_spec_map_auto(spec: *mut nsiso_spec, reterr: *mut *mut nsiso_error) -> c_int {
    // SAFETY: the C caller's promises about spec and reterr.
    unsafe { set("nsiso_spec_map_auto", spec, reterr, |spec| Ok(spec.map_auto())) }
}

/// Maps these ids. Excludes the other maps: see nsiso_spec_map_root.
///
/// spec: is changed.
/// users, user_count: ranges of user ids in any order, at least one; copied.
/// groups, group_count: ranges of group ids, likewise.
/// reterr: see the top of this file.
///
/// Returns 0, or -EINVAL, naming the ranges: a NULL, no range, an empty one, ids beyond 4294967294,
/// ranges that share an id inside or outside, more than 340 lines or a page of text after joining
/// neighbours. MT-Safe race:spec. Who maps just its own user and group needs nothing. More is written
/// by a caller with CAP_SETUID and CAP_SETGID, or else by newuidmap(1) and newgidmap(1), if /etc/subuid
/// and /etc/subgid grant it (-EPERM when a plan is made, if not). First kernel: 3.8. See
/// user_namespaces(7).
#[no_mangle]
pub unsafe extern "C" fn nsiso_spec_map_ids(
    spec: *mut nsiso_spec,
    users: *const nsiso_id_range,
    user_count: usize,
    groups: *const nsiso_id_range,
    group_count: usize,
    reterr: *mut *mut nsiso_error,
) -> c_int {
    let by = |spec: nsiso_core::Spec| {
        // SAFETY: the C caller's promise about users.
        let users = unsafe { id_map("users", users, user_count) }?;
        // SAFETY: the C caller's promise about groups.
        let groups = unsafe { id_map("groups", groups, group_count) }?;
        Ok(spec.map_ids(users, groups))
    };
    // SAFETY: the C caller's promises about spec and reterr.
    unsafe { set("nsiso_spec_map_ids", spec, reterr, by) }
}

/// Sets the host name inside. Needs NSISO_NEWUTS.
///
/// spec: is changed.
/// name: copied; more than 64 bytes are refused when a plan is made.
/// reterr: see the top of this file.
///
/// Returns 0, or -EINVAL: a NULL. MT-Safe race:spec. Needs no more than the uts namespace itself. First
/// kernel: 2.6.19. See sethostname(2), uts_namespaces(7).
#[no_mangle]
pub unsafe extern "C" fn nsiso_spec_hostname(
    spec: *mut nsiso_spec,
    name: *const c_char,
    reterr: *mut *mut nsiso_error,
) -> c_int {
    let step = "nsiso_spec_hostname";
    // SAFETY: the C caller's promise about name.
    let by = |spec: nsiso_core::Spec| Ok(spec.hostname(unsafe { text(step, "name", name) }?));
    // SAFETY: the C caller's promises about spec and reterr.
    unsafe { set(step, spec, reterr, by) }
}

/// Sets the NIS domain name inside; otherwise as nsiso_spec_hostname. See setdomainname(2).
#[no_mangle]
pub unsafe extern "C" fn nsiso_spec_domainname(
    spec: *mut nsiso_spec,
    name: *const c_char,
    reterr: *mut *mut nsiso_error,
) -> c_int {
    let step = "nsiso_spec_domainname";
    // SAFETY: the C caller's promise about name.
    let by = |spec: nsiso_core::Spec| Ok(spec.domainname(unsafe { text(step, "name", name) }?));
    // SAFETY: the C caller's promises about spec and reterr.
    unsafe { set(step, spec, reterr, by) }
}

/// Sets a clock forward inside, or back. Needs NSISO_NEWTIME.
///
/// spec: is changed. Each clock has an offset of its own.
/// clock: NSISO_CLOCK_MONOTONIC or NSISO_CLOCK_BOOTTIME.
/// seconds: negative to go back, but not to before 0; the kernel refuses that at the start (-ERANGE).
/// nanoseconds: on top of the seconds; 1000000000 and more are refused when a plan is made.
/// reterr: see the top of this file.
///
/// Returns 0, or -EINVAL: spec is NULL, or another clock. MT-Safe race:spec. Needs no more than the
/// time namespace itself. First kernel: 5.6. See time_namespaces(7).
#[no_mangle]
pub unsafe extern "C" fn nsiso_spec_time_offset(
    spec: *mut nsiso_spec,
    clock: c_int,
    seconds: i64,
    nanoseconds: u32,
    reterr: *mut *mut nsiso_error,
) -> c_int {
    let step = "nsiso_spec_time_offset";
    let offset = Offset { seconds, nanoseconds };
    let by = |spec: nsiso_core::Spec| match clock {
        NSISO_CLOCK_MONOTONIC => Ok(spec.monotonic_offset(offset)),
        NSISO_CLOCK_BOOTTIME => Ok(spec.boottime_offset(offset)),
        _ => Err(bad_argument(step, &format!("clock {clock}: it has no offset"))),
    };
    // SAFETY: the C caller's promises about spec and reterr.
    unsafe { set(step, spec, reterr, by) }
}

/// Mounts a /proc that shows the new pid namespace. Needs NSISO_NEWPID and NSISO_NEWNS.
///
/// spec: is changed.
/// reterr: see the top of this file.
///
/// Returns 0, or -EINVAL: spec is NULL. MT-Safe race:spec. Needs no more than the namespaces
/// themselves; an ordinary user's start is -EPERM where parts of the caller's own /proc are covered. First
/// kernel: 2.6.24. See proc(5), pid_namespaces(7).
#[no_mangle]
pub unsafe extern "C" fn nsiso_spec_proc(spec: *mut nsiso_spec, reterr: *mut *mut nsiso_error) -> c_int {
    // SAFETY: the C caller's promises about spec and reterr.
    unsafe { set("nsiso_spec_proc", spec, reterr, |spec| Ok(spec.proc())) }
}

/// Leaves lo down in a new net namespace, as the kernel makes it.
///
/// spec: is changed.
/// reterr: see the top of this file.
///
/// Returns 0, or -EINVAL: spec is NULL. MT-Safe race:spec. Needs no privilege and no kernel feature. See
/// network_namespaces(7).
#[no_mangle]
pub unsafe extern "C" fn nsiso_spec_loopback_down(
    spec: *mut nsiso_spec,
    reterr: *mut *mut nsiso_error,
) -> c_int {
    // SAFETY: the C caller's promises about spec and reterr.
    unsafe { set("nsiso_spec_loopback_down", spec, reterr, |spec| Ok(spec.loopback_down())) }
}

/// Takes descriptors of the child's namespaces before it executes, for nsiso_process_namespace: they are
/// to be had whatever becomes of the child.
///
/// spec: is changed.
/// kinds: which, NSISO_NEW* bits; those of earlier calls stay.
/// reterr: see the top of this file.
///
/// Returns 0, or -EINVAL: spec is NULL, or a bit is unknown. MT-Safe race:spec. The start is -EACCES where the
/// caller may not trace the child. See namespaces(7).
#[no_mangle]
pub unsafe extern "C" fn nsiso_spec_keep_namespaces(
    spec: *mut nsiso_spec,
    kinds: nsiso_kinds,
    reterr: *mut *mut nsiso_error,
) -> c_int {
    let step = "nsiso_spec_keep_namespaces";
    // SAFETY: the C caller's promises about spec and reterr.
    unsafe { set(step, spec, reterr, |spec| Ok(spec.keep_namespaces(known_kinds(step, kinds)?))) }
}

fn some_kinds(step: &str, kinds: nsiso_kinds) -> Result<Kinds> {
    if kinds == 0 {
        return Err(bad_argument(step, "kinds is 0: nothing to join"));
    }
    known_kinds(step, kinds)
}

/// # Safety
///
/// `first` must be NULL or lead to `count` ranges.
unsafe fn id_map(name: &str, first: *const nsiso_id_range, count: usize) -> Result<IdMap> {
    let step = "nsiso_spec_map_ids";
    // SAFETY: the caller's promise.
    let ranges = unsafe { array(step, name, first, count) }?;
    if ranges.is_empty() {
        return Err(bad_argument(step, &format!("{name} has no range")));
    }
    IdMap::new(ranges.iter().map(|range| IdRange {
        inside: range.inside,
        outside: range.outside,
        count: range.count,
    }))
}
