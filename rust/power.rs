//! Over which user namespaces the calling thread has power: every capability in them, as user_namespaces(7) has it.
#![forbid(unsafe_code)]

use crate::caller::CAP_SYS_ADMIN;
use crate::error::Result;
use crate::kind::Kind;
use crate::namespace::Namespace;
use crate::sys::ids::effective_capabilities;
use crate::sys::process::geteuid;

/// The inode of the user namespace that a machine starts with, on every kernel.
const INITIAL_USER: u64 = 0xefff_fffd;

/// Whoever calls, and from where.
#[derive(Debug)]
pub(crate) struct Power {
    own: Namespace,
    /// CAP_SYS_ADMIN at home, and so in all below.
    at_home: bool,
}

impl Power {
    /// The calling thread's.
    pub fn here() -> Result<Power> {
        let own = Namespace::current(Kind::User)?;
        let at_home = effective_capabilities().is_ok_and(|set| set & (1 << CAP_SYS_ADMIN) != 0);
        Ok(Power { own, at_home })
    }

    /// The thread's own user namespace.
    pub fn own(&self) -> &Namespace {
        &self.own
    }

    /// Whether it has power in its own.
    pub fn is_at_home(&self) -> bool {
        self.at_home
    }

    /// Whether it has power over every user namespace of the machine.
    pub fn is_total(&self) -> bool {
        self.at_home && self.own.inode() == INITIAL_USER
    }

    /// The user namespaces from the caller's own, which is not among them, in to this one; `None` where it is not below.
    pub fn way_to(&self, user: &Namespace) -> Option<Vec<Namespace>> {
        let mut way = Vec::new();
        let mut next = user.try_clone().ok()?;
        while next != self.own {
            // EPERM: that one is not below the caller's.
            let outer = next.parent().ok()?;
            way.push(next);
            next = outer;
        }
        way.reverse();
        Some(way)
    }

    /// Whether it has power at the end of such a way: at home, or as who has made the first on it.
    pub fn reaches(&self, way: &[Namespace]) -> bool {
        self.at_home || way.first().is_some_and(|first| first.owner_uid() == Ok(geteuid()))
    }

    /// Whether it has power over this one.
    pub fn over(&self, user: &Namespace) -> bool {
        self.way_to(user).is_some_and(|way| self.reaches(&way))
    }
}
