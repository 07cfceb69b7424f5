//! How one kind or feature is tried: a spec with it starts a command that does not exist.
//!
//! The exec is the last step of a start. A child that comes to it and finds nothing to execute has been
//! refused nothing before, and ends; so nothing is left to be ended, and no program is needed that could be run.
#![forbid(unsafe_code)]

use crate::caller::Machine;
use crate::cancel::Cancel;
use crate::caps::Capabilities;
use crate::command::Command;
use crate::companion::{Companion, Running};
use crate::error::{Cause, Error, Result};
use crate::explain;
use crate::feature::Feature;
use crate::idmap::{IdMap, IdRange};
use crate::kind::{Kind, Kinds};
use crate::spawn::Held;
use crate::spec::{Offset, Spec};
use crate::subid::{self, Ids};
use crate::sys::process::{self, getegid, geteuid};
use crate::sys::Errno;
use std::path::PathBuf;

/// The name of the command that is never there: execve(2) knows no file by it.
const NOTHING: &str = "";
/// How long the clocks are set forward.
const A_SECOND: Offset = Offset { seconds: 1, nanoseconds: 0 };
/// A limit that begins at 0 on every machine.
const SMALL_RESOURCE: u32 = libc::RLIMIT_RTPRIO;
/// See proc(5).
const LOWEST_SCORE: i32 = -1000;

/// How something can be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// As the caller is.
    Alone,
    /// Together with a new user namespace.
    WithUser,
}

/// Which way to a feature is tried, and which other one there is.
pub fn ways(feature: Feature) -> (Way, Option<Way>) {
    match feature {
        Feature::MapRoot | Feature::MapCurrent | Feature::MapAuto | Feature::MapIds => (Way::WithUser, None),
        // Who may do so, no namespace changes.
        Feature::NoNewPrivs
        | Feature::Rlimit
        | Feature::OomScoreAdj
        | Feature::Cgroup
        | Feature::KillWithParent
        | Feature::CancelBy
        | Feature::CloneVm
        | Feature::OwnMemory
        | Feature::Clone3 => (Way::Alone, None),
        _ => (Way::Alone, Some(Way::WithUser)),
    }
}

/// Starts a process in a new namespace of this kind.
pub fn of_kind(kind: Kind, way: Way) -> Result<()> {
    set_up(&new(kind.into(), way))
}

/// Starts a process with this feature.
pub fn of_feature(feature: Feature, way: Way) -> Result<()> {
    let spec = new(feature.needs(), way);
    let spec = match feature {
        Feature::MapRoot => spec.map_root(),
        Feature::MapCurrent => spec.map_current(),
        Feature::MapAuto => spec.map_auto(),
        Feature::MapIds => spec.map_ids(two(Ids::Users)?, two(Ids::Groups)?),
        Feature::Hostname => spec.hostname("nsiso"),
        Feature::Domainname => spec.domainname("nsiso"),
        Feature::TimeOffsets => spec.monotonic_offset(A_SECOND).boottime_offset(A_SECOND),
        Feature::Proc => spec.proc(),
        Feature::LoopbackDown => spec.loopback_down(),
        // What a user namespace gives are the ids that are mapped in it.
        Feature::Uid if way == Way::WithUser => spec.map_root().uid(0),
        Feature::Uid => spec.uid(other(Ids::Users).unwrap_or_else(geteuid)),
        Feature::Gid if way == Way::WithUser => spec.map_root().gid(0),
        Feature::Gid => spec.gid(other(Ids::Groups).unwrap_or_else(getegid)),
        // With a map of one id alone they stay as they are.
        Feature::Groups if way == Way::WithUser => spec.map_auto().groups([0]),
        Feature::Groups => spec.groups([getegid()]),
        Feature::Capabilities => spec.capabilities(Capabilities::NONE),
        Feature::NoNewPrivs => spec.no_new_privs(),
        Feature::Rlimit => spec.rlimit(SMALL_RESOURCE, 0, libc::RLIM_INFINITY),
        Feature::OomScoreAdj => spec.oom_score_adj(LOWEST_SCORE),
        Feature::Cgroup => return of_cgroups(&spec),
        Feature::Init => spec.init(),
        Feature::KillWithParent => spec.kill_with_parent(),
        Feature::CancelBy => return of_cancelling(spec),
        Feature::JoinProcess | Feature::JoinPath => return of_joining(feature, way),
        Feature::CloneVm => spec,
        Feature::OwnMemory => spec.own_memory(),
        Feature::Clone3 => return of_clone3(),
    };
    set_up(&spec)
}

