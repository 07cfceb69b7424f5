//! What a function's process runs: a C function and its argument.
//!
//! # Safety
//!
//! [`Function::new`]'s promise makes the pair safe to hand on.
#![allow(unsafe_code)]

use super::clone::CloneFn;
use libc::c_void;
use nsiso_child::Op;

/// A function to call in a process of its own, and what it is called with.
#[derive(Clone, Copy, Debug)]
pub struct Function {
    function: CloneFn,
    argument: *mut c_void,
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
        Function { function, argument }
    }

    /// As a child's last step.
    pub(crate) fn as_op(&self) -> Op<'static> {
        Op::Call { function: self.function, argument: self.argument }
    }
}
