//! How clone makes a time namespace: clone3 where it may be called, a go-between where it may not.
//!
//! clone(2) reads `CLONE_NEWTIME` as part of the exit signal, so clone3 (with this flag since Linux
//! 6.3) is the one direct way. Filters often refuse clone3. Then a go-between is cloned, which
//! moves its own children into a new time namespace and clones the wanted child with `CLONE_PARENT`:
//! the caller's own namespaces stay as they were, and the child is the caller's.
//!
//! # Safety
//!
//! As in clone.rs, whose promises are handed on.
#![allow(unsafe_code)]

use super::clone::{fork_raw, Call, ClonePointers, CLONE_NEWTIME};
use super::stack::{Sharing, Stack};
use super::{ns, process, Errno, Result};
use libc::{c_int, c_void, pid_t};
use nsiso_child::stub;
use std::sync::atomic::{AtomicI32, Ordering};

/// The exit signal's bits in clone(2)'s flags; clone3 has a field of its own.
const CSIGNAL: c_int = 0xff;
/// Any size will do for a stack whose top is known: the kernel adds it to the lowest address and reads neither.
const ANY_SIZE: usize = 16;
/// clone3 only, Linux 5.7: needs a descriptor, and says EBADF to a number that is none.
const CLONE_INTO_CGROUP: u64 = 1 << 33;
/// Stack of a go-between, in bytes.
const GO_BETWEEN_STACK: usize = 64 << 10;
/// Flags that make clone(2) write to `parent_tid`.
const STORES: c_int = libc::CLONE_PIDFD | libc::CLONE_PARENT_SETTID;

/// [`super::clone::clone_with`] with `CLONE_NEWTIME` among its flags.
///
/// # Safety
///
/// As there.
pub unsafe fn clone(call: &Call) -> Result<pid_t> {
    let args = clone3_args(call.flags, call.stack, call.pointers);
    // SAFETY: the caller's promises; the kernel copies the arguments before it returns.
    let pid = unsafe { stub::clone3((&raw const args).cast(), size_of_val(&args), call.func, call.arg) };
    let refusal = match Errno::check_raw(pid) {
        Ok(pid) => return Ok(pid as pid_t),
        Err(refusal) => refusal,
    };
    let go_between = GoBetween::new(call.flags, refusal)?;
    let mut stored = 0;
    let mut wanted = Call { flags: go_between.childs_flags, ..*call };
    if call.flags & libc::CLONE_VM == 0 {
        wanted.pointers.parent_tid = &raw mut stored;
        let make = |result: &AtomicI32| {
            // SAFETY: the caller's promises hold for the same call with fewer flags.
            let pid = unsafe { wanted.make() };
            // SAFETY: the kernel may have written to this local, in the go-between's copy of it.
            result.store(unsafe { (&raw const stored).read_volatile() }, Ordering::Release);
            pid
        };
        // SAFETY: without CLONE_VM the go-between is a copy of the caller, as the child would be.
        let (pid, stored) = unsafe { go_between.copy(make) }?;
        if call.flags & STORES != 0 {
            // SAFETY: the flag's pointer, which the caller vouches for.
            unsafe { call.pointers.parent_tid.write(stored) };
        }
        Ok(pid)
    } else {
        // SAFETY: the caller's promises hold for the same call with fewer flags.
        let make = || unsafe { wanted.make() };
        // SAFETY: with CLONE_VM the child lives in the caller's memory, and so may a go-between.
        unsafe { go_between.within(make) }
    }
}

