//! From a spec and a command to the ordered list: each rule of order stands where it applies.
#![forbid(unsafe_code)]

use super::check::check;
use super::memory::{birth, forks_for_time, is_seen};
use super::op::{MapWriter, Op, Plan};
use super::settle::{exec, settle, Job};
use crate::caller::{has_capability, CAP_SETGID, CAP_SETUID};
use crate::cgroup::{self, Limits};
use crate::companion::Companion;
use crate::error::Result;
use crate::idmap::IdMap;
use crate::join::{Join, Target};
use crate::kind::{Kind, Kinds};
use crate::spec::{Maps, Offset, Spec};
use crate::subid::{self, Ids};
use crate::sys::birth::{knows_cgroups, Birth};
use crate::sys::process::{getegid, geteuid};
use std::borrow::Cow;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

/// No more steps than this have most plans.
const MOST_HAVE: usize = 16;

impl Plan {
    /// Without a job the process is of no use but for its namespaces, and is not let go on.
    pub(crate) fn new(spec: &Spec, job: Option<Job<'_>>, hold: bool) -> Result<Plan> {
        if let Some((pid, what)) = spec.like.filter(|_| spec.model.is_none()) {
            return Plan::new(&spec.modelled(pid, what)?, job, hold);
        }
        let joined = spec.joins.iter().map(Join::asked_kinds).collect::<Result<Vec<_>>>()?;
        check(spec, &joined)?;
        let birth = birth(spec, job, &joined);
        let mut ops = Vec::with_capacity(MOST_HAVE);
        if spec.limits != Limits::default() {
            ops.push(Op::Limit { directories: spec.cgroups.clone(), limits: spec.limits });
        }
        if spec.init || spec.kill_with_parent {
            ops.push(Op::Companion(Box::new(Companion::of(spec))));
        }
        if spec.init {
            enter_beside_init(spec, birth, &mut ops);
        } else {
            enter(spec, birth, &joined, &mut ops)?;
        }
        set_up(spec, &mut ops);
        if !spec.keep.is_empty() {
            // Now that all are there, and while the process is still one whom the caller may look into.
            ops.push(Op::Await);
            ops.push(Op::Keep(spec.keep));
        }
        if let Some(job) = job {
            settle(spec, job, &mut ops)?;
            if spec.init || spec.kill_with_parent {
                // Before the command runs, or it could outlive its host unseen.
                ops.push(Op::Introduce);
            }
        }
        if hold {
            ops.push(Op::Hold);
        }
        match job {
            Some(Job::Command(command)) => ops.push(exec(spec, command, hold)?),
            Some(Job::Function(function)) => ops.push(Op::Call(function)),
            None => {}
        }
        Ok(Plan {
            ops,
            descriptors: job.and_then(Job::command).map_or_else(Vec::new, |command| command.fds.clone()),
            timeout: spec.timeout,
            cancel: spec.cancel.clone(),
            birth,
        })
    }
}

/// The namespaces themselves, and the id maps without which nothing can be done in them.
fn enter(spec: &Spec, birth: Birth, joined: &[Kinds], ops: &mut Vec<Op>) -> Result<()> {
    // The root of a cgroup namespace is the group that its first process is in.
    let after_placing = if spec.cgroups.is_empty() { Kinds::NONE } else { spec.unshare & Kind::Cgroup };
    let new = spec.unshare - Kind::Time - after_placing;
    // libc's fork makes no namespaces, a program that is executed loses its power over those it is born in, pid 1
    // makes no siblings, and nobody has the power for a lower score in a new user namespace: there the process makes
    // them itself.
    let scores_outside = spec.oom_score_adj.is_some() && new.contains(Kind::User);
    let at_birth = spec.joins.is_empty()
        && matches!(birth, Birth::Share | Birth::Copy)
        && !forks_for_time(spec)
        && !scores_outside;
    if at_birth {
        ops.push(Op::Clone { kinds: new, group: birthplace(spec, birth) });
        score(spec, ops);
    } else {
        ops.push(Op::Clone { kinds: Kinds::NONE, group: birthplace(spec, birth) });
        score(spec, ops);
        // What is joined comes first: it owns what is made afterwards.
        if !spec.joins.is_empty() {
            let joins = spec.joins.iter().zip(joined);
            let joins = joins.map(|(join, kinds)| Join { target: join.target.clone(), kinds: *kinds });
            ops.push(Op::Join(joins.collect()));
        }
        let here = new - Kind::Pid;
        if !here.is_empty() {
            ops.push(Op::Unshare(here));
        }
    }
    id_maps(spec, ops)?;
    cgroups(spec, birth, ops);
    let new_pid = if at_birth { Kinds::NONE } else { new & Kind::Pid };
    // A pid namespace is entered by a new process only.
    let forks = is_seen(joined) || !new_pid.is_empty();
    new_time_and_fork(spec, birth, forks.then_some(new_pid), is_seen(joined), ops);
    Ok(())
}

