//! In whose memory the steps of a plan are performed.
#![forbid(unsafe_code)]

use super::op::Op;
use super::settle::Job;
use crate::kind::{Kind, Kinds};
use crate::spec::Spec;
use crate::sys::birth::Birth;
use crate::sys::ids::stays_itself_over_exec;
use crate::sys::time::exec_enters_namespace;

/// Not in the caller's, where they would change that, or show it.
pub fn birth(spec: &Spec, job: Option<Job<'_>>, joined: &[Kinds]) -> Birth {
    // With an id changes whether the memory may be dumped; and all that share it share a score for the day it
    // runs out.
    let changes_ids = spec.uid.is_some() || spec.gid.is_some() || spec.groups.is_some();
    let changes_memory = changes_ids || spec.oom_score_adj.is_some();
    // A time namespace is joined by a whole memory or not at all.
    let joins_time = joined.iter().any(|kinds| kinds.contains(Kind::Time));
    match job {
        Some(Job::Function(_)) => Birth::Fork,
        _ if spec.own_memory => Birth::Copy,
        _ if changes_memory || joins_time || forks_for_time(spec) || is_seen(joined) => {
            if stays_itself_over_exec() {
                Birth::Apart
            } else {
                Birth::Copy
            }
        }
        _ => Birth::Share,
    }
}

/// Whether only a child of the process that makes its time namespace will be in it.
pub fn forks_for_time(spec: &Spec) -> bool {
    spec.unshare.contains(Kind::Time) && !exec_enters_namespace()
}

/// Whether the child is among strangers before it executes: who has its number may be allowed to trace it.
pub fn is_seen(joined: &[Kinds]) -> bool {
    joined.iter().any(|kinds| kinds.contains(Kind::Pid))
}

/// Whether the process that makes the time namespace has the child that is to be in there: one with a memory of its
/// own enters it at once, one in borrowed memory only when it executes (Linux 6.2).
pub fn forks_in_new_time(ops: &[Op]) -> bool {
    let is_time = |op: &&Op| matches!(op, Op::Unshare(kinds) if kinds.contains(Kind::Time));
    ops.iter().skip_while(|op| !is_time(op)).any(|op| matches!(op, Op::Fork(_)))
}
