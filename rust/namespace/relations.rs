//! Who owns a namespace, in which one it lies, and how deep.
#![forbid(unsafe_code)]

use super::Namespace;
use crate::error::{Cause, Result};
use crate::kind::Kind;
use crate::sys::{nsfs, Errno};
use std::os::fd::{AsFd, AsRawFd};

impl Namespace {
    /// The user namespace that owns it; of a user namespace, the one that it lies in.
    ///
    /// # Errors
    ///
    /// EPERM: that is neither the caller's own nor below it. First kernel: 4.9. See `ioctl_nsfs(2)`.
    pub fn user_ns(&self) -> Result<Namespace> {
        let owner = nsfs::owner(self.as_raw_fd());
        owner
            .map_err(|errno| self.hidden("ask for the owner", errno))
            .and_then(|fd| Namespace::known(fd, Kind::User))
    }

    /// The namespace that this pid or user namespace lies in.
    ///
    /// # Errors
    ///
    /// EINVAL: other kinds do not lie in each other. EPERM: as [`Namespace::user_ns`]. First kernel: 4.9.
    pub fn parent(&self) -> Result<Namespace> {
        match nsfs::parent(self.as_fd()) {
            Ok(fd) => Namespace::known(fd, self.kind()),
            Err(errno) => Err(self.hidden("ask for the parent", errno)),
        }
    }

    /// Who made it, or of other kinds who made the user namespace that owns it: a user as the caller's own user
    /// namespace numbers them, 65534 for one that has no number there.
    ///
    /// # Errors
    ///
    /// EPERM: as [`Namespace::user_ns`]. First kernel: 4.11.
    pub fn owner_uid(&self) -> Result<u32> {
        let asked = |user: &Namespace| {
            nsfs::owner_uid(user.as_fd()).map_err(|errno| self.hidden("ask for the owner", errno))
        };
        if self.kind() == Kind::User {
            asked(self)
        } else {
            asked(&self.user_ns()?)
        }
    }

    /// How many levels below the calling thread's own this pid or user namespace lies; 0 for its own.
    ///
    /// # Errors
    ///
    /// EINVAL: other kinds do not lie in each other. EPERM: it is not below the caller's own.
    pub fn level(&self) -> Result<u32> {
        if !matches!(self.kind(), Kind::Pid | Kind::User) {
            return Err(self.hidden("ask for the level", Errno(libc::EINVAL)));
        }
        let own = Namespace::current(self.kind())?;
        if *self == own {
            return Ok(0);
        }
        let (mut level, mut outer) = (1, self.parent()?);
        while outer != own {
            outer = outer.parent().map_err(|error| self.hidden("ask for the level", Errno(error.errno())))?;
            level += 1;
        }
        Ok(level)
    }

    /// Whether the same user namespace owns both; `false` if the caller may not know.
    pub(crate) fn has_owner_of(&self, other: &Namespace) -> bool {
        let owner = |of: &Namespace| {
            let ask = || nsfs::owner(of.as_raw_fd()).and_then(|user| nsfs::identity(user.as_fd()));
            of.owner.get_or_try_init(ask).ok().copied()
        };
        owner(self).is_some_and(|own| Some(own) == owner(other))
    }

    fn hidden(&self, step: &str, errno: Errno) -> crate::error::Error {
        let cause = match errno.0 {
            libc::EPERM => Cause::OutsideOwn,
            libc::EINVAL => Cause::NoHierarchy,
            _ => Cause::Unknown,
        };
        self.error(step, errno, cause)
    }
}