/// All that is new was made for pid 1, maps included, and the command joins it there: so its parent is the
/// caller. Only a time namespace is its own: it can be joined by a whole memory alone.
fn enter_beside_init(spec: &Spec, birth: Birth, ops: &mut Vec<Op>) {
    ops.push(Op::Clone { kinds: Kinds::NONE, group: birthplace(spec, birth) });
    score(spec, ops);
    ops.push(Op::Join(vec![Join { target: Target::Init, kinds: Companion::kinds(spec) }]));
    cgroups(spec, birth, ops);
    new_time_and_fork(spec, birth, Some(Kinds::NONE), false, ops);
}

/// While the process has all its power, and is in the caller's /proc.
fn score(spec: &Spec, ops: &mut Vec<Op>) {
    let write = |score: i32| Op::Write {
        path: c"/proc/self/oom_score_adj",
        text: score.to_string().into_bytes().into(),
    };
    ops.extend(spec.oom_score_adj.map(write));
}

/// The group of version 2 that the child is born in, where the kernel and whoever filters calls let it.
fn birthplace(spec: &Spec, birth: Birth) -> Option<PathBuf> {
    let group = spec.cgroups.iter().find(|directory| cgroup::is_v2(directory))?;
    (birth != Birth::Fork && knows_cgroups()).then(|| group.clone())
}

/// Into the groups that it was not born in it is placed by the parent, who may do so; the namespace after it.
fn cgroups(spec: &Spec, birth: Birth, ops: &mut Vec<Op>) {
    let birthplace = birthplace(spec, birth);
    let is_other = |group: &&PathBuf| Some(*group) != birthplace.as_ref();
    let directories: Vec<_> = spec.cgroups.iter().filter(is_other).cloned().collect();
    if !directories.is_empty() {
        ops.push(Op::Await);
        ops.push(Op::Place(directories));
    }
    let namespace = spec.unshare & Kind::Cgroup;
    if !spec.cgroups.is_empty() && !namespace.is_empty() {
        ops.push(Op::Unshare(namespace));
    }
}

/// A process that unshared its time namespace enters it when it executes (Linux 6.2), and its children at once, if they
/// do not share its memory: a function, which executes nothing, is such a child.
fn new_time_and_fork(spec: &Spec, birth: Birth, fork: Option<Kinds>, is_seen: bool, ops: &mut Vec<Op>) {
    let time = spec.unshare & Kind::Time;
    let of_parent = match birth {
        Birth::Share => false,
        Birth::Fork => true,
        Birth::Apart | Birth::Copy => fork.is_some() || forks_for_time(spec),
    };
    let fork = if time.is_empty() || !of_parent { fork } else { Some(fork.unwrap_or_default()) };
    if !time.is_empty() && of_parent {
        ops.push(Op::Unshare(time));
        offsets(spec, ops);
    }
    if is_seen && birth != Birth::Fork {
        // From here on its files in /proc are root's, so what is written there is written by now.
        ops.push(Op::Undumpable);
    }
    ops.extend(fork.map(Op::Fork));
    if !time.is_empty() && !of_parent {
        ops.push(Op::Unshare(time));
        offsets(spec, ops);
    }
}

