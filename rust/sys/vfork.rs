//! How a command's child is started at constant cost: in the caller's memory, on a stack of its own.
//!
//! # Safety
//!
//! `CLONE_VM|CLONE_VFORK`: the calling thread sleeps until the child has executed or ended, so all
//! that the child borrows from this thread's frames stays in place; and the child makes system
//! calls only, because its program is of the crate nsiso-child.
#![allow(unsafe_code)]

use super::signals::Blocked;
use super::stack::Stack;
use super::{stub, Errno, Result};
use crate::kind::Kinds;
use libc::{c_int, c_void, pid_t};
use nsiso_child::{Op, Outcome, Program, Report};
use std::os::fd::{FromRawFd, OwnedFd};
use std::ptr;

/// Stack of a child in bytes: it makes system calls and keeps next to nothing.
const CHILD_STACK: usize = 64 << 10;
/// clone3 only, Linux 5.5: handlers back to default, and no step of the child for it.
const CLONE_CLEAR_SIGHAND: u64 = 1 << 32;
/// What a clone3 that cannot be used answers: missing or filtered, filtered, too old for a flag or for the size.
const CLONE3_REFUSED: [i32; 4] = [libc::ENOSYS, libc::EPERM, libc::EINVAL, libc::E2BIG];

/// A child that has executed or ended.
#[derive(Debug)]
pub struct Child {
    /// Its number; nobody else reaps it, for it has no exit signal until it executes.
    pub pid: pid_t,
    /// Its descriptor, close-on-exec.
    pub pidfd: OwnedFd,
    /// Whether all steps were taken, or which failed.
    pub outcome: Outcome,
}

/// What the child is handed.
struct Errand<'a> {
    program: Program<'a>,
    report: &'a Report,
}

/// Starts a child in new namespaces of these kinds and has it perform `ops`.
///
/// EPERM, ENOSPC, … as clone(2).
pub fn start(kinds: Kinds, ops: &[Op<'_>]) -> Result<Child> {
    let stack = Stack::new(CHILD_STACK)?;
    let blocked = Blocked::all()?;
    let program = Program { ops, reset_handlers: false, signal_mask: blocked.before() };
    let mut errand = Errand { program, report: stack.report() };
    let flags = kinds.bits() | (libc::CLONE_VM | libc::CLONE_VFORK | libc::CLONE_PIDFD) as u32;
    let mut pidfd = -1;
    let pid = match clone3(flags, &stack, &mut pidfd, &errand) {
        Err(Errno(errno)) if CLONE3_REFUSED.contains(&errno) => {
            errand.program.reset_handlers = true;
            clone(flags, &stack, &mut pidfd, &errand)
        }
        answer => answer,
    }?;
    // SAFETY: the kernel just gave us this descriptor.
    let pidfd = unsafe { OwnedFd::from_raw_fd(pidfd) };
    Ok(Child { pid, pidfd, outcome: stack.report().outcome() })
}

fn clone3(flags: u32, stack: &Stack, pidfd: &mut c_int, errand: &Errand<'_>) -> Result<pid_t> {
    let size = CHILD_STACK as u64;
    let args = libc::clone_args {
        flags: u64::from(flags) | CLONE_CLEAR_SIGHAND,
        pidfd: ptr::from_mut(pidfd) as u64,
        stack: stack.top() as u64 - size,
        stack_size: size,
        // SAFETY: plain numbers, for which zero means "not asked for".
        ..unsafe { std::mem::zeroed() }
    };
    // SAFETY: this thread sleeps until the child has left its memory: stack, errand and pidfd stay.
    let pid = unsafe { stub::clone3(&raw const args, size_of_val(&args), run, as_arg(errand)) };
    Errno::check_raw(pid).map(|pid| pid as pid_t)
}

fn clone(flags: u32, stack: &Stack, pidfd: &mut c_int, errand: &Errand<'_>) -> Result<pid_t> {
    let (none, arg) = (ptr::null_mut(), as_arg(errand));
    // SAFETY: this thread sleeps until the child has left its memory: stack, errand and pidfd stay.
    let pid = unsafe { stub::clone(flags as usize, stack.top(), pidfd, none, none.cast(), run, arg) };
    Errno::check_raw(pid).map(|pid| pid as pid_t)
}

fn as_arg(errand: &Errand<'_>) -> *mut c_void {
    ptr::from_ref(errand).cast_mut().cast()
}

unsafe extern "C" fn run(arg: *mut c_void) -> c_int {
    // SAFETY: `as_arg` made it of an errand that outlives this child.
    let errand = unsafe { &*arg.cast::<Errand<'_>>() };
    nsiso_child::run(&errand.program, errand.report)
}
