//! What the process itself becomes once its namespaces are set up, privilege last; and what it then executes.
#![forbid(unsafe_code)]

use super::op::Op;
use crate::caller::{has_capability, CAP_SYS_ADMIN};
use crate::command::{Command, Environment};
use crate::error::{Cause, Error, Result};
use crate::kind::Kind;
use crate::spec::Spec;
use crate::sys::exec::CStringArray;
use crate::sys::fd::is_terminal;
use crate::sys::function::Function;
use crate::terminal::{Terminal, STANDARD};
use std::env;
use std::ffi::{CString, OsStr, OsString};
use std::iter;
use std::os::unix::ffi::OsStrExt;
use std::sync::Arc;

/// Where execvp(3) seeks when there is no PATH.
const DEFAULT_PATH: &str = "/bin:/usr/bin";

/// What a process does once all is set up.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Job<'a> {
    Command(&'a Command),
    Function(Function),
}

impl<'a> Job<'a> {
    pub fn command(self) -> Option<&'a Command> {
        match self {
            Job::Command(command) => Some(command),
            Job::Function(_) => None,
        }
    }
}

/// What the process itself becomes, privilege last.
pub fn settle(spec: &Spec, job: Job<'_>, ops: &mut Vec<Op>) -> Result<()> {
    ops.extend(
        spec.rlimits.iter().map(|(resource, limits)| Op::Rlimit { resource: *resource, limits: *limits }),
    );
    ops.extend(spec.umask.map(Op::Umask));
    let apart = is_kept_from_its_terminal(spec, job);
    let has_own = has_own_terminal(spec, job)?;
    if spec.new_session || spec.controlling_terminal.is_some() || has_own || apart {
        ops.push(Op::Setsid);
    }
    if has_own {
        ops.push(Op::OwnTerminal);
    }
    match spec.process_group {
        // A session's leader has a group of its own, and cannot move.
        Some(0) if apart => {}
        Some(group) if apart => {
            let complaint = format!("process_group {group} is of the terminal's session: share the terminal");
            return Err(Error::invalid("plan", complaint, Cause::BadArgument));
        }
        group => ops.extend(group.map(Op::Setpgid)),
    }
    let named = job.command().and_then(|command| command.cwd.as_ref()).or(spec.cwd.as_ref());
    // Where there is no close_range(2), it looks into /proc.
    let marks_early =
        job.command().is_some() && spec.model.as_ref().is_some_and(|model| model.root.is_some());
    if marks_early {
        ops.push(Op::CloseOnExec);
    }
    if let Some(model) = spec.model.as_deref() {
        // While these are at the numbers at which they were opened.
        ops.extend(model.root.clone().map(Op::ChangeRoot));
        ops.extend(model.cwd.clone().filter(|_| named.is_none()).map(Op::ChangeDirectory));
    }
    if let Some(command) = job.command() {
        if !command.fds.is_empty() || has_own {
            ops.push(Op::Descriptors);
        }
        if !marks_early {
            ops.push(Op::CloseOnExec);
        }
    }
    // By then the terminal is where the command will find it.
    ops.extend(spec.controlling_terminal.map(Op::ControllingTerminal));
    // With the rights that the process has until here, as subprocess does.
    if let Some(path) = named {
        ops.push(Op::Chdir(c_string(path.as_os_str().as_bytes())?));
    }
    let in_own_user_namespace = spec.unshare.contains(Kind::User) || !spec.joins.is_empty();
    if apart && !in_own_user_namespace && has_capability(CAP_SYS_ADMIN) {
        // That capability of the initial user namespace types into any terminal, whatever the session; and it is
        // what a filter needs.
        ops.push(Op::ForbidTyping);
    }
    ops.extend(spec.groups.clone().map(Op::Setgroups));
    ops.extend(spec.gid.map(Op::Setgid));
    ops.extend(spec.uid.map(Op::Setuid));
    ops.extend(spec.capabilities.map(Op::KeepCapabilities));
    if spec.no_new_privs {
        ops.push(Op::NoNewPrivs);
    }
    Ok(())
}