fn new(kinds: Kinds, way: Way) -> Spec {
    let spec = Spec::new().unshare(kinds);
    if way == Way::WithUser {
        spec.unshare(Kind::User)
    } else {
        spec
    }
}

/// Sets all up that the spec says.
fn set_up(spec: &Spec) -> Result<()> {
    came_to_exec(spec.spawn(&Command::new(NOTHING)).map(drop))
}

fn came_to_exec(started: Result<()>) -> Result<()> {
    match started {
        // A companion is executed as well, and may be refused.
        Err(error) if error.step() == "exec" && error.object() == format!("{NOTHING:?}") => Ok(()),
        other => other,
    }
}

/// In its own group of any hierarchy the child is already: what is tried is the right to place it.
fn of_cgroups(spec: &Spec) -> Result<()> {
    let groups = Machine::here().own_cgroups();
    let tried = |group: &PathBuf| set_up(&spec.clone().cgroup(group));
    let mut first = None;
    for group in &groups {
        match tried(group) {
            Err(error) => first = first.or(Some(error)),
            Ok(()) => return Ok(()),
        }
    }
    let none = || Error::new("cgroup", "no hierarchy is mounted", Errno(libc::ENOENT), Cause::NoGroup);
    Err(first.unwrap_or_else(none))
}

/// Calls off a child that would otherwise come to its exec.
fn of_cancelling(spec: Spec) -> Result<()> {
    let token = Cancel::new();
    let held = hold(&spec.cancel_by(&token))?;
    token.cancel();
    match came_to_exec(held.release().map(drop)) {
        Err(error) if error.cause() == Cause::Cancelled => Ok(()),
        Ok(()) => Err(Error::new("cancel_by", "", Errno(libc::ENOSYS), Cause::NoPidfd)),
        other => other,
    }
}

/// Joins what takes least of those that the caller can make: what a child is in already would be left out.
fn of_joining(feature: Feature, way: Way) -> Result<()> {
    let kind = match way {
        Way::Alone => Kind::Uts,
        Way::WithUser => Kind::User,
    };
    let target = Target::start(kind.into())?;
    let pid = target.id();
    set_up(&match feature {
        Feature::JoinPath => Spec::new().join_path(format!("/proc/{pid}/ns/{kind}")),
        _ => Spec::new().join_process(pid, kind),
    })
}

/// A process whose namespaces are joined, until this is dropped.
enum Target {
    Executed(Running),
    Held(Held),
}

impl Target {
    /// One that has executed, as those that one joins have: until then the caller's memory is its own, and where
    /// that may not be dumped nobody may look at it. One that is about to, where a program of ours cannot be executed.
    fn start(kinds: Kinds) -> Result<Target> {
        let executed = Companion::in_new(kinds).start().map(Target::Executed);
        executed.or_else(|_| hold(&Spec::new().unshare(kinds)).map(Target::Held))
    }

    fn id(&self) -> i32 {
        match self {
            Target::Executed(running) => running.id(),
            Target::Held(held) => held.id(),
        }
    }
}

fn hold(spec: &Spec) -> Result<Held> {
    spec.spawn_held(&Command::new(NOTHING))
}

/// As a sibling in new namespaces would be started, which nothing but clone3 does.
fn of_clone3() -> Result<()> {
    let kinds = Kind::User | Kind::Time;
    let refused = |errno| explain::clone3(kinds, errno).error("clone3", kinds.to_string(), errno);
    process::clone3_answers().map_err(refused)
}

/// The caller's own id and another one.
fn two(ids: Ids) -> Result<IdMap> {
    let own = own(ids);
    let granted = subid::grants(ids, geteuid()).first().map(|grant| grant.first);
    let other = granted.or_else(|| other(ids)).unwrap_or_else(|| own.wrapping_add(1));
    let range = |inside, outside| IdRange { inside, outside, count: 1 };
    IdMap::new([range(0, own), range(1, other)])
}

/// The first id of the caller's user namespace that is not its own.
fn other(ids: Ids) -> Option<u32> {
    let own = u64::from(own(ids));
    let lines = Machine::here().map(&format!("thread-self/{}", ids.file()))?;
    let mut firsts = lines.into_iter().flat_map(|[first, _, count]| first..first + count.min(2));
    firsts.find(|id| *id != own).and_then(|id| id.try_into().ok())
}

fn own(ids: Ids) -> u32 {
    match ids {
        Ids::Users => geteuid(),
        Ids::Groups => getegid(),
    }
}
