//! nsiso_spec's options about the process: directory, ids, session, limits, and how it is started.

use super::{nsiso_spec, set};
use crate::boundary::{array, bad_argument, text};
use crate::error::nsiso_error;
use libc::{c_char, c_int, gid_t, mode_t, pid_t, uid_t};
use nsiso_core::Likeness;
use std::time::Duration;

/// nsiso_spec_like: its root directory; the working directory is that too, unless another is named.
pub const NSISO_LIKE_ROOT: u32 = 1;
/// nsiso_spec_like: its working directory.
pub const NSISO_LIKE_CWD: u32 = 2;
/// nsiso_spec_like: the environment that it was started with.
pub const NSISO_LIKE_ENVIRONMENT: u32 = 4;
/// nsiso_spec_like: the control groups that it is in, of every hierarchy that the caller sees mounted.
pub const NSISO_LIKE_CGROUP: u32 = 8;
/// nsiso_spec_like: its effective user and group and its supplementary groups, as its own user namespace numbers
/// them where that is joined. Where setgroups(2) is denied there, the caller's groups stay.
pub const NSISO_LIKE_IDS: u32 = 16;

const _: () = {
    assert!(NSISO_LIKE_ROOT == Likeness::ROOT.bits());
    assert!(NSISO_LIKE_CWD == Likeness::CWD.bits());
    assert!(NSISO_LIKE_ENVIRONMENT == Likeness::ENVIRONMENT.bits());
    assert!(NSISO_LIKE_CGROUP == Likeness::CGROUP.bits());
    assert!(NSISO_LIKE_IDS == Likeness::IDS.bits());
};

/// Has a command be like a process in what is named, mostly beside a join of its namespaces. What the command
/// itself says (its directory, its environment) wins.
///
/// spec: is changed.
/// pid: a process as the caller's pid namespace counts, read when a plan is made.
/// what: NSISO_LIKE_* bits, at least one.
/// reterr: see the top of this file.
///
/// Returns 0, or -EINVAL: spec is NULL, pid is not positive, or what is 0 or has an unknown bit. A plan refuses
/// what is set as well (nsiso_spec_cwd, _uid, _gid, _groups, _cgroup), a process that has ended (-ESRCH) or may
/// not be traced (-EACCES). MT-Safe race:spec. A process of it needs CAP_SYS_CHROOT for the root, and what
/// nsiso_spec_uid and nsiso_spec_cgroup say for ids and control groups. See proc(5).
#[no_mangle]
pub unsafe extern "C" fn nsiso_spec_like(
    spec: *mut nsiso_spec,
    pid: pid_t,
    what: u32,
    reterr: *mut *mut nsiso_error,
) -> c_int {
    let step = "nsiso_spec_like";
    let by = |spec: nsiso_core::Spec| {
        if pid <= 0 {
            return Err(bad_argument(step, &format!("pid {pid}: it must be positive")));
        }
        let known = Likeness::from_bits(what).filter(|_| what != 0);
        let what = known.ok_or_else(|| bad_argument(step, &format!("what {what:#x}: NSISO_LIKE_* bits")))?;
        Ok(spec.like(pid, what))
    };
    // SAFETY: the C caller's promises about spec and reterr.
    unsafe { set(step, spec, reterr, by) }
}

/// Starts in this directory, as seen inside. A command's own (nsiso_command_cwd) wins.
///
/// spec: is changed.
/// path: copied.
/// reterr: see the top of this file.
///
/// Returns 0, or -EINVAL: a NULL. MT-Safe race:spec. Needs the right to enter it, with the ids that the
/// process will have. See chdir(2).
#[no_mangle]
pub unsafe extern "C" fn nsiso_spec_cwd(
    spec: *mut nsiso_spec,
    path: *const c_char,
    reterr: *mut *mut nsiso_error,
) -> c_int {
    let step = "nsiso_spec_cwd";
    // SAFETY: the C caller's promise about path.
    let by = |spec: nsiso_core::Spec| Ok(spec.cwd(unsafe { text(step, "path", path) }?));
    // SAFETY: the C caller's promises about spec and reterr.
    unsafe { set(step, spec, reterr, by) }
}

/// Sets which permission bits the process does not give to new files, in place of the caller's.
///
/// spec: is changed.
/// mask: bits beyond 0777 are refused when a plan is made.
/// reterr: see the top of this file.
///
/// Returns 0, or -EINVAL: spec is NULL. MT-Safe race:spec. Needs no privilege. See umask(2).
#[no_mangle]
pub unsafe extern "C" fn nsiso_spec_umask(
    spec: *mut nsiso_spec,
    mask: mode_t,
    reterr: *mut *mut nsiso_error,
) -> c_int {
    // SAFETY: the C caller's promises about spec and reterr.
    unsafe { set("nsiso_spec_umask", spec, reterr, |spec| Ok(spec.umask(mask))) }
}

