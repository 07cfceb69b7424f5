//! How a Python function's process is made: a fork that the interpreter knows of.
//!
//! # Safety
//!
//! This file is the boundary to CPython's own C interface and to the unsafe calls of the core; the
//! interpreter is attached throughout, so none of its other threads runs while it is copied.
#![allow(unsafe_code)]

use crate::error::to_python;
use nsiso::{raw, Kinds};
use pyo3::prelude::*;

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

/// What os.fork does around fork(2): locks of the import system, handlers of os.register_at_fork.
fn with_fork_hooks(fork: impl FnOnce() -> raw::Result<i32>) -> raw::Result<i32> {
    // SAFETY: the interpreter is attached; each call below pairs with this one.
    unsafe { pyo3::ffi::PyOS_BeforeFork() };
    let made = fork();
    if made == Ok(0) {
        // SAFETY: the child has the attached thread only.
        unsafe { pyo3::ffi::PyOS_AfterFork_Child() };
    } else {
        // SAFETY: in the caller, whether there is a child or not.
        unsafe { pyo3::ffi::PyOS_AfterFork_Parent() };
    }
    made
}
