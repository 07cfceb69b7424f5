//! Where a `CLONE_VM` child runs: mapped memory with a guard page below it.
//!
//! # Safety
//!
//! mmap, mprotect and munmap of memory that nobody else knows of.
#![allow(unsafe_code)]

use super::{Errno, Result};
use libc::c_void;
use nsiso_child::Report;
use std::ptr::NonNull;
use std::sync::atomic::AtomicI32;

/// A mapping of whole pages, given back when dropped; the lowest page cannot be touched, so that
/// an overflow ends the child instead of writing into the host.
///
/// The memory is shared, not private: its last page holds a [`Report`], which a child with a copy
/// of the parent's memory must reach as well.
#[derive(Debug)]
pub struct Stack {
    base: NonNull<c_void>,
    length: usize,
    page: usize,
}

// SAFETY: a mapping belongs to the process, not to a thread; what lies in it besides stacks are atomics.
unsafe impl Send for Stack {}
// SAFETY: as above.
unsafe impl Sync for Stack {}

impl Stack {
    /// Maps at least `size` bytes of stack. ENOMEM when there is no memory, EAGAIN when too much is locked.
    pub fn new(size: usize) -> Result<Stack> {
        // SAFETY: sysconf only reads.
        let page = Errno::check(unsafe { libc::sysconf(libc::_SC_PAGESIZE) })? as usize;
        let length = size.next_multiple_of(page) + 2 * page;
        let kind = libc::MAP_SHARED | libc::MAP_ANONYMOUS | libc::MAP_STACK | libc::MAP_NORESERVE;
        let access = libc::PROT_READ | libc::PROT_WRITE;
        // SAFETY: a new mapping at an address of the kernel's choice disturbs nobody.
        let base = unsafe { libc::mmap(std::ptr::null_mut(), length, access, kind, -1, 0) };
        if base == libc::MAP_FAILED {
            return Err(Errno::last());
        }
        let stack = Stack { base: NonNull::new(base).ok_or(Errno(libc::ENOMEM))?, length, page };
        // SAFETY: the first page of the mapping just made, which nothing uses yet.
        Errno::check(unsafe { libc::mprotect(base, page, libc::PROT_NONE) })?;
        Ok(stack)
    }

    /// One past its highest byte: where a stack that grows down begins. Aligned to a page.
    pub fn top(&self) -> *mut c_void {
        // SAFETY: the last page lies inside the mapping, which is three pages at least.
        unsafe { self.base.as_ptr().byte_add(self.length - self.page) }
    }

    /// Where the child reports, zero at first; never part of the stack.
    pub fn report(&self) -> &Report {
        let report = self.top().cast::<Report>();
        // SAFETY: a page of its own, aligned, zeroed by the kernel, mapped as long as self; two atomics.
        unsafe { &*report }
    }

    /// Two numbers in that page, behind the report.
    pub fn words(&self) -> &[AtomicI32; 2] {
        let report = self.top().cast::<Report>();
        // SAFETY: the page has room for more than a report.
        let words = unsafe { report.add(1) }.cast::<[AtomicI32; 2]>();
        // SAFETY: aligned as the report is, zeroed by the kernel, mapped as long as self; atomics.
        unsafe { &*words }
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        // SAFETY: the mapping is ours alone, and the child that ran on it has gone from this memory.
        unsafe { libc::munmap(self.base.as_ptr(), self.length) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stack_is_mapped_with_its_guard_and_given_back() {
        let line_of = |address: usize| {
            std::fs::read_to_string("/proc/self/maps").is_ok_and(|maps| {
                maps.lines().any(|line| {
                    let (range, rest) = line.split_once(' ').unwrap_or_default();
                    let (low, high) = range.split_once('-').unwrap_or_default();
                    let number = |text| usize::from_str_radix(text, 16).unwrap_or_default();
                    (number(low)..number(high)).contains(&address) && rest.starts_with("rw-s")
                })
            })
        };
        let stack = Stack::new(100_000).ok();
        let (top, base) =
            stack.as_ref().map(|s| (s.top() as usize, s.base.as_ptr() as usize)).unwrap_or_default();
        assert!(top - base > 100_000 && top % 4096 == 0);
        assert!(line_of(top - 1) && line_of(base + 4096), "usable from the top down to the guard");
        assert!(!line_of(base), "the guard page must not be writable");
        drop(stack);
        assert!(!line_of(top - 1), "given back");
    }
}
