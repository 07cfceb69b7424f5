//! In which order a spec is made true: the list of steps, every string and buffer made ready.
#![forbid(unsafe_code)]

use crate::command::Command;
use crate::error::{Cause, Error, Result};
use crate::idmap::IdMap;
use crate::kind::{Kind, Kinds};
use crate::spec::Spec;
use crate::sys::exec::CStringArray;
use crate::sys::process::{getegid, geteuid};
use nsiso_child as child;
use std::env;
use std::ffi::{CStr, CString, OsStr, OsString};
use std::fmt;
use std::os::unix::ffi::OsStrExt;

/// Host names have this many bytes at most (uts_namespaces(7)).
const HOSTNAME_MAX: usize = 64;
/// Where execvp(3) seeks when there is no PATH.
const DEFAULT_PATH: &str = "/bin:/usr/bin";

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
    op: &'a Op,
}

impl Step<'_> {
    /// Who performs it.
    pub fn doer(&self) -> Doer {
        match self.op {
            Op::Clone { .. } => Doer::Parent,
            _ => Doer::Child,
        }
    }

    /// The system call or calls, in one word: an error's `step`.
    pub fn name(&self) -> &'static str {
        match self.op {
            Op::Clone { .. } => "clone",
            Op::Unshare(_) => "unshare",
            Op::Write { .. } => "write",
            Op::PrivateMounts | Op::MountProc => "mount",
            Op::Sethostname(_) => "sethostname",
            Op::LoopbackUp => "lo up",
            Op::Exec { .. } => "exec",
        }
    }

    /// What it is done to: an error's `object`.
    pub fn object(&self) -> String {
        match self.op {
            Op::Clone { kinds } | Op::Unshare(kinds) => kinds.to_string(),
            Op::Write { path, text } => {
                format!("{}: {:?}", path.to_string_lossy(), String::from_utf8_lossy(text))
            }
            Op::PrivateMounts => "/, propagation private, recursively".to_owned(),
            Op::Sethostname(name) => format!("{:?}", String::from_utf8_lossy(name)),
            Op::MountProc => "proc on /proc".to_owned(),
            Op::LoopbackUp => "lo".to_owned(),
            Op::Exec { program, .. } => format!("{program:?}"),
        }
    }
}

impl fmt::Display for Step<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let doer = match self.doer() {
            Doer::Parent => "parent",
            Doer::Child => "child",
        };
        write!(f, "{doer}: {} {}", self.name(), self.object())
    }
}

/// The ordered steps of one start. Owned: it outlives the spec and the command it was made of.
#[derive(Debug)]
pub struct Plan {
    ops: Vec<Op>,
}

#[derive(Debug)]
enum Op {
    Clone { kinds: Kinds },
    Unshare(Kinds),
    Write { path: &'static CStr, text: Vec<u8> },
    PrivateMounts,
    Sethostname(Vec<u8>),
    MountProc,
    LoopbackUp,
    Exec { program: OsString, paths: CStringArray, argv: CStringArray, envp: CStringArray },
}

impl Plan {
    pub(crate) fn of_command(spec: &Spec, command: &Command) -> Result<Plan> {
        check(spec)?;
        // clone(2) has no room for the time flag; children of a process that unshared it enter at exec.
        let later = spec.unshare & Kind::Time;
        let mut ops = vec![Op::Clone { kinds: spec.unshare - later }];
        if spec.map_root {
            // Before all else: until its ids are mapped, the child can neither own nor open files.
            ops.push(Op::Write { path: c"/proc/self/setgroups", text: b"deny".to_vec() });
            ops.push(write_map(c"/proc/self/gid_map", &IdMap::single(0, getegid())));
            ops.push(write_map(c"/proc/self/uid_map", &IdMap::single(0, geteuid())));
        }
        if !later.is_empty() {
            ops.push(Op::Unshare(later));
        }
        if spec.unshare.contains(Kind::Mnt) {
            // Before any mount, or it would show outside.
            ops.push(Op::PrivateMounts);
        }
        if let Some(name) = &spec.hostname {
            ops.push(Op::Sethostname(name.as_bytes().to_vec()));
        }
        if spec.unshare.contains(Kind::Net) {
            ops.push(Op::LoopbackUp);
        }
        if spec.proc {
            ops.push(Op::MountProc);
        }
        ops.push(exec(command)?);
        Ok(Plan { ops })
    }

    /// The steps in the order in which they are performed.
    pub fn steps(&self) -> impl Iterator<Item = Step<'_>> {
        self.ops.iter().map(|op| Step { op })
    }

    /// The kinds that the parent's first step, clone(2), makes.
    pub(crate) fn clone_kinds(&self) -> Kinds {
        match self.ops.first() {
            Some(Op::Clone { kinds }) => *kinds,
            _ => Kinds::NONE,
        }
    }

    /// What the child performs, borrowed: every step but the parent's.
    pub(crate) fn program(&self) -> Vec<child::Op<'_>> {
        self.ops.iter().filter_map(Op::for_child).collect()
    }

    /// The step with this index in the child's program.
    pub(crate) fn childs_step(&self, index: usize) -> Option<Step<'_>> {
        self.steps().filter(|step| step.doer() == Doer::Child).nth(index)
    }
}

