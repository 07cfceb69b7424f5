//! How the child puts signals in order right before it executes.
#![forbid(unsafe_code)]

use crate::call::{act, Step};
use crate::linux;
use crate::program::Program;
use core::ffi::c_int;

/// Signals are numbered from 1 to this.
const SIGNALS: c_int = 64;
/// Width in bytes of the kernel's signal set.
const SIGNAL_SET: usize = 8;
/// Signals that hosts are wont to ignore for their own use, and that programs expect at default.
const NEVER_INHERITED_IGNORED: [c_int; 3] = [linux::SIGPIPE, linux::SIGCHLD, linux::SIGXFSZ];

/// Handlers to their defaults, then the mask: no handler of the host may ever run in this child.
pub(crate) fn make_ready(program: &Program<'_>) -> Step {
    set_defaults(program)?;
    restore_mask(program)
}

/// For a program of the library's own, which sees to its mask itself: until then signals wait, and none is lost on a
/// pid 1 that has not got far yet. Nor does it leave whom it adopts unreaped, who may end before it has looked at all.
pub(crate) fn make_ready_for_own(program: &Program<'_>) -> Step {
    set_defaults(program)?;
    set_action(linux::SIGCHLD, &IGNORED)
}

fn set_defaults(program: &Program<'_>) -> Step {
    if program.reset_handlers {
        for signal in 1..=SIGNALS {
            // SIGKILL and SIGSTOP have no disposition to set, and answer EINVAL.
            if signal != linux::SIGKILL && signal != linux::SIGSTOP && !is_ignored(signal)? {
                set_action(signal, &DEFAULT_ACTION)?;
            }
        }
    }
    NEVER_INHERITED_IGNORED.iter().try_for_each(|signal| set_action(*signal, &DEFAULT_ACTION))
}

/// The mask that the caller had.
pub(crate) fn restore_mask(program: &Program<'_>) -> Step {
    let mask = core::ptr::addr_of!(program.signal_mask) as usize;
    act(linux::SYS_rt_sigprocmask, [linux::SIG_SETMASK as usize, mask, 0, SIGNAL_SET, 0])
}

/// The kernel's own `struct sigaction`, not libc's.
#[repr(C)]
struct KernelSigaction {
    handler: usize,
    flags: u64,
    restorer: usize,
    mask: u64,
}

static DEFAULT_ACTION: KernelSigaction =
    KernelSigaction { handler: linux::SIG_DFL, flags: 0, restorer: 0, mask: 0 };
static IGNORED: KernelSigaction = KernelSigaction { handler: linux::SIG_IGN, flags: 0, restorer: 0, mask: 0 };

fn is_ignored(signal: c_int) -> Result<bool, i32> {
    let mut now = KernelSigaction { handler: linux::SIG_DFL, flags: 0, restorer: 0, mask: 0 };
    let old = core::ptr::addr_of_mut!(now) as usize;
    act(linux::SYS_rt_sigaction, [signal as usize, 0, old, SIGNAL_SET, 0])?;
    Ok(now.handler == linux::SIG_IGN)
}

fn set_action(signal: c_int, action: &'static KernelSigaction) -> Step {
    let new = core::ptr::from_ref(action) as usize;
    act(linux::SYS_rt_sigaction, [signal as usize, new, 0, SIGNAL_SET, 0])
}
