//! Where do threads put away what somebody is to see to later?
//!
//! Without a lock: in a forked copy of the process one could be held by a thread that is not there.
//!
//! # Safety
//!
//! An item is a box's pointer. Whoever has swapped it out of the list alone makes it a box again.
#![allow(unsafe_code)]

use std::ptr;
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};

/// A list to which any thread may add, and which one at a time goes through.
#[derive(Debug)]
pub struct Shelf<T> {
    head: AtomicPtr<Item<T>>,
    /// Also of those that somebody goes through now.
    count: AtomicUsize,
}

#[derive(Debug)]
struct Item<T> {
    value: T,
    next: *mut Item<T>,
}

impl<T: Send> Shelf<T> {
    /// An empty one.
    pub const fn new() -> Shelf<T> {
        Shelf { head: AtomicPtr::new(ptr::null_mut()), count: AtomicUsize::new(0) }
    }

    /// Adds to it.
    pub fn put(&self, value: T) {
        self.count.fetch_add(1, Ordering::Relaxed);
        self.push(Box::new(Item { value, next: ptr::null_mut() }));
    }

    fn push(&self, item: Box<Item<T>>) {
        let item = Box::into_raw(item);
        let mut head = self.head.load(Ordering::Relaxed);
        loop {
            // SAFETY: made of a box above, and no other thread knows of it yet.
            unsafe { (*item).next = head };
            match self.head.compare_exchange_weak(head, item, Ordering::Release, Ordering::Relaxed) {
                Ok(_) => return,
                Err(other) => head = other,
            }
        }
    }

    /// Drops all that are not to be kept; but for those that another thread goes through now.
    pub fn retain(&self, mut keep: impl FnMut(&T) -> bool) {
        let mut next = self.head.swap(ptr::null_mut(), Ordering::Acquire);
        while !next.is_null() {
            // SAFETY: `push` made it of a box, and the swap has given the whole list to us alone.
            let item = unsafe { Box::from_raw(next) };
            next = item.next;
            if keep(&item.value) {
                self.push(item);
            } else {
                self.count.fetch_sub(1, Ordering::Relaxed);
            }
        }
    }

    /// Whether there is nothing on it, nor in the hands of somebody who goes through it. In a forked copy those may
    /// be nobody's.
    pub fn is_empty(&self) -> bool {
        self.count.load(Ordering::Relaxed) == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_lost_and_nothing_seen_to_twice() {
        const EACH: usize = 1000;
        let (shelf, seen) = (Shelf::new(), Shelf::new());
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let (shelf, seen) = (&shelf, &seen);
                scope.spawn(move || {
                    for number in 0..EACH {
                        shelf.put(thread * EACH + number);
                        // Half of them the first time.
                        shelf.retain(|number| {
                            number % 2 == 0 || {
                                seen.put(*number);
                                false
                            }
                        });
                    }
                });
            }
        });
        shelf.retain(|number| {
            seen.put(*number);
            false
        });
        assert!(shelf.is_empty());
        let mut all = Vec::new();
        seen.retain(|number| {
            all.push(*number);
            false
        });
        all.sort_unstable();
        assert_eq!(all, (0..4 * EACH).collect::<Vec<_>>());
    }
}
