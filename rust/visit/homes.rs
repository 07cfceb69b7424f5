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
#[derive(Debug, Default)]
pub struct Homes {
    /// Where the thread is by now, by kind.
    links: RefCell<Vec<(Kind, OwnedFd)>>,
    kept: RefCell<Vec<Rc<Home>>>,
}

impl Homes {
    /// None yet, of the calling thread.
    pub fn of_thread() -> Homes {
        Homes::default()
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
        let here = self.here(kind)?;
        let mut kept = self.kept.borrow_mut();
        // All of them are held, so that no inode can have gone to another.
        let is_here = |home: &&Rc<Home>| home.namespace.kind() == kind && here == home.namespace.inode();
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

    /// The inode of the namespace that the thread is in.
    fn here(&self, kind: Kind) -> Result<u64> {
        let mut links = self.links.borrow_mut();
        let path = || format!("/proc/thread-self/ns/{kind}");
        let failed = |errno: Errno| Error::new("open", path(), errno, Cause::Unknown);
        if let Some((_, link)) = links.iter().find(|(of, _)| *of == kind) {
            return nsfs::inode_of_link(link.as_fd()).map_err(failed);
        }
        let mut options = File::options();
        let opened = options.read(true).custom_flags(libc::O_PATH | libc::O_NOFOLLOW).open(path());
        let link = OwnedFd::from(opened.map_err(|source| failed(source.into()))?);
        let inode = nsfs::inode_of_link(link.as_fd()).map_err(failed)?;
        links.push((kind, link));
        Ok(inode)
    }
}
