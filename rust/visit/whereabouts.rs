//! Which namespaces the calling thread is in by now, asked by one system call.
#![forbid(unsafe_code)]

use crate::error::{Cause, Error, Result};
use crate::namespace::Namespace;
use crate::sys::{nsfs, Errno};
use std::fs::File;
use std::marker::PhantomData;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;

/// The links of the calling thread, held open. They stay that thread's: whoever forks makes new ones in the copy.
#[derive(Debug)]
pub struct Whereabouts {
    links: OwnedFd,
    thread: PhantomData<*const ()>,
}

impl Whereabouts {
    /// Those of the calling thread.
    ///
    /// # Errors
    ///
    /// ENOENT: /proc is not mounted. EMFILE.
    pub fn of_thread() -> Result<Whereabouts> {
        const LINKS: &str = "/proc/thread-self/ns";
        let mut options = File::options();
        let options = options.read(true).custom_flags(libc::O_PATH | libc::O_DIRECTORY);
        let links = options.open(LINKS);
        let links = links.map_err(|source| Error::new("open", LINKS, Errno::from(source), Cause::Unknown))?;
        Ok(Whereabouts { links: links.into(), thread: PhantomData })
    }

    /// Whether the thread is in this namespace now; `false` if that cannot be told.
    pub fn are_in(&self, namespace: &Namespace) -> bool {
        nsfs::identity_of_link(self.links.as_fd(), namespace.kind())
            == Ok((namespace.device(), namespace.inode()))
    }
}
