//! How the first process of a start comes to be: in the caller's memory, apart from it, or in a copy of it.
//!
//! # Safety
//!
//! clone(2) and fork(2) with an errand that stays in place until the child has left this memory.
#![allow(unsafe_code)]

use super::detour::Detour;
use super::function::Function;
use super::stack::ChildStack;
use super::{process, Errno, Result};
use crate::kind::Kinds;
use libc::{c_int, c_void, pid_t};
use nsiso_child::{stub, Op, Program, Report};
use std::any::Any;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, IntoRawFd, OwnedFd, RawFd};
use std::ptr;
use std::sync::Arc;

/// clone3 only, Linux 5.5: handlers back to default, and no step of the child for it.
const CLONE_CLEAR_SIGHAND: u64 = 1 << 32;
/// clone3 only, Linux 5.7: the child is born in another control group of version 2.
const CLONE_INTO_CGROUP: u64 = 1 << 33;
/// What a clone3 that cannot be used answers: missing or filtered, filtered, too old for a flag or for the size.
const CLONE3_REFUSED: [i32; 4] = [libc::ENOSYS, libc::EPERM, libc::EINVAL, libc::E2BIG];

/// In whose memory a child performs its steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Birth {
    /// In the caller's, at constant cost.
    Share,
    /// In one of its own, also at constant cost: the helper's. Where that cannot be had, in a copy.
    Apart,
    /// In a copy of it, at a price that grows with it.
    Copy,
    /// In a copy that libc's fork makes, so that the last step may be a function that uses libc. All of
    /// [`Order::kinds`] must be none.
    Fork,
}

/// How a child is to be started.
#[derive(Clone, Copy, Debug)]
pub struct Order<'a> {
    /// New namespaces of the child from its first instruction on.
    pub kinds: Kinds,
    /// Whether the program has an [`Op::Await`].
    pub awaits: bool,
    /// In whose memory the child performs its steps.
    pub birth: Birth,
    /// Whose hooks stand around the fork.
    pub function: Option<Function>,
    /// Numbers of descriptors that the program overwrites.
    pub taken: &'a [RawFd],
    /// The directory of a control group of version 2 to be born in; see [`knows_cgroups`].
    pub cgroup: Option<BorrowedFd<'a>>,
    /// The program of [`Birth::Apart`], if somebody has kept it.
    pub helper: Option<BorrowedFd<'a>>,
}

/// What the child is handed: it reads this and all that it leads to.
pub(super) struct Errand {
    /// What the first process performs.
    pub program: Program<'static>,
    pub report: *const Report,
    /// What the helper performs, if that program leads to it.
    pub detour: Option<Detour>,
    pub _ops: Vec<Op<'static>>,
    pub _owner: Arc<dyn Any + Send + Sync>,
}

// SAFETY: the pointer leads into the stack's mapping, of which any thread may read the atomics.
unsafe impl Send for Errand {}
// SAFETY: as above.
unsafe impl Sync for Errand {}

/// Makes the process; the pidfd is missing before Linux 5.2.
pub(super) fn give_birth(
    order: Order<'_>,
    stack: &ChildStack,
    errand: &mut Errand,
) -> Result<(pid_t, Option<OwnedFd>)> {
    let mut pidfd = -1;
    let pid = match order.birth {
        Birth::Fork => fork(&mut pidfd, errand),
        Birth::Share | Birth::Apart | Birth::Copy => match clone3(order, stack, &mut pidfd, errand) {
            // By the older call nobody is born in another group.
            Err(Errno(errno)) if CLONE3_REFUSED.contains(&errno) && order.cgroup.is_none() => {
                errand.program.reset_handlers = true;
                clone(order, stack, &mut pidfd, errand)
            }
            answer => answer,
        },
    }?;
    // Before Linux 5.2 the flag is ignored, and there is none.
    // SAFETY: otherwise the kernel just gave us this descriptor.
    Ok((pid, (pidfd >= 0).then(|| unsafe { OwnedFd::from_raw_fd(pidfd) })))
}