/// [`super::clone::fork`] with `CLONE_NEWTIME` among its flags.
///
/// # Safety
///
/// As there.
pub unsafe fn fork(flags: c_int) -> Result<pid_t> {
    let args = clone3_args(flags, std::ptr::null_mut(), ClonePointers::NONE);
    // SAFETY: no CLONE_VM and no stack: the child goes on in its own copy.
    let pid = unsafe { libc::syscall(libc::SYS_clone3, &raw const args, size_of_val(&args)) };
    let refusal = match Errno::check(pid) {
        Ok(pid) => return Ok(pid as pid_t),
        Err(refusal) => refusal,
    };
    let go_between = GoBetween::new(flags, refusal)?;
    let childs_flags = go_between.childs_flags;
    // SAFETY: the child is a copy, as the caller allows.
    let make = |_: &AtomicI32| unsafe { fork_raw(childs_flags, std::ptr::null_mut()) };
    // SAFETY: the go-between is a copy as well.
    unsafe { go_between.copy(make) }.map(|(pid, _)| pid)
}

fn clone3_args(flags: c_int, stack: *mut c_void, pointers: ClonePointers) -> libc::clone_args {
    let stack_size = if stack.is_null() { 0 } else { ANY_SIZE };
    // With CLONE_PARENT the caller's own exit signal is taken; clone(2) skips another, clone3 refuses it.
    let exit_signal = if flags & libc::CLONE_PARENT == 0 { flags & CSIGNAL & !CLONE_NEWTIME } else { 0 };
    libc::clone_args {
        flags: u64::from((flags & !CSIGNAL | CLONE_NEWTIME) as u32),
        pidfd: pointers.parent_tid as u64,
        child_tid: pointers.child_tid as u64,
        parent_tid: pointers.parent_tid as u64,
        exit_signal: exit_signal as u64,
        stack: (stack as usize).wrapping_sub(stack_size) as u64,
        stack_size: stack_size as u64,
        tls: pointers.tls as u64,
        // SAFETY: plain numbers, for which zero means "not asked for".
        ..unsafe { std::mem::zeroed() }
    }
}

/// Whether clone3 as such cannot be had, or not with this flag; else the refusal is about the rest of the call.
fn clone3_is_unusable(refusal: Errno) -> bool {
    let null = std::ptr::null::<libc::clone_args>();
    match refusal.0 {
        libc::ENOSYS | libc::E2BIG => true,
        // The kernel itself says EINVAL to a call without arguments; a filter cannot see that there are none.
        // SAFETY: nothing is read, as the size is 0.
        libc::EPERM => Errno::check(unsafe { libc::syscall(libc::SYS_clone3, null, 0) }) == Err(refusal),
        libc::EINVAL => {
            let mut args = clone3_args(CLONE_NEWTIME, std::ptr::null_mut(), ClonePointers::NONE);
            args.flags |= CLONE_INTO_CGROUP;
            args.cgroup = i32::MAX as u64;
            // Where the flag is known this fails later, for want of privilege or of such a descriptor.
            // SAFETY: the arguments are a local, and no child can come of them.
            let pid = unsafe { libc::syscall(libc::SYS_clone3, &raw const args, size_of_val(&args)) };
            Errno::check(pid) == Err(refusal)
        }
        _ => false,
    }
}

/// A short-lived process between the caller and the child it wants.
struct GoBetween {
    own_flags: c_int,
    childs_flags: c_int,
    unshare: c_int,
    refusal: Errno,
}

impl GoBetween {
    /// Splits `flags` between the two. Gives back the refusal where a go-between cannot help.
    fn new(flags: c_int, refusal: Errno) -> Result<GoBetween> {
        // A thread of the caller, or a child of its parent, has nobody who could stand between.
        let direct_only = libc::CLONE_THREAD | libc::CLONE_PARENT;
        // And it would be, and end, the init of a pid namespace that waits for its first process.
        if flags & direct_only != 0 || !clone3_is_unusable(refusal) || ns::children_go_elsewhere() {
            return Err(refusal);
        }
        // What the child shares with the caller, it shares by way of the go-between; its exit
        // signal it takes over from it. Descriptors are always shared: a pidfd has to arrive.
        let inherited = libc::CLONE_FS | libc::CLONE_SIGHAND | libc::CLONE_SYSVSEM | libc::CLONE_IO;
        let own_flags = (flags & (inherited | libc::CLONE_VM | CSIGNAL) & !CLONE_NEWTIME)
            | libc::CLONE_FILES
            | libc::CLONE_VFORK;
        // Who may not make a time namespace here may do so in a user namespace of its own.
        let unshare = CLONE_NEWTIME | flags & libc::CLONE_NEWUSER;
        let childs_flags = flags & !(CSIGNAL | libc::CLONE_NEWUSER) | libc::CLONE_PARENT;
        Ok(GoBetween { own_flags, childs_flags, unshare, refusal })
    }

