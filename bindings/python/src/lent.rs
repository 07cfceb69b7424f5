//! How the number of a caller's descriptor is lent to the core for the length of a call.
//!
//! # Safety
//!
//! A number is a promise that the descriptor stays open, which no Python program can give: should it be closed, the
//! kernel answers EBADF, and nothing in memory depends on it.
#![allow(unsafe_code)]

use nsiso::{Cause, Error, Result};
use std::os::fd::BorrowedFd;

/// The descriptor of this number; EBADF for a negative one.
pub fn lent<'a>(what: &str, number: i32) -> Result<BorrowedFd<'a>> {
    if number < 0 {
        return Err(Error::of_caller("open", &format!("{what} {number}"), libc::EBADF, Cause::BadDescriptor));
    }
    // SAFETY: not -1; see the head of this file.
    Ok(unsafe { BorrowedFd::borrow_raw(number) })
}
