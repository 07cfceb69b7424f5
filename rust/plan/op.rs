//! The plan's steps: what each is called, who performs it, and what the child is told.
#![forbid(unsafe_code)]

use crate::cancel::Cancel;
use crate::caps::Capabilities;
use crate::cgroup::Limits;
use crate::companion::Companion;
use crate::idmap::{IdMap, IdRange};
use crate::join::{self, Join};
use crate::kind::Kinds;
use crate::subid::Ids;
use crate::sys::birth::Birth;
use crate::sys::exec::{own_environment, CStringArray};
use crate::sys::function::Function;
use crate::sys::start::Wiring;
use nsiso_child as child;
use std::borrow::Cow;
use std::ffi::{CStr, CString, OsStr};
use std::fmt;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// Which process performs a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Doer {
    /// The caller.
    Parent,
    /// The new process, between clone and exec.
    Child,
}

/// One step, as the plan tells it.
#[derive(Clone, Copy, Debug)]
pub struct Step<'a> {
    plan: &'a Plan,
    op: &'a Op,
}

/// The ordered steps of one start. Owned: it outlives the spec and the command it was made of.
#[derive(Debug)]
pub struct Plan {
    pub(crate) ops: Vec<Op>,
    pub(crate) descriptors: Vec<(crate::command::Source, RawFd)>,
    pub(crate) timeout: Option<Duration>,
    pub(crate) cancel: Option<Cancel>,
    pub(crate) birth: Birth,
}

/// One operation, all that it needs made ready.
#[derive(Debug)]
pub(crate) enum Op {
    /// A process beside the command.
    Companion(Box<Companion>),
    /// The new process, born in this group of version 2 or in the caller's.
    Clone {
        kinds: Kinds,
        group: Option<PathBuf>,
    },
    /// In the order that is found when they are opened, before the start.
    Join(Vec<Join>),
    Unshare(Kinds),
    /// Nobody in a namespace that is joined may look into the child.
    Undumpable,
    Fork(Kinds),
    /// The child waits until the parent has performed what stands behind it.
    Await,
    WriteMap {
        ids: Ids,
        map: IdMap,
        writer: MapWriter,
    },
    /// Before there is anybody whom a limit could concern.
    Limit {
        directories: Vec<PathBuf>,
        limits: Limits,
    },
    Place(Vec<PathBuf>),
    Write {
        path: &'static CStr,
        text: Cow<'static, [u8]>,
    },
    /// The parent opens namespaces of the child.
    Keep(Kinds),
    PrivateMounts,
    Sethostname(Vec<u8>),
    Setdomainname(Vec<u8>),
    MountProc,
    LoopbackUp,
    Rlimit {
        resource: u32,
        limits: [u64; 2],
    },
    Umask(u32),
    Setsid,
    Setpgid(i32),
    ControllingTerminal(RawFd),
    /// Of the session: the terminal that is opened before the start.
    OwnTerminal,
    Setgroups(Vec<u32>),
    Setgid(u32),
    Setuid(u32),
    KeepCapabilities(Capabilities),
    ForbidTyping,
    NoNewPrivs,
    Chdir(CString),
    /// To a directory that is open.
    ChangeDirectory(Arc<OwnedFd>),
    ChangeRoot(Arc<OwnedFd>),
    Descriptors,
    CloseOnExec,
    /// The child waits until the companion knows it.
    Introduce,
    /// The child waits until the caller lets it go on.
    Hold,
    Exec {
        paths: CStringArray,
        argv: CStringArray,
        /// `None`: the caller's, where it is.
        envp: Option<Arc<CStringArray>>,
    },
    Call(Function),
    ExecFile {
        file: Arc<OwnedFd>,
        argv: CStringArray,
    },
}

/// By which road the parent writes an id map that the child cannot write itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum MapWriter {
    /// The parent itself, who has the capabilities.
    Parent,
    /// newuidmap(1) or newgidmap(1), told these ranges.
    Helper(Vec<IdRange>),
}

