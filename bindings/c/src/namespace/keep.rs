//! nsiso_ns_persist: how a namespace is kept at a path, and released.

use crate::boundary::{call, no_flags, text};
use crate::error::nsiso_error;
use libc::{c_char, c_int};
use nsiso_core::Namespace;

/// Keeps a namespace at a path, with neither process nor descriptor, until nsiso_ns_release: makes an empty
/// file there, and bind-mounts the namespace on it. Any program opens it by that path, which is there for as
/// long as the mount namespace it is in.
///
/// fd: a namespace's descriptor, which stays the caller's.
/// path: of the file, whose directory must exist.
/// flags: 0.
/// reterr: see the top of this file.
///
/// Returns 0, or, with nothing left behind: -EEXIST there is a file already; -ENOENT its directory does not
/// exist; -EACCES the caller may not write to that; -EPERM no CAP_SYS_ADMIN in the user namespace that owns
/// the caller's mount namespace; -EINVAL of a mnt namespace, it is the caller's own, or the kernel takes it
/// for older than that, or the directory's mount is shared; -EINVAL also fd is no namespace's, a path that
/// ends in no name, a NULL or an unknown flag; -EBADF fd is closed; -EMFILE. MT-Safe. See namespaces(7).
#[no_mangle]
pub unsafe extern "C" fn nsiso_ns_persist(
    fd: c_int,
    path: *const c_char,
    flags: u32,
    reterr: *mut *mut nsiso_error,
) -> c_int {
    let step = "nsiso_ns_persist";
    let body = || {
        no_flags(step, flags)?;
        // SAFETY: the C caller's promise about path.
        let path = unsafe { text(step, "path", path) }?;
        Namespace::from_borrowed_fd(fd)?.persist(path).map(|()| 0)
    };
    // SAFETY: the C caller's promise about reterr.
    unsafe { call(reterr, body) }
}

/// Ends what nsiso_ns_persist began, or another program did with a bind mount: unmounts what is kept at this
/// path, and removes the file below if that is an empty one. The namespace goes with whoever holds it last.
///
/// path: where it is kept. A link is not followed.
/// flags: 0.
/// reterr: see the top of this file.
///
/// Returns 0, or: -ENOENT there is nothing; -EINVAL no namespace is mounted there, or the mount is one that
/// this mount namespace was given from outside, a NULL or an unknown flag; -EPERM as nsiso_ns_persist; -EACCES
/// a directory on the way; -EMFILE. MT-Safe.
#[no_mangle]
pub unsafe extern "C" fn nsiso_ns_release(
    path: *const c_char,
    flags: u32,
    reterr: *mut *mut nsiso_error,
) -> c_int {
    let step = "nsiso_ns_release";
    let body = || {
        no_flags(step, flags)?;
        // SAFETY: the C caller's promise about path.
        let path = unsafe { text(step, "path", path) }?;
        Namespace::release(path).map(|()| 0)
    };
    // SAFETY: the C caller's promise about reterr.
    unsafe { call(reterr, body) }
}
