//! How a namespace is kept by a path, without a process or a descriptor: as a bind mount.
#![forbid(unsafe_code)]

use super::Namespace;
use crate::caller::{Machine, CAP_SYS_ADMIN};
use crate::error::{Cause, Error, Result};
use crate::kind::Kind;
use crate::sys::{fd, mount, nsfs, Errno};
use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Nobody writes to the file below.
const MODE: u32 = 0o444;

impl Namespace {
    /// Keeps the namespace at this path until [`Namespace::release`]: makes an empty file there, and bind-mounts the
    /// namespace on it. Any program opens it by that path, which is there for as long as the mount namespace it is in.
    ///
    /// # Errors
    ///
    /// EEXIST: there is a file already. ENOENT: its directory does not exist. EACCES: the caller may not write to that.
    /// EPERM: no CAP_SYS_ADMIN in the user namespace that owns the caller's mount namespace. EINVAL, of a mnt
    /// namespace: it is the caller's own, or the kernel takes it for older than that, or the directory's mount is
    /// shared. The file is removed again then.
    pub fn persist(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        let object = || format!("{self} at {}", path.display());
        let refused = |errno, cause| Error::new("persist", object(), errno, cause);
        let place = Place::of(path).map_err(|errno| refused(errno, no_place(errno)))?;
        let file = place.create().map_err(|errno| refused(errno, place.cause_of_no_file(errno)))?;
        let kept = self.mount_on(file.as_fd());
        let kept = kept.and_then(|()| place.leads_to(self).map_err(|errno| (errno, Cause::Unknown)));
        kept.map_err(|(errno, cause)| {
            place.remove_if(file.as_fd());
            refused(errno, cause)
        })
    }

    /// Ends what [`Namespace::persist`] began, or another program did with a bind mount: unmounts what is kept at this
    /// path, and removes the file below if that is an empty one. The namespace goes with whoever holds it last.
    ///
    /// # Errors
    ///
    /// EINVAL: no namespace is mounted there, or the mount is one that this mount namespace was given from outside.
    /// ENOENT: there is nothing. EPERM: as [`Namespace::persist`].
    pub fn release(path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        let refused = |errno, cause| Error::new("release", path.display().to_string(), errno, cause);
        let absent = |errno: Errno| refused(errno, cause_of_absence(errno));
        let place = Place::of(path).map_err(absent)?;
        let mut root = place.open().map_err(absent)?;
        if !fd::is_on_nsfs(root.as_fd()) {
            return Err(refused(Errno(libc::EINVAL), Cause::NotNamespace));
        }
        // One may have been mounted on another.
        while fd::is_on_nsfs(root.as_fd()) {
            unmount(root.as_fd()).map_err(|(errno, cause)| refused(errno, cause))?;
            root = place.open().map_err(absent)?;
        }
        place.remove_if(root.as_fd());
        Ok(())
    }

    /// Bind-mounts it on the file of this descriptor.
    pub(crate) fn mount_on(&self, file: BorrowedFd<'_>) -> std::result::Result<(), (Errno, Cause)> {
        mount::bind(self.as_fd(), file).map_err(|errno| (errno, self.cause_of_no_mount(file, errno)))
    }

    fn cause_of_no_mount(&self, file: BorrowedFd<'_>, errno: Errno) -> Cause {
        match errno.0 {
            libc::EPERM | libc::EACCES => cause_of_no_power(),
            // What holds a mount namespace must not be in it, or it would hold itself.
            libc::EINVAL if self.kind() == Kind::Mnt && self.is_own_or_older() => Cause::OlderMountNamespace,
            libc::EINVAL if self.kind() == Kind::Mnt && is_shared(file) => Cause::SharedTarget,
            _ => Cause::Unknown,
        }
    }

    /// Whether this mount namespace is the caller's, or was made before that as far as the kernel knows: it compares the
    /// same numbers.
    fn is_own_or_older(&self) -> bool {
        Namespace::current(Kind::Mnt)
            .is_ok_and(|own| *self == own || self.id().zip(own.id()).is_some_and(|(this, own)| this < own))
    }
}

/// Whether the calling thread may mount and unmount: it has CAP_SYS_ADMIN in the user namespace that owns its mount
/// namespace.
pub(crate) fn may_mount() -> bool {
    // Whoever owns it is the caller's own user namespace or below that, or nothing is told of it.
    let owned = Namespace::current(Kind::Mnt).and_then(|own| own.user_ns());
    owned.is_ok() && Machine::here().has_capability(CAP_SYS_ADMIN)
}

/// Unmounts the very mount whose root this is.
pub(crate) fn unmount(root: BorrowedFd<'_>) -> std::result::Result<(), (Errno, Cause)> {
    mount::detach(root).map_err(|errno| match errno.0 {
        libc::EPERM => (errno, cause_of_no_power()),
        libc::EINVAL => (errno, Cause::LockedMount),
        _ => (errno, Cause::Unknown),
    })
}

