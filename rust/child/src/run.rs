//! What the child does: performs each step, reports the first that fails, never returns.
//!
//! # Safety
//!
//! Every unsafe block here is one system call whose pointers come out of a [`Program`], which
//! borrows them for longer than the child runs.
#![allow(unsafe_code)]

use crate::call::{act, address, call, exit, Step};
use crate::linux;
use crate::process::{self, Place};
use crate::program::{Argv, Op, Program};
use crate::report::{Report, SAYS_CALLING};
use crate::stub::CloneFn;
use crate::{descriptors, privilege, signals};
use core::ffi::{c_int, c_void, CStr};

/// How often, and how long in seconds and nanoseconds, the kernel is given time to clean up: 100 ms in all.
const TEARDOWN_TRIES: u32 = 20;
static TEARDOWN_PAUSE: [i64; 2] = [0, 5_000_000];

/// Exit status of a child whose set-up failed; what failed is in the report.
const SETUP_FAILED: c_int = 127;

/// Runs `program`, which must have been made ready entirely: all signals are blocked when it starts.
pub fn run(program: &Program<'_>, report: &Report) -> ! {
    run_from(&Place { program, report, first: 0, process: 0 })
}

/// Runs what is left of a program from a place on.
pub(crate) fn run_from(place: &Place<'_>) -> ! {
    let Place { program, report, first, .. } = *place;
    for (step, op) in program.ops.iter().enumerate().skip(first) {
        report.reach(step);
        if let Err(errno) = perform(op, &Place { first: step, ..*place }) {
            report.fail(errno);
            exit(SETUP_FAILED);
        }
    }
    exit(SETUP_FAILED)
}

fn perform(op: &Op<'_>, place: &Place<'_>) -> Step {
    match *op {
        Op::Unshare { flags } => unshare(flags),
        Op::Setns { namespaces } => join(namespaces),
        Op::Fork { flags, stack } => process::fork(flags, stack, place),
        Op::Await { gate, parent, writing } => process::wait_for_parent([gate, parent, writing], place),
        Op::Write { directory, path, text } => write_file(directory, path, text),
        Op::Mount { source, target, fstype, flags } => {
            let target = address(Some(target));
            act(linux::SYS_mount, [address(source), target, address(fstype), flags as usize, 0])
        }
        Op::Sethostname { name } => {
            act(linux::SYS_sethostname, [name.as_ptr() as usize, name.len(), 0, 0, 0])
        }
        Op::Setdomainname { name } => {
            act(linux::SYS_setdomainname, [name.as_ptr() as usize, name.len(), 0, 0, 0])
        }
        Op::LoopbackUp => loopback_up(),
        Op::Chdir { path } => act(linux::SYS_chdir, [address(Some(path)), 0, 0, 0, 0]),
        Op::ChangeDirectory { fd } => act(linux::SYS_fchdir, [fd as usize, 0, 0, 0, 0]),
        Op::ChangeRoot { fd } => {
            act(linux::SYS_fchdir, [fd as usize, 0, 0, 0, 0])?;
            act(linux::SYS_chroot, [address(Some(c".")), 0, 0, 0, 0])
        }
        Op::Umask { mask } => act(linux::SYS_umask, [mask as usize, 0, 0, 0, 0]),
        Op::Setsid => act(linux::SYS_setsid, [0; 5]),
        Op::Setpgid { group } => act(linux::SYS_setpgid, [0, group as usize, 0, 0, 0]),
        Op::ControllingTerminal { fd } => {
            act(linux::SYS_ioctl, [fd as usize, linux::TIOCSCTTY as usize, 0, 0, 0])
        }
        Op::Rlimit { resource, limits } => {
            act(linux::SYS_prlimit64, [0, resource as usize, limits.as_ptr() as usize, 0, 0])
        }
        Op::Setgroups { groups } => {
            act(linux::SYS_setgroups, [groups.len(), groups.as_ptr() as usize, 0, 0, 0])
        }
        Op::Setgid { gid } => act(linux::SYS_setresgid, [gid as usize, gid as usize, gid as usize, 0, 0]),
        Op::Setuid { uid } => act(linux::SYS_setresuid, [uid as usize, uid as usize, uid as usize, 0, 0]),
        Op::KeepCapabilities { keep } => privilege::keep_capabilities(keep),
        Op::ForbidTyping => privilege::forbid_typing(),
        Op::Prctl { option, argument } => {
            act(linux::SYS_prctl, [option as usize, argument as usize, 0, 0, 0])
        }
        Op::Descriptors { moves } => descriptors::put(moves),
        Op::CloseOnExec { ranges } => descriptors::close_on_exec(ranges),
        Op::Exec { paths, argv, envp } => {
            signals::make_ready(place.program)?;
            exec(paths, argv, envp)
        }
        Op::Call { close, function, argument } => {
            close_all(close)?;
            call_function(function, argument, place)
        }
        Op::ExecFd { fd, argv } => {
            signals::make_ready_for_own(place.program)?;
            let (nothing, no_environment) = (address(Some(c"")), 0);
            let flags = linux::AT_EMPTY_PATH as usize;
            act(linux::SYS_execveat, [fd as usize, nothing, argv.address(), no_environment, flags])
        }
        Op::Exit { status } => exit(status),
    }
}

