//! nsiso_spec's options about what the process may do and use, and about whose end is also its own.

use super::{nsiso_spec, set};
use crate::boundary::{bad_argument, text};
use crate::error::nsiso_error;
use libc::{c_char, c_int};
use nsiso_core::{Capabilities, Terminal};

/// Puts a reaper in as pid 1 of the new pid namespace: a tiny program of the library's own, for which
/// no file is installed. The command stays the caller's child with its own true status; what it leaves
/// behind is reaped, what signals are sent to pid 1 are the command's, and when it ends, everything in
/// the namespace does. SIGKILL ends pid 1 itself.
///
/// spec: is changed.
/// reterr: see the top of this file.
///
/// Returns 0, or -EINVAL: spec is NULL. A plan refuses it without NSISO_NEWPID, and with joins.
/// MT-Safe race:spec. Needs no privilege of its own. First kernel: 5.3 (pidfds). See pid_namespaces(7).
#[no_mangle]
pub unsafe extern "C" fn nsiso_spec_init(spec: *mut nsiso_spec, reterr: *mut *mut nsiso_error) -> c_int {
    // SAFETY: the C caller's promises about spec and reterr.
    unsafe { set("nsiso_spec_init", spec, reterr, |spec| Ok(spec.init())) }
}

/// Kills the command when the process that started it ends, in whatever way; the thread that
/// started it may end before. As pid 1, or with nsiso_spec_init, it takes its pid namespace along.
///
/// spec: is changed.
/// reterr: see the top of this file.
///
/// Returns 0, or -EINVAL: spec is NULL. MT-Safe race:spec. Needs no privilege; a small process of the
/// library's stays beside the command. First kernel: 5.3 (pidfds).
#[no_mangle]
pub unsafe extern "C" fn nsiso_spec_kill_with_parent(
    spec: *mut nsiso_spec,
    reterr: *mut *mut nsiso_error,
) -> c_int {
    // SAFETY: the C caller's promises about spec and reterr.
    unsafe { set("nsiso_spec_kill_with_parent", spec, reterr, |spec| Ok(spec.kill_with_parent())) }
}

/// nsiso_spec_terminal: none in namespaces of its own, where it would have the caller's. The default.
pub const NSISO_TERMINAL_APART: c_int = 0;
/// nsiso_spec_terminal: the caller's, in the caller's session.
pub const NSISO_TERMINAL_SHARE: c_int = 1;
/// nsiso_spec_terminal: a new one.
pub const NSISO_TERMINAL_OWN: c_int = 2;

/// Says which terminal a command has.
///
/// spec: is changed.
/// which: NSISO_TERMINAL_APART, _SHARE or _OWN.
/// reterr: see the top of this file.
///
/// Apart, a command in namespaces of its own is kept from typing into the caller's terminal what runs
/// outside (see nsiso_spec); in the caller's namespaces nothing is changed. Sharing, it stays in the
/// caller's session, and can. A terminal of its own is a new pseudo-terminal at each start, on its
/// descriptors 0 to 2 but those that the command sets itself, which controls a session of its own. It
/// begins with the window size and the settings of the first terminal on the caller's descriptors 0 to 2.
/// Its other side stays with the caller: see nsiso_process_terminal and nsiso_process_relay.
///
/// Returns 0, or -EINVAL: spec is NULL, or which is none of these. A plan refuses NSISO_TERMINAL_OWN
/// with nsiso_spec_controlling_terminal, with nsiso_spec_process_group, for a function, and for a command
/// that sets all of its descriptors 0 to 2. At the start -ENOENT there is no /dev/ptmx, -ENOSPC
/// kernel.pty.max is reached. MT-Safe race:spec. Needs no privilege. First kernel: 4.13
/// (TIOCGPTPEER). See pty(7), setsid(2), ioctl_tty(2).
#[no_mangle]
pub unsafe extern "C" fn nsiso_spec_terminal(
    spec: *mut nsiso_spec,
    which: c_int,
    reterr: *mut *mut nsiso_error,
) -> c_int {
    let step = "nsiso_spec_terminal";
    let by = |spec: nsiso_core::Spec| {
        let which = match which {
            NSISO_TERMINAL_APART => Terminal::Apart,
            NSISO_TERMINAL_SHARE => Terminal::Share,
            NSISO_TERMINAL_OWN => Terminal::Own,
            _ => return Err(bad_argument(step, &format!("which {which}: no NSISO_TERMINAL_*"))),
        };
        Ok(spec.terminal(which))
    };
    // SAFETY: the C caller's promises about spec and reterr.
    unsafe { set(step, spec, reterr, by) }
}

