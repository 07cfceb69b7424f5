//! What is opened before a plan is performed: the namespaces to join, and the descriptors that the command gets.
#![forbid(unsafe_code)]

use crate::command::Source;
use crate::companion::Running;
use crate::error::{Cause, Error, Result};
use crate::explain;
use crate::join::{self, is_about, Joining, Target, Whose};
use crate::kind::Kind;
use crate::plan::{forks_in_new_time, Op, Plan, Runtime};
use crate::sys::birth::Birth;
use crate::sys::start::Wiring;
use crate::sys::{fd, Errno};
use nsiso_child as child;
use std::fs::File;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// A plan and the descriptors that its steps name.
#[derive(Debug)]
pub struct Prepared {
    pub plan: Plan,
    /// For [`Op::Join`]: what setns(2) is called with.
    pub joins: Vec<(RawFd, u32)>,
    /// Those among the numbers that are ours.
    _opened: Vec<OwnedFd>,
    /// What a function shall not find: those, and its companion's.
    own: Vec<RawFd>,
    moves: Vec<Move>,
    close: Vec<(u32, u32)>,
    proc: Option<OwnedFd>,
    /// The number of the command's side of its own terminal, among the plan's descriptors.
    terminal: RawFd,
    /// The group that the child is born in.
    pub group: Option<OwnedFd>,
}

impl Prepared {
    /// Opens what the plan names.
    pub fn new(plan: Plan, companion: Option<&Running>, terminal: RawFd) -> Result<Prepared> {
        let Joining { calls: joins, mut opened } = match plan.joins() {
            [] => Joining::default(),
            joins => join::order(joins, companion.and_then(Running::pidfd), Whose::Childrens)?,
        };
        let (copies, moves) = place(&plan.descriptors)?;
        opened.extend(copies);
        let close = gaps(&plan.descriptors);
        let proc = own_proc(&plan)
            .map_err(|source| Error::new("open", "/proc", source.into(), Cause::MaskedProc))?;
        let group = plan.birthplace().map(|path| {
            let file = directory(path).map_err(Errno::from);
            file.map_err(|errno| {
                explain::placing(path, errno).error("open", path.display().to_string(), errno)
            })
        });
        let group = group.transpose()?;
        let mut own: Vec<RawFd> = opened.iter().map(AsRawFd::as_raw_fd).collect();
        own.extend(proc.iter().chain(&group).map(AsRawFd::as_raw_fd));
        own.extend(companion.into_iter().flat_map(Running::descriptors));
        Ok(Prepared { plan, joins, _opened: opened, own, moves, close, proc, terminal, group })
    }

    /// The helper that a ready set keeps, if one is joined in a memory of its own.
    pub fn helper(&self) -> Option<BorrowedFd<'_>> {
        let sets = self.plan.joins().iter().filter(|_| self.plan.birth == Birth::Apart);
        sets.into_iter().find_map(|join| match &join.target {
            Target::Set(set) => set.helper(),
            _ => None,
        })
    }

    /// What the child performs.
    pub fn program<'a>(&'a self, wiring: &Wiring) -> Vec<child::Op<'a>> {
        let Prepared { plan, joins, own, moves, close, .. } = self;
        let mut wiring = *wiring;
        if forks_in_new_time(&plan.ops) {
            wiring.successor_stack = 0;
        }
        let proc = self.proc.as_ref().map(AsRawFd::as_raw_fd);
        plan.program(&Runtime { wiring, joins, own, moves, close, proc, terminal: self.terminal })
    }
}

/// The caller's /proc, where a step writes to it in a mount namespace that is joined.
fn own_proc(plan: &Plan) -> std::io::Result<Option<OwnedFd>> {
    let writes = plan.ops.iter().any(|op| matches!(op, Op::Write { .. }));
    if !writes || !is_about(plan.joins(), Kind::Mnt) {
        return Ok(None);
    }
    directory(Path::new("/proc")).map(Some)
}

fn directory(path: &Path) -> std::io::Result<OwnedFd> {
    let mut options = File::options();
    options.read(true).custom_flags(libc::O_PATH | libc::O_DIRECTORY);
    options.open(path).map(Into::into)
}

/// From and to.
type Move = (RawFd, RawFd);

/// The pairs of [`child::Op::Descriptors`]. A source that another pair overwrites is first copied out of the way.
fn place(descriptors: &[(Source, RawFd)]) -> Result<(Vec<OwnedFd>, Vec<Move>)> {
    let refused =
        |number: RawFd, errno| Error::new("dup", format!("fd {number}"), errno, Cause::BadDescriptor);
    let taken: Vec<RawFd> = descriptors.iter().map(|(_, to)| *to).collect();
    let (mut owned, mut moves) = (Vec::new(), Vec::new());
    for (source, to) in descriptors {
        if *to < 0 {
            return Err(refused(*to, Errno(libc::EBADF)));
        }
        let from = match source {
            Source::Number(number) => *number,
            Source::Owned(fd) => fd.as_raw_fd(),
            Source::Null => {
                let null = File::options().read(true).write(true).open("/dev/null");
                owned.push(OwnedFd::from(null.map_err(|source| refused(*to, source.into()))?));
                owned.last().map_or(-1, AsRawFd::as_raw_fd)
            }
        };
        if !fd::is_open(from) {
            return Err(refused(from, Errno(libc::EBADF)));
        }
        if from == *to || !taken.contains(&from) {
            moves.push((from, *to));
            continue;
        }
        owned.push(fd::copy_outside(from, &taken).map_err(|errno| refused(from, errno))?);
        moves.push((owned.last().map_or(-1, AsRawFd::as_raw_fd), *to));
    }
    Ok((owned, moves))
}

/// All numbers from 3 on but those that the command gets.
fn gaps(descriptors: &[(Source, RawFd)]) -> Vec<(u32, u32)> {
    let mut kept: Vec<u32> = descriptors.iter().filter_map(|(_, to)| u32::try_from(*to).ok()).collect();
    kept.sort_unstable();
    let mut ranges = Vec::new();
    let mut first = 3;
    for number in kept.into_iter().filter(|number| *number >= 3) {
        if number > first {
            ranges.push((first, number - 1));
        }
        first = first.max(number + 1);
    }
    ranges.push((first, u32::MAX));
    ranges
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_but_the_kept_is_marked() {
        let gaps_beside = |kept: &[RawFd]| {
            let kept: Vec<_> = kept.iter().map(|number| (Source::Null, *number)).collect();
            gaps(&kept)
        };
        assert_eq!(gaps_beside(&[]), [(3, u32::MAX)]);
        assert_eq!(gaps_beside(&[0, 1, 2, 3]), [(4, u32::MAX)]);
        assert_eq!(gaps_beside(&[9, 5, 5]), [(3, 4), (6, 8), (10, u32::MAX)]);
    }
}
