//! How the caller itself moves into namespaces that are there: all of them or none, or told exactly how far.
#![forbid(unsafe_code)]

use crate::calls::{setns_unexplained, shares_fs};
use crate::error::{Cause, Error, Result};
use crate::explain;
use crate::join::{self, is_about, words, Join, Whose};
use crate::kind::{Kind, Kinds};
use crate::namespace::Namespace;
use crate::plan::check_joins;
use crate::spec::Spec;
use crate::sys::{fd, ns, process, Errno};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::os::unix::fs::{chroot, OpenOptionsExt};

impl Spec {
    /// Moves the calling thread into what this spec joins; of a pid namespace, its children from now on. The spec
    /// has nothing but joins. What the thread is in already is left out.
    ///
    /// With a mnt namespace the root and the working directory become that namespace's root, of every
    /// thread that shares them: so threads that do are a reason to refuse. A user namespace is for good: there is no
    /// way back.
    ///
    /// # Errors
    ///
    /// Nothing has changed when there is one, unless its object ends in what was entered and could not be left
    /// again. EINVAL: an option that is no join; a process with threads, and user or mnt among the kinds; a pid
    /// namespace that is not below the caller's. EUSERS: a process with threads, and time. EPERM: no power over the
    /// namespace, whose owner is named. ESRCH: the process has ended. EACCES: it may not be traced.
    ///
    /// # Threads and privilege
    ///
    /// As [`crate::setns`]; an order is found that the caller's rights allow. See setns(2).
    pub fn enter(&self) -> Result<()> {
        let joins = check_joins(self)?;
        if at_once(&joins) {
            return Ok(());
        }
        let joining = join::order(&joins, None, Whose::Callers)?;
        let kinds = joining.calls.iter().fold(0, |all, (_, bits)| all | bits);
        let kinds = Kinds::from_bits(kinds).unwrap_or_default();
        refuse_threads(&joins, kinds)?;
        let before = Before::of(&joins, kinds)?;
        let mut entered = Kinds::NONE;
        for (fd, bits) in joining.calls {
            if let Err(errno) = ns::setns(fd, bits as i32) {
                return Err(refused(&joins, (fd, bits), errno, before.restore(entered)));
            }
            entered |= Kinds::from_bits(bits).unwrap_or_default();
        }
        Ok(())
    }
}

/// With a single process the kernel does all or nothing: whether it does is found out fastest by asking for it.
fn at_once(joins: &[Join]) -> bool {
    let [join] = joins else { return false };
    let (fd, _opened) = match &join.target {
        join::Target::Process(pid) => match process::pidfd_open(*pid) {
            Ok(pidfd) => (pidfd.as_raw_fd(), Some(pidfd)),
            Err(_) => return false,
        },
        join::Target::Fd(fd) => (fd.as_raw_fd(), None),
        join::Target::Number(fd) => (*fd, None),
        _ => return false,
    };
    // The kernel would enter that anew, and move the root and the working directory.
    if join::shares_mounts(join, fd) {
        return false;
    }
    setns_unexplained(fd, join.kinds.bits() as i32).is_ok()
}

/// The kernel's own refusals, before anything is tried: it would see to each kind by itself.
fn refuse_threads(joins: &[Join], kinds: Kinds) -> Result<()> {
    if ns::is_single_threaded() {
        return Ok(());
    }
    let error = |kind: Kind, errno, cause| {
        Err(Error::new("enter", format!("{}: {kind}", words(joins)), Errno(errno), cause))
    };
    if kinds.contains(Kind::User) {
        error(Kind::User, libc::EINVAL, Cause::Threads)
    } else if kinds.contains(Kind::Time) {
        error(Kind::Time, libc::EUSERS, Cause::Threads)
    } else if kinds.contains(Kind::Mnt) && shares_fs() {
        error(Kind::Mnt, libc::EINVAL, Cause::ThreadsShareRoot)
    } else {
        Ok(())
    }
}

/// Where the thread was.
struct Before {
    namespaces: Vec<Namespace>,
    /// Root and working directory, where a mnt namespace is entered.
    directories: Option<[File; 2]>,
}

impl Before {
    fn of(joins: &[Join], kinds: Kinds) -> Result<Before> {
        let unopened = |source: io::Error| Error::new("enter", words(joins), source.into(), Cause::Unknown);
        let directory = |path: &str| {
            let mut options = File::options();
            options.read(true).custom_flags(libc::O_PATH | libc::O_DIRECTORY).open(path)
        };
        let directories = if is_about(joins, Kind::Mnt) {
            Some([directory("/").map_err(unopened)?, directory(".").map_err(unopened)?])
        } else {
            None
        };
        // A user namespace cannot be entered twice.
        let kinds = kinds - Kind::User;
        let own = |kind| Namespace::open(join::link(kind, Whose::Callers));
        let namespaces = kinds.iter().map(own).collect::<Result<_>>()?;
        Ok(Before { namespaces, directories })
    }

    /// Goes back, as far as that is possible: which kinds are not left again.
    fn restore(&self, entered: Kinds) -> Kinds {
        let mut kept = entered & Kind::User;
        for namespace in self.namespaces.iter().filter(|one| entered.contains(one.kind())) {
            let kind = namespace.kind();
            let back = ns::setns(namespace.as_raw_fd(), kind.flag() as i32).map_err(io::Error::from);
            let back = back.and_then(|()| if kind == Kind::Mnt { self.go_home() } else { Ok(()) });
            if back.is_err() {
                kept |= kind;
            }
        }
        kept
    }

    fn go_home(&self) -> io::Result<()> {
        let Some([root, working]) = &self.directories else { return Ok(()) };
        fd::chdir(root.as_fd())?;
        chroot(".")?;
        Ok(fd::chdir(working.as_fd())?)
    }
}

fn refused(joins: &[Join], (fd, bits): (RawFd, u32), errno: Errno, kept: Kinds) -> Error {
    let kept = if kept.is_empty() { String::new() } else { format!("; entered and not left again: {kept}") };
    let object = words(joins) + &kept;
    explain::setns(fd, bits, errno).error("enter", object, errno)
}
