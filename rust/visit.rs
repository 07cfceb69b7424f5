//! How a thread goes into a namespace for a while, and comes back.
#![forbid(unsafe_code)]

use crate::error::{Cause, Error, Result};
use crate::explain;
use crate::kind::Kind;
use crate::namespace::Namespace;
use crate::sys::signals::Blocked;
use crate::sys::{fd, ns, nsfs, Errno};
use std::marker::PhantomData;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::rc::Rc;
use std::{panic, thread};

mod homes;

pub use homes::Homes;

/// Kinds in which one thread of many can be alone, and which it can leave again.
const OF_A_THREAD: [Kind; 4] = [Kind::Uts, Kind::Ipc, Kind::Net, Kind::Cgroup];

/// The calling thread is in another namespace as long as this lives; dropping it takes the thread back.
///
/// It belongs to its thread and cannot be sent to another. Visits may be nested; the one begun last ends first.
///
/// If the way back is refused (a body that gave up its capabilities, a filter that it installed), the
/// thread is never handed back to anyone: dropping then does not return. What else would run on it would be in the
/// wrong namespace without knowing.
#[derive(Debug)]
#[must_use = "the visit ends when this is dropped"]
pub struct Visit<'a> {
    back: Back<'a>,
    kind: Kind,
    /// Not `Send`: another thread is in other namespaces.
    thread: PhantomData<*const ()>,
}

/// Where a thread comes back to: it has been there, and the way back was open.
///
/// One serves any number of visits, each of which is cheaper for it. It belongs to its thread.
#[derive(Debug)]
pub struct Home {
    namespace: Namespace,
    thread: PhantomData<*const ()>,
}

#[derive(Debug)]
enum Back<'a> {
    Opened(Home),
    Kept(Rc<Home>),
    Given(BorrowedFd<'a>),
}

impl Home {
    /// The calling thread's own namespace of this kind: uts, ipc, net or cgroup.
    ///
    /// # Errors
    ///
    /// EINVAL: another kind. EPERM: no CAP_SYS_ADMIN in the caller's own user namespace and in that which
    /// owns the namespace: who leaves it could not come back. EMFILE.
    pub fn of_thread(kind: Kind) -> Result<Home> {
        let kind = visited_by_a_thread(kind, || kind.to_string())?;
        let namespace = Namespace::current(kind)?;
        go(namespace.as_raw_fd(), kind)?;
        Ok(Home { namespace, thread: PhantomData })
    }

    /// What it is.
    pub fn namespace(&self) -> &Namespace {
        &self.namespace
    }
}

impl From<Home> for Namespace {
    fn from(home: Home) -> Namespace {
        home.namespace
    }
}

