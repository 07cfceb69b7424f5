//! How a plan is performed, the parent's half: open, start, write maps, read the report.
#![forbid(unsafe_code)]

use crate::cancel::{Armed, Cancel};
use crate::cgroup;
use crate::companion::Running;
use crate::error::{Cause, Error, Result};
use crate::explain;
use crate::idmap_writer as maps;
use crate::kind::{Kind, Kinds};
use crate::namespace::{of_process, Namespace};
use crate::plan::{Doer, MapWriter, Op, Plan, Step};
use crate::prepare::Prepared;
use crate::process::{reap_detached, Process};
use crate::sys::birth::Order;
use crate::sys::start::{self, Met, Starting};
use crate::sys::Errno;
use crate::terminal::{self, Pair};
use nsiso_child::Outcome;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::PathBuf;
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

    /// A descriptor of a namespace that it is in, or will be in once it executes.
    ///
    /// # Errors
    ///
    /// ESRCH: somebody has killed it. EACCES: it runs as somebody whom the caller may not trace.
    pub fn namespace(&self, kind: Kind) -> Result<OwnedFd> {
        let opened = of_process::of_child(self.id(), kind.into()).and_then(of_process::only);
        let object = || format!("{kind} of process {}", self.id());
        opened.map_err(|errno| explain::open(errno).error("open", object(), errno))
    }

    /// Its namespaces that the plan has kept, and pid 1 of them; it ends itself.
    pub(crate) fn into_namespaces(self) -> Result<(Vec<Namespace>, Option<Running>)> {
        let Underway { kept, companion, .. } = self.underway;
        let all = kept.into_iter().map(|(_, fd)| Namespace::from_fd(fd)).collect::<Result<_>>()?;
        Ok((all, companion))
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
    /// By what another thread may end the child; gone before that is reaped.
    armed: Option<Armed>,
    prepared: Arc<Prepared>,
    starting: Starting,
    /// The child's namespaces that the plan wants.
    kept: Vec<(Kind, OwnedFd)>,
    companion: Option<Running>,
    /// The caller's side of the command's own terminal.
    terminal: Option<OwnedFd>,
    /// How often the child has waited and was released.
    met: usize,
    deadline: Option<Instant>,
    timeout: Option<Duration>,
}

