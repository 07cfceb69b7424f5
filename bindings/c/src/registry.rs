//! nsiso_registry: named namespaces in a directory, which live on without a process of their own.

use crate::boundary::{bad_argument, borrow, call, free, give, no_flags, one_kind, text, write_record};
use crate::error::nsiso_error;
use crate::kind::nsiso_kinds;
use crate::namespace::handed_over;
use libc::{c_char, c_int, pid_t};
use nsiso_core::{Entry, Namespace, Registry, Result};
use std::ffi::{CString, OsStr};
use std::os::unix::ffi::OsStrExt;
use std::ptr;

/// Bytes for a name, with the NUL.
pub const NSISO_REGISTRY_NAME: usize = 256;

/// A directory of named namespaces. A name is one kind's, and any bytes: DIRECTORY/KIND/NAME.
///
/// Whoever may mount keeps a namespace there by a bind mount; anybody else by a tiny process, and so is a mnt
/// namespace that the kernel does not let be mounted. That process ignores what it can: it ends by SIGKILL, as
/// where a service or a login session is ended with all its processes, and with its pid namespace. Names are
/// seen where they were added: in the same mount namespace and its later copies, or in the same pid namespace.
///
/// Owned by the caller, who frees it (nsiso_registry_free); what is kept stays. May be used by many threads at
/// once, and the directory by many programs. Whatever is left of one that was killed meanwhile, later calls
/// remove.
pub struct nsiso_registry {
    registry: Registry,
    directory: CString,
}

/// A name in a registry, and what it stands for.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct nsiso_registry_entry {
    /// The kind.
    pub kind: nsiso_kinds,
    /// The process that holds it; 0 if it is kept by a mount.
    pub holder: pid_t,
    /// Its inode.
    pub inode: u64,
    /// The name.
    pub name: [c_char; NSISO_REGISTRY_NAME],
}

/// What nsiso_registry_list has found. Owned by the caller, who frees it (nsiso_registry_entries_free); outlives
/// the registry. May be read by many threads at once.
pub struct nsiso_registry_entries(Vec<Entry>);

/// Opens a registry. Its directory is made with mode 0700 if it is not there.
///
/// directory: NULL for the default: /run/nsiso for whoever may mount and write there, with the net namespaces
/// of ip-netns(8) in /run/netns; else $XDG_RUNTIME_DIR/nsiso.
/// flags: 0.
/// ret_registry: the registry, to be freed with nsiso_registry_free; written on success.
/// reterr: see the top of this file.
///
/// Returns 0, or: -ENOENT the directory that it would be in does not exist, or by default XDG_RUNTIME_DIR is
/// not set to an absolute path; -EACCES the caller may not write to that; -EPERM the directory belongs to
/// another user, or others may write to it; -ENOTDIR it is none; -EINVAL a NULL or an unknown flag. MT-Safe env.
#[no_mangle]
pub unsafe extern "C" fn nsiso_registry_new(
    directory: *const c_char,
    flags: u32,
    ret_registry: *mut *mut nsiso_registry,
    reterr: *mut *mut nsiso_error,
) -> c_int {
    let step = "nsiso_registry_new";
    let body = || {
        no_flags(step, flags)?;
        let make = || {
            let registry = if directory.is_null() {
                Registry::open_default()
            } else {
                // SAFETY: not NULL, and the C caller's promise about directory.
                unsafe { text(step, "directory", directory) }.and_then(Registry::at)
            }?;
            // What the kernel has opened has no NUL in its path.
            let directory = CString::new(registry.directory().as_os_str().as_bytes()).unwrap_or_default();
            Ok(nsiso_registry { registry, directory })
        };
        // SAFETY: the C caller's promise about ret_registry.
        unsafe { give(step, "ret_registry", ret_registry, make) }
    };
    // SAFETY: the C caller's promise about reterr.
    unsafe { call(reterr, body) }
}

/// Its directory, without links on the way. Borrowed from the registry; NULL for NULL. MT-Safe.
#[no_mangle]
pub unsafe extern "C" fn nsiso_registry_directory(registry: *const nsiso_registry) -> *const c_char {
    // SAFETY: the C caller guarantees a registry that lives, or NULL.
    unsafe { registry.as_ref() }.map_or(ptr::null(), |registry| registry.directory.as_ptr())
}

