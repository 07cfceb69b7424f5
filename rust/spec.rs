//! What the user wants: which namespaces are new, which are joined, and how each is set up. Owned data, no I/O.
#![forbid(unsafe_code)]

use crate::cancel::Cancel;
use crate::caps::Capabilities;
use crate::cgroup::Limits;
use crate::command::Command;
use crate::error::Result;
use crate::hold::Namespaces;
use crate::idmap::IdMap;
use crate::join::{Join, Target};
use crate::kind::Kinds;
use crate::like::{Likeness, Model};
use crate::plan::{Job, Plan};
use crate::process::Process;
use crate::spawn::{self, Held};
use crate::terminal::Terminal;
use std::ffi::{OsStr, OsString};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

mod function;
mod like;

/// A description of namespaces and of the process in them. Cheap to keep, to clone and to use often.
#[derive(Clone, Debug, Default)]
#[must_use]
#[allow(clippy::struct_excessive_bools)] // Each is an option of its own that the user turns on by name.
pub struct Spec {
    pub(crate) unshare: Kinds,
    pub(crate) joins: Vec<Join>,
    pub(crate) maps: Vec<Maps>,
    pub(crate) hostname: Option<OsString>,
    pub(crate) domainname: Option<OsString>,
    pub(crate) monotonic: Option<Offset>,
    pub(crate) boottime: Option<Offset>,
    pub(crate) proc: bool,
    pub(crate) loopback_down: bool,
    pub(crate) cwd: Option<PathBuf>,
    pub(crate) umask: Option<u32>,
    pub(crate) uid: Option<u32>,
    pub(crate) gid: Option<u32>,
    pub(crate) groups: Option<Vec<u32>>,
    pub(crate) new_session: bool,
    pub(crate) process_group: Option<i32>,
    pub(crate) controlling_terminal: Option<RawFd>,
    pub(crate) rlimits: Vec<(u32, [u64; 2])>,
    pub(crate) oom_score_adj: Option<i32>,
    pub(crate) cgroups: Vec<PathBuf>,
    pub(crate) limits: Limits,
    pub(crate) capabilities: Option<Capabilities>,
    pub(crate) no_new_privs: bool,
    pub(crate) terminal: Terminal,
    pub(crate) init: bool,
    pub(crate) kill_with_parent: bool,
    pub(crate) keep: Kinds,
    pub(crate) timeout: Option<Duration>,
    pub(crate) cancel: Option<Cancel>,
    pub(crate) own_memory: bool,
    pub(crate) like: Option<(i32, Likeness)>,
    /// What was read of that process; in the plan's own copy of a spec only.
    pub(crate) model: Option<Arc<Model>>,
}

/// How ids are mapped. More than one of them contradict each other.
#[derive(Clone, Debug)]
pub(crate) enum Maps {
    Root,
    Current,
    Auto,
    Ranges { users: IdMap, groups: IdMap },
}

/// How far a clock is set forward or, with negative seconds, back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offset {
    /// Seconds.
    pub seconds: i64,
    /// Nanoseconds on top, below 1,000,000,000.
    pub nanoseconds: u32,
}

impl Spec {
    /// Nothing new: the caller's namespaces.
    pub fn new() -> Spec {
        Spec::default()
    }

    /// Adds new namespaces of these kinds.
    ///
    /// A new mnt namespace gets private propagation, a new net namespace has `lo` up.
    pub fn unshare(mut self, kinds: impl Into<Kinds>) -> Spec {
        self.unshare |= kinds.into();
        self
    }

    /// Joins namespaces of a process: those that differ from the caller's own.
    pub fn join_process(self, pid: i32, kinds: impl Into<Kinds>) -> Spec {
        self.join(Target::Process(pid), kinds.into())
    }

    /// Joins the namespace that this path leads to: a link under `/proc/PID/ns` or a bind mount.
    pub fn join_path(self, path: impl AsRef<Path>) -> Spec {
        self.join(Target::Path(path.as_ref().to_owned()), Kinds::NONE)
    }

    /// Joins the namespace of a descriptor, or with a pidfd those of its process that `kinds` names.
    /// The spec keeps the descriptor open.
    pub fn join_fd(self, fd: OwnedFd, kinds: impl Into<Kinds>) -> Spec {
        self.join(Target::Fd(Arc::new(fd)), kinds.into())
    }

    /// As [`Spec::join_fd`] with a descriptor of the caller's, which must be open at each start.
    pub fn join_borrowed_fd(self, fd: impl AsRawFd, kinds: impl Into<Kinds>) -> Spec {
        self.join(Target::Number(fd.as_raw_fd()), kinds.into())
    }

    /// Joins a set that is held, all of it. The spec holds it as well.
    pub fn join_namespaces(self, set: &Namespaces) -> Spec {
        self.join(Target::Set(set.clone()), set.kinds())
    }

