//! nsiso_ns_save: how a namespace is written down, and found again.

use super::handed_over;
use crate::boundary::{array, bad_argument, call, no_flags};
use crate::error::nsiso_error;
use libc::{c_int, c_void};
use nsiso_core::{Cause, Error, Namespace};

/// Bytes of a saved namespace: see nsiso_ns_save.
pub const NSISO_NS_SAVED: usize = 36;

/// Writes a namespace down in a few bytes, by which nsiso_ns_restore opens it again, in this process or
/// another. They keep nothing alive.
///
/// fd: a namespace's descriptor.
/// ret_saved: room for `size` bytes; NULL with a size of 0 only asks how many there are.
/// size: NSISO_NS_SAVED is enough.
/// flags: 0.
/// reterr: see the top of this file.
///
/// Returns how many bytes there are, or: -ERANGE there are more than `size`; -EOPNOTSUPP before Linux 6.18,
/// or a filter refuses it; -EINVAL fd is no namespace's, a NULL or an unknown flag; -EBADF fd is closed;
/// -EMFILE. MT-Safe. Needs no privilege.
#[no_mangle]
pub unsafe extern "C" fn nsiso_ns_save(
    fd: c_int,
    ret_saved: *mut c_void,
    size: usize,
    flags: u32,
    reterr: *mut *mut nsiso_error,
) -> c_int {
    let step = "nsiso_ns_save";
    let body = || {
        no_flags(step, flags)?;
        if ret_saved.is_null() && size != 0 {
            return Err(bad_argument(step, "ret_saved is NULL"));
        }
        let saved = Namespace::from_borrowed_fd(fd)?.save()?;
        if !ret_saved.is_null() {
            if size < saved.len() {
                let object = format!("size {size}: {NSISO_NS_SAVED} bytes are needed");
                return Err(Error::of_caller(step, &object, libc::ERANGE, Cause::BadArgument));
            }
            // SAFETY: not NULL, the C caller guarantees `size` bytes, and no more are written.
            unsafe { ret_saved.cast::<u8>().copy_from_nonoverlapping(saved.as_ptr(), saved.len()) };
        }
        Ok(saved.len() as c_int)
    };
    // SAFETY: the C caller's promise about reterr.
    unsafe { call(reterr, body) }
}

/// Opens a namespace that was saved: that one or none, also after its inode has gone to another and after
/// the machine has started anew.
///
/// saved: the bytes of nsiso_ns_save, `size` of them.
/// flags: 0.
/// reterr: see the top of this file.
///
/// Returns a descriptor as nsiso_ns_open does, or: -ESTALE it is gone, or the caller has no CAP_SYS_ADMIN in
/// the user namespace that owns it (the kernel does not tell which; one's own needs no privilege); -EINVAL
/// other bytes than those of nsiso_ns_save, a NULL or an unknown flag; -EOPNOTSUPP before Linux 6.18, or a
/// filter refuses it; -EMFILE. MT-Safe.
#[no_mangle]
pub unsafe extern "C" fn nsiso_ns_restore(
    saved: *const c_void,
    size: usize,
    flags: u32,
    reterr: *mut *mut nsiso_error,
) -> c_int {
    let step = "nsiso_ns_restore";
    let body = || {
        no_flags(step, flags)?;
        // SAFETY: the C caller's promise about saved and size.
        let saved = unsafe { array(step, "saved", saved.cast::<u8>(), size) }?;
        Namespace::restore(saved).map(handed_over)
    };
    // SAFETY: the C caller's promise about reterr.
    unsafe { call(reterr, body) }
}