/// What the child's ops borrow beside the plan.
#[derive(Debug)]
pub(crate) struct Runtime<'a> {
    pub wiring: Wiring,
    /// For [`Op::Join`].
    pub joins: &'a [(RawFd, u32)],
    pub moves: &'a [(RawFd, RawFd)],
    pub close: &'a [(u32, u32)],
    /// The caller's /proc, where the child may be in a mount namespace that has another or none.
    pub proc: Option<RawFd>,
    /// For [`Op::OwnTerminal`].
    pub terminal: RawFd,
    /// For [`Op::Call`]: what a function shall not find.
    pub own: &'a [RawFd],
}

impl Plan {
    /// The steps in the order in which they are performed.
    pub fn steps(&self) -> impl Iterator<Item = Step<'_>> {
        self.ops.iter().map(|op| Step { plan: self, op })
    }

    /// New namespaces of the child from its first instruction on.
    pub(crate) fn born_into(&self) -> Kinds {
        let kinds = |op: &Op| if let Op::Clone { kinds, .. } = op { Some(*kinds) } else { None };
        self.ops.iter().find_map(kinds).unwrap_or_default()
    }

    /// What the child joins.
    pub(crate) fn joins(&self) -> &[Join] {
        let joins = self.ops.iter().find_map(|op| if let Op::Join(joins) = op { Some(joins) } else { None });
        joins.map_or(&[], Vec::as_slice)
    }

    /// The control group of version 2 that the child is born in, if not the caller's.
    pub(crate) fn birthplace(&self) -> Option<&Path> {
        self.ops.iter().find_map(|op| if let Op::Clone { group, .. } = op { group.as_deref() } else { None })
    }

    /// The step with this index in the child's program.
    pub(crate) fn childs_step(&self, index: usize) -> Option<Step<'_>> {
        self.steps().filter(|step| step.doer() == Doer::Child).nth(index)
    }

    /// What the child performs, borrowed: every step but the parent's.
    pub(crate) fn program<'a>(&'a self, runtime: &Runtime<'a>) -> Vec<child::Op<'a>> {
        self.ops.iter().filter_map(|op| op.for_child(runtime)).collect()
    }
}

/// A line a step: who, what, on what, and behind it what that needs.
impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.steps().try_for_each(|step| match step.needs() {
            needs if needs.is_empty() => writeln!(f, "{step}"),
            needs => writeln!(f, "{step} (needs {needs})"),
        })
    }
}

