//! What stands before libc's own allocator, as in any program that has such functions, for all that is loaded into it?

use super::trap::{notice, Of};
use std::ffi::c_void;

extern "C" {
    fn __libc_malloc(size: usize) -> *mut c_void;
    fn __libc_calloc(count: usize, size: usize) -> *mut c_void;
    fn __libc_realloc(memory: *mut c_void, size: usize) -> *mut c_void;
    fn __libc_free(memory: *mut c_void);
}

#[no_mangle]
unsafe extern "C" fn malloc(size: usize) -> *mut c_void {
    notice(Of::Libc);
    // SAFETY: the caller's promise; and so below.
    unsafe { __libc_malloc(size) }
}

#[no_mangle]
unsafe extern "C" fn calloc(count: usize, size: usize) -> *mut c_void {
    notice(Of::Libc);
    // SAFETY: as above.
    unsafe { __libc_calloc(count, size) }
}

#[no_mangle]
unsafe extern "C" fn realloc(memory: *mut c_void, size: usize) -> *mut c_void {
    notice(Of::Libc);
    // SAFETY: as above.
    unsafe { __libc_realloc(memory, size) }
}

#[no_mangle]
unsafe extern "C" fn free(memory: *mut c_void) {
    notice(Of::Libc);
    // SAFETY: as above.
    unsafe { __libc_free(memory) }
}
