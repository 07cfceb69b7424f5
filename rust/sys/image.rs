//! How a program is laid out in memory that the helper maps as well.
//!
//! # Safety
//!
//! memfd_create, ftruncate, mmap and munmap of memory that nobody else knows of; every pointer in it leads into it.
#![allow(unsafe_code)]

use super::{Errno, Result};
use libc::{c_char, c_void};
use nsiso_child::image::{self, Store, LAYOUT};
use nsiso_child::{Argv, Op, Program, Report};
use std::ffi::CStr;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::ptr::{self, NonNull};

/// memfd_create(2) flag of Linux 6.3: the file is never executed, as `vm.memfd_noexec` may demand.
const MFD_NOEXEC_SEAL: libc::c_uint = 8;

/// A mapping that begins with an [`image::Image`], and the file behind it. Given back when dropped.
pub struct Image {
    file: OwnedFd,
    base: NonNull<c_void>,
    length: usize,
}

// SAFETY: a mapping belongs to the process, not to a thread; what changes in it are atomics.
unsafe impl Send for Image {}
// SAFETY: as above.
unsafe impl Sync for Image {}

impl Image {
    /// Copies a program with all that it borrows.
    pub fn new(program: &Program<'_>) -> Result<Image> {
        let head = size_of::<image::Image<'_>>();
        let mut counted = Copies { base: ptr::null_mut(), used: head };
        counted.ops(program);
        let image = Image::map(counted.used)?;
        let mut copies = Copies { base: image.base.as_ptr().cast(), used: head };
        let program = Program { ops: copies.ops(program), ..*program };
        let content = image::Image { layout: LAYOUT, program, report: Report::new() };
        // SAFETY: the beginning of the mapping, which is aligned and long enough.
        unsafe { image.base.cast::<image::Image<'_>>().write(content) };
        Ok(image)
    }

    /// memfd_create(2) and mmap(2): zeros.
    fn map(length: usize) -> Result<Image> {
        let create = |flags| {
            // SAFETY: a C string and a number.
            Errno::check(unsafe { libc::memfd_create(c"nsiso-program".as_ptr(), flags) })
        };
        let file = match create(libc::MFD_CLOEXEC | MFD_NOEXEC_SEAL) {
            Err(Errno(libc::EINVAL)) => create(libc::MFD_CLOEXEC),
            answer => answer,
        }?;
        // SAFETY: the kernel just gave us this descriptor.
        let file = unsafe { OwnedFd::from_raw_fd(file) };
        // SAFETY: numbers only.
        Errno::check(unsafe { libc::ftruncate(file.as_raw_fd(), length as libc::off_t) })?;
        let access = libc::PROT_READ | libc::PROT_WRITE;
        // SAFETY: a new mapping at an address of the kernel's choice disturbs nobody.
        let base =
            unsafe { libc::mmap(ptr::null_mut(), length, access, libc::MAP_SHARED, file.as_raw_fd(), 0) };
        if base == libc::MAP_FAILED {
            return Err(Errno::last());
        }
        Ok(Image { file, base: NonNull::new(base).ok_or(Errno(libc::ENOMEM))?, length })
    }

    /// Its file, close-on-exec.
    pub fn file(&self) -> RawFd {
        self.file.as_raw_fd()
    }

    /// In bytes.
    pub fn length(&self) -> usize {
        self.length
    }

    /// Where the helper has to map it.
    pub fn address(&self) -> usize {
        self.base.as_ptr() as usize
    }

    /// Where the helper reports.
    pub fn report(&self) -> &Report {
        let image = self.base.cast::<image::Image<'_>>();
        // SAFETY: `new` has put it there; others change atomics in it only.
        let image = unsafe { image.as_ref() };
        &image.report
    }
}

impl Drop for Image {
    fn drop(&mut self) {
        // SAFETY: the mapping is ours alone; the helper has its own.
        unsafe { libc::munmap(self.base.as_ptr(), self.length) };
    }
}

/// Puts copies one behind the other from `base` on; without one it only counts.
struct Copies {
    base: *mut u8,
    used: usize,
}

impl Copies {
    fn ops<'a>(&mut self, program: &Program<'a>) -> &'a [Op<'a>] {
        let ops: Vec<Op<'a>> = program.ops.iter().map(|op| op.stored(self)).collect();
        if self.base.is_null() {
            self.put(&ops);
            return program.ops;
        }
        let copy = self.put(&ops);
        // SAFETY: as many as were just put there.
        unsafe { std::slice::from_raw_parts(copy, ops.len()) }
    }

    /// Where the copy is; where the original is, if this only counts.
    fn put<T: Copy>(&mut self, values: &[T]) -> *const T {
        let start = self.used.next_multiple_of(align_of::<T>());
        self.used = start + size_of_val(values);
        if self.base.is_null() {
            return values.as_ptr();
        }
        let copy = self.base.wrapping_add(start).cast::<T>();
        // SAFETY: counted before, so the mapping has room, and nothing else is there.
        unsafe { ptr::copy_nonoverlapping(values.as_ptr(), copy, values.len()) };
        copy
    }
}

impl<'a> Store<'a> for Copies {
    fn slice<T: Copy>(&mut self, slice: &'a [T]) -> &'a [T] {
        let copy = self.put(slice);
        // SAFETY: as many as were just put there.
        unsafe { std::slice::from_raw_parts(copy, slice.len()) }
    }

    fn argv(&mut self, argv: Argv<'a>) -> Argv<'a> {
        let copy = |string: usize| {
            // SAFETY: a C string, as whoever made the array has promised.
            let string = unsafe { CStr::from_ptr(string as *const c_char) };
            self.put(string.to_bytes_with_nul()).cast::<c_char>()
        };
        let strings: Vec<*const c_char> = argv.iter().map(copy).chain([ptr::null()]).collect();
        let array = self.put(&strings);
        // SAFETY: the pointers were just made, of C strings, and end in NULL.
        unsafe { Argv::new(array) }
    }
}
