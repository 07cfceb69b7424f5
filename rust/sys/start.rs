//! How a command's child is started, met half way, and let go: at constant cost, in the caller's memory.
//!
//! `CLONE_VM` without `CLONE_VFORK`: the child shares this process's memory until it executes, on
//! a stack of its own, while the caller goes on. The caller can so write the child's id maps, give up after
//! a time, or be interrupted; and the kernel itself says when the child has left (`CLONE_CHILD_CLEARTID`).
//! Where memory cannot be shared, the same program runs in a copy, and a pipe's end says it.
//!
//! # Safety
//!
//! What the child borrows is owned by [`Starting`], which is not dropped before the child has left;
//! and the child makes system calls only, because its program is of the crate nsiso-child.
#![allow(unsafe_code)]

use super::signals::Blocked;
use super::stack::{ChildStack, Sharing};
use super::{copy, fd, function::Function, process, Errno, Result};
use crate::kind::Kinds;
use libc::{c_int, c_void, pid_t};
use nsiso_child::report::{GONE, RUNNING, SAYS_WAITING, WAITING};
use nsiso_child::{stub, Op, Outcome, Program, Report, ThreadState};
use std::any::Any;
use std::fmt;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, IntoRawFd, OwnedFd, RawFd};
use std::ptr;
use std::sync::atomic::Ordering;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// clone3 only, Linux 5.5: handlers back to default, and no step of the child for it.
const CLONE_CLEAR_SIGHAND: u64 = 1 << 32;
/// What a clone3 that cannot be used answers: missing or filtered, filtered, too old for a flag or for the size.
const CLONE3_REFUSED: [i32; 4] = [libc::ENOSYS, libc::EPERM, libc::EINVAL, libc::E2BIG];
/// How long a killed child may take to leave our memory before that is given up for lost.
const DYING: Duration = Duration::from_secs(5);

/// What a program needs to know of the process that starts it.
#[derive(Clone, Copy, Debug)]
pub struct Wiring {
    /// For [`Op::Await`].
    pub gate: RawFd,
    /// For [`Op::Await`].
    pub parent: RawFd,
    /// For [`Op::Fork`].
    pub successor_stack: usize,
}

/// In whose memory a child performs its steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Birth {
    /// In the caller's, at constant cost.
    Share,
    /// In a copy of it, at a price that grows with it.
    Copy,
    /// In a copy that libc's fork makes, so that the last step may be a function that uses libc. All of
    /// [`Order::kinds`] must be none.
    Fork,
}

/// How a child is to be started.
#[derive(Clone, Copy, Debug)]
pub struct Order<'a> {
    /// New namespaces of the child from its first instruction on.
    pub kinds: Kinds,
    /// Whether the program has an [`Op::Await`].
    pub awaits: bool,
    /// In whose memory the child performs its steps.
    pub birth: Birth,
    /// Whose hooks stand around the fork.
    pub function: Option<Function>,
    /// Numbers of descriptors that the program overwrites.
    pub taken: &'a [RawFd],
}

/// Where a child is met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Met {
    /// At an [`Op::Await`].
    Waiting,
    /// It has handed over to a successor, which is the child from now on.
    Succeeded,
    /// It has executed or ended.
    Gone,
    /// Not in time, or the caller was interrupted and does not go on.
    Late,
}

/// A child between clone and exec. Dropping it ends the child.
pub struct Starting {
    pid: pid_t,
    pidfd: Option<OwnedFd>,
    /// 0 for the first process, 1 for its successor.
    process: usize,
    /// Whose child it is: a forked copy of that must leave it alone.
    owner: pid_t,
    gate: Option<OwnedFd>,
    notice: Option<OwnedFd>,
    /// `None` once the child has left it.
    memory: Option<Memory>,
}

/// What the child lives in until it executes.
struct Memory {
    stack: ChildStack,
    steps: usize,
    _errand: Box<Errand>,
}

/// What the child is handed: it reads this and all that it leads to.
struct Errand {
    program: Program<'static>,
    report: *const Report,
    _ops: Vec<Op<'static>>,
    _owner: Arc<dyn Any + Send + Sync>,
}

// SAFETY: the pointer leads into the stack's mapping, of which any thread may read the atomics.
unsafe impl Send for Errand {}
// SAFETY: as above.
unsafe impl Sync for Errand {}

