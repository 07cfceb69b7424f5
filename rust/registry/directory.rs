//! Where a registry's names are, and what these directories must be like.
#![forbid(unsafe_code)]

use super::lock::Lock;
use crate::caller::Machine;
use crate::error::{Cause, Error, Result};
use crate::kind::Kind;
use crate::namespace::persist::mount_id;
use crate::sys::mount::{self, Propagation};
use crate::sys::{process, Errno};
use std::fs::{self, DirBuilder, File};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// The registry of those who may mount.
pub const SYSTEM: &str = "/run/nsiso";
/// Where ip(8) has its net namespaces by name.
const OF_IP: &str = "/run/netns";
/// Write permission of group and others.
const OTHERS_WRITE: u32 = 0o022;

/// Makes the directory if it is not there, and gives its path without links: EPERM if others could change it.
pub fn prepare(directory: &Path) -> Result<PathBuf> {
    let refused = |errno: Errno, cause| Error::new("registry", directory.display().to_string(), errno, cause);
    make(directory, 0o700).map_err(|errno| match errno.0 {
        libc::ENOENT => refused(errno, Cause::NoDirectory),
        libc::EACCES | libc::EPERM => refused(errno, Cause::DirectoryForbidden),
        _ => refused(errno, Cause::Unknown),
    })?;
    let path = fs::canonicalize(directory).map_err(|source| refused(source.into(), Cause::Unknown))?;
    let found = fs::metadata(&path).map_err(|source| refused(source.into(), Cause::Unknown))?;
    if !found.is_dir() {
        return Err(refused(Errno(libc::ENOTDIR), Cause::NoDirectory));
    }
    if found.uid() != process::geteuid() || found.mode() & OTHERS_WRITE != 0 {
        return Err(refused(Errno(libc::EPERM), Cause::UnsafeDirectory));
    }
    Ok(path)
}

/// Whether these names are ip's as well.
pub fn is_ips(registry: &Path, kind: Kind) -> bool {
    kind == Kind::Net && registry == Path::new(SYSTEM)
}

/// Where the names of this kind are.
pub fn of_kind(registry: &Path, kind: Kind) -> PathBuf {
    if is_ips(registry, kind) {
        OF_IP.into()
    } else {
        registry.join(kind.name())
    }
}

/// Makes the directory of this kind, and for what is to be mounted there a mount point: as ip does where it is ip's,
/// and private elsewhere, so that mnt namespaces can be kept, and no other mount namespace keeps anything alive.
pub fn make_ready(registry: &Path, kind: Kind, mounts: bool) -> std::result::Result<PathBuf, Errno> {
    let directory = of_kind(registry, kind);
    if is_ips(registry, kind) {
        make(&directory, 0o755)?;
        share(&directory)?;
    } else {
        make(&directory, 0o700)?;
        if mounts {
            make_private(registry)?;
        }
    }
    Ok(directory)
}

fn make(directory: &Path, mode: u32) -> std::result::Result<(), Errno> {
    match DirBuilder::new().mode(mode).create(directory) {
        Err(error) if error.raw_os_error() == Some(libc::EEXIST) => Ok(()),
        done => Ok(done?),
    }
}

/// Opened anew each time: what was opened before a mount leads below it.
fn opened(directory: &Path) -> std::result::Result<File, Errno> {
    let mut options = File::options();
    Ok(options.read(true).custom_flags(libc::O_PATH | libc::O_DIRECTORY).open(directory)?)
}

fn share(directory: &Path) -> std::result::Result<(), Errno> {
    let _lock = Lock::of_directory(directory)?;
    let share = || mount::propagate(opened(directory)?.as_fd(), Propagation::Shared);
    match share() {
        Err(Errno(libc::EINVAL)) => {
            mount::bind_on_itself(opened(directory)?.as_fd())?;
            share()
        }
        answer => answer,
    }
}

fn make_private(directory: &Path) -> std::result::Result<(), Errno> {
    let found = opened(directory)?;
    let machine = Machine::here();
    let id = mount_point(found.as_fd())?;
    if id.as_ref().is_some_and(|id| !machine.mount_is_shared(id)) {
        return Ok(());
    }
    // Whatever else is mounted there is not ours to change.
    if !id.is_some_and(|id| machine.mount_is_on_itself(&id)) {
        mount::bind_on_itself(found.as_fd())?;
    }
    mount::propagate(opened(directory)?.as_fd(), Propagation::Private)
}

/// The mount's number if this is a mount point.
fn mount_point(directory: BorrowedFd<'_>) -> std::result::Result<Option<String>, Errno> {
    let outer = opened(Path::new(&format!("/proc/thread-self/fd/{}/..", directory.as_raw_fd())))?;
    let (id, outer) = (mount_id(directory), mount_id(outer.as_fd()));
    Ok(id.filter(|id| outer.is_some_and(|outer| outer != *id)))
}