impl Underway {
    fn start(mut plan: Plan) -> Result<Underway> {
        reap_detached();
        if plan.cancel.as_ref().is_some_and(Cancel::is_cancelled) {
            // A child would be ended, unless it has executed by then.
            return Err(Error::new("set up", "", Errno(libc::ECANCELED), Cause::Cancelled));
        }
        let timeout = plan.timeout;
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        let kinds = plan.born_into();
        let awaits = plan.ops.iter().any(is_meeting);
        let has_terminal = plan.ops.iter().any(|op| matches!(op, Op::OwnTerminal));
        let pair = has_terminal.then(|| terminal::open(&mut plan.descriptors)).transpose()?;
        let (terminal, peer) = pair.map_or((None, -1), |Pair { master, peer }| (Some(master), peer));
        let taken: Vec<_> = plan.descriptors.iter().map(|(_, to)| *to).collect();
        let called = |op: &Op| if let Op::Call(function) = op { Some(*function) } else { None };
        let function = plan.ops.iter().find_map(called);
        limit(&plan)?;
        let of_plan =
            |op: &Op| if let Op::Companion(companion) = op { Some(companion.start()) } else { None };
        let companion = plan.ops.iter().find_map(of_plan).transpose()?;
        let prepared = Arc::new(Prepared::new(plan, companion.as_ref(), peer)?);
        let cgroup = prepared.group.as_ref().map(AsFd::as_fd);
        let (birth, helper) = (prepared.plan.birth, prepared.helper());
        let order = Order { kinds, awaits, birth, function, taken: &taken, cgroup, helper };
        let starting = patiently(kinds, || start::start(Arc::clone(&prepared), Prepared::program, order))
            .map_err(|errno| refused(&prepared.plan, errno))?;
        let armed = arm(&prepared.plan, &starting)?;
        let kept = Vec::new();
        Ok(Underway { armed, prepared, starting, kept, companion, terminal, met: 0, deadline, timeout })
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
                // It may have said so before it was killed for it.
                Met::Waiting if self.prepared.plan.cancel.as_ref().is_some_and(Cancel::is_cancelled) => {
                    return Err(self.gave_up(libc::ECANCELED, Cause::Cancelled));
                }
                Met::Waiting => match self.place() {
                    Some(Op::Await) => self.assist(go_on)?,
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
        let introduced = companion.introduce(self.starting.pidfd());
        introduced.map_err(|errno| {
            let cause = if errno.0 == libc::ENOSYS { Cause::NoPidfd } else { Cause::Unknown };
            Error::new("companion", format!("of process {}", self.starting.pid()), errno, cause)
        })
    }

    /// What the plan has the parent do while the child waits here.
    fn assist(&mut self, go_on: &mut dyn FnMut() -> bool) -> Result<()> {
        let (pid, pidfd) = (self.starting.pid(), self.starting.pidfd());
        let prepared = Arc::clone(&self.prepared);
        let cancel = prepared.plan.cancel.as_ref();
        let mut patience = maps::Patience { deadline: self.deadline, cancel, go_on };
        let steps = prepared.plan.steps();
        let mut meetings = 0;
        let here = steps.skip_while(|step| {
            meetings += usize::from(is_meeting(step.op()));
            meetings <= self.met
        });
        for step in here.skip(1).take_while(|step| step.doer() == Doer::Parent) {
            let done = match step.op() {
                Op::WriteMap { ids, map, writer: MapWriter::Parent } => maps::write(*ids, map, pid, pidfd),
                Op::WriteMap { ids, writer: MapWriter::Helper(ranges), .. } => {
                    maps::by_helper(*ids, ranges, pid, pidfd, &mut patience)
                }
                Op::Keep(kinds) => {
                    let kept = of_process::of_child(pid, *kinds);
                    self.kept =
                        kept.map_err(|errno| explain::open(errno).error(step.name(), step.object(), errno))?;
                    Ok(())
                }
                Op::Place(directories) => {
                    place(directories, pid, step)?;
                    Ok(())
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
        drop(self.armed);
        let (outcome, child) = self.starting.finish();
        let process = Process::new(child, self.kept).with_terminal(self.terminal);
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
        let status = process.wait()?;
        let step = self.prepared.plan.childs_step(step);
        let (name, object) =
            step.as_ref().map_or(("exec", "the helper".to_owned()), |step| (step.name(), step.object()));
        // A helper that found no program to perform ends by itself with the reason.
        let Some(errno) = errno.or_else(|| status.code().filter(|code| *code != 0).map(Errno)) else {
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

/// Sets the limits of the plan's groups, if it has such.
fn limit(plan: &Plan) -> Result<()> {
    for step in plan.steps() {
        if let Op::Limit { directories, limits } = step.op() {
            cgroup::limit(directories, limits)
                .map_err(|errno| explain::limit(errno).error(step.name(), step.object(), errno))?;
        }
    }
    Ok(())
}

/// Places the child in each of these groups.
fn place(directories: &[PathBuf], pid: i32, step: Step<'_>) -> Result<()> {
    directories.iter().try_for_each(|directory| {
        let placed = cgroup::place(directory, pid);
        placed.map_err(|errno| explain::placing(directory, errno).error(step.name(), step.object(), errno))
    })
}

/// Why there is no child: for its namespaces, or for the group that it was to be born in.
fn refused(plan: &Plan, errno: Errno) -> Error {
    let kinds = plan.born_into();
    let of_group = plan.birthplace().and_then(|group| explain::group(group, errno));
    let finding = of_group.unwrap_or_else(|| explain::clone(kinds, errno));
    let object = plan.steps().find(|step| matches!(step.op(), Op::Clone { .. })).map(|step| step.object());
    finding.error("clone", object.unwrap_or_default(), errno)
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
    let armed = plan.cancel.as_ref().map(|token| token.arm(starting.pid(), starting.pidfd())).transpose();
    let refused =
        |errno| Error::new("cancel_by", format!("process {}", starting.pid()), errno, Cause::Unknown);
    armed.map_err(refused)
}

/// Whether the child waits there for the parent.
fn is_meeting(op: &Op) -> bool {
    matches!(op, Op::Await | Op::Introduce | Op::Hold)
}
