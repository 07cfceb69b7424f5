//! How the child becomes another process half way, and how it waits for its parent's word.
//!
//! # Safety
//!
//! clone(2) of this process, whose memory (its own or its parent's) holds the program for as long
//! as the successor runs.
#![allow(unsafe_code)]

use crate::call::{act, call, exit, Step};
use crate::linux::{self, PollFd};
use crate::program::{Program, ThreadState};
use crate::report::{Report, RUNNING, SAYS_SUCCEEDED, SAYS_WAITING, WAITING};
use crate::run::run_from;
use crate::stub;
use core::ffi::{c_int, c_void};
use core::mem::MaybeUninit;
use core::ptr;
use core::sync::atomic::{AtomicU32, Ordering};

/// In place of a stack: this process's own memory and stack will do, for it is alone in there and ends.
pub const OWN_FRAME: usize = 1;
/// 16 KiB, in pieces as large as the alignment of a stack.
const STACK: usize = 1024;

/// How far a process is in a program.
#[derive(Clone, Copy)]
pub(crate) struct Place<'a> {
    pub program: &'a Program<'a>,
    pub report: &'a Report,
    /// The step that is performed, or from which on.
    pub first: usize,
    /// 0 for the first process, 1 for its successor.
    pub process: usize,
}

impl Place<'_> {
    fn state(&self) -> Option<&AtomicU32> {
        self.report.state.get(self.process)
    }
}

/// [`crate::Op::Fork`]: comes back in the successor alone, and only if that has a memory of its own.
pub(crate) fn fork(flags: u32, stack: usize, place: &Place<'_>) -> Step {
    let next = Place { first: place.first.wrapping_add(1), process: 1, ..*place };
    let flags = flags as usize | (linux::CLONE_PARENT | linux::CLONE_PARENT_SETTID) as usize;
    // By the kernel, before the successor runs: it may wait for the parent, who must know by then which it is.
    let successor = place.report.successor.as_ptr();
    let answer = if stack == 0 {
        fork_thread(flags, successor, &place.program.thread)?
    } else if stack == OWN_FRAME {
        lend_memory(flags, successor, &next)
    } else {
        let Some(state) = next.state() else { return Err(linux::EINVAL) };
        state.store(RUNNING, Ordering::Relaxed);
        let flags = flags | (linux::CLONE_VM | linux::CLONE_CHILD_CLEARTID) as usize;
        let (none, tid) = (ptr::null_mut::<c_void>(), state.as_ptr().cast::<c_int>());
        let arg = ptr::from_ref(&next).cast_mut().cast::<c_void>();
        // SAFETY: a stack of its own that the parent gives back when both have gone; `next` stays in
        // this frame, which this process leaves as it is when it ends below.
        unsafe { stub::clone(flags, stack as *mut c_void, successor, tid, none, succeed, arg) }
    };
    match answer {
        0 => {
            say_succeeded(&next)?;
            run_from(&next)
        }
        1.. => exit(0),
        errno => Err((-errno) as i32),
    }
}

/// Now the parent can look for the number that the kernel has noted.
fn say_succeeded(place: &Place<'_>) -> Step {
    let notice = place.program.notice;
    if notice < 0 {
        return Ok(());
    }
    act(linux::SYS_write, [notice as usize, [SAYS_SUCCEEDED].as_ptr() as usize, 1, 0, 0])
}

/// clone(2) of a process that gets this one's memory, which nobody else has; it comes back only where it fails.
fn lend_memory(flags: usize, successor: *mut i32, next: &Place<'_>) -> isize {
    let mut stack = [const { MaybeUninit::<u128>::uninit() }; STACK];
    let top = stack.as_mut_ptr_range().end.cast::<c_void>();
    let (none, no_tls) = (ptr::null_mut::<c_int>(), ptr::null_mut::<c_void>());
    let arg = ptr::from_ref(next).cast_mut().cast::<c_void>();
    let flags = flags | linux::CLONE_VM as usize;
    // SAFETY: a stack in this frame, which this process leaves as it is when it ends here.
    let answer = unsafe { stub::clone(flags, top, successor, none, no_tls, succeed_aloud, arg) };
    if answer > 0 {
        exit(0);
    }
    answer
}

unsafe extern "C" fn succeed_aloud(arg: *mut c_void) -> c_int {
    // SAFETY: `lend_memory` passes a place in memory that stays.
    let next = unsafe { &*arg.cast::<Place<'_>>() };
    if let Err(errno) = say_succeeded(next) {
        next.report.fail(errno);
        return errno;
    }
    run_from(next)
}

/// clone(2) of a process with a memory of its own; in the child libc's thread is set up, if there is one.
fn fork_thread(flags: usize, successor: *mut i32, thread: &ThreadState) -> Result<isize, i32> {
    let notes_tid = (linux::CLONE_CHILD_SETTID | linux::CLONE_CHILD_CLEARTID) as usize;
    let flags = if thread.tid_address == 0 { flags } else { flags | notes_tid };
    #[cfg(target_arch = "x86_64")]
    let arguments = [flags, 0, successor as usize, thread.tid_address, 0];
    #[cfg(target_arch = "aarch64")]
    let arguments = [flags, 0, successor as usize, 0, thread.tid_address];
    let pid = call(linux::SYS_clone, arguments)? as isize;
    if pid == 0 && thread.robust_list != 0 {
        act(linux::SYS_set_robust_list, [thread.robust_list, thread.robust_length, 0, 0, 0])?;
    }
    Ok(pid)
}

unsafe extern "C" fn succeed(arg: *mut c_void) -> c_int {
    // SAFETY: `fork` passes its own place, in memory that stays.
    run_from(unsafe { &*arg.cast::<Place<'_>>() })
}

/// [`crate::Op::Await`].
pub(crate) fn wait_for_parent([gate, parent, writing]: [c_int; 3], place: &Place<'_>) -> Step {
    if writing >= 0 {
        // Then the pipe ends with the parent. Where it is closed already, it was so here.
        let _ = act(linux::SYS_close, [writing as usize, 0, 0, 0, 0]);
    }
    if let Some(state) = place.state() {
        state.store(WAITING, Ordering::Release);
        let word = state.as_ptr() as usize;
        act(linux::SYS_futex, [word, linux::FUTEX_WAKE as usize, 1, 0, 0])?;
    }
    let notice = place.program.notice;
    if notice >= 0 {
        act(linux::SYS_write, [notice as usize, [SAYS_WAITING].as_ptr() as usize, 1, 0, 0])?;
    }
    let (gate, parent) = (
        PollFd { fd: gate, events: linux::POLLIN, revents: 0 },
        PollFd { fd: parent, events: linux::POLLIN, revents: 0 },
    );
    let mut both = [gate, parent];
    // All signals are blocked, so nothing but an answer ends this.
    act(linux::SYS_ppoll, [both.as_mut_ptr() as usize, both.len(), 0, 0, 0])?;
    let [gate, _] = both;
    if gate.revents & linux::POLLIN == 0 {
        exit(0);
    }
    let mut word = 0_u64;
    let address = ptr::addr_of_mut!(word) as usize;
    act(linux::SYS_read, [gate.fd as usize, address, size_of::<u64>(), 0, 0])
}
