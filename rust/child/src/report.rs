//! What parent and child share while they meet: how far the child is, and what failed.

use core::sync::atomic::{AtomicI32, AtomicU32, Ordering};

/// The child performs its steps.
pub const RUNNING: u32 = 1;
/// The child has come to an [`crate::Op::Await`] and waits for the parent, who puts [`RUNNING`] back first.
pub const WAITING: u32 = 2;
/// The child has executed or ended, written by the kernel (`CLONE_CHILD_CLEARTID`).
pub const GONE: u32 = 0;

/// Without shared memory, in the pipe of [`crate::Program::notice`]: it waits.
pub const SAYS_WAITING: u8 = b'w';
/// As above: a successor has taken over.
pub const SAYS_SUCCEEDED: u8 = b's';
/// As above: it calls its function now.
pub const SAYS_CALLING: u8 = b'c';

/// Words in memory that parent and child share (never private memory: a child without `CLONE_VM`
/// would write into its own copy). All zeros but for `state` before the child runs.
#[repr(C)]
#[derive(Debug, Default)]
pub struct Report {
    /// Futexes, of the first process and of its successor: [`RUNNING`], [`WAITING`] or [`GONE`].
    pub state: [AtomicU32; 2],
    /// The process that goes on after an [`crate::Op::Fork`], as the parent counts; 0 before.
    pub successor: AtomicI32,
    step: AtomicU32,
    errno: AtomicI32,
}

/// What a [`Report`] says once the child has executed or ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// No step failed.
    Done,
    /// The step with this index failed with this errno.
    Failed {
        /// Index into the program's steps.
        step: usize,
        /// The kernel's errno, positive.
        errno: i32,
    },
    /// It was at this step when somebody killed it.
    Killed {
        /// Index into the program's steps.
        step: usize,
    },
}

impl Report {
    /// The state before a child runs.
    pub const fn new() -> Report {
        Report {
            state: [const { AtomicU32::new(GONE) }; 2],
            successor: AtomicI32::new(0),
            step: AtomicU32::new(0),
            errno: AtomicI32::new(0),
        }
    }

    /// Child: says which step it is at.
    pub(crate) fn reach(&self, step: usize) {
        self.step.store(step as u32, Ordering::Relaxed);
    }

    /// Child: says that the step it is at failed.
    pub(crate) fn fail(&self, errno: i32) {
        // Written last: a reader that sees the errno sees the step.
        self.errno.store(errno, Ordering::Release);
    }

    /// Parent: reads what the child, which has gone, said of a program of so many steps.
    pub fn outcome(&self, steps: usize) -> Outcome {
        let errno = self.errno.load(Ordering::Acquire);
        let step = self.step.load(Ordering::Relaxed) as usize;
        match errno {
            0 if step.wrapping_add(1) >= steps => Outcome::Done,
            0 => Outcome::Killed { step },
            errno => Outcome::Failed { step, errno },
        }
    }
}