/// Keeps a namespace under a name. When this returns, it is kept whatever becomes of the caller.
///
/// registry: where.
/// name: 1 to 200 bytes, without '/', not beginning with '.'.
/// fd: a namespace's descriptor, which stays the caller's.
/// flags: 0.
/// reterr: see the top of this file.
///
/// Returns 0, or: -EEXIST there is a namespace of this kind with the name; -EINVAL the name is none, fd is no
/// namespace's, a NULL or an unknown flag; -EPERM the names are those of ip-netns(8), and the caller may not
/// mount; -EACCES, -EROFS and others of open(2), of the registry's own directories; without the right to mount
/// also what starts a process: -EAGAIN, -ENOMEM; -EBADF fd is closed; -EMFILE. MT-Safe; waits while another
/// program changes the registry. First kernel: 5.3 where a process holds it.
#[no_mangle]
pub unsafe extern "C" fn nsiso_registry_add(
    registry: *const nsiso_registry,
    name: *const c_char,
    fd: c_int,
    flags: u32,
    reterr: *mut *mut nsiso_error,
) -> c_int {
    let step = "nsiso_registry_add";
    let body = || {
        no_flags(step, flags)?;
        // SAFETY: the C caller's promises about registry and name.
        let (registry, name) = unsafe { named(step, registry, name) }?;
        registry.add(name, &Namespace::from_borrowed_fd(fd)?).map(|()| 0)
    };
    // SAFETY: the C caller's promise about reterr.
    unsafe { call(reterr, body) }
}

/// Opens the namespace of this kind with this name.
///
/// registry: where.
/// name: as it was added.
/// kind: one NSISO_NEW* bit.
/// flags: 0.
/// reterr: see the top of this file.
///
/// Returns a descriptor, close-on-exec, which the caller closes, or: -ENOENT there is none; -EINVAL the name is
/// none or stands for something else, not one kind, a NULL or an unknown flag; -EXDEV it is kept in another
/// mount or pid namespace; -EACCES another user's process holds it; -EMFILE. MT-Safe, as nsiso_registry_add. Needs no
/// privilege; what can be done with it, joining it says.
#[no_mangle]
pub unsafe extern "C" fn nsiso_registry_open(
    registry: *const nsiso_registry,
    name: *const c_char,
    kind: nsiso_kinds,
    flags: u32,
    reterr: *mut *mut nsiso_error,
) -> c_int {
    let step = "nsiso_registry_open";
    let body = || {
        no_flags(step, flags)?;
        // SAFETY: the C caller's promises about registry and name.
        let (registry, name) = unsafe { named(step, registry, name) }?;
        registry.open(name, one_kind(step, kind)?).map(handed_over)
    };
    // SAFETY: the C caller's promise about reterr.
    unsafe { call(reterr, body) }
}

/// Ends what nsiso_registry_add began. The namespace goes with whoever holds it last.
///
/// registry: where.
/// name: as it was added.
/// kind: one NSISO_NEW* bit.
/// flags: 0.
/// reterr: see the top of this file.
///
/// Returns 0, or: -ENOENT there is none; -EINVAL as nsiso_registry_open; -EPERM it is kept by a bind mount,
/// and the caller may not unmount; -EXDEV a process of another pid namespace holds it. MT-Safe, as
/// nsiso_registry_add.
#[no_mangle]
pub unsafe extern "C" fn nsiso_registry_remove(
    registry: *const nsiso_registry,
    name: *const c_char,
    kind: nsiso_kinds,
    flags: u32,
    reterr: *mut *mut nsiso_error,
) -> c_int {
    let step = "nsiso_registry_remove";
    let body = || {
        no_flags(step, flags)?;
        // SAFETY: the C caller's promises about registry and name.
        let (registry, name) = unsafe { named(step, registry, name) }?;
        registry.remove(name, one_kind(step, kind)?).map(|()| 0)
    };
    // SAFETY: the C caller's promise about reterr.
    unsafe { call(reterr, body) }
}

