//! How a plan is performed, the parent's half: open, start, write maps, read the report.
#![forbid(unsafe_code)]

use crate::cancel::{Armed, Cancel};
use crate::cgroup;
use crate::command::Source;
use crate::companion::Running;
use crate::error::{Cause, Error, Result};
use crate::explain;
use crate::idmap_writer as maps;
use crate::kind::{Kind, Kinds};
use crate::plan::{Doer, MapWriter, Op, Plan, Runtime};
use crate::process::{reap_detached, Process};
use crate::spec::Target;
use crate::sys::start::{self, Met, Order, Starting, Wiring};
use crate::sys::{fd, process, Errno};
use nsiso_child as child;
use nsiso_child::Outcome;
use std::fs::File;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long the kernel takes at most to clean up after a net namespace.
const NET_TEARDOWN: Duration = Duration::from_millis(100);

/// Starts what the plan describes. On failure the child is reaped and nothing is left.
pub fn spawn(plan: Plan, go_on: &mut dyn FnMut() -> bool) -> Result<Process> {
    Underway::start(plan)?.executed(go_on)
}

/// Sets up what the plan describes, up to its [`Op::Hold`].
pub fn hold(plan: Plan, go_on: &mut dyn FnMut() -> bool) -> Result<Held> {
    let mut underway = Underway::start(plan)?;
    match underway.meet(go_on)? {
        Met::Waiting => Ok(Held { underway }),
        // It failed before it came there.
        _ => underway.process().and_then(|process| {
            let object = format!("process {}", process.id());
            Err(Error::new("hold", object, Errno(libc::ECHILD), Cause::Unknown))
        }),
    }
}

/// A process that is set up and not yet executed. Dropping it ends it and leaves nothing.
#[derive(Debug)]
pub struct Held {
    underway: Underway,
}

impl Held {
    /// Its number in the caller's pid namespace.
    pub fn id(&self) -> i32 {
        self.underway.starting.pid()
    }

    /// Its pidfd, if the kernel has such (Linux 5.3).
    pub fn pidfd(&self) -> Option<BorrowedFd<'_>> {
        self.underway.starting.pidfd()
    }

    /// Lets it execute its command.
    ///
    /// # Errors
    ///
    /// The command's own, as [`crate::Spec::spawn`]; nothing is left then.
    pub fn release(self) -> Result<Process> {
        self.release_while(&mut || true)
    }

    /// As [`Held::release`]; after each signal that this thread handles meanwhile, `go_on` is asked.
    ///
    /// # Errors
    ///
    /// As [`Held::release`]; ECANCELED when it says no.
    pub fn release_while(self, go_on: &mut dyn FnMut() -> bool) -> Result<Process> {
        let mut underway = self.underway;
        underway.met += 1;
        underway.starting.release().map_err(|errno| underway.error("release", String::new(), errno))?;
        underway.executed(go_on)
    }
}

/// A plan that is being performed.
#[derive(Debug)]
struct Underway {
    prepared: Arc<Prepared>,
    starting: Starting,
    companion: Option<Running>,
    /// How often the child has waited and was released.
    met: usize,
    deadline: Option<Instant>,
    timeout: Option<Duration>,
    /// By what another thread may end the child.
    armed: Option<Armed>,
}

/// A plan and the descriptors that its steps name.
#[derive(Debug)]
struct Prepared {
    plan: Plan,
    joins: Vec<RawFd>,
    /// Those among the numbers that are ours.
    _opened: Vec<OwnedFd>,
    /// What a function shall not find: those, and its companion's.
    own: Vec<RawFd>,
    moves: Vec<Move>,
    close: Vec<(u32, u32)>,
}

impl Underway {
    fn start(plan: Plan) -> Result<Underway> {
        reap_detached();
        let timeout = plan.timeout;
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        let cloned = |op: &Op| if let Op::Clone { kinds } = op { Some(*kinds) } else { None };
        let kinds = plan.ops.iter().find_map(cloned).unwrap_or_default();
        let awaits = plan.ops.iter().any(is_meeting);
        let taken: Vec<RawFd> = plan.descriptors.iter().map(|(_, to)| *to).collect();
        let called = |op: &Op| if let Op::Call(function) = op { Some(*function) } else { None };
        let function = plan.ops.iter().find_map(called);
        let order = Order { kinds, awaits, birth: plan.birth, function, taken: &taken };
        let of_plan =
            |op: &Op| if let Op::Companion(companion) = op { Some(companion.start()) } else { None };
        let companion = plan.ops.iter().find_map(of_plan).transpose()?;
        let prepared = Arc::new(Prepared::new(plan, companion.as_ref())?);
        let starting = patiently(kinds, || start::start(Arc::clone(&prepared), Prepared::program, order))
            .map_err(|errno| explain::clone(kinds, errno).error("clone", kinds.to_string(), errno))?;
        let armed = arm(&prepared.plan, &starting)?;
        Ok(Underway { prepared, starting, companion, met: 0, deadline, timeout, armed })
    }