/// Whether clone3(2) can be used here, and knows of control groups: asked for a child with an exit signal that
/// there is not, it says EINVAL then.
pub fn knows_cgroups() -> bool {
    let args = libc::clone_args {
        exit_signal: 1 << 8,
        cgroup: 1,
        // SAFETY: plain numbers, for which zero means "not asked for".
        ..unsafe { std::mem::zeroed() }
    };
    let arguments = [(&raw const args) as usize, size_of_val(&args), 0, 0, 0, 0];
    // By the same road as the stub, not by libc: a filter may tell them apart.
    // SAFETY: reads the structure, of the size that is said; makes no child.
    let answer = unsafe { nsiso_child::raw::syscall(libc::SYS_clone3, arguments) };
    Errno::check_raw(answer) == Err(Errno(libc::EINVAL))
}

impl Order<'_> {
    fn flags(self) -> u32 {
        let shared = if self.shares() { libc::CLONE_VM | libc::CLONE_CHILD_CLEARTID } else { 0 };
        self.kinds.bits() | (libc::CLONE_PIDFD | shared) as u32
    }

    /// Whether the first process runs in the caller's memory.
    pub(super) fn shares(self) -> bool {
        matches!(self.birth, Birth::Share | Birth::Apart)
    }
}

fn clone3(order: Order<'_>, stack: &ChildStack, pidfd: &mut c_int, errand: &Errand) -> Result<pid_t> {
    let size = if order.shares() { ChildStack::SIZE as u64 } else { 0 };
    let top = if order.shares() { stack.top() as u64 } else { 0 };
    let group = order.cgroup.map(|group| group.as_raw_fd() as u64);
    let into = if group.is_some() { CLONE_INTO_CGROUP } else { 0 };
    let args = libc::clone_args {
        flags: u64::from(order.flags()) | CLONE_CLEAR_SIGHAND | into,
        cgroup: group.unwrap_or(0),
        pidfd: ptr::from_mut(pidfd) as u64,
        child_tid: stack.report().state[0].as_ptr() as u64,
        stack: top - size,
        stack_size: size,
        // SAFETY: plain numbers, for which zero means "not asked for".
        ..unsafe { std::mem::zeroed() }
    };
    // SAFETY: stack and errand stay until the child has left; args and pidfd are the kernel's for this call only.
    let pid = unsafe { stub::clone3((&raw const args).cast(), size_of_val(&args), run, as_arg(errand)) };
    Errno::check_raw(pid).map(|pid| pid as pid_t)
}

fn clone(order: Order<'_>, stack: &ChildStack, pidfd: &mut c_int, errand: &Errand) -> Result<pid_t> {
    let top = if order.shares() { stack.top() } else { ptr::null_mut() };
    let tid = stack.report().state[0].as_ptr().cast::<pid_t>();
    let (flags, none, arg) = (order.flags() as usize, ptr::null_mut(), as_arg(errand));
    // SAFETY: as in `clone3`.
    let pid = unsafe { stub::clone(flags, top, pidfd, tid, none, run, arg) };
    Errno::check_raw(pid).map(|pid| pid as pid_t)
}

/// fork(2) as libc has it; the pidfd by a call of its own.
fn fork(pidfd: &mut c_int, errand: &Errand) -> Result<pid_t> {
    // SAFETY: what may run in the copy is said at `Op::Call`; everything before it is system calls.
    let pid = Errno::check(unsafe { libc::fork() })?;
    if pid == 0 {
        // SAFETY: the errand is this one's, at the same place in the copy.
        unsafe { run(as_arg(errand)) };
    }
    // Where the child has ended by now and the host's own handler has reaped it, there is none.
    *pidfd = process::pidfd_open(pid).map_or(-1, IntoRawFd::into_raw_fd);
    Ok(pid)
}

fn as_arg(errand: &Errand) -> *mut c_void {
    ptr::from_ref(errand).cast_mut().cast()
}

unsafe extern "C" fn run(arg: *mut c_void) -> c_int {
    // SAFETY: `as_arg` made it of an errand that outlives this child.
    let errand = unsafe { &*arg.cast::<Errand>() };
    // SAFETY: the report lies in the stack's mapping, which outlives this child too.
    let report = unsafe { &*errand.report };
    nsiso_child::run(&errand.program, report)
}