impl Step<'_> {
    pub(crate) fn op(&self) -> &Op {
        self.op
    }

    /// Who performs it.
    pub fn doer(&self) -> Doer {
        match self.op {
            Op::Companion(_)
            | Op::Limit { .. }
            | Op::Clone { .. }
            | Op::WriteMap { .. }
            | Op::Place(_)
            | Op::Keep(_) => Doer::Parent,
            _ => Doer::Child,
        }
    }

    /// What it needs: privileges, other programs, a kernel that has it. Empty where anybody can do it.
    pub fn needs(&self) -> String {
        self.plan.needs(self.op)
    }

    /// The system call or calls, in a word or two: an error's `step`.
    pub fn name(&self) -> &'static str {
        match self.op {
            Op::Companion(_) => "companion",
            Op::Clone { .. } => "clone",
            Op::Join(_) => "setns",
            Op::Unshare(_) => "unshare",
            Op::Undumpable => "undumpable",
            Op::Fork(_) => "fork",
            Op::Await | Op::Introduce | Op::Hold => "wait for the parent",
            Op::WriteMap { ids, .. } => ids.file(),
            Op::Limit { .. } => "limit",
            Op::Place(_) => "cgroup",
            Op::Keep(_) => "open",
            Op::Write { .. } => "write",
            Op::PrivateMounts | Op::MountProc => "mount",
            Op::Sethostname(_) => "sethostname",
            Op::Setdomainname(_) => "setdomainname",
            Op::LoopbackUp => "lo up",
            Op::Rlimit { .. } => "setrlimit",
            Op::Umask(_) => "umask",
            Op::Setsid => "setsid",
            Op::Setpgid(_) => "setpgid",
            Op::ControllingTerminal(_) | Op::OwnTerminal => "controlling terminal",
            Op::Setgroups(_) => "setgroups",
            Op::Setgid(_) => "setgid",
            Op::Setuid(_) => "setuid",
            Op::KeepCapabilities(_) => "capabilities",
            Op::ForbidTyping => "seccomp",
            Op::NoNewPrivs => "no_new_privs",
            Op::Chdir(_) | Op::ChangeDirectory(_) => "chdir",
            Op::ChangeRoot(_) => "chroot",
            Op::Descriptors => "dup",
            Op::CloseOnExec => "close_range",
            Op::Exec { .. } | Op::ExecFile { .. } => "exec",
            Op::Call(_) => "call",
        }
    }

    /// What it is done to: an error's `object`; may be empty.
    pub fn object(&self) -> String {
        let text = |bytes: &[u8]| format!("{:?}", String::from_utf8_lossy(bytes));
        match self.op {
            Op::Companion(companion) => companion.to_string(),
            Op::Introduce => "until the companion knows it".to_owned(),
            Op::Clone { kinds, group: Some(group) } => {
                format!("{kinds} into {}", group.display()).trim_start().to_owned()
            }
            Op::Clone { kinds, group: None } | Op::Unshare(kinds) | Op::Fork(kinds) => kinds.to_string(),
            Op::Join(joins) => join::words(joins),
            Op::WriteMap { map, writer, ids } => {
                let lines: Vec<_> = map.ranges().iter().map(IdRange::to_string).collect();
                let by = match writer {
                    MapWriter::Helper(_) => format!(", by {}", ids.helper()),
                    MapWriter::Parent => String::new(),
                };
                format!("{}{by}", lines.join(", "))
            }
            Op::Keep(kinds) => format!("its namespaces: {kinds}"),
            Op::Limit { directories, limits } => format!("{limits} of {}", paths(directories)),
            Op::Place(directories) => paths(directories),
            Op::Write { path, text: bytes } => format!("{}: {}", path.to_string_lossy(), text(bytes)),
            Op::PrivateMounts => "/, propagation private, recursively".to_owned(),
            Op::Sethostname(name) | Op::Setdomainname(name) => text(name),
            Op::MountProc => "proc on /proc".to_owned(),
            Op::LoopbackUp => "lo".to_owned(),
            Op::Rlimit { resource, limits: [soft, hard] } => format!("resource {resource}: {soft}, {hard}"),
            Op::Umask(mask) => format!("{mask:#o}"),
            Op::Setpgid(group) => group.to_string(),
            Op::ControllingTerminal(fd) => format!("fd {fd}"),
            Op::OwnTerminal => "a new one".to_owned(),
            Op::Setgroups(groups) => format!("{groups:?}"),
            Op::Setgid(id) | Op::Setuid(id) => id.to_string(),
            Op::KeepCapabilities(keep) => format!("keep {keep}"),
            Op::ForbidTyping => "no TIOCSTI, no TIOCLINUX".to_owned(),
            Op::Chdir(path) => text(path.to_bytes()),
            Op::ChangeDirectory(_) => "as the process".to_owned(),
            Op::ChangeRoot(_) => "to the process's".to_owned(),
            Op::Exec { argv, .. } => format!("{:?}", OsStr::from_bytes(argv.first().to_bytes())),
            Op::ExecFile { .. } => "the companion".to_owned(),
            Op::Call(_) => "the function".to_owned(),
            Op::Await
            | Op::Hold
            | Op::Undumpable
            | Op::Setsid
            | Op::NoNewPrivs
            | Op::Descriptors
            | Op::CloseOnExec => String::new(),
        }
    }
}

impl fmt::Display for Step<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let doer = match self.doer() {
            Doer::Parent => "parent",
            Doer::Child => "child",
        };
        write!(f, "{}", format!("{doer}: {} {}", self.name(), self.object()).trim_end())
    }
}