    fn join(mut self, target: Target, kinds: Kinds) -> Spec {
        self.joins.push(Join { target, kinds });
        self
    }

    /// Makes the caller's user and group root inside. Needs a new user namespace.
    pub fn map_root(self) -> Spec {
        self.map(Maps::Root)
    }

    /// Keeps the caller's user and group their numbers inside. Needs a new user namespace.
    pub fn map_current(self) -> Spec {
        self.map(Maps::Current)
    }

    /// Makes the caller root inside, followed by all ids that /etc/subuid and /etc/subgid grant it. Needs a
    /// new user namespace, and for an ordinary user newuidmap(1) and newgidmap(1).
    pub fn map_auto(self) -> Spec {
        self.map(Maps::Auto)
    }

    /// Maps these ids. A single one of the caller's own needs no privilege; more are written by a
    /// privileged caller, or by newuidmap(1) and newgidmap(1). Needs a new user namespace.
    pub fn map_ids(self, users: IdMap, groups: IdMap) -> Spec {
        self.map(Maps::Ranges { users, groups })
    }

    fn map(mut self, maps: Maps) -> Spec {
        self.maps.push(maps);
        self
    }

    /// Sets the host name inside, at most 64 bytes. Needs a new uts namespace.
    pub fn hostname(mut self, name: impl AsRef<OsStr>) -> Spec {
        self.hostname = Some(name.as_ref().to_owned());
        self
    }

    /// Sets the NIS domain name inside, at most 64 bytes. Needs a new uts namespace.
    pub fn domainname(mut self, name: impl AsRef<OsStr>) -> Spec {
        self.domainname = Some(name.as_ref().to_owned());
        self
    }

    /// Sets the monotonic clock forward inside. Needs a new time namespace.
    pub fn monotonic_offset(mut self, offset: Offset) -> Spec {
        self.monotonic = Some(offset);
        self
    }

    /// Sets the boot-time clock forward inside. Needs a new time namespace.
    pub fn boottime_offset(mut self, offset: Offset) -> Spec {
        self.boottime = Some(offset);
        self
    }

    /// Mounts a `/proc` that shows the new pid namespace. Needs new pid and mnt namespaces.
    pub fn proc(mut self) -> Spec {
        self.proc = true;
        self
    }

    /// Leaves `lo` down in a new net namespace, as the kernel makes it.
    pub fn loopback_down(mut self) -> Spec {
        self.loopback_down = true;
        self
    }

    /// Starts in this directory, as seen inside. A command's own directory wins.
    pub fn cwd(mut self, path: impl AsRef<Path>) -> Spec {
        self.cwd = Some(path.as_ref().to_owned());
        self
    }

    /// Permission bits that the process does not give to new files.
    pub fn umask(mut self, mask: u32) -> Spec {
        self.umask = Some(mask);
        self
    }

    /// Becomes this user, as numbered inside.
    pub fn uid(mut self, uid: u32) -> Spec {
        self.uid = Some(uid);
        self
    }

    /// Becomes this group, as numbered inside.
    pub fn gid(mut self, gid: u32) -> Spec {
        self.gid = Some(gid);
        self
    }

    /// Has these supplementary groups, as numbered inside, in place of the caller's.
    pub fn groups(mut self, groups: impl IntoIterator<Item = u32>) -> Spec {
        self.groups = Some(groups.into_iter().collect());
        self
    }

    /// Leads a session of its own (setsid(2)), without a terminal.
    pub fn new_session(mut self) -> Spec {
        self.new_session = true;
        self
    }

    /// Joins this process group (setpgid(2)); 0 is one of its own.
    pub fn process_group(mut self, group: i32) -> Spec {
        self.process_group = Some(group);
        self
    }

    /// Leads a session of its own whose terminal is at this number, as the command sees its descriptors.
    pub fn controlling_terminal(mut self, number: RawFd) -> Spec {
        self.controlling_terminal = Some(number);
        self
    }

    /// Sets a resource limit (`RLIMIT_*`), soft and hard.
    pub fn rlimit(mut self, resource: u32, soft: u64, hard: u64) -> Spec {
        self.rlimits.push((resource, [soft, hard]));
        self
    }

    /// How willingly the kernel ends it when memory runs out, from -1000 to 1000.
    pub fn oom_score_adj(mut self, score: i32) -> Spec {
        self.oom_score_adj = Some(score);
        self
    }

    /// Places the process in an existing control group, by its directory, before a new cgroup namespace is made:
    /// so that its root is this group. A group of each hierarchy can be named (cgroups(7), version 1), or
    /// one of version 2. Needs the right to write to the group's `cgroup.procs`.
    pub fn cgroup(mut self, directory: impl AsRef<Path>) -> Spec {
        self.cgroups.push(directory.as_ref().to_owned());
        self
    }

