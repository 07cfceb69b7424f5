//! How a Python function's process is made: a fork that the interpreter knows of.
//!
//! # Safety
//!
//! This file is the boundary to CPython's own C interface and to the unsafe calls of the core; the
//! interpreter is attached from before each fork until after it, so none of its other threads runs while it
//! is copied.
#![allow(unsafe_code)]

use crate::error::to_python;
use crate::spawn::interruptible;
use nsiso::{raw, Kinds};
use pyo3::ffi;
use pyo3::prelude::*;
use std::cell::Cell;
use std::ffi::c_void;
use std::ptr;

/// Flags under which the child would share memory, handlers or threads with the interpreter.
const NEVER: i32 = libc::CLONE_VM | libc::CLONE_THREAD | libc::CLONE_SIGHAND | libc::CLONE_SETTLS;

/// The exit signal's bits, without the one that means `CLONE_NEWTIME`.
const EXIT_SIGNAL: i32 = 0x7f;

/// Returns twice, as fork(2) does: the child's id in the caller, 0 in the child.
#[pyfunction]
pub fn clone(py: Python<'_>, flags: i64) -> PyResult<i32> {
    let flags = crate::error::flags(flags)?;
    let refused = move |errno: i32| to_python(py, &nsiso::creation_error("clone", flags as u32, errno));
    if flags & NEVER != 0 {
        return Err(refused(libc::EINVAL));
    }
    let flags = if flags & EXIT_SIGNAL == 0 { flags | libc::SIGCHLD } else { flags };
    let namespaces = flags & Kinds::ALL.bits() as i32;
    let rest = flags & !namespaces;
    let kinds = Kinds::from_bits(namespaces as u32).unwrap_or_default();
    let made = if rest == libc::SIGCHLD {
        with_fork_hooks(|| {
            // SAFETY: the hooks have put the interpreter's locks in order; libc's fork does so for libc's.
            unsafe { raw::fork_from_copy(kinds) }
        })
    } else {
        // Another exit signal, or something shared with the caller itself: no copy can stand between.
        if !raw::is_single_threaded() {
            let object = format!("flags {flags:#x}: more than namespaces and SIGCHLD");
            let error = nsiso::Error::of_caller("clone", &object, libc::EINVAL, nsiso::Cause::Threads);
            return Err(to_python(py, &error));
        }
        with_fork_hooks(|| {
            // SAFETY: the process has one thread, which holds no lock of libc's here.
            unsafe { raw::fork(flags) }
        })
    };
    made.map_err(|raw::Errno(errno)| refused(errno))
}

/// unshare(2), the interpreter detached meanwhile.
pub fn unshare(py: Python<'_>, flags: i32) -> Result<(), i32> {
    py.detach(|| {
        // SAFETY: the interpreter's descriptors are plain numbers; whoever passes CLONE_FILES asks for it.
        unsafe { raw::unshare(flags) }
    })
    .map_err(|raw::Errno(errno)| errno)
}

/// Starts a process of the spec that calls `run`, which ends it; should that come back, the process ends with 1.
/// The interpreter is attached for the length of the fork alone.
pub fn spawn_function(py: Python<'_>, spec: &nsiso::Spec, run: Py<PyAny>) -> PyResult<nsiso::Process> {
    let call = Call { run, attached: Cell::new(ffi::PyGILState_STATE::PyGILState_UNLOCKED) };
    let argument = ptr::from_ref(&call).cast_mut().cast();
    // SAFETY: the hooks put the interpreter in order for it; and in the copy, nothing that it is handed goes away.
    let function = unsafe { raw::Function::new(run_in_child, argument) };
    // SAFETY: both are for what they are handed, which outlives the start.
    let function = unsafe { function.around_fork(before_fork, after_fork) };
    interruptible(py, |go_on| spec.spawn_function_while(function, go_on))
}

/// What the hooks of a function's fork and its process are handed.
struct Call {
    run: Py<PyAny>,
    /// What the hook before the fork leaves to that after it.
    attached: Cell<ffi::PyGILState_STATE>,
}

unsafe extern "C" fn before_fork(argument: *mut c_void) {
    // SAFETY: `spawn_function` passes its own.
    let call = unsafe { &*argument.cast::<Call>() };
    // SAFETY: this thread has detached from a running interpreter.
    call.attached.set(unsafe { ffi::PyGILState_Ensure() });
    // SAFETY: the interpreter is attached; `after_fork` and `run_in_child` pair with this one.
    unsafe { ffi::PyOS_BeforeFork() };
}

unsafe extern "C" fn after_fork(argument: *mut c_void) {
    // SAFETY: as in `before_fork`, which was called before on this thread.
    let call = unsafe { &*argument.cast::<Call>() };
    // SAFETY: in the caller, whether there is a child or not.
    unsafe { ffi::PyOS_AfterFork_Parent() };
    // SAFETY: what `before_fork` has got.
    unsafe { ffi::PyGILState_Release(call.attached.get()) };
}

unsafe extern "C" fn run_in_child(argument: *mut c_void) -> i32 {
    // SAFETY: the copy's own of what `before_fork` had.
    let call = unsafe { &*argument.cast::<Call>() };
    // SAFETY: the child has this thread only, which attached before the fork.
    unsafe { ffi::PyOS_AfterFork_Child() };
    // It ends the process by itself, unless a signal's handler raises before it has begun.
    Python::attach(|py| drop(call.run.call0(py)));
    1
}

/// What os.fork does around fork(2): locks of the import system, handlers of os.register_at_fork.
fn with_fork_hooks(fork: impl FnOnce() -> raw::Result<i32>) -> raw::Result<i32> {
    // SAFETY: the interpreter is attached; each call below pairs with this one.
    unsafe { ffi::PyOS_BeforeFork() };
    let made = fork();
    if made == Ok(0) {
        // SAFETY: the child has the attached thread only.
        unsafe { ffi::PyOS_AfterFork_Child() };
    } else {
        // SAFETY: in the caller, whether there is a child or not.
        unsafe { ffi::PyOS_AfterFork_Parent() };
    }
    made
}
