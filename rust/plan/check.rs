//! Which options of a spec need or exclude each other, before anything is done.
#![forbid(unsafe_code)]

use crate::cgroup::Limits;
use crate::error::{Cause, Error, Result};
use crate::join::Join;
use crate::kind::{Kind, Kinds};
use crate::spec::{Offset, Spec};
use crate::terminal::Terminal;
use std::os::unix::ffi::OsStrExt;

/// Host and domain names have this many bytes at most (uts_namespaces(7)).
const NAME_MAX: usize = 64;
/// The range of oom_score_adj (proc(5)).
const OOM_SCORES: std::ops::RangeInclusive<i32> = -1000..=1000;

/// Refuses what cannot be meant; each complaint names the option.
pub fn check(spec: &Spec, joined: &[Kinds]) -> Result<()> {
    let mut all = Kinds::NONE;
    for kinds in joined {
        let twice = all & *kinds;
        if !twice.is_empty() {
            return refuse(format!("two joins name {twice}"));
        }
        all |= *kinds;
    }
    let both = all & spec.unshare;
    if !both.is_empty() {
        return refuse(format!("join and unshare both name {both}"));
    }
    needs(spec, !spec.maps.is_empty(), "an id map", Kind::User.into())?;
    if spec.maps.len() > 1 {
        return refuse(
            "there is more than one id map: map_root, map_current, map_auto and ranges exclude each other"
                .into(),
        );
    }
    needs(spec, spec.proc, "proc", Kind::Pid | Kind::Mnt)?;
    needs(spec, spec.init, "init", Kind::Pid.into())?;
    if spec.init && !spec.joins.is_empty() {
        return refuse(
            "init and join exclude each other: a joined pid namespace has its first process".into(),
        );
    }
    for (option, name) in [("hostname", &spec.hostname), ("domainname", &spec.domainname)] {
        needs(spec, name.is_some(), option, Kind::Uts.into())?;
        let length = name.as_ref().map_or(0, |name| name.len());
        if name.as_ref().is_some_and(|name| name.as_bytes().contains(&0)) {
            return refuse(format!("{option} has a NUL byte in it, where the kernel would end it"));
        }
        if length > NAME_MAX {
            return refuse(format!("{option} has {length} bytes, {NAME_MAX} at most"));
        }
    }
    let clocks = [("an offset of monotonic", spec.monotonic), ("an offset of boottime", spec.boottime)];
    for (option, offset) in clocks {
        needs(spec, offset.is_some(), option, Kind::Time.into())?;
        if offset.is_some_and(|Offset { nanoseconds, .. }| nanoseconds >= 1_000_000_000) {
            return refuse(format!("{option} has a second or more in its nanoseconds"));
        }
    }
    if spec.limits != Limits::default() && spec.cgroups.is_empty() {
        return refuse("limits need a cgroup".into());
    }
    let has_own_terminal = spec.terminal == Terminal::Own;
    if has_own_terminal && spec.controlling_terminal.is_some() {
        return refuse("controlling_terminal and a terminal of its own exclude each other".into());
    }
    let leads = spec.new_session || spec.controlling_terminal.is_some() || has_own_terminal;
    if spec.process_group.is_some() && leads {
        return refuse(
            "process_group and a session of its own exclude each other: a leader cannot move".into(),
        );
    }
    if spec.umask.is_some_and(|mask| mask > 0o777) {
        return refuse("umask has bits beyond 0777".into());
    }
    if spec.oom_score_adj.is_some_and(|score| !OOM_SCORES.contains(&score)) {
        return refuse("oom_score_adj is not between -1000 and 1000".into());
    }
    let mut resources: Vec<_> = spec.rlimits.iter().map(|(resource, _)| resource).collect();
    resources.sort_unstable();
    if resources.windows(2).any(|pair| pair[0] == pair[1]) {
        return refuse("one resource has two limits".into());
    }
    if spec.rlimits.iter().any(|(_, [soft, hard])| soft > hard) {
        return refuse("a soft limit is above its hard limit".into());
    }
    Ok(())
}

/// The joins of a spec that has nothing else, each with its kinds.
pub(crate) fn check_joins(spec: &Spec) -> Result<Vec<Join>> {
    let kinds = spec.joins.iter().map(Join::asked_kinds).collect::<Result<Vec<_>>>()?;
    check(spec, &kinds)?;
    if !has_joins_only(spec) {
        let complaint = "who enters stays what it is otherwise: the spec has options that are no joins";
        return Err(Error::invalid("enter", complaint, Cause::BadArgument));
    }
    if spec.joins.is_empty() {
        return Err(Error::invalid("enter", "the spec joins nothing", Cause::BadArgument));
    }
    let joins = spec.joins.iter().zip(kinds);
    Ok(joins.map(|(join, kinds)| Join { target: join.target.clone(), kinds }).collect())
}

/// Each option at its default but one.
fn has_joins_only(spec: &Spec) -> bool {
    let Spec {
        joins: _,
        unshare,
        maps,
        hostname,
        domainname,
        monotonic,
        boottime,
        proc,
        loopback_down,
        cwd,
        umask,
        uid,
        gid,
        groups,
        new_session,
        process_group,
        controlling_terminal,
        rlimits,
        oom_score_adj,
        cgroups,
        limits,
        capabilities,
        no_new_privs,
        terminal,
        init,
        kill_with_parent,
        keep,
        timeout,
        cancel,
        own_memory,
        like,
        model: _,
    } = spec;
    let switches = [proc, loopback_down, new_session, no_new_privs, init, kill_with_parent, own_memory];
    let of_namespaces = unshare.is_empty()
        && maps.is_empty()
        && (hostname, domainname, monotonic, boottime) == (&None, &None, &None, &None);
    let of_process = cwd.is_none()
        && (umask, uid, gid, groups, capabilities) == (&None, &None, &None, &None, &None)
        && (process_group, controlling_terminal, oom_score_adj) == (&None, &None, &None)
        && rlimits.is_empty()
        && cgroups.is_empty()
        && *limits == Limits::default()
        && *terminal == Terminal::default();
    let of_start = keep.is_empty() && like.is_none() && timeout.is_none() && cancel.is_none();
    !switches.into_iter().any(|switch| *switch) && of_namespaces && of_process && of_start
}

fn needs(spec: &Spec, asked: bool, option: &str, kinds: Kinds) -> Result<()> {
    let missing = kinds - spec.unshare;
    if !asked || missing.is_empty() {
        return Ok(());
    }
    refuse(format!("{option} needs unshare={missing}"))
}

fn refuse(complaint: String) -> Result<()> {
    Err(Error::invalid("plan", complaint, Cause::BadArgument))
}