    /// On to the end of the program, where the command runs.
    fn executed(mut self, go_on: &mut dyn FnMut() -> bool) -> Result<Process> {
        self.meet(go_on)?;
        self.process()
    }

    /// Performs the parent's steps at each meeting, up to an [`Op::Hold`] or the end of the program.
    fn meet(&mut self, go_on: &mut dyn FnMut() -> bool) -> Result<Met> {
        loop {
            let mut interrupted = false;
            let met = self.starting.meet(self.deadline, &mut || {
                interrupted = !go_on();
                !interrupted
            });
            match met.map_err(|errno| self.error("wait for the child", String::new(), errno))? {
                Met::Late if interrupted => return Err(self.gave_up(libc::ECANCELED, Cause::Cancelled)),
                Met::Late => return Err(self.gave_up(libc::ETIMEDOUT, Cause::TimedOut)),
                Met::Waiting => match self.place() {
                    Some(Op::Await) => self.assist()?,
                    Some(Op::Introduce) => self.introduce()?,
                    _ => return Ok(Met::Waiting),
                },
                Met::Succeeded => {
                    self.armed = arm(&self.prepared.plan, &self.starting)?;
                    continue;
                }
                Met::Gone => return Ok(Met::Gone),
            }
            self.met += 1;
            self.starting.release().map_err(|errno| self.error("release", String::new(), errno))?;
        }
    }

    /// Where the child waits now.
    fn place(&self) -> Option<&Op> {
        self.prepared.plan.ops.iter().filter(|op| is_meeting(op)).nth(self.met)
    }

    fn introduce(&self) -> Result<()> {
        let Some(companion) = &self.companion else { return Ok(()) };
        companion
            .introduce(self.starting.pidfd())
            .map_err(|errno| self.error("introduce", String::new(), errno))
    }

    /// What the plan has the parent do while the child waits here.
    fn assist(&self) -> Result<()> {
        let pid = self.starting.pid();
        let steps = self.prepared.plan.steps();
        let mut meetings = 0;
        let here = steps.skip_while(|step| {
            meetings += usize::from(is_meeting(step.op()));
            meetings <= self.met
        });
        for step in here.skip(1).take_while(|step| step.doer() == Doer::Parent) {
            let done = match step.op() {
                Op::WriteMap { ids, map, writer: MapWriter::Parent } => {
                    maps::write(*ids, map, pid, self.starting.pidfd())
                }
                Op::WriteMap { ids, writer: MapWriter::Helper(ranges), .. } => {
                    maps::by_helper(*ids, ranges, pid)
                }
                Op::Cgroups { directories, limits } => {
                    let placed = directories.iter().try_for_each(|directory| cgroup::place(directory, pid));
                    placed.and_then(|()| cgroup::limit(directories, limits)).map_err(Into::into)
                }
                _ => Ok(()),
            };
            done.map_err(|maps::Refusal { errno, cause, words }| {
                let finding = match cause {
                    Cause::Unknown => explain::write_map(step, pid, errno, &words),
                    known => known.into(),
                };
                finding.error(step.name(), step.object(), errno)
            })?;
        }
        Ok(())
    }

    fn gave_up(&self, errno: i32, cause: Cause) -> Error {
        let object = self.timeout.map_or_else(String::new, |timeout| format!("after {timeout:?}"));
        Error::new("set up", object, Errno(errno), cause)
    }

    fn error(&self, step: &str, object: String, errno: Errno) -> Error {
        let object = if object.is_empty() { format!("process {}", self.starting.pid()) } else { object };
        Error::new(step, object, errno, Cause::Unknown)
    }