/// Becomes this user: real, effective, saved and file system id.
///
/// spec: is changed.
/// uid: as numbered inside.
/// reterr: see the top of this file.
///
/// Returns 0, or -EINVAL: spec is NULL. MT-Safe race:spec. A process of it needs CAP_SETUID in its user
/// namespace, which it has in a new one that maps the id; an id that is not mapped is -EINVAL at the
/// start. It gets ready in a memory of its own, so that the caller's stays one that may be dumped. See
/// setresuid(2).
#[no_mangle]
pub unsafe extern "C" fn nsiso_spec_uid(
    spec: *mut nsiso_spec,
    uid: uid_t,
    reterr: *mut *mut nsiso_error,
) -> c_int {
    // SAFETY: the C caller's promises about spec and reterr.
    unsafe { set("nsiso_spec_uid", spec, reterr, |spec| Ok(spec.uid(uid))) }
}

/// Becomes this group; otherwise as nsiso_spec_uid, with CAP_SETGID. See setresgid(2).
#[no_mangle]
pub unsafe extern "C" fn nsiso_spec_gid(
    spec: *mut nsiso_spec,
    gid: gid_t,
    reterr: *mut *mut nsiso_error,
) -> c_int {
    // SAFETY: the C caller's promises about spec and reterr.
    unsafe { set("nsiso_spec_gid", spec, reterr, |spec| Ok(spec.gid(gid))) }
}

/// Has these supplementary groups, in place of the caller's.
///
/// spec: is changed.
/// groups: as numbered inside; copied. NULL if there are none.
/// count: how many; 0 for no supplementary groups at all.
/// reterr: see the top of this file.
///
/// Returns 0, or -EINVAL: spec is NULL, or groups while count is not 0. MT-Safe race:spec. Otherwise as
/// nsiso_spec_gid; a user namespace in which the process maps its own single group has given this up
/// (-EPERM at the start). See setgroups(2), user_namespaces(7).
#[no_mangle]
pub unsafe extern "C" fn nsiso_spec_groups(
    spec: *mut nsiso_spec,
    groups: *const gid_t,
    count: usize,
    reterr: *mut *mut nsiso_error,
) -> c_int {
    let step = "nsiso_spec_groups";
    let by = |spec: nsiso_core::Spec| {
        // SAFETY: the C caller's promise about groups.
        let groups = unsafe { array(step, "groups", groups, count) }?;
        Ok(spec.groups(groups.iter().copied()))
    };
    // SAFETY: the C caller's promises about spec and reterr.
    unsafe { set(step, spec, reterr, by) }
}

/// Leads a session of its own, without a terminal.
///
/// spec: is changed.
/// reterr: see the top of this file.
///
/// Returns 0, or -EINVAL: spec is NULL. MT-Safe race:spec. Needs no privilege. See setsid(2).
#[no_mangle]
pub unsafe extern "C" fn nsiso_spec_new_session(
    spec: *mut nsiso_spec,
    reterr: *mut *mut nsiso_error,
) -> c_int {
    // SAFETY: the C caller's promises about spec and reterr.
    unsafe { set("nsiso_spec_new_session", spec, reterr, |spec| Ok(spec.new_session())) }
}

/// Joins a process group of the caller's session. Excludes nsiso_spec_new_session and
/// nsiso_spec_controlling_terminal.
///
/// spec: is changed.
/// pgid: the group as the process sees it, or 0 for one of its own. Another one than that is refused when
/// a plan is made for a command that is kept from its terminal (see nsiso_spec).
/// reterr: see the top of this file.
///
/// Returns 0, or -EINVAL: spec is NULL, or pgid is negative. A group that is not there is -EPERM at the
/// start. MT-Safe race:spec. Needs no privilege. See setpgid(2).
#[no_mangle]
pub unsafe extern "C" fn nsiso_spec_process_group(
    spec: *mut nsiso_spec,
    pgid: pid_t,
    reterr: *mut *mut nsiso_error,
) -> c_int {
    let step = "nsiso_spec_process_group";
    let by = |spec: nsiso_core::Spec| {
        if pgid < 0 {
            return Err(bad_argument(step, &format!("pgid {pgid}: it cannot be negative")));
        }
        Ok(spec.process_group(pgid))
    };
    // SAFETY: the C caller's promises about spec and reterr.
    unsafe { set(step, spec, reterr, by) }
}

/// Leads a session of its own that has this terminal.
///
/// spec: is changed.
/// number: of a terminal's descriptor as the command sees it: 0, or what nsiso_command_fd or
/// nsiso_command_keep put there.
/// reterr: see the top of this file.
///
/// Returns 0, or -EINVAL: spec is NULL, or number is negative. At the start -ENOTTY is no terminal, and
/// -EPERM one that is another session's already. MT-Safe race:spec. Needs no privilege. See ioctl_tty(2),
/// TIOCSCTTY.
#[no_mangle]
pub unsafe extern "C" fn nsiso_spec_controlling_terminal(
    spec: *mut nsiso_spec,
    number: c_int,
    reterr: *mut *mut nsiso_error,
) -> c_int {
    let step = "nsiso_spec_controlling_terminal";
    let by = |spec: nsiso_core::Spec| {
        if number < 0 {
            return Err(bad_argument(step, &format!("number {number}: it cannot be negative")));
        }
        Ok(spec.controlling_terminal(number))
    };
    // SAFETY: the C caller's promises about spec and reterr.
    unsafe { set(step, spec, reterr, by) }
}

