//! How does a test wait for what comes by itself, on a machine that may be busy?

#![allow(dead_code)] // Each test uses what it needs of it.

use std::thread;
use std::time::{Duration, Instant};

/// So long may anything take: far longer than it ever does.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Waits until this holds; fails where it never does.
pub fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < PATIENCE, "never: {what}");
        thread::sleep(Duration::from_millis(1));
    }
}
