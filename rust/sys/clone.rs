//! The documented clone: clone(2) with a function, with its optional pointers, and without either.
//!
//! Thin on purpose: the child gets no signal mask, no descriptor and no lock of the library, and
//! `func` may return, `_exit`, exec or leave by longjmp, for nothing of the library is pending
//! around it. What is more than libc's: a stack may be left out, `CLONE_NEWTIME` works, and flags
//! that need a pointer are refused where there is none.
//!
//! # Safety
//!
//! clone is what it is: see each function.
#![allow(unsafe_code)]

use super::stack::{Sharing, Stack};
use super::{clone_time as time, Errno, Result};
use libc::{c_int, c_void, pid_t};
use nsiso_child::stub;
use std::ptr;

pub use nsiso_child::stub::CloneFn;

/// Lies in the exit signal's byte, where no signal has that number.
pub(super) const CLONE_NEWTIME: c_int = libc::CLONE_NEWTIME;
/// Flags that write to, or read from, what an optional argument points to.
const NEED_PARENT_TID: c_int = libc::CLONE_PIDFD | libc::CLONE_PARENT_SETTID;
const NEED_CHILD_TID: c_int = libc::CLONE_CHILD_SETTID | libc::CLONE_CHILD_CLEARTID;
const NEED_TLS: c_int = libc::CLONE_SETTLS;
/// The two flags under which the caller sleeps until the child has left its memory.
const VM_VFORK: c_int = libc::CLONE_VM | libc::CLONE_VFORK;
/// Size in bytes of the stack that the library provides under [`VM_VFORK`].
const PROVIDED_STACK: usize = 1 << 20;
/// What both architectures want of a stack pointer.
const STACK_ALIGNMENT: usize = 16;

/// The optional arguments of clone(2), in the manual's order.
#[derive(Clone, Copy, Debug)]
pub struct ClonePointers {
    /// Where `CLONE_PARENT_SETTID` stores the child's id, or `CLONE_PIDFD` its descriptor.
    pub parent_tid: *mut pid_t,
    /// The child's thread-local storage, for `CLONE_SETTLS`.
    pub tls: *mut c_void,
    /// Where `CLONE_CHILD_SETTID` stores and `CLONE_CHILD_CLEARTID` clears the child's id.
    pub child_tid: *mut pid_t,
}

impl ClonePointers {
    /// None of them.
    pub const NONE: ClonePointers =
        ClonePointers { parent_tid: ptr::null_mut(), tls: ptr::null_mut(), child_tid: ptr::null_mut() };

    /// EINVAL for a flag whose pointer is missing: the kernel would skip some in silence.
    fn check(&self, flags: c_int) -> Result<()> {
        let missing = (flags & NEED_PARENT_TID != 0 && self.parent_tid.is_null())
            || (flags & NEED_CHILD_TID != 0 && self.child_tid.is_null())
            || (flags & NEED_TLS != 0 && self.tls.is_null());
        if missing {
            Err(Errno(libc::EINVAL))
        } else {
            Ok(())
        }
    }
}

/// clone(2): runs `func(arg)` in a new process and gives its id as the caller sees it.
///
/// `flags` are the manual's: `CLONE_*` bits and the exit signal in the low byte, in which the bit
/// `0x80` means `CLONE_NEWTIME`. `stack` is the address one past the stack's highest byte, aligned
/// down to 16. NULL means: without `CLONE_VM` the child runs on its copy of the caller's stack; with
/// `CLONE_VM` and `CLONE_VFORK` the library provides 1 MiB with a guard page and frees it.
///
/// # Safety
///
/// * `func` must be sound to call with `arg` in the child. Without `CLONE_VM` that child is a raw
///   copy of the caller in which no other thread runs: when the caller has threads, any lock may be
///   held for ever in it, so `func` may only do what is async-signal-safe (signal-safety(7)).
/// * With `CLONE_VM` the child writes into the caller's memory; `stack` must be memory that
///   nothing else uses until the child has ended, and large enough. It must not unwind, nor leave by
///   longjmp to a frame of a stack that the parent goes on using.
/// * `CLONE_FILES` and `CLONE_FS` share descriptors and directories with the child.
///
/// # Errors
///
/// The kernel's, and EINVAL: a NULL stack with `CLONE_VM` but without `CLONE_VFORK` (nobody could
/// say when to free one), or a flag that needs a pointer (see [`clone_with`]).
pub unsafe fn clone(func: CloneFn, stack: *mut c_void, flags: c_int, arg: *mut c_void) -> Result<pid_t> {
    // SAFETY: the caller's promises are the same, and there are no pointers.
    unsafe { clone_with(func, stack, flags, arg, ClonePointers::NONE) }
}