impl fmt::Debug for Starting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Starting").field("pid", &self.pid).finish_non_exhaustive()
    }
}

/// Starts a child that performs what `program` makes of `owner`.
///
/// EPERM, ENOSPC, … as clone(2).
pub fn start<T: Any + Send + Sync>(
    owner: Arc<T>,
    program: for<'a> fn(&'a T, &Wiring) -> Vec<Op<'a>>,
    order: Order<'_>,
) -> Result<Starting> {
    let sharing = if order.birth == Birth::Share { Sharing::WithinMemory } else { Sharing::WithCopies };
    let stack = ChildStack::take(sharing)?;
    let lift = |fd| fd::outside(fd, order.taken);
    let gate = order.awaits.then(|| fd::eventfd().and_then(lift)).transpose()?;
    let parent = if order.awaits { own_pidfd()?.map(lift).transpose()? } else { None };
    let notice = (order.birth != Birth::Share).then(fd::pipe).transpose()?;
    let number = |fd: &Option<OwnedFd>| fd.as_ref().map_or(-1, AsRawFd::as_raw_fd);
    let successor_stack =
        if order.birth == Birth::Share { stack.top() as usize - ChildStack::SIZE } else { 0 };
    let wiring = Wiring { gate: number(&gate), parent: number(&parent), successor_stack };
    let ops = program(&owner, &wiring);
    let steps = ops.len();
    // SAFETY: the ops borrow from `owner`, which the errand keeps alive and in place beside them.
    let ops = unsafe { std::mem::transmute::<Vec<Op<'_>>, Vec<Op<'static>>>(ops) };
    // SAFETY: the slice is the vector's, whose elements stay where they are while it is not touched.
    let borrowed = unsafe { std::slice::from_raw_parts(ops.as_ptr(), ops.len()) };
    // Dropped after the caller's signals are at work again.
    let _forking = order.function.map(Function::fork_begins);
    let blocked = Blocked::all()?;
    let (read, write) = notice.map_or((None, None), |(read, write)| (Some(read), Some(lift(write))));
    let write = write.transpose()?;
    let program = Program {
        ops: borrowed,
        reset_handlers: false,
        signal_mask: blocked.before(),
        notice: number(&write),
        own: [&gate, &parent, &read].map(number),
        thread: if order.birth == Birth::Fork { copy::thread_state() } else { ThreadState::default() },
    };
    let report = ptr::from_ref(stack.report());
    let mut errand = Box::new(Errand { program, report, _ops: ops, _owner: owner });
    stack.report().state[0].store(RUNNING, Ordering::Relaxed);
    let mut pidfd = -1;
    let pid = match order.birth {
        Birth::Fork => fork(&mut pidfd, &errand),
        Birth::Share | Birth::Copy => match clone3(order, &stack, &mut pidfd, &errand) {
            Err(Errno(errno)) if CLONE3_REFUSED.contains(&errno) => {
                errand.program.reset_handlers = true;
                clone(order, &stack, &mut pidfd, &errand)
            }
            answer => answer,
        },
    }?;
    // Before Linux 5.2 the flag is ignored, and there is none.
    // SAFETY: otherwise the kernel just gave us this descriptor.
    let pidfd = (pidfd >= 0).then(|| unsafe { OwnedFd::from_raw_fd(pidfd) });
    Ok(Starting {
        pid,
        pidfd,
        process: 0,
        owner: process::getpid(),
        gate,
        notice: read,
        memory: Some(Memory { stack, steps, _errand: errand }),
    })
}

/// A pidfd of the caller, by which a waiting child notices its end; `None` on kernels without pidfds (or where
/// a filter refuses them), where it waits in vain then.
fn own_pidfd() -> Result<Option<OwnedFd>> {
    match process::own_pidfd() {
        Err(Errno(libc::ENOSYS | libc::EPERM)) => Ok(None),
        pidfd => pidfd.map(Some),
    }
}

impl Starting {
    /// The number of the process that performs the program now; after a successor took over, its.
    pub fn pid(&self) -> pid_t {
        self.pid
    }