/// Whether a terminal is opened for it, and a place is left for that.
fn has_own_terminal(spec: &Spec, job: Job<'_>) -> Result<bool> {
    let complaint = match job {
        _ if spec.terminal != Terminal::Own => return Ok(false),
        Job::Function(_) => "a function keeps the caller's descriptors, and has no terminal of its own",
        Job::Command(command) if STANDARD.into_iter().all(|number| command.sets(number)) => {
            "the command sets all its descriptors 0 to 2, and leaves none to a terminal of its own"
        }
        Job::Command(_) => return Ok(true),
    };
    Err(Error::invalid("plan", complaint, Cause::BadArgument))
}

/// Whether the command, in namespaces of its own, would have a terminal of the caller's without being told so.
fn is_kept_from_its_terminal(spec: &Spec, job: Job<'_>) -> bool {
    let is_isolated = !spec.unshare.is_empty() || !spec.joins.is_empty();
    let is_given = spec.terminal == Terminal::Share || spec.controlling_terminal.is_some();
    is_isolated
        && !is_given
        && STANDARD.into_iter().any(|number| match job {
            // There is its own.
            Job::Command(command) if spec.terminal == Terminal::Own && !command.sets(number) => false,
            Job::Command(command) => command.has_terminal_at(number),
            Job::Function(_) => is_terminal(number),
        })
}

/// `later`: at another time than the start, at which the environment may be another.
pub fn exec(spec: &Spec, command: &Command, later: bool) -> Result<Op> {
    let argv = words(command.args.iter().map(|arg| arg.as_bytes()))?;
    if let Some(file) = &command.file {
        return Ok(Op::ExecFile { file: Arc::clone(file), argv });
    }
    let program = command.args.first().map(OsString::as_os_str).unwrap_or_default();
    Ok(Op::Exec {
        paths: match &command.paths {
            Some(paths) => words(paths.iter().map(|path| path.as_bytes()))?,
            None => candidates(program)?,
        },
        argv,
        envp: match &command.env {
            None | Some(Environment::Snapshot(_)) if has_environment(spec) => {
                spec.model.as_ref().and_then(|model| model.environment.clone())
            }
            None => later.then(|| Arc::new(CStringArray::of_environment())),
            Some(Environment::Snapshot(strings)) => Some(Arc::clone(strings)),
            Some(Environment::Given(variables)) => {
                Some(Arc::new(words(variables.iter().map(Vec::as_slice))?))
            }
        },
    })
}

/// Whether it takes over a process's environment.
fn has_environment(spec: &Spec) -> bool {
    spec.model.as_ref().is_some_and(|model| model.environment.is_some())
}

/// Where execvp(3) would seek: the path itself if it has a slash, else that name in every directory of PATH.
fn candidates(program: &OsStr) -> Result<CStringArray> {
    let name = program.as_bytes();
    if name.contains(&b'/') || name.is_empty() {
        return words(iter::once(name));
    }
    let path = env::var_os("PATH").unwrap_or_else(|| DEFAULT_PATH.into());
    let paths: Vec<_> = env::split_paths(&path).map(|directory| directory.join(program)).collect();
    words(paths.iter().map(|path| path.as_os_str().as_bytes()))
}

fn words<'a>(words: impl Iterator<Item = &'a [u8]> + Clone) -> Result<CStringArray> {
    CStringArray::new(words).map_err(has_nul)
}

fn c_string(text: &[u8]) -> Result<CString> {
    CString::new(text).map_err(|_| has_nul(text))
}

fn has_nul(text: &[u8]) -> Error {
    let text = String::from_utf8_lossy(text);
    Error::invalid("plan", format!("NUL byte in {text:?}"), Cause::BadArgument)
}
