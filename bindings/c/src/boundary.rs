//! What every call from C passes: arguments checked, panics caught, errors handed over.

use crate::error::nsiso_error;
use libc::c_int;
use nsiso_core::{Cause, Error, Result};
use std::panic::{catch_unwind, AssertUnwindSafe};

/// Runs a call's body: its number, or `-errno` with the story in `*reterr`.
///
/// # Safety
///
/// `reterr` must be NULL or lead to a pointer that may be written.
pub unsafe fn call(reterr: *mut *mut nsiso_error, body: impl FnOnce() -> Result<c_int>) -> c_int {
    let _errno = KeepErrno::new();
    // A panic never crosses into C; what it left half-made is dropped by the unwinding.
    let error = match catch_unwind(AssertUnwindSafe(body)) {
        Ok(Ok(number)) => return number,
        Ok(Err(error)) => error,
        Err(_) => Error::of_caller("nsiso", "a bug in the library", libc::ENOTRECOVERABLE, Cause::Unknown),
    };
    let errno = error.errno();
    if !reterr.is_null() {
        let boxed = Box::into_raw(Box::new(nsiso_error::new(&error)));
        // SAFETY: not NULL, and the C caller guarantees that it may be written.
        unsafe { *reterr = boxed };
    }
    -errno
}

/// Puts errno back when dropped: these calls return their error, and C reads errno for others'.
struct KeepErrno(c_int);

impl KeepErrno {
    fn new() -> KeepErrno {
        KeepErrno(get_errno())
    }
}

impl Drop for KeepErrno {
    fn drop(&mut self) {
        set_errno(self.0);
    }
}

fn get_errno() -> c_int {
    // SAFETY: the address of this thread's errno is always there.
    let own = unsafe { libc::__errno_location() };
    // SAFETY: as above.
    unsafe { *own }
}

/// Sets this thread's errno.
pub fn set_errno(errno: c_int) {
    // SAFETY: the address of this thread's errno is always there.
    let own = unsafe { libc::__errno_location() };
    // SAFETY: as above, and nobody else writes to it.
    unsafe { *own = errno };
}

/// EINVAL with the argument's name.
pub fn bad_argument(step: &str, what: &str) -> Error {
    Error::of_caller(step, what, libc::EINVAL, Cause::BadArgument)
}

/// No flag has a meaning yet.
pub fn no_flags(step: &str, flags: u32) -> Result<()> {
    if flags == 0 {
        Ok(())
    } else {
        Err(bad_argument(step, &format!("flags {flags:#x}: none is known")))
    }
}

/// Writes a record into room that a caller built against another version may have made larger: what
/// this version does not know becomes 0.
///
/// # Safety
///
/// `to` must have room for `size` bytes, at least the record's own, and `R` must be plain old data.
pub unsafe fn write_record<R: Copy>(to: *mut R, size: usize, record: &R) {
    // SAFETY: the caller's promise.
    unsafe { to.cast::<u8>().write_bytes(0, size) };
    // SAFETY: the caller's promise; the C caller's pointer may be aligned to less than Rust wants.
    unsafe { to.write_unaligned(*record) };
}