impl Op {
    fn for_child(&self) -> Option<child::Op<'_>> {
        Some(match self {
            Op::Clone { .. } => return None,
            Op::Unshare(kinds) => child::Op::Unshare { flags: kinds.bits() },
            Op::Write { path, text } => child::Op::Write { path, text },
            Op::PrivateMounts => child::Op::Mount {
                source: None,
                target: c"/",
                fstype: None,
                flags: libc::MS_REC | libc::MS_PRIVATE,
            },
            Op::Sethostname(name) => child::Op::Sethostname { name },
            Op::MountProc => child::Op::Mount {
                source: Some(c"proc"),
                target: c"/proc",
                fstype: Some(c"proc"),
                flags: libc::MS_NOSUID | libc::MS_NODEV | libc::MS_NOEXEC,
            },
            Op::LoopbackUp => child::Op::LoopbackUp,
            Op::Exec { paths, argv, envp, .. } => {
                child::Op::Exec { paths: paths.as_argv(), argv: argv.as_argv(), envp: envp.as_argv() }
            }
        })
    }
}

/// Options that need another one, and text that the kernel could not take.
fn check(spec: &Spec) -> Result<()> {
    let needs = |option: &str, kinds: Kinds| {
        let missing = kinds - spec.unshare;
        if missing.is_empty() {
            Ok(())
        } else {
            Err(Error::invalid("plan", format!("{option} needs unshare={missing}"), Cause::BadArgument))
        }
    };
    if spec.map_root {
        needs("map_root", Kind::User.into())?;
    }
    if spec.proc {
        needs("proc", Kind::Pid | Kind::Mnt)?;
    }
    if let Some(name) = &spec.hostname {
        needs("hostname", Kind::Uts.into())?;
        if name.len() > HOSTNAME_MAX {
            let complaint = format!("hostname has {} bytes, {HOSTNAME_MAX} at most", name.len());
            return Err(Error::invalid("plan", complaint, Cause::BadArgument));
        }
    }
    Ok(())
}

fn write_map(path: &'static CStr, map: &IdMap) -> Op {
    Op::Write { path, text: map.to_string().into_bytes() }
}

fn exec(command: &Command) -> Result<Op> {
    let program = command.args.first().map(OsString::as_os_str).unwrap_or_default();
    let env = command.env.clone().unwrap_or_else(|| env::vars_os().collect());
    let strings = |texts: Vec<Vec<u8>>| {
        let strings = texts.into_iter().map(c_string).collect::<Result<_>>()?;
        Ok::<_, Error>(CStringArray::new(strings))
    };
    let pair = |(key, value): (OsString, OsString)| [key.as_bytes(), b"=", value.as_bytes()].concat();
    Ok(Op::Exec {
        paths: strings(candidates(program))?,
        argv: strings(command.args.iter().map(|arg| arg.as_bytes().to_vec()).collect())?,
        envp: strings(env.into_iter().map(pair).collect())?,
        program: program.to_owned(),
    })
}

/// Where execvp(3) would seek: the path itself if it has a slash, else that name in every directory of PATH.
fn candidates(program: &OsStr) -> Vec<Vec<u8>> {
    let name = program.as_bytes();
    if name.contains(&b'/') || name.is_empty() {
        return vec![name.to_vec()];
    }
    let path = env::var_os("PATH").unwrap_or_else(|| DEFAULT_PATH.into());
    env::split_paths(&path)
        .map(|directory| directory.join(program).into_os_string().as_bytes().to_vec())
        .collect()
}

fn c_string(text: Vec<u8>) -> Result<CString> {
    CString::new(text).map_err(|nul| {
        let text = String::from_utf8_lossy(&nul.into_vec()).into_owned();
        Error::invalid("plan", format!("NUL byte in {text:?}"), Cause::BadArgument)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(spec: &Spec) -> Vec<String> {
        let plan = spec.plan(&Command::new("/bin/true"));
        plan.map_or_else(
            |error| vec![error.to_string()],
            |plan| plan.steps().map(|step| step.to_string()).collect(),
        )
    }

    #[test]
    fn the_steps_stand_in_the_order_in_which_the_kernel_wants_them() {
        let all = Spec::new().unshare(Kinds::ALL).map_root().hostname("h").proc();
        let steps = told(&all);
        let place = |start: &str| steps.iter().position(|step| step.starts_with(start));
        let order = [
            "parent: clone mnt,uts,ipc,pid,net,user,cgroup",
            "child: write /proc/self/setgroups",
            "child: write /proc/self/gid_map",
            "child: write /proc/self/uid_map",
            "child: unshare time",
            "child: mount /, propagation private",
            "child: sethostname \"h\"",
            "child: lo up",
            "child: mount proc",
            "child: exec \"/bin/true\"",
        ];
        assert_eq!(order.map(place), std::array::from_fn(Some), "{steps:#?}");
    }

    #[test]
    fn contradictions_are_refused_before_anything_is_done() {
        for (spec, complaint) in [
            (Spec::new().map_root(), "map_root needs unshare=user"),
            (Spec::new().unshare(Kind::Pid).proc(), "proc needs unshare=mnt"),
            (Spec::new().hostname("h"), "hostname needs unshare=uts"),
            (Spec::new().unshare(Kind::Uts).hostname("x".repeat(65)), "65 bytes"),
        ] {
            let steps = told(&spec);
            assert!(
                matches!(&steps[..], [one] if one.contains(complaint) && one.contains("EINVAL")),
                "{steps:?}"
            );
        }
        let nul = Spec::new().plan(&Command::new("a\0b")).map_err(|error| error.to_string());
        assert!(nul.is_err_and(|text| text.contains("NUL byte")));
    }
}