    /// Its descriptor, if the kernel has such.
    pub fn pidfd(&self) -> Option<BorrowedFd<'_>> {
        self.pidfd.as_ref().map(AsFd::as_fd)
    }

    /// Sleeps until the child waits, has gone, or the time is over. `go_on` is asked after each signal.
    pub fn meet(&mut self, deadline: Option<Instant>, go_on: &mut dyn FnMut() -> bool) -> Result<Met> {
        let met = match &self.notice {
            None => self.meet_by_word(deadline, go_on)?,
            Some(notice) => meet_by_pipe(notice.as_fd(), self.pidfd(), deadline, go_on)?,
        };
        let has_successor = met != Met::Late && self.adopt_successor()?;
        Ok(match met {
            // By word, the first process has gone and the successor goes on; the pipe speaks for both.
            Met::Gone if has_successor && self.notice.is_none() => Met::Succeeded,
            Met::Succeeded if !has_successor => Met::Gone,
            met => met,
        })
    }

    /// Lets a waiting child go on.
    pub fn release(&self) -> Result<()> {
        // By us, and before the child can come to its next place: else one meeting would look like two.
        self.forget_waiting();
        self.gate.as_ref().map_or(Ok(()), |gate| fd::write_word(gate.as_fd(), 1))
    }

    /// After [`Met::Gone`]: whether all steps were taken, and the process's handles.
    pub fn finish(mut self) -> (Outcome, pid_t, Option<OwnedFd>) {
        let outcome =
            self.memory.take().map_or(Outcome::Done, |memory| memory.stack.report().outcome(memory.steps));
        (outcome, self.pid, self.pidfd.take())
    }

    /// Takes back the word of a child that waits: it does not wait for us any more.
    fn forget_waiting(&self) {
        if let Some(word) =
            self.memory.as_ref().and_then(|memory| memory.stack.report().state.get(self.process))
        {
            // The kernel may write GONE at the same time, and that must stay.
            let _ = word.compare_exchange(WAITING, RUNNING, Ordering::AcqRel, Ordering::Acquire);
        }
    }

    fn meet_by_word(&self, deadline: Option<Instant>, go_on: &mut dyn FnMut() -> bool) -> Result<Met> {
        let Some(memory) = &self.memory else { return Ok(Met::Gone) };
        let Some(word) = memory.stack.report().state.get(self.process) else { return Ok(Met::Gone) };
        loop {
            match word.load(Ordering::Acquire) {
                GONE => return Ok(Met::Gone),
                WAITING => return Ok(Met::Waiting),
                _ => {}
            }
            match fd::futex_wait(word, RUNNING, deadline) {
                Err(Errno(libc::ETIMEDOUT)) => return Ok(Met::Late),
                Err(Errno(libc::EINTR)) if !go_on() => return Ok(Met::Late),
                Ok(()) | Err(Errno(libc::EAGAIN | libc::EINTR)) => {}
                Err(errno) => return Err(errno),
            }
        }
    }

    /// Whether the first process has handed over; it is reaped then, and its successor is the child.
    fn adopt_successor(&mut self) -> Result<bool> {
        let Some(memory) = &self.memory else { return Ok(false) };
        let successor = memory.stack.report().successor.load(Ordering::Acquire);
        if self.process != 0 || successor == 0 {
            return Ok(false);
        }
        reap(self.pid);
        self.pid = successor;
        self.process = 1;
        // Nobody else can reap it before it executes, but for a function's where the host ignores SIGCHLD.
        self.pidfd = match process::pidfd_open(successor) {
            Ok(pidfd) => Some(pidfd),
            Err(Errno(libc::ENOSYS | libc::EPERM | libc::ESRCH)) => None,
            Err(errno) => return Err(errno),
        };
        Ok(true)
    }
}

impl Drop for Starting {
    fn drop(&mut self) {
        if self.memory.is_none() {
            return;
        }
        if self.owner != process::getpid() {
            std::mem::forget(self.memory.take());
            return;
        }
        let deadline = Some(Instant::now() + DYING);
        let met = loop {
            let _ = process::kill(self.pidfd(), self.pid, libc::SIGKILL);
            self.forget_waiting();
            match self.meet(deadline, &mut || true) {
                // Another one took over, or came to a meeting, before the signal arrived.
                Ok(Met::Succeeded | Met::Waiting) => {}
                met => break met,
            }
        };
        if met == Ok(Met::Gone) {
            // Behind a pipe it may have been a successor that nobody knew of until it had executed.
            let _ = process::kill(self.pidfd(), self.pid, libc::SIGKILL);
            reap(self.pid);
        } else {
            // It hangs in the kernel and may come back: what it would touch then must stay.
            std::mem::forget(self.memory.take());
        }
    }
}

