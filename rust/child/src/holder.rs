//! What the helper does as a holder: it keeps a namespace's descriptor open until it is killed.
//!
//! Until it is told to stay it ends with whoever started it, and only then has it the name by which it is known: so
//! one that is left over half-made is told from one that holds.
//!
//! # Safety
//!
//! A local that the kernel writes to.
#![allow(unsafe_code)]

use crate::call::{act, call, exit};
use crate::linux;
use core::ffi::c_int;
use core::ptr::{addr_of, addr_of_mut};

/// Over which it is told; the namespace is below.
const CONTROL: c_int = 4;
/// Width in bytes of the kernel's signal set.
const SIGNAL_SET: usize = 8;

/// Holds what it was started with.
pub(crate) fn hold() -> ! {
    // What cannot be kept waiting, ends it.
    let all = u64::MAX;
    let mask = addr_of!(all) as usize;
    let _ = act(linux::SYS_rt_sigprocmask, [linux::SIG_SETMASK as usize, mask, 0, SIGNAL_SET, 0]);
    let mut byte = 0_u8;
    if call(linux::SYS_read, [CONTROL as usize, addr_of_mut!(byte) as usize, 1, 0, 0]) != Ok(1) {
        exit(0);
    }
    let name = c"nsiso-holder".as_ptr() as usize;
    let _ = act(linux::SYS_prctl, [linux::PR_SET_NAME as usize, name, 0, 0, 0]);
    // Whoever waits for the answer may be gone by now.
    let _ = act(linux::SYS_write, [CONTROL as usize, addr_of!(byte) as usize, 1, 0, 0]);
    let _ = act(linux::SYS_close, [CONTROL as usize, 0, 0, 0, 0]);
    loop {
        let _ = act(linux::SYS_ppoll, [0; 5]);
    }
}
