//! How a spec's namespaces are made without a process in them, for others to join.
#![forbid(unsafe_code)]

use crate::companion::Running;
use crate::error::{Cause, Error, Result};
use crate::kind::{Kind, Kinds};
use crate::namespace::Namespace;
use crate::plan::Plan;
use crate::spawn;
use crate::spec::Spec;
use crate::sys::program_file;
use once_cell::sync::OnceCell;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

/// Namespaces that are held open together: what [`Spec::hold`] has made. Cheap to clone; the last to be dropped lets
/// go of them.
///
/// No process is in them, except that pid 1 of a pid namespace is a tiny program of the library's: when the set goes,
/// or the process that has it, that one ends, and with it everything in the pid namespace. The other namespaces
/// live on for as long as somebody is in them or has them open.
#[derive(Clone, Debug)]
pub struct Namespaces(Arc<Set>);

#[derive(Debug)]
struct Set {
    all: Vec<Namespace>,
    init: Option<Running>,
    /// The program in which processes come here, kept for the next once the first has come.
    helper: OnceCell<OwnedFd>,
}

impl Drop for Set {
    fn drop(&mut self) {
        if let Some(init) = self.init.take() {
            init.end();
        }
    }
}

impl Spec {
    /// Makes the namespaces that this spec says, with id maps, host name, clocks, `/proc` and `lo`, and holds them
    /// without a process; those that the spec joins are among them. What it says of a process and its terminal
    /// has no meaning here. The caller stays where it is; safe from any number of threads.
    ///
    /// Any number of specs can join them ([`Spec::join_namespaces`]), one after the other or at once.
    ///
    /// # Errors
    ///
    /// As [`Spec::spawn`]; EINVAL: there is nothing to hold.
    pub fn hold(&self) -> Result<Namespaces> {
        self.hold_while(&mut || true)
    }

    /// As [`Spec::hold`]; after each signal that this thread handles meanwhile, `go_on` is asked.
    ///
    /// # Errors
    ///
    /// As [`Spec::hold`]; ECANCELED when it says no.
    pub fn hold_while(&self, go_on: &mut dyn FnMut() -> bool) -> Result<Namespaces> {
        let mut spec = self.clone();
        spec.keep = self.held_kinds()?;
        spec.init = self.unshare.contains(Kind::Pid);
        // It ends with its host as it is: by the end of their socket.
        spec.kill_with_parent = false;
        let held = spawn::hold(Plan::new(&spec, None, true)?, go_on)?;
        let (all, init) = held.into_namespaces()?;
        Ok(Namespaces(Arc::new(Set { all, init, helper: OnceCell::new() })))
    }

    /// Of which kinds the namespaces are that [`Spec::hold`] would give.
    pub(crate) fn held_kinds(&self) -> Result<Kinds> {
        let mut kinds = self.unshare;
        for join in &self.joins {
            kinds |= join.asked_kinds()?;
        }
        if kinds.is_empty() {
            return Err(Error::invalid("hold", "the spec has no namespaces", Cause::BadArgument));
        }
        Ok(kinds)
    }
}

impl Namespaces {
    /// The one of this kind; `None` if it is not among them.
    pub fn get(&self, kind: Kind) -> Option<&Namespace> {
        self.iter().find(|namespace| namespace.kind() == kind)
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Namespace> {
        self.0.all.iter()
    }

    /// Of which kinds they are.
    pub fn kinds(&self) -> Kinds {
        self.iter().fold(Kinds::NONE, |kinds, namespace| kinds | namespace.kind())
    }

    /// Whether processes can still join all of it: pid 1, if there is one, has not ended.
    pub fn is_alive(&self) -> bool {
        self.0.init.as_ref().is_none_or(Running::is_alive)
    }

    /// Whether no clone of this is anywhere, in a spec or in a pool.
    pub(crate) fn is_alone(&mut self) -> bool {
        Arc::get_mut(&mut self.0).is_some()
    }

    /// The program in which processes join it; `None` if it cannot be kept.
    pub(crate) fn helper(&self) -> Option<BorrowedFd<'_>> {
        self.0.helper.get_or_try_init(program_file::helper).ok().map(AsFd::as_fd)
    }

    /// The number of pid 1, as the caller's pid namespace counts; `None` without a pid namespace.
    pub fn init(&self) -> Option<i32> {
        self.0.init.as_ref().map(Running::id)
    }
}