/// Waits for a process that has ended or is about to.
fn reap(pid: pid_t) {
    while process::wait(pid, 0) == Err(Errno(libc::EINTR)) {}
}

/// [`Met::Succeeded`]: the process has ended, whose end of the pipe a fork of another thread may have kept open.
fn meet_by_pipe(
    notice: BorrowedFd<'_>,
    pidfd: Option<BorrowedFd<'_>>,
    deadline: Option<Instant>,
    go_on: &mut dyn FnMut() -> bool,
) -> Result<Met> {
    loop {
        match fd::poll_first([Some(notice), pidfd], deadline) {
            Ok(Some(0)) => break,
            Ok(Some(_)) => return Ok(Met::Succeeded),
            Ok(None) => return Ok(Met::Late),
            Err(Errno(libc::EINTR)) if !go_on() => return Ok(Met::Late),
            Err(Errno(libc::EINTR)) => {}
            Err(errno) => return Err(errno),
        }
    }
    Ok(if fd::read_byte(notice)? == Some(SAYS_WAITING) { Met::Waiting } else { Met::Gone })
}

impl Order<'_> {
    fn flags(self) -> u32 {
        let shared = if self.birth == Birth::Share { libc::CLONE_VM | libc::CLONE_CHILD_CLEARTID } else { 0 };
        self.kinds.bits() | (libc::CLONE_PIDFD | shared) as u32
    }
}

fn clone3(order: Order<'_>, stack: &ChildStack, pidfd: &mut c_int, errand: &Errand) -> Result<pid_t> {
    let size = if order.birth == Birth::Share { ChildStack::SIZE as u64 } else { 0 };
    let top = if order.birth == Birth::Share { stack.top() as u64 } else { 0 };
    let args = libc::clone_args {
        flags: u64::from(order.flags()) | CLONE_CLEAR_SIGHAND,
        pidfd: ptr::from_mut(pidfd) as u64,
        child_tid: stack.report().state[0].as_ptr() as u64,
        stack: top - size,
        stack_size: size,
        // SAFETY: plain numbers, for which zero means "not asked for".
        ..unsafe { std::mem::zeroed() }
    };
    // SAFETY: stack and errand stay until the child has left; args and pidfd are the kernel's for this call only.
    let pid = unsafe { stub::clone3(&raw const args, size_of_val(&args), run, as_arg(errand)) };
    Errno::check_raw(pid).map(|pid| pid as pid_t)
}

fn clone(order: Order<'_>, stack: &ChildStack, pidfd: &mut c_int, errand: &Errand) -> Result<pid_t> {
    let top = if order.birth == Birth::Share { stack.top() } else { ptr::null_mut() };
    let tid = stack.report().state[0].as_ptr().cast::<pid_t>();
    let (flags, none, arg) = (order.flags() as usize, ptr::null_mut(), as_arg(errand));
    // SAFETY: as in `clone3`.
    let pid = unsafe { stub::clone(flags, top, pidfd, tid, none, run, arg) };
    Errno::check_raw(pid).map(|pid| pid as pid_t)
}

/// fork(2) as libc has it; the pidfd by a call of its own.
fn fork(pidfd: &mut c_int, errand: &Errand) -> Result<pid_t> {
    // SAFETY: what may run in the copy is said at `Op::Call`; everything before it is system calls.
    let pid = Errno::check(unsafe { libc::fork() })?;
    if pid == 0 {
        // SAFETY: the errand is this one's, at the same place in the copy.
        unsafe { run(as_arg(errand)) };
    }
    // Where the child has ended by now and the host's own handler has reaped it, there is none.
    *pidfd = process::pidfd_open(pid).map_or(-1, IntoRawFd::into_raw_fd);
    Ok(pid)
}

fn as_arg(errand: &Errand) -> *mut c_void {
    ptr::from_ref(errand).cast_mut().cast()
}

unsafe extern "C" fn run(arg: *mut c_void) -> c_int {
    // SAFETY: `as_arg` made it of an errand that outlives this child.
    let errand = unsafe { &*arg.cast::<Errand>() };
    // SAFETY: the report lies in the stack's mapping, which outlives this child too.
    let report = unsafe { &*errand.report };
    nsiso_child::run(&errand.program, report)
}
