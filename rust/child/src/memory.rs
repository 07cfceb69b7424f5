//! What the compiler calls by itself to copy and fill memory, where no libc has it.
//!
//! # Safety
//!
//! As in C: both areas are as long as said, and of [`memcpy`] apart.
#![allow(unsafe_code)]

use core::ffi::{c_int, c_void};

/// memcpy(3).
#[no_mangle]
unsafe extern "C" fn memcpy(to: *mut c_void, from: *const c_void, length: usize) -> *mut c_void {
    for index in 0..length {
        // SAFETY: the caller's promise.
        let byte = unsafe { *from.cast::<u8>().wrapping_add(index) };
        // SAFETY: the caller's promise.
        unsafe { *to.cast::<u8>().wrapping_add(index) = byte };
    }
    to
}

/// memset(3).
#[no_mangle]
unsafe extern "C" fn memset(to: *mut c_void, byte: c_int, length: usize) -> *mut c_void {
    for index in 0..length {
        // SAFETY: the caller's promise.
        unsafe { *to.cast::<u8>().wrapping_add(index) = byte as u8 };
    }
    to
}