/// Clock offsets must be there before the first process of the namespace.
fn offsets(spec: &Spec, ops: &mut Vec<Op>) {
    let line = |clock: &str, offset: Option<Offset>| {
        offset.map(|Offset { seconds, nanoseconds }| format!("{clock} {seconds} {nanoseconds}\n"))
    };
    let lines: String =
        line("monotonic", spec.monotonic).into_iter().chain(line("boottime", spec.boottime)).collect();
    if !lines.is_empty() {
        ops.push(Op::Write { path: c"/proc/self/timens_offsets", text: lines.into_bytes().into() });
    }
}

fn id_maps(spec: &Spec, ops: &mut Vec<Op>) -> Result<()> {
    let Some(maps) = spec.maps.first() else { return Ok(()) };
    let (uid, gid) = (geteuid(), getegid());
    let (users, groups) = match maps {
        Maps::Root => (IdMap::single(0, uid), IdMap::single(0, gid)),
        Maps::Current => (IdMap::single(uid, uid), IdMap::single(gid, gid)),
        Maps::Auto => (subid::whole(Ids::Users, uid, uid)?, subid::whole(Ids::Groups, uid, gid)?),
        Maps::Ranges { users, groups } => (users.clone(), groups.clone()),
    };
    if users.is_single(uid) && groups.is_single(gid) {
        // setgroups first, or an ordinary user's gid_map is refused.
        ops.push(Op::Write { path: c"/proc/self/setgroups", text: Cow::Borrowed(b"deny") });
        ops.push(Op::Write { path: c"/proc/self/gid_map", text: groups.to_string().into_bytes().into() });
        ops.push(Op::Write { path: c"/proc/self/uid_map", text: users.to_string().into_bytes().into() });
        return Ok(());
    }
    let by_parent = has_capability(CAP_SETUID) && has_capability(CAP_SETGID);
    let writer = |ids, map: &IdMap, own| {
        if by_parent {
            return Ok(MapWriter::Parent);
        }
        subid::granted(ids, map, uid, own).map(MapWriter::Helper)
    };
    ops.push(Op::Await);
    let (of_groups, of_users) = (writer(Ids::Groups, &groups, gid)?, writer(Ids::Users, &users, uid)?);
    ops.push(Op::WriteMap { ids: Ids::Groups, map: groups, writer: of_groups });
    ops.push(Op::WriteMap { ids: Ids::Users, map: users, writer: of_users });
    Ok(())
}

