//! What execve wants: arrays of C strings that end in NULL.
//!
//! # Safety
//!
//! [`CStringArray`] owns what it points to, so the promise of [`Argv::new`] holds while it lives.
#![allow(unsafe_code)]

use nsiso_child::Argv;
use std::ffi::{c_char, CStr};
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
    /// Copies these; `Err` is the first with a NUL byte in it.
    pub fn new<'a>(
        strings: impl Iterator<Item = &'a [u8]> + Clone,
    ) -> std::result::Result<CStringArray, &'a [u8]> {
        match strings.clone().find(|string| string.contains(&0)) {
            Some(string) => Err(string),
            None => Ok(CStringArray::of(strings)),
        }
    }

    /// The caller's environment as it is, byte by byte.
    ///
    /// As with getenv(3), nobody may change it meanwhile: Rust's own way to do so is unsafe for that reason.
    pub fn of_environment() -> CStringArray {
        let mut next = environment();
        let strings = std::iter::from_fn(move || {
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
            Some(unsafe { CStr::from_ptr(string) }.to_bytes())
        });
        // Once: should somebody change it after all, both readings below are of the same strings.
        CStringArray::of(strings.collect::<Vec<_>>().into_iter())
    }

    /// In two pieces of memory, each as large as it has to be.
    fn of<'a>(strings: impl Iterator<Item = &'a [u8]> + Clone) -> CStringArray {
        let add = |(count, length), string: &[u8]| (count + 1, length + string.len() + 1);
        let (count, length) = strings.clone().fold((0, 0), add);
        let mut bytes = Vec::<u8>::with_capacity(length);
        let mut pointers = Vec::with_capacity(count + 1);
        // With that room they do not move while they grow.
        let start = bytes.as_ptr().cast::<c_char>();
        for string in strings {
            pointers.push(start.wrapping_add(bytes.len()));
            bytes.extend_from_slice(string);
            bytes.push(0);
        }
        pointers.push(std::ptr::null());
        CStringArray { _bytes: bytes, pointers }
    }

    /// The first of them.
    pub fn first(&self) -> &CStr {
        match self.pointers.first().filter(|pointer| !pointer.is_null()) {
            // SAFETY: a C string that self owns and never changes.
            Some(pointer) => unsafe { CStr::from_ptr(*pointer) },
            None => c"",
        }
    }

    /// Borrows it for a child's program.
    pub fn as_argv(&self) -> Argv<'_> {
        // SAFETY: the pointers lead to strings that self owns and never changes; the last is NULL.
        unsafe { Argv::new(self.pointers.as_ptr()) }
    }
}

/// The caller's environment where it is, for a child that executes at once: until then nobody may change it, as with
/// posix_spawn(3) of `environ`.
pub fn own_environment() -> Argv<'static> {
    static NONE: [usize; 1] = [0];
    let start = environment();
    let start = if start.is_null() { NONE.as_ptr().cast() } else { start };
    // SAFETY: libc's array of C strings, which ends in NULL; who starts a command leaves it alone meanwhile.
    unsafe { Argv::new(start) }
}

fn environment() -> *const *const c_char {
    extern "C" {
        static mut environ: *const *const c_char;
    }
    // SAFETY: libc's own variable; its value is read once.
    unsafe { environ }
}

// SAFETY: the pointers lead into memory that the array owns and that nobody writes to.
unsafe impl Send for CStringArray {}
// SAFETY: as above; sharing only reads.
unsafe impl Sync for CStringArray {}
