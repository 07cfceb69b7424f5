//! nsiso_error: the story of a failure, owned by the caller.

use libc::{c_char, c_int};
use nsiso_core::Error;
use std::ffi::{CStr, CString};
use std::ptr;

/// Why a call failed. Owned by the caller, who frees it, unless it is borrowed from another
/// object. May be read by many threads at once.
pub struct nsiso_error {
    errno: c_int,
    step: CString,
    object: CString,
    cause: CString,
    remedy: CString,
    message: CString,
}

impl nsiso_error {
    /// Makes C strings of an error's words.
    pub fn new(error: &Error) -> nsiso_error {
        // The words come from paths and names of the caller's at worst; a NUL in them ends them.
        let text =
            |words: &str| CString::new(words.split('\0').next().unwrap_or_default()).unwrap_or_default();
        nsiso_error {
            errno: error.errno(),
            step: text(error.step()),
            object: text(error.object()),
            cause: text(error.cause().as_str()),
            remedy: text(error.remedy()),
            message: text(&error.to_string()),
        }
    }

    /// Why it failed.
    pub fn cause(&self) -> &CStr {
        &self.cause
    }

    /// What to do about it.
    pub fn remedy(&self) -> &CStr {
        &self.remedy
    }
}

/// # Safety
///
/// `error` must be NULL or an error that is not freed yet.
unsafe fn word(error: *const nsiso_error, of: fn(&nsiso_error) -> &CString) -> *const c_char {
    // SAFETY: the C caller guarantees an error that lives, or NULL.
    unsafe { error.as_ref() }.map_or(ptr::null(), |error| of(error).as_ptr())
}

/// What was being done, for instance "clone". Borrowed from the error; NULL for NULL.
#[no_mangle]
pub unsafe extern "C" fn nsiso_error_step(error: *const nsiso_error) -> *const c_char {
    // SAFETY: the C caller's promise.
    unsafe { word(error, |error| &error.step) }
}

/// What it was done to, for instance "fd 7"; may be empty. Borrowed from the error; NULL for NULL.
#[no_mangle]
pub unsafe extern "C" fn nsiso_error_object(error: *const nsiso_error) -> *const c_char {
    // SAFETY: the C caller's promise.
    unsafe { word(error, |error| &error.object) }
}

/// The kernel's errno, or the one that says the same; positive. 0 for NULL.
#[no_mangle]
pub unsafe extern "C" fn nsiso_error_errno(error: *const nsiso_error) -> c_int {
    // SAFETY: the C caller guarantees an error that lives, or NULL.
    unsafe { error.as_ref() }.map_or(0, |error| error.errno)
}

/// Why it failed: a short phrase that stays the same from release to release. Borrowed from the
/// error; NULL for NULL.
#[no_mangle]
pub unsafe extern "C" fn nsiso_error_cause(error: *const nsiso_error) -> *const c_char {
    // SAFETY: the C caller's promise.
    unsafe { word(error, |error| &error.cause) }
}

/// What to do about it; empty when the cause is unknown. Borrowed from the error; NULL for NULL.
#[no_mangle]
pub unsafe extern "C" fn nsiso_error_remedy(error: *const nsiso_error) -> *const c_char {
    // SAFETY: the C caller's promise.
    unsafe { word(error, |error| &error.remedy) }
}

/// All of it in one line. Borrowed from the error; NULL for NULL.
#[no_mangle]
pub unsafe extern "C" fn nsiso_error_message(error: *const nsiso_error) -> *const c_char {
    // SAFETY: the C caller's promise.
    unsafe { word(error, |error| &error.message) }
}

/// Frees an error. NULL is allowed. Returns NULL.
#[no_mangle]
pub unsafe extern "C" fn nsiso_error_free(error: *mut nsiso_error) -> *mut nsiso_error {
    if !error.is_null() {
        // SAFETY: it came from `boundary::call`, and the C caller guarantees that it is freed once.
        drop(unsafe { Box::from_raw(error) });
    }
    ptr::null_mut()
}
