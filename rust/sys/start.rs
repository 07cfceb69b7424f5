//! How a command's child is started, met half way, and let go: at constant cost, in the caller's memory.
//!
//! `CLONE_VM` without `CLONE_VFORK`: the child shares this process's memory until it executes, on
//! a stack of its own, while the caller goes on. The caller can so write the child's id maps, give up after
//! a time, or be interrupted; and the kernel itself says when the child has left (`CLONE_CHILD_CLEARTID`).
//! Where memory must not be shared, the same program runs in the helper's or in a copy, and a pipe's end says it.
//!
//! # Safety
//!
//! What the child borrows is owned by [`Starting`], which is not dropped before the child has left;
//! and the child makes system calls only, because its program is of the crate nsiso-child.
#![allow(unsafe_code)]

use super::birth::{give_birth, Birth, Errand, Order};
use super::detour::Detour;
use super::function::Function;
use super::notice::{Heard, Notice};
use super::signals::Blocked;
use super::stack::{ChildStack, Sharing};
use super::{copy, fd, process, program_file, Errno, Result};
use crate::kind::Kinds;
use libc::pid_t;
use nsiso_child::report::{GONE, RUNNING, WAITING};
use nsiso_child::{Op, Outcome, Program, Report, ThreadState, OWN_FRAME};
use std::any::Any;
use std::fmt;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::ptr;
use std::sync::atomic::Ordering;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long a killed child may take to leave our memory before that is given up for lost.
const DYING: Duration = Duration::from_secs(5);

/// What a program needs to know of the process that starts it.
#[derive(Clone, Copy, Debug)]
pub struct Wiring {
    /// For [`Op::Await`].
    pub gate: RawFd,
    /// For [`Op::Await`].
    pub parent: RawFd,
    /// For [`Op::Await`].
    pub writing: RawFd,
    /// For [`Op::Fork`].
    pub successor_stack: usize,
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

/// A child that has left.
#[derive(Debug)]
pub struct Child {
    pub pid: pid_t,
    /// Its descriptor, if the kernel has such.
    pub pidfd: Option<OwnedFd>,
    /// Whose child it is.
    pub owner: pid_t,
}

/// A child between clone and exec. Dropping it ends the child.
pub struct Starting {
    pid: pid_t,
    pidfd: Option<OwnedFd>,
    /// 0 for the first process, 1 for its successor.
    process: usize,
    /// The first process, when its successor goes on and it has not been reaped.
    first: Option<pid_t>,
    /// Whose child it is: a forked copy of that must leave it alone.
    owner: pid_t,
    gate: Option<Gate>,
    notice: Option<Notice>,
    /// `None` once the child has left it.
    memory: Option<Memory>,
}

/// What the child lives in until it executes.
struct Memory {
    stack: ChildStack,
    steps: usize,
    errand: Box<Errand>,
}

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
    if order.birth != Birth::Apart {
        return start_by(None, owner, program, order);
    }
    let kept = order.helper.map(|kept| kept.try_clone_to_owned().map_err(Errno::from));
    let helper = kept.unwrap_or_else(program_file::helper);
    let starting = helper.and_then(|helper| start_by(Some(helper), Arc::clone(&owner), program, order));
    if let Ok(starting) = starting {
        if starting.runs_helper()? {
            return Ok(starting);
        }
    }
    // There are no files in memory, or nobody may execute them: in a copy the same comes of it.
    start_by(None, owner, program, Order { birth: Birth::Copy, ..order })
}

/// What comes of a child that performs this and ends: a throw-away one, to ask the kernel with.
pub fn attempt<T: Any + Send + Sync>(
    owner: T,
    program: for<'a> fn(&'a T, &Wiring) -> Vec<Op<'a>>,
) -> Result<Outcome> {
    let order = Order {
        kinds: Kinds::NONE,
        awaits: false,
        birth: Birth::Share,
        function: None,
        taken: &[],
        cgroup: None,
        helper: None,
    };
    let mut child = start(Arc::new(owner), program, order)?;
    while child.meet(None, &mut || true)? != Met::Gone {}
    let (outcome, child) = child.finish();
    reap(child.pid);
    Ok(outcome)
}