/// Finds all that are kept in a registry, by kind and name. What is stale is removed.
///
/// registry: where.
/// flags: 0.
/// ret_entries: what there is, to be freed with nsiso_registry_entries_free; written on success.
/// reterr: see the top of this file.
///
/// Returns 0, or: -EACCES, -EROFS and others of open(2), of the registry's own directories; -EINVAL a NULL
/// or an unknown flag; -EMFILE. MT-Safe, as nsiso_registry_add.
#[no_mangle]
pub unsafe extern "C" fn nsiso_registry_list(
    registry: *const nsiso_registry,
    flags: u32,
    ret_entries: *mut *mut nsiso_registry_entries,
    reterr: *mut *mut nsiso_error,
) -> c_int {
    let step = "nsiso_registry_list";
    let body = || {
        no_flags(step, flags)?;
        // SAFETY: the C caller's promise about registry.
        let registry = unsafe { borrow(step, "registry", registry) }?;
        let make = || registry.registry.list().map(nsiso_registry_entries);
        // SAFETY: the C caller's promise about ret_entries.
        unsafe { give(step, "ret_entries", ret_entries, make) }
    };
    // SAFETY: the C caller's promise about reterr.
    unsafe { call(reterr, body) }
}

/// How many there are. 0 for NULL.
#[no_mangle]
pub unsafe extern "C" fn nsiso_registry_entries_count(entries: *const nsiso_registry_entries) -> usize {
    // SAFETY: the C caller guarantees entries that live, or NULL.
    unsafe { entries.as_ref() }.map_or(0, |entries| entries.0.len())
}

/// Tells one of them.
///
/// index: counted from 0, sorted by kind, as nsiso_kind_at has them, and name.
/// ret_entry: written on success.
/// size: sizeof(nsiso_registry_entry) as the caller knows it; a record that grows in a later version keeps
/// its old fields, and fields that this version does not know are set to 0.
/// reterr: see the top of this file.
///
/// Returns 0, or -EINVAL: there are no more, too small a size, or a NULL. MT-Safe.
#[no_mangle]
pub unsafe extern "C" fn nsiso_registry_entries_get(
    entries: *const nsiso_registry_entries,
    index: usize,
    ret_entry: *mut nsiso_registry_entry,
    size: usize,
    reterr: *mut *mut nsiso_error,
) -> c_int {
    let step = "nsiso_registry_entries_get";
    let body = || {
        // SAFETY: the C caller's promise about entries.
        let entries = unsafe { borrow(step, "entries", entries) }?;
        if ret_entry.is_null() {
            return Err(bad_argument(step, "ret_entry is NULL"));
        }
        if size < size_of::<nsiso_registry_entry>() {
            return Err(bad_argument(step, &format!("size {size}: no record is so small")));
        }
        let beyond = || bad_argument(step, &format!("index {index}: there are {}", entries.0.len()));
        let entry = nsiso_registry_entry::from(entries.0.get(index).ok_or_else(beyond)?);
        // SAFETY: not NULL, and the C caller guarantees room for `size` bytes.
        unsafe { write_record(ret_entry, size, &entry) };
        Ok(0)
    };
    // SAFETY: the C caller's promise about reterr.
    unsafe { call(reterr, body) }
}

/// Frees them; NULL is allowed. Returns NULL.
#[no_mangle]
pub unsafe extern "C" fn nsiso_registry_entries_free(
    entries: *mut nsiso_registry_entries,
) -> *mut nsiso_registry_entries {
    // SAFETY: they came from `give`, and the C caller guarantees that they are freed once.
    unsafe { free(entries, drop) }
}

/// Frees a registry; what is kept in it stays. NULL is allowed. Returns NULL.
#[no_mangle]
pub unsafe extern "C" fn nsiso_registry_free(registry: *mut nsiso_registry) -> *mut nsiso_registry {
    // SAFETY: it came from `give`, and the C caller guarantees that it is freed once.
    unsafe { free(registry, drop) }
}

/// A registry and a name in it.
///
/// # Safety
///
/// As `borrow` and `text`.
unsafe fn named<'a>(
    step: &str,
    registry: *const nsiso_registry,
    name: *const c_char,
) -> Result<(&'a Registry, &'a OsStr)> {
    // SAFETY: the caller's promise.
    let registry = unsafe { borrow(step, "registry", registry) }?;
    // SAFETY: the caller's promise.
    let name = unsafe { text(step, "name", name) }?;
    Ok((&registry.registry, name))
}

impl From<&Entry> for nsiso_registry_entry {
    fn from(entry: &Entry) -> nsiso_registry_entry {
        let mut name = [0; NSISO_REGISTRY_NAME];
        for (to, from) in name.iter_mut().take(NSISO_REGISTRY_NAME - 1).zip(entry.name.as_bytes()) {
            *to = *from as c_char;
        }
        nsiso_registry_entry {
            kind: entry.kind.flag(),
            holder: entry.holder.unwrap_or(0),
            inode: entry.inode,
            name,
        }
    }
}