impl Namespace {
    /// Moves the calling thread into this namespace until the visit is dropped: uts, ipc, net or cgroup.
    ///
    /// # Errors
    ///
    /// EINVAL: another kind, see [`Namespace::visit_with`] and [`crate::Spec::spawn_function`]. EPERM: no CAP_SYS_ADMIN
    /// in the caller's own user namespace, and in those which own this one and that which the thread comes from.
    /// EMFILE. The thread is where it was then.
    pub fn visit(&self) -> Result<Visit<'static>> {
        let kind = visited_by_a_thread(self.kind(), || self.to_string())?;
        // Where the thread is now, not where it was last: others may have moved it.
        let back = Back::Opened(Home::of_thread(kind)?);
        go(self.as_raw_fd(), kind)?;
        Ok(Visit { back, kind, thread: PhantomData })
    }

    /// As [`Namespace::visit`], and back to where this thread has been before, wherever it is now: that is open
    /// already, and the way was tried.
    ///
    /// # Errors
    ///
    /// As [`Namespace::visit`]; EINVAL: `home` is of another kind.
    pub fn visit_from<'a>(&self, home: &'a Home) -> Result<Visit<'a>> {
        Visit::by_descriptors(self.as_fd(), self.kind(), home.namespace.as_fd())
    }

    /// Calls a function in this namespace: on this thread for uts, ipc, net and cgroup; for mnt on a thread of its
    /// own, which has a root and working directory of its own there, gets no signals, and ends before this returns.
    /// A panic goes on in the caller.
    ///
    /// # Errors
    ///
    /// As [`Namespace::visit`]; for mnt also CAP_SYS_CHROOT in the caller's own user namespace. EAGAIN: there can be
    /// no more threads.
    pub fn visit_with<T: Send>(&self, function: impl FnOnce() -> T + Send) -> Result<T> {
        if self.kind() != Kind::Mnt {
            let _visit = self.visit()?;
            return Ok(function());
        }
        let object = || self.to_string();
        let refused = |errno| Error::new("visit", object(), errno, Cause::Unknown);
        // A handler of the host that ran there would see other files.
        let blocked = Blocked::all().map_err(refused)?;
        thread::scope(|scope| {
            let there = || {
                ns::unshare_fs().map_err(refused)?;
                go(self.as_raw_fd(), Kind::Mnt)?;
                Ok(function())
            };
            let started = thread::Builder::new().name("nsiso-visit".to_owned()).spawn_scoped(scope, there);
            drop(blocked);
            let done = started.map_err(|source| refused(source.into()))?.join();
            done.unwrap_or_else(|payload| panic::resume_unwind(payload))
        })
    }

    /// A socket made in this net namespace, for use here: close-on-exec; arguments as socket(2)'s.
    ///
    /// # Errors
    ///
    /// As [`Namespace::visit`], and socket(2)'s; EINVAL: this is no net namespace.
    pub fn socket(&self, domain: i32, kind: i32, protocol: i32) -> Result<OwnedFd> {
        if self.kind() != Kind::Net {
            return Err(Error::invalid("socket", self.to_string(), Cause::NotNetNamespace));
        }
        let made = {
            let _visit = self.visit()?;
            fd::socket(domain, kind, protocol)
        };
        let object = || format!("{domain}, {kind}, {protocol} in {self}");
        made.map_err(|errno| Error::new("socket", object(), errno, Cause::Unknown))
    }
}

impl<'a> Visit<'a> {
    /// As [`Namespace::visit_from`], with plain descriptors. That of `home` is a [`Home`]'s of this thread: whether
    /// there is a way back is not tried again.
    ///
    /// # Errors
    ///
    /// As [`Namespace::visit_from`].
    pub fn by_descriptors(there: BorrowedFd<'_>, kind: Kind, home: BorrowedFd<'a>) -> Result<Visit<'a>> {
        let kind = visited_by_a_thread(kind, || format!("fd {}", there.as_raw_fd()))?;
        if nsfs::nstype(home.as_raw_fd()) != Ok(kind.flag()) {
            let object = format!("{kind}, back to fd {}", home.as_raw_fd());
            return Err(Error::invalid("visit", object, Cause::WrongDescriptor));
        }
        go(there.as_raw_fd(), kind)?;
        Ok(Visit { back: Back::Given(home), kind, thread: PhantomData })
    }
}

impl Drop for Visit<'_> {
    fn drop(&mut self) {
        let back = match &self.back {
            Back::Opened(home) => home.namespace.as_raw_fd(),
            Back::Kept(home) => home.namespace.as_raw_fd(),
            Back::Given(fd) => fd.as_raw_fd(),
        };
        // ENOMEM passes; nothing else does.
        while ns::setns(back, self.kind.flag() as i32).is_err() {
            thread::park_timeout(std::time::Duration::from_secs(1));
        }
    }
}

fn visited_by_a_thread(kind: Kind, object: impl Fn() -> String) -> Result<Kind> {
    if OF_A_THREAD.contains(&kind) {
        Ok(kind)
    } else {
        Err(Error::invalid("visit", object(), Cause::NotForAThread))
    }
}

fn go(fd: RawFd, kind: Kind) -> Result<()> {
    ns::setns(fd, kind.flag() as i32).map_err(|errno: Errno| {
        explain::setns(fd, kind.flag(), errno).error("visit", format!("{kind} of fd {fd}"), errno)
    })
}
