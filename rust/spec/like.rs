//! How a spec takes over what another process has beside its namespaces.
#![forbid(unsafe_code)]

use super::Spec;
use crate::error::{Cause, Error, Result};
use crate::join::is_about;
use crate::kind::Kind;
use crate::like::{Ids, Likeness, Model};
use std::sync::Arc;

impl Spec {
    /// Has a command be like a process in what is named: read when it is planned. Mostly beside a join of that
    /// process's namespaces. What the command itself says (its directory, its environment) wins.
    ///
    /// Needs the right to trace the process; CAP_SYS_CHROOT for the root, the rights of [`Spec::uid`] and
    /// [`Spec::cgroup`] for ids and control groups.
    pub fn like(mut self, pid: i32, what: Likeness) -> Spec {
        self.like = Some((pid, what));
        self
    }

    /// This spec, and what it takes over written into it.
    pub(crate) fn modelled(&self, pid: i32, what: Likeness) -> Result<Spec> {
        let named = [
            (Likeness::CGROUP, !self.cgroups.is_empty(), "cgroup"),
            (
                Likeness::IDS,
                self.uid.is_some() || self.gid.is_some() || self.groups.is_some(),
                "uid, gid, groups",
            ),
            (Likeness::CWD, self.cwd.is_some(), "cwd"),
        ];
        let twice = named.into_iter().find(|(one, is_set, _)| *is_set && what.contains(*one));
        if let Some((one, _, option)) = twice {
            let complaint =
                format!("{option} is set, and is to be like process {pid} ({one}): only one can be");
            return Err(Error::invalid("plan", complaint, Cause::BadArgument));
        }
        let joins = self.joins.iter().map(|join| join.asked_kinds().map(|kinds| kinds.contains(Kind::User)));
        let inside = is_about(&self.joins, Kind::User) || joins.collect::<Result<Vec<_>>>()?.contains(&true);
        let model = Model::read(pid, what, inside)?;
        let mut spec = self.clone();
        spec.cgroups.extend(model.cgroups.iter().cloned());
        if let Some(Ids { uid, gid, groups }) = model.ids.clone() {
            (spec.uid, spec.gid, spec.groups) = (Some(uid), Some(gid), groups);
        }
        spec.model = Some(Arc::new(model));
        Ok(spec)
    }
}
