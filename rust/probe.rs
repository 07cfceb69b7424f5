//! What this kernel and this caller may create, tried in throw-away children rather than guessed.
#![forbid(unsafe_code)]

use crate::error::{Cause, Error, Result};
use crate::explain;
use crate::kind::{Kind, Kinds};
use crate::sys::start::{self, Birth, Met, Order, Wiring};
use crate::sys::{process, Errno};
use nsiso_child::{Op, Outcome};
use std::sync::Arc;

/// Whether a kind of namespace can be created here and now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Answer {
    /// As the caller is.
    Yes,
    /// Together with a new user namespace.
    WithUser,
    /// Not at all, for this reason.
    No(Cause),
}

/// What [`probe`] found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probe {
    kinds: [(Kind, Answer); Kind::ALL.len()],
}

impl Probe {
    /// Whether this kind can be created.
    pub fn kind(&self, kind: Kind) -> Answer {
        self.kinds()
            .find(|(probed, _)| *probed == kind)
            .map_or(Answer::No(Cause::NoSuchKind), |(_, answer)| answer)
    }

    /// All kinds with their answers, in the order of [`Kind::ALL`].
    pub fn kinds(&self) -> impl Iterator<Item = (Kind, Answer)> + '_ {
        self.kinds.iter().copied()
    }
}

/// Tries each kind of namespace in a child that makes it and ends.
///
/// The answer is the present one: limits, profiles and the caller's capabilities may change.
///
/// # Errors
///
/// EAGAIN or ENOMEM: no child could be started at all.
pub fn probe() -> Result<Probe> {
    let mut kinds = Kind::ALL.map(|kind| (kind, Answer::Yes));
    for (kind, answer) in &mut kinds {
        *answer = answer_for(*kind)?;
    }
    Ok(Probe { kinds })
}

fn answer_for(kind: Kind) -> Result<Answer> {
    if !explain::kernel_has(kind) {
        return Ok(Answer::No(Cause::NoSuchKind));
    }
    if try_creating(kind.into())?.is_ok() {
        return Ok(Answer::Yes);
    }
    // What stands in the way of the user namespace is what there is to say: it would lift the rest.
    let with_user = Kind::User | kind;
    Ok(match try_creating(with_user)? {
        Ok(()) => Answer::WithUser,
        Err(refusal) => Answer::No(explain::create(with_user, refusal)),
    })
}

/// The outer error is about the child, the inner one the kernel's answer.
fn try_creating(kinds: Kinds) -> Result<std::result::Result<(), Errno>> {
    fn program<'a>(kinds: &'a Kinds, _: &Wiring) -> Vec<Op<'a>> {
        vec![Op::Unshare { flags: kinds.bits() }, Op::Exit { status: 0 }]
    }
    let refused = |errno| Error::new("clone", "a child to probe with", errno, Cause::Unknown);
    let order = Order { kinds: Kinds::NONE, awaits: false, birth: Birth::Share, function: None, taken: &[] };
    let mut child = start::start(Arc::new(kinds), program, order).map_err(refused)?;
    while child.meet(None, &mut || true).map_err(refused)? != Met::Gone {}
    let (outcome, pid, _) = child.finish();
    while process::wait(pid, 0) == Err(Errno(libc::EINTR)) {}
    Ok(match outcome {
        Outcome::Done => Ok(()),
        Outcome::Failed { errno, .. } => Err(Errno(errno)),
        Outcome::Killed { .. } => return Err(refused(Errno(libc::ESRCH))),
    })
}