/// Sets a resource limit. Limits of different resources add up; two of one resource, and a soft limit
/// above its hard one, are refused when a plan is made.
///
/// spec: is changed.
/// resource: RLIMIT_* of sys/resource.h; one that the kernel does not know is -EINVAL at the start.
/// soft, hard: in the resource's own unit; all bits set (RLIM_INFINITY) for no limit.
/// reterr: see the top of this file.
///
/// Returns 0, or -EINVAL: spec is NULL. MT-Safe race:spec. Raising a hard limit needs CAP_SYS_RESOURCE
/// in the initial user namespace, so with NSISO_NEWUSER nobody can (-EPERM at the start). See
/// prlimit(2).
#[no_mangle]
pub unsafe extern "C" fn nsiso_spec_rlimit(
    spec: *mut nsiso_spec,
    resource: u32,
    soft: u64,
    hard: u64,
    reterr: *mut *mut nsiso_error,
) -> c_int {
    // SAFETY: the C caller's promises about spec and reterr.
    unsafe { set("nsiso_spec_rlimit", spec, reterr, |spec| Ok(spec.rlimit(resource, soft, hard))) }
}

/// Sets how willingly the kernel ends the process when memory runs out.
///
/// spec: is changed.
/// score: from -1000 (never) to 1000 (first); others are refused when a plan is made.
/// reterr: see the top of this file.
///
/// Returns 0, or -EINVAL: spec is NULL. MT-Safe race:spec. Going below the caller's own lowest needs
/// CAP_SYS_RESOURCE in the initial user namespace, as with nsiso_spec_rlimit (-EACCES at the start).
/// See proc_pid_oom_score_adj(5).
#[no_mangle]
pub unsafe extern "C" fn nsiso_spec_oom_score_adj(
    spec: *mut nsiso_spec,
    score: c_int,
    reterr: *mut *mut nsiso_error,
) -> c_int {
    // SAFETY: the C caller's promises about spec and reterr.
    unsafe { set("nsiso_spec_oom_score_adj", spec, reterr, |spec| Ok(spec.oom_score_adj(score))) }
}

/// Lets the process and its descendants gain no privilege by executing: setuid bits and file
/// capabilities have no effect for them.
///
/// spec: is changed.
/// reterr: see the top of this file.
///
/// Returns 0, or -EINVAL: spec is NULL. MT-Safe race:spec. Needs no privilege. First kernel: 3.5. See
/// prctl(2), PR_SET_NO_NEW_PRIVS.
#[no_mangle]
pub unsafe extern "C" fn nsiso_spec_no_new_privs(
    spec: *mut nsiso_spec,
    reterr: *mut *mut nsiso_error,
) -> c_int {
    // SAFETY: the C caller's promises about spec and reterr.
    unsafe { set("nsiso_spec_no_new_privs", spec, reterr, |spec| Ok(spec.no_new_privs())) }
}

/// Gives up when the set-up takes longer: from nsiso_spawn's begin until the command executes, or from
/// nsiso_spawn_function's until the function is called.
/// Without it there is no limit.
///
/// spec: is changed.
/// milliseconds: how long; 0 leaves it no time. For nsiso_spawn_held, the time until nsiso_held_release
/// has returned, the caller's own in between included.
/// reterr: see the top of this file.
///
/// Returns 0, or -EINVAL: spec is NULL. The start is then -ETIMEDOUT, and nothing is left of it.
/// MT-Safe race:spec.
#[no_mangle]
pub unsafe extern "C" fn nsiso_spec_timeout(
    spec: *mut nsiso_spec,
    milliseconds: u64,
    reterr: *mut *mut nsiso_error,
) -> c_int {
    let timeout = Duration::from_millis(milliseconds);
    // SAFETY: the C caller's promises about spec and reterr.
    unsafe { set("nsiso_spec_timeout", spec, reterr, |spec| Ok(spec.timeout(timeout))) }
}

/// Starts from a copy of the caller's memory, as fork(2) does: the way where a child cannot share
/// it (valgrind, qemu-user). The results are the same; the cost grows with the caller.
///
/// spec: is changed.
/// reterr: see the top of this file.
///
/// Returns 0, or -EINVAL: spec is NULL. MT-Safe race:spec. Needs no privilege. See clone(2), CLONE_VM.
#[no_mangle]
pub unsafe extern "C" fn nsiso_spec_own_memory(
    spec: *mut nsiso_spec,
    reterr: *mut *mut nsiso_error,
) -> c_int {
    // SAFETY: the C caller's promises about spec and reterr.
    unsafe { set("nsiso_spec_own_memory", spec, reterr, |spec| Ok(spec.own_memory())) }
}