impl Op {
    fn for_child<'a>(&'a self, runtime: &Runtime<'a>) -> Option<child::Op<'a>> {
        let Wiring { gate, parent, writing, successor_stack } = runtime.wiring;
        Some(match self {
            Op::Companion(_)
            | Op::Limit { .. }
            | Op::Clone { .. }
            | Op::WriteMap { .. }
            | Op::Place(_)
            | Op::Keep(_) => return None,
            Op::Join(_) => child::Op::Setns { namespaces: runtime.joins },
            Op::Unshare(kinds) => child::Op::Unshare { flags: kinds.bits() },
            Op::Undumpable => child::Op::Prctl { option: libc::PR_SET_DUMPABLE, argument: 0 },
            Op::Fork(kinds) => child::Op::Fork { flags: kinds.bits(), stack: successor_stack },
            Op::Await | Op::Introduce | Op::Hold => child::Op::Await { gate, parent, writing },
            Op::Write { path, text } => match (runtime.proc, below_proc(path)) {
                (Some(directory), Some(path)) => child::Op::Write { directory, path, text },
                _ => child::Op::Write { directory: libc::AT_FDCWD, path, text },
            },
            Op::PrivateMounts => child::Op::Mount {
                source: None,
                target: c"/",
                fstype: None,
                flags: libc::MS_REC | libc::MS_PRIVATE,
            },
            Op::Sethostname(name) => child::Op::Sethostname { name },
            Op::Setdomainname(name) => child::Op::Setdomainname { name },
            Op::MountProc => child::Op::Mount {
                source: Some(c"proc"),
                target: c"/proc",
                fstype: Some(c"proc"),
                flags: libc::MS_NOSUID | libc::MS_NODEV | libc::MS_NOEXEC,
            },
            Op::LoopbackUp => child::Op::LoopbackUp,
            Op::Rlimit { resource, limits } => child::Op::Rlimit { resource: *resource, limits: *limits },
            Op::Umask(mask) => child::Op::Umask { mask: *mask },
            Op::Setsid => child::Op::Setsid,
            Op::Setpgid(group) => child::Op::Setpgid { group: *group },
            Op::ControllingTerminal(fd) => child::Op::ControllingTerminal { fd: *fd },
            Op::OwnTerminal => child::Op::ControllingTerminal { fd: runtime.terminal },
            Op::Setgroups(groups) => child::Op::Setgroups { groups },
            Op::Setgid(gid) => child::Op::Setgid { gid: *gid },
            Op::Setuid(uid) => child::Op::Setuid { uid: *uid },
            Op::KeepCapabilities(keep) => child::Op::KeepCapabilities { keep: keep.bits() },
            Op::ForbidTyping => child::Op::ForbidTyping,
            Op::NoNewPrivs => child::Op::Prctl { option: libc::PR_SET_NO_NEW_PRIVS, argument: 1 },
            Op::Chdir(path) => child::Op::Chdir { path },
            Op::ChangeDirectory(fd) => child::Op::ChangeDirectory { fd: fd.as_raw_fd() },
            Op::ChangeRoot(fd) => child::Op::ChangeRoot { fd: fd.as_raw_fd() },
            Op::Descriptors => child::Op::Descriptors { moves: runtime.moves },
            Op::CloseOnExec => child::Op::CloseOnExec { ranges: runtime.close },
            Op::Exec { paths, argv, envp, .. } => {
                let envp = match envp {
                    Some(envp) => envp.as_argv(),
                    None => own_environment(),
                };
                child::Op::Exec { paths: paths.as_argv(), argv: argv.as_argv(), envp }
            }
            Op::Call(function) => function.as_op(runtime.own),
            Op::ExecFile { file, argv } => child::Op::ExecFd { fd: file.as_raw_fd(), argv: argv.as_argv() },
        })
    }
}

fn paths(paths: &[PathBuf]) -> String {
    let names: Vec<_> = paths.iter().map(|path| path.display().to_string()).collect();
    names.join(", ")
}

fn below_proc(path: &CStr) -> Option<&CStr> {
    CStr::from_bytes_until_nul(path.to_bytes_with_nul().strip_prefix(b"/proc/")?).ok()
}
