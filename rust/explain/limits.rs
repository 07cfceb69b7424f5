//! Which limit on namespaces is reached, and whose: ENOSPC stands for all of them.
#![forbid(unsafe_code)]

use super::Finding;
use crate::caller::Machine;
use crate::error::Cause;
use crate::kind::{Kind, Kinds};
use crate::sys::start::{self, Birth, Met, Order, Wiring};
use crate::sys::{process, Errno};
use nsiso_child::{Op, Outcome};
use std::sync::Arc;

/// What a new user namespace begins with: as good as none.
const NO_LIMIT: u64 = i32::MAX as u64;
/// Pid namespaces below the initial one, which is a level itself.
const PID_DEPTH: usize = 32;

/// Why the kernel says that there is no space for namespaces of these kinds.
pub fn reached(machine: &Machine, kinds: Kinds) -> Finding {
    let own: Vec<(Kind, u64)> =
        kinds.iter().filter_map(|kind| machine.limit(kind.name()).map(|limit| (kind, limit))).collect();
    if let Some((kind, limit)) = own.iter().find(|(_, limit)| *limit == 0) {
        return here(*kind, *limit);
    }
    if kinds.contains(Kind::Pid) && machine.pid_levels() > PID_DEPTH {
        return Cause::Nesting.into();
    }
    let mut finite = own.into_iter().filter(|(_, limit)| *limit < NO_LIMIT);
    match (finite.next(), finite.next()) {
        (None, _) => Cause::LimitFurtherOut.into(),
        (Some((kind, limit)), None) => here(kind, limit),
        (Some(first), Some(second)) => {
            // No file says how many there are: who is refused alone is the one.
            let with = kinds & Kind::User;
            let mut all = [first, second].into_iter().chain(finite);
            match all.find(|(kind, _)| tried(*kind | with) == Some(Errno(libc::ENOSPC))) {
                Some((kind, limit)) => here(kind, limit),
                // By now there is room.
                None if kinds.contains(Kind::Net) => Cause::NetTeardown.into(),
                None => Cause::Limit.into(),
            }
        }
    }
}

/// A limit of the caller's own user namespace; of those further out nobody inside can read any.
fn here(kind: Kind, limit: u64) -> Finding {
    // Who may have none at all does not wait for any to go.
    let waits = kind == Kind::Net && limit > 0;
    let cause = if waits { Cause::NetTeardown } else { Cause::Limit };
    Finding::with(cause, format!("/proc/sys/user/max_{kind}_namespaces is {limit}"))
}

/// The kernel's answer to a child that makes these and ends; `None` when it makes them, or cannot be started.
fn tried(kinds: Kinds) -> Option<Errno> {
    fn program<'a>(kinds: &'a Kinds, _: &Wiring) -> Vec<Op<'a>> {
        vec![Op::Unshare { flags: kinds.bits() }, Op::Exit { status: 0 }]
    }
    let order = Order { kinds: Kinds::NONE, awaits: false, birth: Birth::Share, function: None, taken: &[] };
    let mut child = start::start(Arc::new(kinds), program, order).ok()?;
    while child.meet(None, &mut || true).ok()? != Met::Gone {}
    let (outcome, pid, _) = child.finish();
    while process::wait(pid, 0) == Err(Errno(libc::EINTR)) {}
    match outcome {
        Outcome::Failed { errno, .. } => Some(Errno(errno)),
        _ => None,
    }
}