/// Why whoever wanted to mount or unmount was refused.
fn cause_of_no_power() -> Cause {
    match may_mount() {
        false => Cause::NoMountPrivilege,
        true if Machine::here().is_confined() => Cause::Filter,
        true => Cause::Unknown,
    }
}

/// Whether other mount namespaces see what is mounted where this file is.
fn is_shared(file: BorrowedFd<'_>) -> bool {
    mount_id(file).is_some_and(|id| Machine::here().mount_is_shared(&id))
}

/// The number that mountinfo has for the mount in which a descriptor's file is.
pub(crate) fn mount_id(file: BorrowedFd<'_>) -> Option<String> {
    let info = Machine::here().read(&format!("thread-self/fdinfo/{}", file.as_raw_fd()))?;
    info.lines().find_map(|line| line.strip_prefix("mnt_id:")).map(|id| id.trim().to_owned())
}

fn no_place(errno: Errno) -> Cause {
    match errno.0 {
        libc::ENOENT | libc::ENOTDIR => Cause::NoDirectory,
        libc::EACCES => Cause::DirectoryForbidden,
        libc::EINVAL => Cause::BadArgument,
        _ => Cause::Unknown,
    }
}

fn cause_of_absence(errno: Errno) -> Cause {
    match errno.0 {
        libc::ENOENT | libc::ENOTDIR => Cause::NothingKept,
        libc::EACCES => Cause::DirectoryForbidden,
        libc::EINVAL => Cause::BadArgument,
        _ => Cause::Unknown,
    }
}

/// A name in a directory that is held open: whatever becomes of the path, it is that directory's.
#[derive(Debug)]
pub(crate) struct Place {
    directory: OwnedFd,
    name: OsString,
}

impl Place {
    /// EINVAL for a path that ends in no name, such as `/` and `..`.
    pub fn of(path: &Path) -> std::result::Result<Place, Errno> {
        let name = path.file_name().ok_or(Errno(libc::EINVAL))?;
        let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        Place::within(directory.unwrap_or(Path::new(".")), name)
    }

    /// As [`Place::of`], in two.
    pub fn within(directory: &Path, name: &OsStr) -> std::result::Result<Place, Errno> {
        let mut options = File::options();
        let options = options.read(true).custom_flags(libc::O_PATH | libc::O_DIRECTORY);
        Ok(Place { directory: options.open(directory)?.into(), name: name.to_owned() })
    }

    pub fn directory(&self) -> BorrowedFd<'_> {
        self.directory.as_fd()
    }

    pub fn name(&self) -> &OsStr {
        &self.name
    }

    pub fn path(&self) -> PathBuf {
        let directory = format!("/proc/thread-self/fd/{}", self.directory.as_raw_fd());
        Path::new(&directory).join(&self.name)
    }

    /// What is there, without opening it; a link is not followed.
    pub fn open(&self) -> std::result::Result<OwnedFd, Errno> {
        let mut options = File::options();
        let options = options.read(true).custom_flags(libc::O_PATH | libc::O_NOFOLLOW);
        Ok(options.open(self.path())?.into())
    }

    fn create(&self) -> std::result::Result<OwnedFd, Errno> {
        // The standard library makes files only for whoever wants to write to them.
        let flags = libc::O_CREAT | libc::O_EXCL | libc::O_NOFOLLOW;
        Ok(File::options().read(true).mode(MODE).custom_flags(flags).open(self.path())?.into())
    }

    fn cause_of_no_file(&self, errno: Errno) -> Cause {
        match errno.0 {
            libc::EEXIST if self.open().is_ok_and(|there| fd::is_on_nsfs(there.as_fd())) => {
                Cause::PathIsNamespaces
            }
            libc::EEXIST => Cause::PathTaken,
            libc::EPERM => Cause::DirectoryForbidden,
            _ => no_place(errno),
        }
    }

    /// EBUSY: somebody has mounted something else there meanwhile.
    pub fn leads_to(&self, namespace: &Namespace) -> std::result::Result<(), Errno> {
        let found = nsfs::identity(self.open()?.as_fd())?;
        if found == (namespace.device(), namespace.inode()) {
            Ok(())
        } else {
            Err(Errno(libc::EBUSY))
        }
    }

    /// Removes the name of this file, if it is one, empty, and not mounted on.
    fn remove_if(&self, file: BorrowedFd<'_>) {
        let is_same = self.open().is_ok_and(|there| nsfs::identity(there.as_fd()) == nsfs::identity(file));
        let is_empty = fs::symlink_metadata(self.path()).is_ok_and(|file| file.is_file() && file.len() == 0);
        if is_same && is_empty {
            // If it cannot be removed, it is at least no namespace's any more.
            let _ = fs::remove_file(self.path());
        }
    }
}
