//! What the child is told to do: a borrowed list of steps with everything they need made ready.
//!
//! # Safety
//!
//! The one unsafe promise is [`Argv::new`]'s: an array of C strings that ends in NULL.
#![allow(unsafe_code)]

use core::ffi::{c_char, c_int, c_ulong, CStr};
use core::marker::PhantomData;

/// The steps of one child, in order. `Copy` and without `Drop`: nothing is left to do when it ends.
#[derive(Clone, Copy, Debug)]
pub struct Program<'a> {
    /// What to do; the last one is [`Op::Exec`] or [`Op::Exit`].
    pub ops: &'a [Op<'a>],
    /// Whether to put the signal handlers back to their defaults one by one, for want of
    /// `CLONE_CLEAR_SIGHAND`.
    pub reset_handlers: bool,
    /// The signal mask that the program starts with.
    pub signal_mask: u64,
}

/// One step: one system call, or a few that only make sense together.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Op<'a> {
    /// unshare(2).
    Unshare {
        /// `CLONE_NEW*` bits.
        flags: u32,
    },
    /// open(2), write(2) in one piece, close(2): how id maps and offsets are written.
    Write {
        /// An existing file.
        path: &'a CStr,
        /// All of it, in one write.
        text: &'a [u8],
    },
    /// mount(2).
    Mount {
        /// What to mount; `None` where the kernel ignores it.
        source: Option<&'a CStr>,
        /// Where.
        target: &'a CStr,
        /// Type of file system; `None` where the kernel ignores it.
        fstype: Option<&'a CStr>,
        /// `MS_*` bits.
        flags: c_ulong,
    },
    /// sethostname(2).
    Sethostname {
        /// At most 64 bytes.
        name: &'a [u8],
    },
    /// socket(2) and ioctl(2) `SIOCSIFFLAGS`: brings `lo` up.
    LoopbackUp,
    /// execve(2) of the first of these that is there, as execvp(3) seeks; does not come back.
    Exec {
        /// Where the program file may be.
        paths: Argv<'a>,
        /// Its arguments, its own name first.
        argv: Argv<'a>,
        /// Its environment.
        envp: Argv<'a>,
    },
    /// exit_group(2); does not come back.
    Exit {
        /// Exit status.
        status: c_int,
    },
}

/// An array of C strings as execve(2) wants it.
#[derive(Clone, Copy, Debug)]
pub struct Argv<'a> {
    pointer: *const *const c_char,
    strings: PhantomData<&'a [&'a CStr]>,
}

impl<'a> Argv<'a> {
    /// Borrows an array of pointers whose last one is NULL.
    ///
    /// # Safety
    ///
    /// For as long as `'a`, every pointer before the NULL must lead to a C string.
    pub const unsafe fn new(pointer: *const *const c_char) -> Argv<'a> {
        Argv { pointer, strings: PhantomData }
    }

    pub(crate) fn address(self) -> usize {
        self.pointer as usize
    }

    /// The addresses of the strings, without the NULL.
    pub(crate) fn iter(self) -> impl Iterator<Item = usize> {
        let mut next = self.pointer;
        core::iter::from_fn(move || {
            // SAFETY: `next` leads to a pointer of the array, as it never passes the NULL.
            let string = unsafe { *next };
            if string.is_null() {
                return None;
            }
            next = next.wrapping_add(1);
            Some(string as usize)
        })
    }
}