/// What is done inside the namespaces.
fn set_up(spec: &Spec, ops: &mut Vec<Op>) {
    if spec.unshare.contains(Kind::Mnt) {
        // Before any mount, or it would show outside.
        ops.push(Op::PrivateMounts);
    }
    if let Some(name) = &spec.hostname {
        ops.push(Op::Sethostname(name.as_bytes().to_vec()));
    }
    if let Some(name) = &spec.domainname {
        ops.push(Op::Setdomainname(name.as_bytes().to_vec()));
    }
    if spec.unshare.contains(Kind::Net) && !spec.loopback_down {
        ops.push(Op::LoopbackUp);
    }
    if spec.proc {
        ops.push(Op::MountProc);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::Command;
    use crate::sys::time::exec_enters_namespace;
    use crate::terminal::Terminal;

    fn told(spec: &Spec) -> Vec<String> {
        let plan = spec.plan(&Command::new("/bin/true"));
        plan.map_or_else(
            |error| vec![error.to_string()],
            |plan| plan.steps().map(|step| step.to_string()).collect(),
        )
    }

    #[test]
    fn the_steps_stand_in_the_order_in_which_the_kernel_wants_them() {
        let all = Spec::new()
            .unshare(Kinds::ALL)
            .map_root()
            .hostname("h")
            .boottime_offset(Offset { seconds: 9, nanoseconds: 1 })
            .proc()
            .new_session()
            .cwd("/")
            .no_new_privs();
        let mut steps = told(&all);
        // Where exec does not enter the time namespace, a child of the process that makes them all does.
        let forks = [steps[1].as_str(), steps[7].as_str()]
            == ["child: unshare mnt,uts,ipc,net,user,cgroup", "child: fork pid"];
        assert_eq!(forks, !exec_enters_namespace(), "{steps:#?}");
        steps.retain(|step| !forks || !step.starts_with("child: unshare mnt") && step != "child: fork pid");
        let place = |start: &str| steps.iter().position(|step| step.starts_with(start));
        let order = [
            if forks { "parent: clone" } else { "parent: clone mnt,uts,ipc,pid,net,user,cgroup" },
            "child: write /proc/self/setgroups",
            "child: write /proc/self/gid_map",
            "child: write /proc/self/uid_map",
            "child: unshare time",
            "child: write /proc/self/timens_offsets: \"boottime 9 1",
            "child: mount /, propagation private",
            "child: sethostname \"h\"",
            "child: lo up",
            "child: mount proc",
            "child: setsid",
            "child: close_range",
            "child: chdir \"/\"",
            "child: no_new_privs",
            "child: exec \"/bin/true\"",
        ];
        assert_eq!(order.map(place), std::array::from_fn(Some), "{steps:#?}");
    }

    #[test]
    fn what_is_joined_comes_before_what_is_new() {
        let steps = told(&Spec::new().join_process(1, Kind::Pid | Kind::Uts).unshare(Kind::Mnt | Kind::Net));
        assert!(steps[0] == "parent: clone", "{steps:#?}");
        let joined = "child: setns process 1: uts,pid";
        let expected = [joined, "child: unshare mnt,net", "child: undumpable", "child: fork"];
        assert_eq!(steps[1..5], expected, "{steps:#?}");
    }

    #[test]
    fn contradictions_are_refused_before_anything_is_done() {
        let user = || Spec::new().unshare(Kind::User);
        for (spec, complaint) in [
            (Spec::new().map_root(), "an id map needs unshare=user"),
            (user().map_root().map_current(), "more than one id map"),
            (Spec::new().unshare(Kind::Pid).proc(), "proc needs unshare=mnt"),
            (Spec::new().hostname("h"), "hostname needs unshare=uts"),
            (Spec::new().unshare(Kind::Uts).hostname("x".repeat(65)), "65 bytes"),
            (Spec::new().unshare(Kind::Uts).domainname("a\0b"), "domainname has a NUL byte"),
            (user().join_process(1, Kind::User), "join and unshare both name user"),
            (Spec::new().join_process(1, Kind::Net).join_process(2, Kind::Net), "two joins name net"),
            (Spec::new().join_process(1, Kinds::NONE), "names no kinds"),
            (Spec::new().boottime_offset(Offset { seconds: 1, nanoseconds: 0 }), "needs unshare=time"),
            (Spec::new().umask(0o1000), "umask"),
            (Spec::new().new_session().process_group(0), "exclude each other"),
            (Spec::new().terminal(Terminal::Own).process_group(0), "exclude each other"),
            (Spec::new().terminal(Terminal::Own).controlling_terminal(0), "exclude each other"),
            (Spec::new().rlimit(7, 1, 1).rlimit(7, 2, 2), "two limits"),
            (Spec::new().rlimit(7, 2, 1), "above its hard limit"),
            (Spec::new().oom_score_adj(1001), "oom_score_adj"),
        ] {
            let steps = told(&spec);
            assert!(
                matches!(&steps[..], [one] if one.contains(complaint) && one.contains("EINVAL")),
                "{complaint}: {steps:?}"
            );
        }
        let nul = Spec::new().plan(&Command::new("a\0b")).map_err(|error| error.to_string());
        assert!(nul.is_err_and(|text| text.contains("NUL byte")));
    }
}
