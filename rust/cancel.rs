//! How a start is called off from another thread.
#![forbid(unsafe_code)]

use crate::sys::{process, Errno};
use std::fmt;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Calls off the starts of a spec that was given it ([`crate::Spec::cancel_by`]). Its clones are the same token.
///
/// What has been set up by then is undone, and the start fails with ECANCELED; a command that runs already runs
/// on. Once called off, later starts fail at once.
#[derive(Clone, Default)]
pub struct Cancel(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    is_cancelled: bool,
    /// Children between clone and exec, whom nobody reaps before they are taken off this list.
    underway: Vec<Child>,
}

struct Child {
    number: i32,
    pidfd: Option<OwnedFd>,
}

impl Child {
    /// It may have ended by itself.
    fn kill(&self) {
        let _ = process::kill(self.pidfd.as_ref().map(AsFd::as_fd), self.number, libc::SIGKILL);
    }
}

/// A child that a token may end, until this is dropped.
#[derive(Debug)]
pub(crate) struct Armed {
    token: Cancel,
    number: i32,
}

impl Cancel {
    /// A token that has not been used.
    pub fn new() -> Cancel {
        Cancel::default()
    }

    /// Calls off.
    pub fn cancel(&self) {
        let mut state = self.lock();
        state.is_cancelled = true;
        state.underway.iter().for_each(Child::kill);
    }

    /// Whether it has been called off.
    pub fn is_cancelled(&self) -> bool {
        self.lock().is_cancelled
    }

    /// Lets the token end this child from now on, and until what is given back is dropped.
    pub(crate) fn arm(&self, number: i32, pidfd: Option<BorrowedFd<'_>>) -> Result<Armed, Errno> {
        let child = Child { number, pidfd: pidfd.map(|fd| fd.try_clone_to_owned()).transpose()? };
        let mut state = self.lock();
        if state.is_cancelled {
            child.kill();
        }
        state.underway.push(child);
        Ok(Armed { token: self.clone(), number })
    }

    /// Nothing that runs under this lock panics; should it, what it guards is still whole.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Cancel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Cancel({})", self.is_cancelled())
    }
}

impl Drop for Armed {
    fn drop(&mut self) {
        self.token.lock().underway.retain(|child| child.number != self.number);
    }
}