    /// A copy of the caller makes the child; `make` may return twice, and then so does this. Gives the
    /// child's id and what `make` left in its word.
    ///
    /// # Safety
    ///
    /// As [`super::clone::fork`].
    unsafe fn copy(&self, make: impl FnOnce(&AtomicI32) -> Result<pid_t>) -> Result<(pid_t, i32)> {
        let shared = Stack::new(0, Sharing::WithCopies)?;
        let [answer, stored] = shared.words();
        // SAFETY: the caller's promise; this flag set has neither CLONE_VM nor a pointer.
        let pid = unsafe { fork_raw(self.own_flags, std::ptr::null_mut()) }?;
        if pid != 0 {
            let pid = self.answer(pid, answer)?;
            return Ok((pid, stored.load(Ordering::Acquire)));
        }
        match self.work(|| make(stored)) {
            // The child itself, in a copy of the go-between.
            Ok(0) => Ok((0, 0)),
            result => end(answer, result),
        }
    }

    /// A process in the caller's memory makes the child.
    ///
    /// # Safety
    ///
    /// As [`super::clone::clone`] with `CLONE_VM`; `make` must not return twice.
    unsafe fn within<F: Fn() -> Result<pid_t>>(&self, make: F) -> Result<pid_t> {
        let stack = Stack::new(GO_BETWEEN_STACK, Sharing::WithinMemory)?;
        let errand = Errand { go_between: self, make, answer: AtomicI32::new(0) };
        let call = Call {
            func: run_errand::<F>,
            stack: stack.top(),
            flags: self.own_flags,
            arg: (&raw const errand).cast_mut().cast(),
            pointers: ClonePointers::NONE,
        };
        // SAFETY: CLONE_VFORK keeps this frame and the stack alive until the go-between has ended.
        let pid = unsafe { call.make() }?;
        self.answer(pid, &errand.answer)
    }

    /// In the go-between: only system calls from here to its end.
    fn work(&self, make: impl FnOnce() -> Result<pid_t>) -> Result<pid_t> {
        // SAFETY: namespaces only.
        unsafe { ns::unshare(self.unshare) }?;
        make()
    }

    /// In the caller: what the go-between said, which has ended by now.
    fn answer(&self, go_between: pid_t, answer: &AtomicI32) -> Result<pid_t> {
        while process::wait(go_between, 0) == Err(Errno(libc::EINTR)) {}
        match answer.load(Ordering::Acquire) {
            0 => Err(self.refusal),
            negative @ ..=-1 => Err(Errno(-negative)),
            pid => Ok(pid),
        }
    }
}

/// What a go-between in the caller's memory is sent to do.
struct Errand<'a, F> {
    go_between: &'a GoBetween,
    make: F,
    answer: AtomicI32,
}

unsafe extern "C" fn run_errand<F: Fn() -> Result<pid_t>>(arg: *mut c_void) -> c_int {
    // SAFETY: `within` passes its own errand, and sleeps until this has ended.
    let errand = unsafe { &*arg.cast::<Errand<'_, F>>() };
    end(&errand.answer, errand.go_between.work(&errand.make))
}

/// Says the result and ends the go-between, without any of libc's or Rust's farewells.
fn end(answer: &AtomicI32, result: Result<pid_t>) -> ! {
    answer.store(result.unwrap_or_else(|errno| -errno.0), Ordering::Release);
    loop {
        // SAFETY: one number; does not return.
        unsafe { libc::syscall(libc::SYS_exit_group, 0) };
    }
}