fn start_by<T: Any + Send + Sync>(
    helper: Option<OwnedFd>,
    owner: Arc<T>,
    program: for<'a> fn(&'a T, &Wiring) -> Vec<Op<'a>>,
    order: Order<'_>,
) -> Result<Starting> {
    let birth = order.birth;
    let sharing = if order.shares() { Sharing::WithinMemory } else { Sharing::WithCopies };
    let stack = ChildStack::take(sharing)?;
    let lift = |fd| fd::outside(fd, order.taken);
    let gate = order.awaits.then(|| Gate::new(&lift)).transpose()?;
    let (notice, write) = (birth != Birth::Share).then(|| Notice::new(lift)).transpose()?.unzip();
    let successor_stack = match birth {
        Birth::Share => stack.top() as usize - ChildStack::SIZE,
        Birth::Apart => OWN_FRAME,
        Birth::Copy | Birth::Fork => 0,
    };
    let [open, parent, writing] = gate.as_ref().map_or([-1; 3], Gate::numbers);
    let wiring = Wiring { gate: open, parent, writing, successor_stack };
    let ops = program(&owner, &wiring);
    let steps = ops.len();
    // SAFETY: the ops borrow from `owner`, which the errand keeps alive and in place beside them.
    let ops = unsafe { std::mem::transmute::<Vec<Op<'_>>, Vec<Op<'static>>>(ops) };
    // SAFETY: the slice is the vector's, whose elements stay where they are while it is not touched.
    let borrowed = unsafe { std::slice::from_raw_parts(ops.as_ptr(), ops.len()) };
    // Dropped after the caller's signals are at work again.
    let _forking = order.function.map(Function::fork_begins);
    let blocked = Blocked::all()?;
    let program = Program {
        ops: borrowed,
        reset_handlers: false,
        signal_mask: blocked.before(),
        notice: write.as_ref().map_or(-1, AsRawFd::as_raw_fd),
        own: [open, parent, writing, notice.as_ref().map_or(-1, Notice::number)],
        thread: if birth == Birth::Fork { copy::thread_state() } else { ThreadState::default() },
    };
    let detour = helper.map(|helper| Detour::new(helper, &program)).transpose()?;
    let program = detour.as_ref().map_or(program, Detour::program);
    let report = ptr::from_ref(stack.report());
    let mut errand = Box::new(Errand { program, report, detour, _ops: ops, _owner: owner });
    stack.report().state[0].store(RUNNING, Ordering::Relaxed);
    let (pid, pidfd) = give_birth(order, &stack, &mut errand)?;
    Ok(Starting {
        pid,
        pidfd,
        process: 0,
        first: None,
        owner: process::getpid(),
        gate,
        notice,
        memory: Some(Memory { stack, steps, errand }),
    })
}

/// Where a child waits for the parent's word, and notices its end: by its pidfd, or else by the end of a pipe.
struct Gate {
    reading: OwnedFd,
    /// Of a pipe.
    writing: Option<OwnedFd>,
    parent: Option<OwnedFd>,
}

impl Gate {
    fn new(lift: &dyn Fn(OwnedFd) -> Result<OwnedFd>) -> Result<Gate> {
        match process::own_pidfd() {
            Err(Errno(libc::ENOSYS | libc::EPERM)) => {
                let (reading, writing) = fd::pipe()?;
                Ok(Gate { reading: lift(reading)?, writing: Some(lift(writing)?), parent: None })
            }
            pidfd => {
                let parent = Some(lift(pidfd?)?);
                Ok(Gate { reading: fd::eventfd().and_then(lift)?, writing: None, parent })
            }
        }
    }

    /// As [`Wiring`] has them.
    fn numbers(&self) -> [RawFd; 3] {
        let number = |fd: &Option<OwnedFd>| fd.as_ref().map_or(-1, AsRawFd::as_raw_fd);
        [self.reading.as_raw_fd(), number(&self.parent), number(&self.writing)]
    }

