//! Where a thread comes back to from many visits, without its telling.
#![forbid(unsafe_code)]

use super::{go, visited_by_a_thread, Back, Home, Visit};
use crate::error::{Cause, Error, Result};
use crate::kind::Kind;
use crate::namespace::Namespace;
use crate::sys::{nsfs, Errno};
use std::cell::RefCell;
use std::fs::File;
use std::marker::PhantomData;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::rc::Rc;

/// The homes of the calling thread, kept open: a visit asks whether the thread is still at one and whether the way
/// back is, but opens it only if somebody has moved the thread. They stay that thread's: in a forked copy of
/// the process new ones are needed.
#[derive(Debug)]
pub struct Homes {
    links: OwnedFd,
    kept: RefCell<Vec<Rc<Home>>>,
}

impl Homes {
    /// None yet, of the calling thread.
    ///
    /// # Errors
    ///
    /// ENOENT: /proc is not mounted. EMFILE.
    pub fn of_thread() -> Result<Homes> {
        const LINKS: &str = "/proc/thread-self/ns";
        let mut options = File::options();
        let options = options.read(true).custom_flags(libc::O_PATH | libc::O_DIRECTORY);
        let links = options.open(LINKS);
        let links = links.map_err(|source| Error::new("open", LINKS, Errno::from(source), Cause::Unknown))?;
        Ok(Homes { links: links.into(), kept: RefCell::default() })
    }

    /// As [`Namespace::visit`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn visit(&self, namespace: &Namespace) -> Result<Visit<'static>> {
        let kind = visited_by_a_thread(namespace.kind(), || namespace.to_string())?;
        let back = Back::Kept(self.home(kind, namespace)?);
        go(namespace.as_raw_fd(), kind)?;
        Ok(Visit { back, kind, thread: PhantomData })
    }

    /// That to which the thread can come back from there.
    fn home(&self, kind: Kind, there: &Namespace) -> Result<Rc<Home>> {
        let mut kept = self.kept.borrow_mut();
        let here = nsfs::identity_of_link(self.links.as_fd(), kind).ok();
        let is_here = |home: &&Rc<Home>| {
            home.namespace.kind() == kind && here == Some((home.namespace.device(), home.namespace.inode()))
        };
        if let Some(home) = kept.iter().find(is_here) {
            // The thread may have left its user namespace since, or have given up capabilities. Where both have one
            // owner, who may go may come back.
            if !there.has_owner_of(&home.namespace) {
                go(home.namespace.as_raw_fd(), kind)?;
            }
            return Ok(Rc::clone(home));
        }
        let home = Rc::new(Home::of_thread(kind)?);
        kept.retain(|other| other.namespace.kind() != kind || Rc::strong_count(other) > 1);
        kept.push(Rc::clone(&home));
        Ok(home)
    }
}