/// [`clone`] with the manual's optional arguments.
///
/// # Safety
///
/// As [`clone`]; and each pointer must be valid for what its flag does with it, `child_tid` and
/// `tls` in the child's memory for as long as the child lives.
///
/// # Errors
///
/// As [`clone`], and EINVAL for a flag whose pointer is NULL.
pub unsafe fn clone_with(
    func: CloneFn,
    stack: *mut c_void,
    flags: c_int,
    arg: *mut c_void,
    pointers: ClonePointers,
) -> Result<pid_t> {
    pointers.check(flags)?;
    let provided = match (stack.is_null(), flags & VM_VFORK) {
        (true, VM_VFORK) => Some(Stack::new(PROVIDED_STACK, Sharing::WithinMemory)?),
        (true, libc::CLONE_VM) => return Err(Errno(libc::EINVAL)),
        _ => None,
    };
    let top = provided.as_ref().map_or(stack, Stack::top);
    let stack = top.map_addr(|address| address & !(STACK_ALIGNMENT - 1));
    let call = Call { func, stack, flags, arg, pointers };
    // A provided stack outlives the child's use of it: CLONE_VFORK returns when the child has left it.
    if flags & CLONE_NEWTIME == 0 {
        // SAFETY: the caller's promises, with a stack in place where one was wanted.
        unsafe { call.make() }
    } else {
        // SAFETY: as above, in a new time namespace.
        unsafe { time::clone(&call) }
    }
}

/// clone(2) without a function: returns twice as fork(2) does, 0 in the child.
///
/// # Safety
///
/// The child is a raw copy of the caller, as with [`clone`] without `CLONE_VM`.
///
/// # Errors
///
/// The kernel's, and EINVAL: `CLONE_VM` (a function that returned in the child would have torn
/// down the parent's frames), or a flag that needs a pointer.
pub unsafe fn fork(flags: c_int) -> Result<pid_t> {
    ClonePointers::NONE.check(flags)?;
    if flags & libc::CLONE_VM != 0 {
        return Err(Errno(libc::EINVAL));
    }
    if flags & CLONE_NEWTIME == 0 {
        // SAFETY: no CLONE_VM and no stack, so the child goes on in its own copy; no pointers.
        return unsafe { fork_raw(flags, ptr::null_mut()) };
    }
    // SAFETY: as above, in a new time namespace.
    unsafe { time::fork(flags) }
}

/// clone(2) without `CLONE_VM` and without a stack: returns twice.
///
/// # Safety
///
/// As [`fork`]; `child_tid` must be valid in the child for what the flags do with it.
pub(super) unsafe fn fork_raw(flags: c_int, child_tid: *mut pid_t) -> Result<pid_t> {
    let (flags, none) = (flags as u32 as usize, ptr::null_mut::<c_void>());
    #[cfg(target_arch = "x86_64")]
    // SAFETY: the caller's promise; x86_64 takes (flags, stack, parent_tid, child_tid, tls).
    let pid = unsafe { libc::syscall(libc::SYS_clone, flags, none, none, child_tid, none) };
    #[cfg(target_arch = "aarch64")]
    // SAFETY: the caller's promise; aarch64 takes (flags, stack, parent_tid, tls, child_tid).
    let pid = unsafe { libc::syscall(libc::SYS_clone, flags, none, none, none, child_tid) };
    Errno::check(pid).map(|pid| pid as pid_t)
}

/// One clone with a function, its arguments checked and its stack in place.
#[derive(Clone, Copy, Debug)]
pub(super) struct Call {
    pub func: CloneFn,
    pub stack: *mut c_void,
    pub flags: c_int,
    pub arg: *mut c_void,
    pub pointers: ClonePointers,
}

impl Call {
    /// Makes it by clone(2), which every kernel and every filter knows.
    ///
    /// # Safety
    ///
    /// As [`clone_with`], the stack already checked.
    pub(super) unsafe fn make(&self) -> Result<pid_t> {
        let ClonePointers { parent_tid, tls, child_tid } = self.pointers;
        let flags = self.flags as u32 as usize;
        // SAFETY: the caller's promises are those of the call.
        let pid = unsafe { stub::clone(flags, self.stack, parent_tid, child_tid, tls, self.func, self.arg) };
        Errno::check_raw(pid).map(|pid| pid as pid_t)
    }
}
