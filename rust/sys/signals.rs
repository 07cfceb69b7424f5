//! How a thread keeps every signal away while it clones.
//!
//! # Safety
//!
//! rt_sigprocmask(2) with pointers to locals. The raw call, because libc's hides signals 32 and 33.
#![allow(unsafe_code)]

use super::{Errno, Result};

/// Width in bytes of the kernel's signal set.
const SIGNAL_SET: usize = 8;

/// All signals of this thread are blocked as long as it lives.
#[derive(Debug)]
pub struct Blocked {
    before: u64,
}

impl Blocked {
    /// Blocks all signals of the calling thread.
    pub fn all() -> Result<Blocked> {
        Ok(Blocked { before: set_mask(u64::MAX)? })
    }

    /// The mask that will be put back.
    pub fn before(&self) -> u64 {
        self.before
    }
}

impl Drop for Blocked {
    fn drop(&mut self) {
        // Fails for a bad pointer or size only, and these were right a moment ago.
        let _ = set_mask(self.before);
    }
}

fn set_mask(mask: u64) -> Result<u64> {
    let mut before = 0_u64;
    let (new, old) = (&raw const mask, &raw mut before);
    // SAFETY: both pointers lead to locals of the kernel's signal set width.
    let result = unsafe { libc::syscall(libc::SYS_rt_sigprocmask, libc::SIG_SETMASK, new, old, SIGNAL_SET) };
    Errno::check(result)?;
    Ok(before)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_is_blocked_and_put_back() {
        let mask = || {
            std::fs::read_to_string("/proc/thread-self/status")
                .ok()
                .and_then(|text| text.lines().find(|line| line.starts_with("SigBlk")).map(str::to_owned))
        };
        let before = mask();
        let blocked = Blocked::all();
        // SIGKILL and SIGSTOP cannot be blocked.
        assert!(mask().is_some_and(|line| line.ends_with("fffffffffffbfeff")), "{:?}", mask());
        drop(blocked);
        assert_eq!(mask(), before);
    }
}
