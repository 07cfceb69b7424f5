//! What every call from C passes: arguments checked, panics caught, errors handed over.

use crate::error::nsiso_error;
use libc::{c_char, c_int};
use nsiso_core::{Cause, Error, Kind, Kinds, Result};
use std::ffi::{CStr, OsStr};
use std::os::fd::{FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::{io, ptr, slice};

/// Copies of a caller's descriptors stay above those that every program knows by number.
const FIRST_FREE_FD: c_int = 3;

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

/// This thread's errno.
pub fn get_errno() -> c_int {
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

/// The kinds of these bits, all of which must be known.
pub fn known_kinds(step: &str, bits: u32) -> Result<Kinds> {
    let unknown = || bad_argument(step, &format!("kinds {bits:#x}: not all are NSISO_NEW* bits"));
    Kinds::from_bits(bits).ok_or_else(unknown)
}

/// One kind of namespace, by its bit.
pub fn one_kind(step: &str, kind: u32) -> Result<Kind> {
    Kind::from_flag(kind)
        .ok_or_else(|| bad_argument(step, &format!("kind {kind:#x} is not one NSISO_NEW* bit")))
}

fn null(step: &str, name: &str) -> Error {
    bad_argument(step, &format!("{name} is NULL"))
}

/// What an argument leads to, which must not be NULL.
///
/// # Safety
///
/// `object` must be NULL or lead to what lives, and does not change, for as long as the answer is used.
pub unsafe fn borrow<'a, T>(step: &str, name: &str, object: *const T) -> Result<&'a T> {
    // SAFETY: the caller's promise.
    unsafe { object.as_ref() }.ok_or_else(|| null(step, name))
}

/// As [`borrow`], of an object that is changed.
///
/// # Safety
///
/// As [`borrow`], and nobody else may use it meanwhile.
pub unsafe fn borrow_mut<'a, T>(step: &str, name: &str, object: *mut T) -> Result<&'a mut T> {
    // SAFETY: the caller's promise.
    unsafe { object.as_mut() }.ok_or_else(|| null(step, name))
}

/// An array of the caller's, which may be NULL when it has no elements.
///
/// # Safety
///
/// `first` must be NULL or lead to `count` elements, which stay as they are while the answer is used.
pub unsafe fn array<'a, T>(step: &str, name: &str, first: *const T, count: usize) -> Result<&'a [T]> {
    if count == 0 {
        return Ok(&[]);
    }
    if first.is_null() {
        return Err(null(step, name));
    }
    if count > isize::MAX as usize / size_of::<T>() {
        return Err(bad_argument(step, &format!("{name} cannot have {count} elements")));
    }
    // SAFETY: not NULL, no larger than an object can be, and the caller's promise.
    Ok(unsafe { slice::from_raw_parts(first, count) })
}

/// A string of the caller's.
///
/// # Safety
///
/// `string` must be NULL or a C string that stays as it is while the answer is used.
pub unsafe fn text<'a>(step: &str, name: &str, string: *const c_char) -> Result<&'a OsStr> {
    if string.is_null() {
        return Err(null(step, name));
    }
    // SAFETY: not NULL, and the caller's promise.
    let string = unsafe { CStr::from_ptr(string) };
    Ok(OsStr::from_bytes(string.to_bytes()))
}

/// Strings of the caller's as main(3) gets its own: their array ends in NULL.
///
/// # Safety
///
/// `strings` must be NULL or an array of C strings with a NULL behind the last one; all stay as they are
/// while the answer is used.
pub unsafe fn texts<'a>(step: &str, name: &str, strings: *const *const c_char) -> Result<Vec<&'a OsStr>> {
    if strings.is_null() {
        return Err(null(step, name));
    }
    let pointers = (0..).map_while(|index| {
        // SAFETY: the array goes on up to its NULL, where this ends.
        let place = unsafe { strings.add(index) };
        // SAFETY: as above.
        let string = unsafe { *place };
        (!string.is_null()).then_some(string)
    });
    // SAFETY: not NULL, and the caller's promise.
    pointers.map(|string| unsafe { text(step, name, string) }).collect()
}

/// A copy of a caller's descriptor, close-on-exec. EBADF if that is closed.
pub fn duplicate(step: &str, fd: c_int) -> Result<OwnedFd> {
    // SAFETY: numbers only.
    let copy = unsafe { libc::fcntl(fd, libc::F_DUPFD_CLOEXEC, FIRST_FREE_FD) };
    if copy < 0 {
        let errno = io::Error::last_os_error().raw_os_error().unwrap_or(libc::EBADF);
        let cause = if errno == libc::EBADF { Cause::BadDescriptor } else { Cause::Unknown };
        return Err(Error::of_caller(step, &format!("fd {fd}"), errno, cause));
    }
    // SAFETY: the kernel just gave us this descriptor.
    Ok(unsafe { OwnedFd::from_raw_fd(copy) })
}

/// Makes an object and hands it over in `*ret`; nothing is made when that is NULL.
///
/// # Safety
///
/// `ret` must be NULL or lead to a pointer that may be written.
pub unsafe fn give<T>(
    step: &str,
    name: &str,
    ret: *mut *mut T,
    make: impl FnOnce() -> Result<T>,
) -> Result<c_int> {
    if ret.is_null() {
        return Err(null(step, name));
    }
    let object = Box::into_raw(Box::new(make()?));
    // SAFETY: not NULL, and the caller's promise.
    unsafe { *ret = object };
    Ok(0)
}

/// Takes back what [`give`] gave and ends it, NULL or not; errno stays, and no panic comes out. NULL.
///
/// # Safety
///
/// `object` must be NULL or come from [`give`], and nobody may use it any more.
pub unsafe fn free<T>(object: *mut T, end: impl FnOnce(T)) -> *mut T {
    if !object.is_null() {
        let _errno = KeepErrno::new();
        // SAFETY: not NULL, and the caller's promise.
        let object = unsafe { Box::from_raw(object) };
        let _ = catch_unwind(AssertUnwindSafe(|| end(*object)));
    }
    ptr::null_mut()
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
