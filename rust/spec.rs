//! What the user wants: which namespaces are new and how each is set up. Owned data, no I/O.
#![forbid(unsafe_code)]

use crate::command::Command;
use crate::error::Result;
use crate::kind::Kinds;
use crate::plan::Plan;
use crate::process::Process;
use crate::spawn;
use std::ffi::{OsStr, OsString};

/// A description of namespaces. Cheap to keep, to clone and to use often.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[must_use]
pub struct Spec {
    pub(crate) unshare: Kinds,
    pub(crate) map_root: bool,
    pub(crate) hostname: Option<OsString>,
    pub(crate) proc: bool,
}

impl Spec {
    /// Nothing new: the caller's namespaces.
    pub fn new() -> Spec {
        Spec::default()
    }

    /// Adds new namespaces of these kinds.
    ///
    /// A new mnt namespace gets private propagation, a new net namespace has `lo` up.
    pub fn unshare(mut self, kinds: impl Into<Kinds>) -> Spec {
        self.unshare |= kinds.into();
        self
    }

    /// Makes the caller's user and group root inside. Needs a new user namespace.
    pub fn map_root(mut self) -> Spec {
        self.map_root = true;
        self
    }

    /// Sets the host name inside, at most 64 bytes. Needs a new uts namespace.
    pub fn hostname(mut self, name: impl AsRef<OsStr>) -> Spec {
        self.hostname = Some(name.as_ref().to_owned());
        self
    }

    /// Mounts a `/proc` that shows the new pid namespace. Needs new pid and mnt namespaces.
    pub fn proc(mut self) -> Spec {
        self.proc = true;
        self
    }

    /// The steps that [`Spec::spawn`] would take. Needs no privilege and does nothing.
    ///
    /// # Errors
    ///
    /// EINVAL: options that contradict each other, or text that cannot be meant (a NUL byte, a
    /// host name of more than 64 bytes).
    pub fn plan(&self, command: &Command) -> Result<Plan> {
        Plan::of_command(self, command)
    }

    /// Starts a command in these namespaces. Safe from a process with any number of threads.
    ///
    /// # Errors
    ///
    /// As [`Spec::plan`]; and the errno of the step that failed, which the error names. Nothing is
    /// left behind then.
    pub fn spawn(&self, command: &Command) -> Result<Process> {
        spawn::spawn(&self.plan(command)?)
    }
}
