//! Why what is written for a child was refused: its id maps, by whomever, and its place in control groups.
#![forbid(unsafe_code)]

use super::{Explain, Finding};
use crate::caller::CAP_SETFCAP;
use crate::error::Cause;
use crate::idmap::IdMap;
use crate::plan::{MapWriter, Op, Step};
use crate::sys::Errno;
use std::env;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::PathBuf;

/// The map of users, of whom 0 is not like the others.
pub const UID_MAP: &str = "uid_map";

/// Why the parent could not write its child's map, or place it, while the child still waits; `words` are the helper's.
pub fn write(step: Step<'_>, pid: i32, errno: Errno, words: &str) -> Finding {
    Explain::here().map(step.op(), pid, errno, words)
}

impl Explain {
    /// The child's own map of a single id; `None` where the kernel itself has no reason to refuse it.
    pub(super) fn own_map(&self, is_of_users: bool, errno: Errno) -> Option<Finding> {
        if errno.0 == libc::EACCES && self.machine.is_undumpable() {
            return Some(Cause::NotDumpable.into());
        }
        let is_roots = is_of_users && self.machine.is_user_0();
        (errno.0 == libc::EPERM && is_roots && !self.machine.has_capability(CAP_SETFCAP))
            .then(|| Cause::NoSetfcap.into())
    }

    pub(super) fn map(&self, op: &Op, pid: i32, errno: Errno, words: &str) -> Finding {
        let Op::WriteMap { ids, map, writer } = op else { return group(errno).into() };
        let machine = &self.machine;
        if machine.map(&format!("{pid}/{}", ids.file())).is_some_and(|lines| !lines.is_empty()) {
            return Cause::MapWritten.into();
        }
        if let MapWriter::Helper(_) = writer {
            return self.helper(ids.helper(), words);
        }
        if !matches!(errno.0, libc::EPERM | libc::EACCES) {
            return Cause::Unknown.into();
        }
        if let Some(line) = self.stranger(ids.file(), map) {
            return Finding::with(Cause::OutsideUnmapped, line);
        }
        let has_root = map.ranges().iter().any(|range| range.outside == 0);
        if ids.file() == UID_MAP && has_root && !machine.has_capability(CAP_SETFCAP) {
            return Cause::NoSetfcap.into();
        }
        let cause = if self.apparmor_restricts() { Cause::AppArmorRestricts } else { Cause::Unknown };
        cause.into()
    }

    /// A line with outside ids that the caller's own user namespace does not have; the kernel wants all of them
    /// in one of its lines.
    fn stranger(&self, file: &str, map: &IdMap) -> Option<String> {
        let own = self.machine.map(&format!("thread-self/{file}"))?;
        let holds = |first: u64, count: u64| {
            own.iter().any(|[inside, _, has]| *inside <= first && first + count <= inside + has)
        };
        let stranger = map.ranges().iter().find(|range| !holds(range.outside.into(), range.count.into()))?;
        Some(format!("line \"{stranger}\""))
    }

    /// Why newuidmap(1) or newgidmap(1) gave up: by the state it ran in, and by what it said.
    pub(super) fn helper(&self, helper: &str, words: &str) -> Finding {
        let said = || words.lines().next().unwrap_or_default().trim().to_owned();
        if words.contains("not allowed") {
            return Finding::with(Cause::NotGranted, said());
        }
        if words.contains("user name") {
            return Finding::with(Cause::NamelessUser, said());
        }
        if self.machine.has_no_new_privs() {
            return Cause::NoNewPrivs.into();
        }
        let is_refused = words.contains("not permitted") || words.contains("denied");
        if is_refused {
            return Finding::with(Cause::HelperPowerless, powerless(helper).unwrap_or_else(said));
        }
        Finding::with(Cause::Unknown, said())
    }
}

/// Why a control group did not take the child, or a limit.
fn group(errno: Errno) -> Cause {
    match errno.0 {
        libc::EACCES | libc::EPERM | libc::EROFS => Cause::CgroupDenied,
        libc::ENOENT | libc::ENOTDIR => Cause::NoSuchCgroup,
        _ => Cause::Unknown,
    }
}

/// Says which file the helper is, if that is not setuid root.
fn powerless(helper: &str) -> Option<String> {
    let path: PathBuf = env::split_paths(&env::var_os("PATH")?)
        .map(|directory| directory.join(helper))
        .find(|path| path.exists())?;
    let file = fs::metadata(&path).ok()?;
    let is_setuid = file.uid() == 0 && file.permissions().mode() & libc::S_ISUID != 0;
    let mode = file.permissions().mode() & 0o7777;
    (!is_setuid).then(|| format!("{} is user {}'s, mode {mode:04o}", path.display(), file.uid()))
}
