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
use std::sync::atomic::{AtomicI32, AtomicPtr, Ordering};

/// Who must see what is written to a stack's last page, which holds a [`Report`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sharing {
    /// Processes that share the caller's memory.
    WithinMemory,
    /// A child with a copy of the caller's memory as well; such pages cost twice as much.
    WithCopies,
}

/// A mapping of whole pages, given back when dropped; the lowest page cannot be touched, so that
/// an overflow ends the child instead of writing into the host.
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
    pub fn new(size: usize, sharing: Sharing) -> Result<Stack> {
        // SAFETY: sysconf only reads.
        let page = Errno::check(unsafe { libc::sysconf(libc::_SC_PAGESIZE) })? as usize;
        let length = size.next_multiple_of(page) + 2 * page;
        let sharing = if sharing == Sharing::WithCopies { libc::MAP_SHARED } else { libc::MAP_PRIVATE };
        let kind = sharing | libc::MAP_ANONYMOUS | libc::MAP_STACK | libc::MAP_NORESERVE;
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

/// Stacks for children that were used and are whole, so that a start need not map and fault in anew. Without
/// a lock: each is taken out by whoever swaps it out.
static SPARE: [AtomicPtr<Stack>; 8] = [const { AtomicPtr::new(std::ptr::null_mut()) }; 8];

/// A stack for a child, of the one size that all have; kept for the next when dropped.
#[derive(Debug)]
pub struct ChildStack(Option<Box<Stack>>, Sharing);

impl ChildStack {
    /// Size in bytes of each of the two processes that a program may become.
    pub const SIZE: usize = 32 << 10;

    /// Takes a spare one or maps one; its report is as new.
    pub fn take(sharing: Sharing) -> Result<ChildStack> {
        for slot in SPARE.iter().filter(|_| sharing == Sharing::WithinMemory) {
            let spare = slot.swap(std::ptr::null_mut(), Ordering::Acquire);
            if !spare.is_null() {
                // SAFETY: `drop` made it of a box, and the swap has given it to us alone.
                let stack = unsafe { Box::from_raw(spare) };
                let report = stack.top().cast::<Report>();
                // SAFETY: the report's place, which the child that reported has left.
                unsafe { report.write(Report::default()) };
                return Ok(ChildStack(Some(stack), sharing));
            }
        }
        let stack = Stack::new(2 * ChildStack::SIZE, sharing)?;
        Ok(ChildStack(Some(Box::new(stack)), sharing))
    }

    /// One past its highest byte.
    pub fn top(&self) -> *mut c_void {
        self.0.as_ref().map_or(std::ptr::null_mut(), |stack| stack.top())
    }

    /// See [`Stack::report`].
    pub fn report(&self) -> &Report {
        static NONE: Report = Report::new();
        self.0.as_ref().map_or(&NONE, |stack| stack.report())
    }
}

impl Drop for ChildStack {
    fn drop(&mut self) {
        let Some(stack) = self.0.take().filter(|_| self.1 == Sharing::WithinMemory) else { return };
        let stack = Box::into_raw(stack);
        let null = std::ptr::null_mut();
        let free = |slot: &AtomicPtr<Stack>| {
            slot.compare_exchange(null, stack, Ordering::Release, Ordering::Relaxed).is_ok()
        };
        if !SPARE.iter().any(free) {
            // SAFETY: made of a box above, and no slot has taken it.
            drop(unsafe { Box::from_raw(stack) });
        }
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
                    (number(low)..number(high)).contains(&address) && rest.starts_with("rw-")
                })
            })
        };
        let stack = Stack::new(100_000, Sharing::WithinMemory).ok();
        let (top, base) =
            stack.as_ref().map(|s| (s.top() as usize, s.base.as_ptr() as usize)).unwrap_or_default();
        assert!(top - base > 100_000 && top % 4096 == 0);
        assert!(line_of(top - 1) && line_of(base + 4096), "usable from the top down to the guard");
        assert!(!line_of(base), "the guard page must not be writable");
        drop(stack);
        // Another thread may have got the same place by now: but not each time.
        let is_given_back = |_| {
            let stack = Stack::new(100_000, Sharing::WithinMemory).ok();
            let top = stack.as_ref().map_or(0, |stack| stack.top() as usize);
            drop(stack);
            top != 0 && !line_of(top - 1)
        };
        assert!((0..1000).any(is_given_back));
    }
}
