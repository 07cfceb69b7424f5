//! How the child tells its parent what happened: the step it was at, and the errno.

use core::sync::atomic::{AtomicI32, AtomicU32, Ordering};

/// Two words in memory that parent and child share (never private memory: a child without
/// `CLONE_VM` would write into its own copy). All zeros is the state before the child runs.
#[repr(C)]
#[derive(Debug, Default)]
pub struct Report {
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
}

impl Report {
    /// Child: says that this step failed.
    pub(crate) fn fail(&self, step: usize, errno: i32) {
        self.step.store(step as u32, Ordering::Relaxed);
        // Written last: a reader that sees the errno sees the step.
        self.errno.store(errno, Ordering::Release);
    }

    /// Parent: reads what the child said.
    pub fn outcome(&self) -> Outcome {
        match self.errno.load(Ordering::Acquire) {
            0 => Outcome::Done,
            errno => Outcome::Failed { step: self.step.load(Ordering::Relaxed) as usize, errno },
        }
    }
}
