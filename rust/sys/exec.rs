//! What execve wants: arrays of C strings that end in NULL.
//!
//! # Safety
//!
//! [`CStringArray`] owns what it points to, so the promise of [`Argv::new`] holds while it lives.
#![allow(unsafe_code)]

use nsiso_child::Argv;
use std::ffi::{c_char, CStr, CString};
use std::fmt;

/// Owned strings in one piece, and the pointers to them, NULL last.
pub struct CStringArray {
    /// Never read again, but what `pointers` leads to.
    _bytes: Vec<u8>,
    pointers: Vec<*const c_char>,
}

/// Without the strings: an environment may hold secrets.
impl fmt::Debug for CStringArray {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} strings", self.pointers.len() - 1)
    }
}

impl CStringArray {
    /// Makes the array.
    pub fn new(strings: &[CString]) -> CStringArray {
        CStringArray::of(strings.iter().map(CString::as_c_str))
    }

    /// The caller's environment as it is, byte by byte.
    ///
    /// As with getenv(3), nobody may change it meanwhile: Rust's own way to do so is unsafe for that reason.
    pub fn of_environment() -> CStringArray {
        extern "C" {
            static mut environ: *const *const c_char;
        }
        // SAFETY: libc's own variable; its value is read once.
        let mut next = unsafe { environ };
        let strings = std::iter::from_fn(|| {
            if next.is_null() {
                return None;
            }
            // SAFETY: `next` leads to a pointer of the array, as it never passes the NULL.
            let string = unsafe { *next };
            if string.is_null() {
                return None;
            }
            next = next.wrapping_add(1);
            // SAFETY: a C string of the environment, which nobody changes meanwhile.
            Some(unsafe { CStr::from_ptr(string) })
        });
        CStringArray::of(strings)
    }

    fn of<'a>(strings: impl Iterator<Item = &'a CStr>) -> CStringArray {
        let (mut bytes, mut ends) = (Vec::with_capacity(4096), Vec::with_capacity(64));
        for string in strings {
            ends.push(bytes.len());
            bytes.extend_from_slice(string.to_bytes_with_nul());
        }
        // Only now, as the bytes have moved while they grew.
        let start = bytes.as_ptr().cast::<c_char>();
        let end = std::iter::once(std::ptr::null());
        let pointers = ends.into_iter().map(|offset| start.wrapping_add(offset)).chain(end).collect();
        CStringArray { _bytes: bytes, pointers }
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