    /// What has come of it: a running command, or the step that failed.
    fn process(self) -> Result<Process> {
        let (outcome, pid, pidfd) = self.starting.finish();
        let process = Process::new(pid, pidfd);
        let (step, errno) = match outcome {
            Outcome::Done => {
                if let Some(companion) = self.companion {
                    companion.detach();
                }
                return Ok(process);
            }
            Outcome::Failed { step, errno } => (step, Some(Errno(errno))),
            Outcome::Killed { step } => (step, None),
        };
        process.wait()?;
        let step = self.prepared.plan.childs_step(step);
        let (name, object) =
            step.as_ref().map_or(("set up", String::new()), |step| (step.name(), step.object()));
        let Some(errno) = errno else {
            if self.prepared.plan.cancel.as_ref().is_some_and(Cancel::is_cancelled) {
                return Err(Error::new(name, object, Errno(libc::ECANCELED), Cause::Cancelled));
            }
            return Err(Error::new(name, object, Errno(libc::ESRCH), Cause::KilledInSetUp));
        };
        let performed = explain::Performed { plan: &self.prepared.plan, joins: &self.prepared.joins };
        let finding = step.map_or(Cause::Unknown.into(), |step| performed.explain(step, errno));
        Err(finding.error(name, object, errno))
    }
}

impl Prepared {
    /// Opens what the plan names.
    fn new(plan: Plan, companion: Option<&Running>) -> Result<Prepared> {
        let (mut joins, mut opened) = (Vec::new(), Vec::new());
        for step in plan.steps() {
            if let Op::Join { target, .. } = step.op() {
                let of_target = open(target, companion)
                    .map_err(|errno| explain::open(errno).error("open", step.object(), errno))?;
                joins.push(of_target.as_ref().map_or_else(|number| *number, AsRawFd::as_raw_fd));
                opened.extend(of_target.ok());
            }
        }
        let (copies, moves) = place(&plan.descriptors)?;
        opened.extend(copies);
        let close = gaps(&plan.descriptors);
        let mut own: Vec<RawFd> = opened.iter().map(AsRawFd::as_raw_fd).collect();
        own.extend(companion.into_iter().flat_map(Running::descriptors));
        Ok(Prepared { plan, joins, _opened: opened, own, moves, close })
    }

    fn program<'a>(&'a self, wiring: &Wiring) -> Vec<child::Op<'a>> {
        let Prepared { plan, joins, own, moves, close, .. } = self;
        plan.program(&Runtime { wiring: *wiring, joins, moves, close, own })
    }
}

/// Tries again for a moment where a limit on net namespaces is reached: those that have ended count until the
/// kernel has cleaned up after them.
fn patiently<T>(
    kinds: Kinds,
    start: impl Fn() -> std::result::Result<T, Errno>,
) -> std::result::Result<T, Errno> {
    let began = Instant::now();
    loop {
        match start() {
            Err(Errno(libc::ENOSPC)) if kinds.contains(Kind::Net) && began.elapsed() < NET_TEARDOWN => {
                std::thread::sleep(NET_TEARDOWN / 20);
            }
            answer => return answer,
        }
    }
}

/// Lets the plan's token, if it has one, end this child.
fn arm(plan: &Plan, starting: &Starting) -> Result<Option<Armed>> {
    let armed = plan.cancel.as_ref().map(|token| token.arm(starting.pidfd())).transpose();
    let refused =
        |errno| Error::new("cancel_by", format!("process {}", starting.pid()), errno, Cause::Unknown);
    Ok(armed.map_err(refused)?.flatten())
}

/// Whether the child waits there for the parent.
fn is_meeting(op: &Op) -> bool {
    matches!(op, Op::Await | Op::Introduce | Op::Hold)
}

/// A descriptor of our own, or the number of one that is open already.
fn open(
    target: &Target,
    companion: Option<&Running>,
) -> std::result::Result<std::result::Result<OwnedFd, RawFd>, Errno> {
    Ok(match target {
        Target::Init => {
            let pidfd = companion.and_then(Running::pidfd);
            Err(pidfd.ok_or(Errno(libc::ENOSYS))?.as_raw_fd())
        }
        Target::Process(pid) => Ok(process::pidfd_open(*pid)?),
        Target::Path(path) => Ok(File::open(path)?.into()),
        Target::Fd(fd) => Err(fd.as_raw_fd()),
        Target::Number(number) => Err(*number),
    })
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
