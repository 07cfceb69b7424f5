//! Named namespaces in a directory: which there are, and how one is added, opened and removed.
#![forbid(unsafe_code)]

mod directory;
mod found;
mod holder;
mod lock;

use crate::error::{Cause, Error, Result};
use crate::kind::Kind;
use crate::namespace::persist::{may_mount, unmount, Place};
use crate::namespace::Namespace;
use crate::process::reap_detached;
use crate::sys::Errno;
use found::{Found, Record};
use holder::Waiting;
use lock::Lock;
use std::env;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// Bytes of the longest name.
const NAME_MAX: usize = 200;

type Answer<T> = std::result::Result<T, (Errno, Cause)>;

/// A directory of named namespaces, which live on without a process of their own until they are removed.
///
/// A name is one kind's: `DIRECTORY/KIND/NAME`. Whoever may mount keeps a namespace there by a bind mount, for which
/// the directory is mounted on itself, privately; anybody else by a tiny process, and so is a mnt namespace that the
/// kernel does not let be mounted. That process ignores what it can: it ends by SIGKILL, as where a service or a login
/// session is ended with all its processes, and with its pid namespace. Names are seen where they were added: in the
/// same mount namespace and its later copies, or in the same pid namespace.
///
/// Many programs may use one at once. Whatever is left of one that was killed meanwhile, later calls remove.
#[derive(Clone, Debug)]
pub struct Registry {
    directory: PathBuf,
}

/// A name in a registry, and what it stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Entry {
    /// The name.
    pub name: OsString,
    /// What the namespace isolates.
    pub kind: Kind,
    /// Its inode.
    pub inode: u64,
    /// The process that holds it, if it is kept by one.
    pub holder: Option<i32>,
}