    /// Limits the bytes of memory of the group that is named with [`Spec::cgroup`]. This and the other limits
    /// are set in the first of the groups that has them, and stay when the process has ended.
    pub fn memory_limit(mut self, bytes: u64) -> Spec {
        self.limits.memory = Some(bytes);
        self
    }

    /// Limits the processes and threads of the group.
    pub fn pids_limit(mut self, count: u64) -> Spec {
        self.limits.pids = Some(count);
        self
    }

    /// Limits the group to so many microseconds on a CPU in each period of so many microseconds.
    pub fn cpu_limit(mut self, quota: u64, period: u64) -> Spec {
        self.limits.cpu = Some((quota, period));
        self
    }

    /// Keeps these capabilities at most, of those that the process has, and over exec: in the permitted,
    /// effective, inheritable and ambient set; no program can get others (bounding set).
    pub fn capabilities(mut self, keep: Capabilities) -> Spec {
        self.capabilities = Some(keep);
        self
    }

    /// Which terminal the command has. With [`Terminal::Own`] it leads a session of its own.
    pub fn terminal(mut self, terminal: Terminal) -> Spec {
        self.terminal = terminal;
        self
    }

    /// Gains no privilege by executing (`PR_SET_NO_NEW_PRIVS`).
    pub fn no_new_privs(mut self) -> Spec {
        self.no_new_privs = true;
        self
    }

    /// Has a reaper as pid 1 of the new pid namespace: a tiny program of the library's own. The command is
    /// the caller's child with its own true status; what it leaves behind is reaped, what signals are sent to
    /// pid 1 are the command's, and when it ends, everything in the namespace does. SIGKILL ends pid 1 itself.
    /// Needs a new pid namespace, and pidfds (Linux 5.3).
    pub fn init(mut self) -> Spec {
        self.init = true;
        self
    }

    /// Kills the command when the process that started it ends, in whatever way; the thread that started
    /// it may end before. With [`Spec::init`] or as pid 1 of a new pid namespace the whole namespace goes with
    /// it. Needs pidfds (Linux 5.3).
    pub fn kill_with_parent(mut self) -> Spec {
        self.kill_with_parent = true;
        self
    }

    /// Takes descriptors of these of its namespaces before it runs, for [`Process::namespace`]: they are then
    /// to be had whatever becomes of the process.
    pub fn keep_namespaces(mut self, kinds: impl Into<Kinds>) -> Spec {
        self.keep |= kinds.into();
        self
    }

    /// Gives up when the set-up takes longer.
    pub fn timeout(mut self, timeout: Duration) -> Spec {
        self.timeout = Some(timeout);
        self
    }

    /// Lets a token call off the set-up from another thread. Needs pidfds (Linux 5.3).
    pub fn cancel_by(mut self, token: &Cancel) -> Spec {
        self.cancel = Some(token.clone());
        self
    }

    /// Starts from a copy of the caller, as fork does: the way where a child cannot share the
    /// caller's memory (valgrind, qemu-user). The results are the same; the cost grows with the caller.
    pub fn own_memory(mut self) -> Spec {
        self.own_memory = true;
        self
    }

    /// The steps that [`Spec::spawn`] would take. Needs no privilege and does nothing.
    ///
    /// # Errors
    ///
    /// EINVAL: options that contradict each other or stand twice, or text that cannot be meant (a NUL byte, a
    /// host name of more than 64 bytes). EPERM: ids that nobody has granted.
    pub fn plan(&self, command: &Command) -> Result<Plan> {
        Plan::new(self, Some(Job::Command(command)), false)
    }

    /// Starts a command in these namespaces. Safe from a process with any number of threads.
    ///
    /// # Errors
    ///
    /// As [`Spec::plan`]; and the errno of the step that failed, which the error names. Nothing is
    /// left behind then.
    pub fn spawn(&self, command: &Command) -> Result<Process> {
        spawn::spawn(self.plan(command)?, &mut || true)
    }

    /// As [`Spec::spawn`]; after each signal that this thread handles meanwhile, `go_on` is asked.
    ///
    /// # Errors
    ///
    /// As [`Spec::spawn`]; ECANCELED when it says no.
    pub fn spawn_while(&self, command: &Command, go_on: &mut dyn FnMut() -> bool) -> Result<Process> {
        spawn::spawn(self.plan(command)?, go_on)
    }

    /// Sets all up and stops before the command is executed, so that the caller can attach things.
    ///
    /// # Errors
    ///
    /// As [`Spec::spawn`], but for the command's own.
    pub fn spawn_held(&self, command: &Command) -> Result<Held> {
        spawn::hold(Plan::new(self, Some(Job::Command(command)), true)?, &mut || true)
    }
}