/// Tries again for a moment where a limit on net namespaces is reached: those that have ended count until the kernel
/// has cleaned up after them.
fn unshare(flags: u32) -> Step {
    let mut left = TEARDOWN_TRIES;
    loop {
        match act(linux::SYS_unshare, [flags as usize, 0, 0, 0, 0]) {
            Err(linux::ENOSPC) if flags & linux::CLONE_NEWNET as u32 != 0 && left > 0 => {
                left -= 1;
                let pause = core::ptr::addr_of!(TEARDOWN_PAUSE) as usize;
                act(linux::SYS_nanosleep, [pause, 0, 0, 0, 0])?;
            }
            answer => return answer,
        }
    }
}

fn join(namespaces: &[(c_int, u32)]) -> Step {
    for (fd, flags) in namespaces {
        act(linux::SYS_setns, [*fd as usize, *flags as usize, 0, 0, 0])?;
    }
    Ok(())
}

/// Goes on seeking where execvp(3) does, and like it tells of a file that was there but refused.
fn exec(paths: Argv<'_>, argv: Argv<'_>, envp: Argv<'_>) -> Step {
    let mut answer = linux::ENOENT;
    for path in paths.iter() {
        match call(linux::SYS_execve, [path, argv.address(), envp.address(), 0, 0]) {
            Ok(_) => return Ok(()),
            Err(linux::ENOENT | linux::ENOTDIR) if answer == linux::EACCES => {}
            Err(missing @ (linux::ENOENT | linux::ENOTDIR | linux::EACCES)) => answer = missing,
            Err(errno) => return Err(errno),
        }
    }
    Err(answer)
}

/// Says that all is set up, as an exec would, and calls.
fn call_function(function: CloneFn, argument: *mut c_void, place: &Place<'_>) -> Step {
    close_all(&place.program.own)?;
    signals::restore_mask(place.program)?;
    let notice = place.program.notice;
    if notice >= 0 {
        // Closing it would not do: another thread of the caller may have forked meanwhile, and its child has a copy.
        act(linux::SYS_write, [notice as usize, [SAYS_CALLING].as_ptr() as usize, 1, 0, 0])?;
        act(linux::SYS_close, [notice as usize, 0, 0, 0, 0])?;
    }
    // SAFETY: whoever made the op vouches for function and argument in a copy of the caller, which this is.
    exit(unsafe { function(argument) })
}

fn close_all(fds: &[c_int]) -> Step {
    fds.iter().filter(|fd| **fd >= 0).try_for_each(|fd| act(linux::SYS_close, [*fd as usize, 0, 0, 0, 0]))
}

/// One write: the kernel takes an id map or clock offsets whole or not at all.
fn write_file(directory: c_int, path: &CStr, text: &[u8]) -> Step {
    let flags = (linux::O_WRONLY | linux::O_CLOEXEC) as usize;
    let fd = call(linux::SYS_openat, [directory as usize, address(Some(path)), flags, 0, 0])?;
    let written = call(linux::SYS_write, [fd, text.as_ptr() as usize, text.len(), 0, 0]);
    act(linux::SYS_close, [fd, 0, 0, 0, 0])?;
    if written? == text.len() {
        Ok(())
    } else {
        Err(linux::EIO)
    }
}

fn loopback_up() -> Step {
    let kind = (linux::SOCK_DGRAM | linux::SOCK_CLOEXEC) as usize;
    let socket = call(linux::SYS_socket, [linux::AF_INET as usize, kind, 0, 0, 0])?;
    let mut request = InterfaceFlags { name: *b"lo\0\0\0\0\0\0\0\0\0\0\0\0\0\0", flags: 0, rest: [0; 22] };
    request.flags = (linux::IFF_UP | linux::IFF_RUNNING) as i16;
    let argument = core::ptr::addr_of!(request) as usize;
    let set = act(linux::SYS_ioctl, [socket, linux::SIOCSIFFLAGS as usize, argument, 0, 0]);
    act(linux::SYS_close, [socket, 0, 0, 0, 0])?;
    set
}

/// The kernel's `struct ifreq` as `SIOCSIFFLAGS` reads it.
#[repr(C)]
struct InterfaceFlags {
    name: [u8; 16],
    flags: i16,
    rest: [u8; 22],
}
