//! What the child does: performs each step, reports the first that fails, never returns.
//!
//! # Safety
//!
//! Every unsafe block here is one system call whose pointers come out of a [`Program`], which
//! borrows them for longer than the child runs.
#![allow(unsafe_code)]

use crate::program::{Argv, Op, Program};
use crate::raw::syscall;
use crate::report::Report;
use core::ffi::{c_int, c_long, CStr};

/// Exit status of a child whose set-up failed; what failed is in the report.
const SETUP_FAILED: c_int = 127;
/// Signals are numbered from 1 to this.
const SIGNALS: c_int = 64;
/// Width in bytes of the kernel's signal set.
const SIGNAL_SET: usize = 8;
/// Signals that hosts are wont to ignore for their own use, and that programs expect at default.
const NEVER_INHERITED_IGNORED: [c_int; 3] = [libc::SIGPIPE, libc::SIGCHLD, libc::SIGXFSZ];

type Step = Result<(), i32>;

/// Runs `program`, which must have been made ready entirely: all signals are blocked when it starts.
pub fn run(program: &Program<'_>, report: &Report) -> ! {
    for (step, op) in program.ops.iter().enumerate() {
        let last_act = match op {
            Op::Exec { .. } => start_signals(program),
            _ => Ok(()),
        };
        if let Err(errno) = last_act.and_then(|()| perform(op)) {
            report.fail(step, errno);
            exit(SETUP_FAILED);
        }
    }
    exit(SETUP_FAILED)
}

fn perform(op: &Op<'_>) -> Step {
    match *op {
        Op::Unshare { flags } => call(libc::SYS_unshare, [flags as usize, 0, 0, 0, 0]).map(drop),
        Op::Write { path, text } => write_file(path, text),
        Op::Mount { source, target, fstype, flags } => call(
            libc::SYS_mount,
            [address(source), address(Some(target)), address(fstype), flags as usize, 0],
        )
        .map(drop),
        Op::Sethostname { name } => {
            call(libc::SYS_sethostname, [name.as_ptr() as usize, name.len(), 0, 0, 0]).map(drop)
        }
        Op::LoopbackUp => loopback_up(),
        Op::Exec { paths, argv, envp } => exec(paths, argv, envp),
        Op::Exit { status } => exit(status),
    }
}

/// Goes on seeking where execvp(3) does, and like it tells of a file that was there but refused.
fn exec(paths: Argv<'_>, argv: Argv<'_>, envp: Argv<'_>) -> Step {
    let mut answer = libc::ENOENT;
    for path in paths.iter() {
        let arguments = [path, argv.address(), envp.address(), 0, 0];
        match call(libc::SYS_execve, arguments) {
            Ok(_) => return Ok(()),
            Err(libc::ENOENT | libc::ENOTDIR) => {}
            Err(libc::EACCES) => answer = libc::EACCES,
            Err(errno) => return Err(errno),
        }
    }
    Err(answer)
}

/// One write: the kernel takes an id map or clock offsets whole or not at all.
fn write_file(path: &CStr, text: &[u8]) -> Step {
    let flags = (libc::O_WRONLY | libc::O_CLOEXEC) as usize;
    let fd = call(libc::SYS_openat, [libc::AT_FDCWD as usize, address(Some(path)), flags, 0, 0])?;
    let written = call(libc::SYS_write, [fd, text.as_ptr() as usize, text.len(), 0, 0]);
    call(libc::SYS_close, [fd, 0, 0, 0, 0])?;
    if written? == text.len() {
        Ok(())
    } else {
        Err(libc::EIO)
    }
}

fn loopback_up() -> Step {
    let kind = (libc::SOCK_DGRAM | libc::SOCK_CLOEXEC) as usize;
    let socket = call(libc::SYS_socket, [libc::AF_INET as usize, kind, 0, 0, 0])?;
    let mut request = InterfaceFlags { name: *b"lo\0\0\0\0\0\0\0\0\0\0\0\0\0\0", flags: 0, rest: [0; 22] };
    request.flags = (libc::IFF_UP | libc::IFF_RUNNING) as i16;
    let argument = core::ptr::addr_of!(request) as usize;
    let set = call(libc::SYS_ioctl, [socket, libc::SIOCSIFFLAGS as usize, argument, 0, 0]);
    call(libc::SYS_close, [socket, 0, 0, 0, 0])?;
    set.map(drop)
}

/// The kernel's `struct ifreq` as `SIOCSIFFLAGS` reads it.
#[repr(C)]
struct InterfaceFlags {
    name: [u8; 16],
    flags: i16,
    rest: [u8; 22],
}

/// Handlers to their defaults, then the mask: no handler of the host may ever run in this child.
fn start_signals(program: &Program<'_>) -> Step {
    if program.reset_handlers {
        for signal in 1..=SIGNALS {
            // SIGKILL and SIGSTOP have no disposition to set, and answer EINVAL.
            if signal != libc::SIGKILL && signal != libc::SIGSTOP && !is_ignored(signal)? {
                set_default(signal)?;
            }
        }
    }
    for signal in NEVER_INHERITED_IGNORED {
        set_default(signal)?;
    }
    let mask = core::ptr::addr_of!(program.signal_mask) as usize;
    call(libc::SYS_rt_sigprocmask, [libc::SIG_SETMASK as usize, mask, 0, SIGNAL_SET, 0]).map(drop)
}

/// The kernel's own `struct sigaction`, not libc's.
#[repr(C)]
struct KernelSigaction {
    handler: usize,
    flags: u64,
    restorer: usize,
    mask: u64,
}

static DEFAULT_ACTION: KernelSigaction =
    KernelSigaction { handler: libc::SIG_DFL, flags: 0, restorer: 0, mask: 0 };

fn is_ignored(signal: c_int) -> Result<bool, i32> {
    let mut now = KernelSigaction { handler: libc::SIG_DFL, flags: 0, restorer: 0, mask: 0 };
    let old = core::ptr::addr_of_mut!(now) as usize;
    call(libc::SYS_rt_sigaction, [signal as usize, 0, old, SIGNAL_SET, 0])?;
    Ok(now.handler == libc::SIG_IGN)
}

fn set_default(signal: c_int) -> Step {
    let new = core::ptr::addr_of!(DEFAULT_ACTION) as usize;
    call(libc::SYS_rt_sigaction, [signal as usize, new, 0, SIGNAL_SET, 0]).map(drop)
}

fn exit(status: c_int) -> ! {
    loop {
        let _ = call(libc::SYS_exit_group, [status as usize, 0, 0, 0, 0]);
    }
}

fn address(text: Option<&CStr>) -> usize {
    text.map_or(0, |text| text.as_ptr() as usize)
}

fn call(number: c_long, arguments: [usize; 5]) -> Result<usize, i32> {
    let [a, b, c, d, e] = arguments;
    // SAFETY: every caller in this file passes what the call wants, out of a program that
    // borrows it for longer than the child runs, or out of its own stack.
    let result = unsafe { syscall(number, [a, b, c, d, e, 0]) };
    if result < 0 {
        Err((-result) as i32)
    } else {
        Ok(result as usize)
    }
}