impl Registry {
    /// The default one: `/run/nsiso` for whoever may mount and write there, else `$XDG_RUNTIME_DIR/nsiso`. It is made if
    /// it is not there.
    ///
    /// In `/run/nsiso` the net namespaces are those of ip-netns(8), in `/run/netns`.
    ///
    /// # Errors
    ///
    /// ENOENT: `XDG_RUNTIME_DIR` is not set to an absolute path. Otherwise as [`Registry::at`].
    pub fn open_default() -> Result<Registry> {
        let runtime = env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from).filter(|path| path.is_absolute());
        let runtime = runtime.map(|path| path.join("nsiso"));
        match (may_mount(), runtime) {
            (true, None) => Registry::at(directory::SYSTEM),
            // Root of a user namespace may mount, and may not write there.
            (true, Some(runtime)) => Registry::at(directory::SYSTEM).or_else(|error| match error.errno() {
                libc::EPERM | libc::EACCES | libc::EROFS => Registry::at(runtime),
                _ => Err(error),
            }),
            (false, Some(runtime)) => Registry::at(runtime),
            (false, None) => {
                let errno = Errno(libc::ENOENT);
                Err(Error::new("registry", "the default", errno, Cause::NoRuntimeDirectory))
            }
        }
    }

    /// The one in this directory, which is made with mode 0700 if it is not there.
    ///
    /// # Errors
    ///
    /// ENOENT: the directory that it would be in does not exist. EACCES: the caller may not write to that. EPERM: it
    /// belongs to another user, or others may write to it.
    pub fn at(directory: impl AsRef<Path>) -> Result<Registry> {
        Ok(Registry { directory: directory::prepare(directory.as_ref())? })
    }

    /// Its directory, without links on the way.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Keeps a namespace under a name of 1 to 200 bytes, without `/` and not beginning with a dot. When this returns, it
    /// is kept whatever becomes of the caller.
    ///
    /// # Errors
    ///
    /// EEXIST: there is a namespace of this kind with the name. EINVAL: the name is none. EPERM: the names are ip's,
    /// and the caller may not mount.
    pub fn add(&self, name: impl AsRef<OsStr>, namespace: &Namespace) -> Result<()> {
        let (name, kind) = (name.as_ref(), namespace.kind());
        let refused = |(errno, cause)| self.error("add", name, kind, errno, cause);
        check(name, NAME_MAX).map_err(refused)?;
        let mounts = may_mount();
        if directory::is_ips(&self.directory, kind) && !mounts {
            return Err(refused((Errno(libc::EPERM), Cause::NoMountPrivilege)));
        }
        let _lock = self.lock(true).map_err(refused)?;
        let directory = directory::make_ready(&self.directory, kind, mounts).map_err(unexplained);
        let place = Place::within(&directory.map_err(refused)?, name);
        let place = place.map_err(unexplained).map_err(refused)?;
        self.clear(&place, kind).map_err(refused)?;
        if mounts {
            match mount(&place, namespace) {
                // A process can hold it all the same.
                Err((_, Cause::OlderMountNamespace)) => {}
                answer => return answer.map_err(refused),
            }
        }
        hold(&place, namespace, refused)
    }

    /// All that are kept here, by kind and name. What is stale is removed.
    ///
    /// # Errors
    ///
    /// EACCES, EROFS and others of open(2), of the registry's own directories.
    pub fn list(&self) -> Result<Vec<Entry>> {
        let refused = |(errno, cause)| Error::new("list", self.directory.display().to_string(), errno, cause);
        let mut stale = false;
        let entries = {
            let _lock = self.lock(false).map_err(refused)?;
            self.entries(&mut |_, _| stale = true).map_err(refused)?
        };
        if !stale {
            return Ok(entries);
        }
        let _lock = self.lock(true).map_err(refused)?;
        // Looked at anew: it may have been removed or made good meanwhile.
        self.entries(&mut |place, found| remove_stale(place, found)).map_err(refused)
    }

    /// The namespace of this kind with this name.
    ///
    /// # Errors
    ///
    /// ENOENT: there is none. EINVAL: the name is none, or stands for something else. EXDEV: it is kept in another
    /// mount or pid namespace. EACCES: another user's process holds it.
    pub fn open(&self, name: impl AsRef<OsStr>, kind: Kind) -> Result<Namespace> {
        let name = name.as_ref();
        let refused = |(errno, cause)| self.error("open", name, kind, errno, cause);
        check(name, usize::MAX).map_err(refused)?;
        let _lock = self.lock(false).map_err(refused)?;
        let found = self
            .place(name, kind)
            .and_then(|place| place.map_or(Ok(Found::Nothing), |place| found::look(&place, kind)));
        let found = found.map_err(of_holder).map_err(refused)?;
        match found.open(kind).map_err(of_holder).map_err(refused)? {
            Some(opened) => Namespace::from_fd(opened),
            None => Err(refused(absence(&found))),
        }
    }

    /// Ends what [`Registry::add`] began. The namespace goes with whoever holds it last.
    ///
    /// # Errors
    ///
    /// ENOENT: there is none. EINVAL: the name is none, or stands for something else. EPERM: it is kept by a bind
    /// mount, and the caller may not unmount. EXDEV: a process of another pid namespace holds it.
    pub fn remove(&self, name: impl AsRef<OsStr>, kind: Kind) -> Result<()> {
        let name = name.as_ref();
        let refused = |(errno, cause)| self.error("remove", name, kind, errno, cause);
        check(name, usize::MAX).map_err(refused)?;
        let _lock = self.lock(true).map_err(refused)?;
        let place = self.place(name, kind).map_err(unexplained).map_err(refused)?;
        let place = place.ok_or_else(|| refused(absence(&Found::Nothing)))?;
        remove(&place, kind).map_err(refused)
    }

    fn lock(&self, alone: bool) -> Answer<Lock> {
        Lock::of_registry(&self.directory, alone).map_err(|errno| match errno.0 {
            libc::EACCES | libc::EPERM => (errno, Cause::DirectoryForbidden),
            libc::ENOENT => (errno, Cause::NoDirectory),
            _ => (errno, Cause::Unknown),
        })
    }

    /// `None` where the kind has had no name yet.
    fn place(&self, name: &OsStr, kind: Kind) -> std::result::Result<Option<Place>, Errno> {
        match Place::within(&directory::of_kind(&self.directory, kind), name) {
            Err(Errno(libc::ENOENT)) => Ok(None),
            place => place.map(Some),
        }
    }

    /// Makes room for a new entry.
    fn clear(&self, place: &Place, kind: Kind) -> Answer<()> {
        let found = found::look(place, kind).map_err(unexplained)?;
        match &found {
            Found::Nothing => Ok(()),
            Found::Blank if directory::is_ips(&self.directory, kind) => {
                Err((Errno(libc::EEXIST), Cause::PathTaken))
            }
            Found::Stale(_) | Found::Blank => {
                remove_stale(place, &found);
                Ok(())
            }
            Found::Elsewhere(_) => Err((Errno(libc::EEXIST), Cause::KeptElsewhere)),
            Found::Mounted { .. } | Found::Held { .. } => Err((Errno(libc::EEXIST), Cause::NameTaken)),
            Found::Other => Err((Errno(libc::EEXIST), Cause::PathTaken)),
        }
    }

    /// What is kept; stale ones are handed to somebody else.
    fn entries(&self, stale: &mut dyn FnMut(&Place, &Found)) -> Answer<Vec<Entry>> {
        let mut entries = Vec::new();
        for kind in Kind::ALL {
            let directory = directory::of_kind(&self.directory, kind);
            let names = match fs::read_dir(&directory) {
                Err(error) if error.raw_os_error() == Some(libc::ENOENT) => continue,
                names => names.map_err(|source| unexplained(source.into()))?,
            };
            let mut names: Vec<OsString> = names.filter_map(|name| Some(name.ok()?.file_name())).collect();
            names.sort_unstable();
            for name in names.into_iter().filter(|name| check(name, usize::MAX).is_ok()) {
                let Ok(place) = Place::within(&directory, &name) else { continue };
                // What cannot be looked at is nobody's to remove either.
                let Ok(found) = found::look(&place, kind) else { continue };
                let (inode, holder) = match &found {
                    Found::Mounted { inode, .. } => (*inode, None),
                    Found::Held { holder, inode, .. } => (*inode, Some(holder.pid)),
                    Found::Blank if directory::is_ips(&self.directory, kind) => continue,
                    Found::Stale(_) | Found::Blank => {
                        stale(&place, &found);
                        continue;
                    }
                    Found::Nothing | Found::Elsewhere(_) | Found::Other => continue,
                };
                entries.push(Entry { name, kind, inode, holder });
            }
        }
        Ok(entries)
    }

    fn error(&self, step: &str, name: &OsStr, kind: Kind, errno: Errno, cause: Cause) -> Error {
        let directory = directory::of_kind(&self.directory, kind);
        let object = format!("{} in {}", name.to_string_lossy(), directory.display());
        Error::new(step, object, errno, cause)
    }
}

