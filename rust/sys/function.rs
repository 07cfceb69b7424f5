//! What a function's process runs: a C function and its argument, and what its host wants done around the fork.
//!
//! # Safety
//!
//! [`Function::new`]'s promise makes the pair safe to hand on.
#![allow(unsafe_code)]

use super::clone::CloneFn;
use libc::c_void;
use nsiso_child::Op;
use std::os::fd::RawFd;

/// What is called around a fork, with the function's argument.
pub type ForkHook = unsafe extern "C" fn(argument: *mut c_void);

/// A function to call in a process of its own, and what it is called with.
#[derive(Clone, Copy, Debug)]
pub struct Function {
    run: CloneFn,
    argument: *mut c_void,
    around: Option<[ForkHook; 2]>,
}

// SAFETY: by `new`'s promise the pair may be used from any thread.
unsafe impl Send for Function {}
// SAFETY: as above.
unsafe impl Sync for Function {}

impl Function {
    /// Pairs them.
    ///
    /// # Safety
    ///
    /// In a copy of this process, as fork(2) makes it from any of its threads, `function` must be sound to call
    /// with `argument`, and must return or end the process; it must not unwind.
    pub const unsafe fn new(function: CloneFn, argument: *mut c_void) -> Function {
        Function { run: function, argument, around: None }
    }

    /// Has one function called right before libc's fork and one right after it, both in the caller, on the thread
    /// that starts the process: what an embedded runtime wants done around a fork, such as taking and giving back
    /// its own locks. `after` is called whether there is a child or not; in the child only the function is, which
    /// undoes there what `before` did. With a limit on namespaces there may be more than one try, each with both.
    ///
    /// # Safety
    ///
    /// Both must be sound to call with the function's argument, must return, and must not unwind.
    pub const unsafe fn around_fork(mut self, before: ForkHook, after: ForkHook) -> Function {
        self.around = Some([before, after]);
        self
    }

    /// Calls what is wanted before a fork, and when the result is dropped what is wanted after it.
    pub(crate) fn fork_begins(self) -> Forking {
        if let Some([before, _]) = self.around {
            // SAFETY: the promise of `around_fork`.
            unsafe { before(self.argument) };
        }
        Forking(self)
    }

    /// As a child's last step, which first closes these descriptors.
    pub(crate) fn as_op<'a>(&self, close: &'a [RawFd]) -> Op<'a> {
        Op::Call { close, function: self.run, argument: self.argument }
    }
}

/// A fork that is under way in the caller.
#[derive(Debug)]
pub(crate) struct Forking(Function);

impl Drop for Forking {
    fn drop(&mut self) {
        if let Some([_, after]) = self.0.around {
            // SAFETY: the promise of `around_fork`.
            unsafe { after(self.0.argument) };
        }
    }
}