    fn open(&self) -> Result<()> {
        fd::write_word(self.writing.as_ref().unwrap_or(&self.reading).as_fd(), 1)
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
        self.bury();
        loop {
            let Some(notice) = &self.notice else {
                let met = self.meet_by_word(deadline, go_on)?;
                // The first process has gone, and its successor goes on.
                let has_successor = met != Met::Late && self.adopt_successor()?;
                return Ok(if has_successor && met == Met::Gone { Met::Succeeded } else { met });
            };
            let executes = || self.memory.as_ref().is_some_and(|memory| memory.outcome() == Outcome::Done);
            let heard = notice.next((self.pid, self.pidfd()), deadline, go_on, &executes)?;
            let has_successor = heard != Heard::Nothing && self.adopt_successor()?;
            return Ok(match heard {
                Heard::Nothing => Met::Late,
                Heard::Waits => Met::Waiting,
                Heard::HandedOver | Heard::Ended if has_successor => Met::Succeeded,
                Heard::Goes | Heard::Ended => Met::Gone,
                // That is known: its predecessor's end was seen before.
                Heard::HandedOver => continue,
            });
        }
    }

    /// Lets a waiting child go on.
    pub fn release(&self) -> Result<()> {
        // By us, and before the child can come to its next place: else one meeting would look like two.
        self.forget_waiting();
        self.gate.as_ref().map_or(Ok(()), Gate::open)
    }

    /// After [`Met::Gone`]: whether all steps were taken, and the process's handles.
    pub fn finish(mut self) -> (Outcome, Child) {
        self.bury();
        let outcome = self.memory.take().map_or(Outcome::Done, |memory| memory.outcome());
        (outcome, Child { pid: self.pid, pidfd: self.pidfd.take(), owner: self.owner })
    }

    /// Whether the child on its way to the helper has arrived, or is refused there.
    fn runs_helper(&self) -> Result<bool> {
        let Some(memory) = &self.memory else { return Ok(true) };
        let [word, _] = &memory.stack.report().state;
        while word.load(Ordering::Acquire) != GONE {
            match fd::futex_wait(word, RUNNING, None) {
                Ok(()) | Err(Errno(libc::EAGAIN | libc::EINTR)) => {}
                Err(errno) => return Err(errno),
            }
        }
        Ok(!matches!(memory.on_the_way(), Some(Outcome::Failed { .. })))
    }

    /// Takes back the word of a child that waits: it does not wait for us any more.
    fn forget_waiting(&self) {
        if let Some(word) = self.memory.as_ref().and_then(|memory| memory.report().state.get(self.process)) {
            // The kernel may write GONE at the same time, and that must stay.
            let _ = word.compare_exchange(WAITING, RUNNING, Ordering::AcqRel, Ordering::Acquire);
        }
    }

    fn meet_by_word(&self, deadline: Option<Instant>, go_on: &mut dyn FnMut() -> bool) -> Result<Met> {
        let Some(memory) = &self.memory else { return Ok(Met::Gone) };
        let Some(word) = memory.report().state.get(self.process) else { return Ok(Met::Gone) };
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

    /// Reaps a process that has handed over, once its number is nobody's to signal any more.
    fn bury(&mut self) {
        if let Some(first) = self.first.take() {
            reap(first);
        }
    }

    /// Whether the first process has handed over; its successor is the child then.
    fn adopt_successor(&mut self) -> Result<bool> {
        let Some(memory) = &self.memory else { return Ok(false) };
        let successor = memory.report().successor.load(Ordering::Acquire);
        if self.process != 0 || successor == 0 {
            return Ok(false);
        }
        self.first = Some(self.pid);
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

impl Memory {
    /// Where whoever performs the program reports.
    fn report(&self) -> &Report {
        self.errand.detour.as_ref().map_or_else(|| self.stack.report(), Detour::report)
    }

    /// What is reported once all have gone.
    fn outcome(&self) -> Outcome {
        self.on_the_way().unwrap_or_else(|| self.report().outcome(self.steps))
    }

    /// What ended the child before it was the helper.
    fn on_the_way(&self) -> Option<Outcome> {
        self.errand.detour.as_ref()?.failure(self.stack.report(), self.steps)
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
            self.bury();
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