fn check(name: &OsStr, longest: usize) -> Answer<()> {
    let bytes = name.as_bytes();
    let is_name = !bytes.is_empty()
        && bytes.len() <= longest
        && !bytes.starts_with(b".")
        && !bytes.iter().any(|byte| matches!(byte, b'/' | 0));
    if is_name {
        Ok(())
    } else {
        Err((Errno(libc::EINVAL), Cause::BadName))
    }
}

fn unexplained(errno: Errno) -> (Errno, Cause) {
    (errno, Cause::Unknown)
}

/// Why what a process holds cannot be opened.
fn of_holder(errno: Errno) -> (Errno, Cause) {
    match errno.0 {
        libc::EACCES | libc::EPERM => (errno, Cause::NotTraceable),
        libc::ESRCH => (Errno(libc::ENOENT), Cause::NothingKept),
        _ => unexplained(errno),
    }
}

/// Why there is nothing to open.
fn absence(found: &Found) -> (Errno, Cause) {
    match found {
        Found::Elsewhere(_) => (Errno(libc::EXDEV), Cause::KeptElsewhere),
        Found::Other => (Errno(libc::EINVAL), Cause::NotNamespace),
        _ => (Errno(libc::ENOENT), Cause::NothingKept),
    }
}

/// The file first, with its record: without a mount it is known to be stale.
fn mount(place: &Place, namespace: &Namespace) -> Answer<()> {
    let written = Record::mounted().and_then(|record| record.write(place));
    written.map_err(|errno| match errno.0 {
        // Another program's, which does not take the lock.
        libc::EEXIST => (errno, Cause::NameTaken),
        _ => unexplained(errno),
    })?;
    let mounted = place.open().map_err(unexplained).and_then(|file| namespace.mount_on(file.as_fd()));
    let mounted = mounted.and_then(|()| place.leads_to(namespace).map_err(unexplained));
    mounted.inspect_err(|_| {
        // With a mount on it, it stays.
        let _ = fs::remove_file(place.path());
    })
}

/// The process first, then the file, then the process is told to stay: before that it ends with the caller.
fn hold(place: &Place, namespace: &Namespace, refused: impl Fn((Errno, Cause)) -> Error) -> Result<()> {
    let waiting = Waiting::start(namespace, place.name())?;
    let record = Record::held(waiting.identity(), namespace.inode());
    let written = record.and_then(|record| record.write(place));
    written.map_err(|errno| refused(unexplained(errno)))?;
    waiting.stay().inspect_err(|_| {
        let _ = fs::remove_file(place.path());
    })
}

/// Ends a holder that was never told to stay, and removes the file: a mount in this mount namespace keeps it.
fn remove_stale(place: &Place, found: &Found) {
    let waiting = match found {
        Found::Stale(waiting) => *waiting,
        Found::Blank => None,
        _ => return,
    };
    if waiting.is_none_or(|holder| holder.end().is_ok()) {
        let _ = fs::remove_file(place.path());
    }
}

/// Whatever keeps it goes first: the file alone is known to be stale.
fn remove(place: &Place, kind: Kind) -> Answer<()> {
    loop {
        let found = found::look(place, kind).map_err(unexplained)?;
        match &found {
            Found::Mounted { root, .. } => {
                unmount(root.as_fd())?;
                // One may have been mounted on another.
                if matches!(found::look(place, kind), Ok(Found::Mounted { .. })) {
                    continue;
                }
            }
            Found::Held { holder, .. } => {
                // Or it would be shown until it is gone.
                Record::mark_ending(place).map_err(unexplained)?;
                holder.end().map_err(unexplained)?;
                reap_detached();
            }
            Found::Stale(Some(holder)) => {
                holder.end().map_err(unexplained)?;
                reap_detached();
            }
            // Without its name the kernel unmounts it wherever it is.
            Found::Elsewhere(Record::Mounted { .. }) | Found::Stale(None) | Found::Blank => {}
            Found::Elsewhere(_) | Found::Other | Found::Nothing => {
                return Err(absence(&found));
            }
        }
        return fs::remove_file(place.path()).map_err(|source| unexplained(source.into()));
    }
}