/// Keeps these capabilities at most, of those that the process has, and over exec: in the permitted,
/// effective, inheritable and ambient set; no program can get others (bounding set).
///
/// spec: is changed.
/// keep: names with commas between them ("net_bind_service,CAP_SYS_ADMIN"), "all", or "" for none.
/// reterr: see the top of this file.
///
/// Returns 0, or -EINVAL: a NULL, or no capability has one of the names. MT-Safe race:spec. Dropping
/// from the bounding set needs CAP_SETPCAP, which NSISO_NEWUSER gives (-EPERM at the start). First
/// kernel: 4.3 (ambient capabilities). See capabilities(7).
#[no_mangle]
pub unsafe extern "C" fn nsiso_spec_capabilities(
    spec: *mut nsiso_spec,
    keep: *const c_char,
    reterr: *mut *mut nsiso_error,
) -> c_int {
    let step = "nsiso_spec_capabilities";
    let by = |spec: nsiso_core::Spec| {
        // SAFETY: the C caller's promise about keep.
        let keep = unsafe { text(step, "keep", keep) }?.to_string_lossy().into_owned();
        Ok(spec.capabilities(keep.parse::<Capabilities>()?))
    };
    // SAFETY: the C caller's promises about spec and reterr.
    unsafe { set(step, spec, reterr, by) }
}

/// Places the process in an existing control group before a new cgroup namespace is made, so that its
/// root is this group.
///
/// spec: is changed. Groups add up: one of each hierarchy of version 1, or one of version 2.
/// directory: the group's, for instance "/sys/fs/cgroup/pids/mine".
/// reterr: see the top of this file.
///
/// Returns 0, or -EINVAL: a NULL. MT-Safe race:spec. Needs the right to write to the group's
/// cgroup.procs (-EACCES at the start; -ENOENT there is no such group). See cgroups(7).
#[no_mangle]
pub unsafe extern "C" fn nsiso_spec_cgroup(
    spec: *mut nsiso_spec,
    directory: *const c_char,
    reterr: *mut *mut nsiso_error,
) -> c_int {
    let step = "nsiso_spec_cgroup";
    let by = |spec: nsiso_core::Spec| {
        // SAFETY: the C caller's promise about directory.
        Ok(spec.cgroup(unsafe { text(step, "directory", directory) }?))
    };
    // SAFETY: the C caller's promises about spec and reterr.
    unsafe { set(step, spec, reterr, by) }
}

/// Limits the memory of the group that nsiso_spec_cgroup names. This and the other limits are set in the
/// first of the groups that has them, and stay when the process has ended.
///
/// spec: is changed.
/// bytes: how much.
/// reterr: see the top of this file.
///
/// Returns 0, or -EINVAL: spec is NULL. A plan refuses a limit without a group; a start is -ENOENT when no
/// group has the controller. MT-Safe race:spec. Needs the right to write to the group's files.
#[no_mangle]
pub unsafe extern "C" fn nsiso_spec_memory_limit(
    spec: *mut nsiso_spec,
    bytes: u64,
    reterr: *mut *mut nsiso_error,
) -> c_int {
    // SAFETY: the C caller's promises about spec and reterr.
    unsafe { set("nsiso_spec_memory_limit", spec, reterr, |spec| Ok(spec.memory_limit(bytes))) }
}

/// Limits the processes and threads of the group; otherwise as nsiso_spec_memory_limit.
///
/// count: how many.
#[no_mangle]
pub unsafe extern "C" fn nsiso_spec_pids_limit(
    spec: *mut nsiso_spec,
    count: u64,
    reterr: *mut *mut nsiso_error,
) -> c_int {
    // SAFETY: the C caller's promises about spec and reterr.
    unsafe { set("nsiso_spec_pids_limit", spec, reterr, |spec| Ok(spec.pids_limit(count))) }
}

/// Limits the time on a CPU of the group; otherwise as nsiso_spec_memory_limit.
///
/// quota: microseconds in each period.
/// period: microseconds, from 1,000 to 1,000,000.
#[no_mangle]
pub unsafe extern "C" fn nsiso_spec_cpu_limit(
    spec: *mut nsiso_spec,
    quota: u64,
    period: u64,
    reterr: *mut *mut nsiso_error,
) -> c_int {
    // SAFETY: the C caller's promises about spec and reterr.
    unsafe { set("nsiso_spec_cpu_limit", spec, reterr, |spec| Ok(spec.cpu_limit(quota, period))) }
}
