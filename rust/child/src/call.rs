//! How a step of the child makes a system call: its answer, or its errno.
//!
//! # Safety
//!
//! One system call, whose pointers come out of a program that borrows them for longer than the child runs.
#![allow(unsafe_code)]

use crate::linux;
use crate::raw::syscall;
use core::ffi::{c_int, c_long, CStr};

/// What a step gives: nothing, or an errno.
pub type Step = Result<(), i32>;

/// Ends this process.
pub(crate) fn exit(status: c_int) -> ! {
    loop {
        let _ = call(linux::SYS_exit_group, [status as usize, 0, 0, 0, 0]);
    }
}

/// Where a C string begins; NULL for none.
pub(crate) fn address(text: Option<&CStr>) -> usize {
    text.map_or(0, |text| text.as_ptr() as usize)
}

/// A system call whose number of an answer says nothing.
pub(crate) fn act(number: c_long, arguments: [usize; 5]) -> Step {
    call(number, arguments).map(drop)
}

/// A system call: its answer or its errno.
pub(crate) fn call(number: c_long, arguments: [usize; 5]) -> Result<usize, i32> {
    let [a, b, c, d, e] = arguments;
    // SAFETY: every caller in this crate passes what the call wants, out of a program that
    // borrows it for longer than the child runs, or out of its own stack.
    let result = unsafe { syscall(number, [a, b, c, d, e, 0]) };
    if result < 0 {
        Err((-result) as i32)
    } else {
        Ok(result as usize)
    }
}
