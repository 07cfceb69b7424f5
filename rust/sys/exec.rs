//! What execve wants: arrays of C strings that end in NULL.
//!
//! # Safety
//!
//! [`CStringArray`] owns what it points to, so the promise of [`Argv::new`] holds while it lives.
#![allow(unsafe_code)]

use nsiso_child::Argv;
use std::ffi::{c_char, CString};

/// Owned strings and the pointers to them, NULL last.
#[derive(Debug)]
pub struct CStringArray {
    /// Never read again, but what `pointers` leads to.
    _strings: Vec<CString>,
    pointers: Vec<*const c_char>,
}

impl CStringArray {
    /// Makes the array; a `CString`'s bytes stay where they are when it is moved.
    pub fn new(strings: Vec<CString>) -> CStringArray {
        let end = std::iter::once(std::ptr::null());
        let pointers = strings.iter().map(|string| string.as_ptr()).chain(end).collect();
        CStringArray { _strings: strings, pointers }
    }

    /// Borrows it for a child's program.
    pub fn as_argv(&self) -> Argv<'_> {
        // SAFETY: the pointers lead to strings that self owns and never changes; the last is NULL.
        unsafe { Argv::new(self.pointers.as_ptr()) }
    }
}

// SAFETY: the pointers lead into memory that the array owns and that nobody writes to.
unsafe impl Send for CStringArray {}
// SAFETY: as above; sharing only reads.
unsafe impl Sync for CStringArray {}
