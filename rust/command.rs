//! What to run: a program, its arguments, environment, directory and descriptors. Owned data, no I/O.
#![forbid(unsafe_code)]

use crate::sys::exec::CStringArray;
use crate::sys::fd;
use std::ffi::{OsStr, OsString};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A program to execute; reusable.
///
/// It gets the caller's descriptors 0, 1 and 2 and those that are named here, and no others; and the caller's
/// environment, which no thread may change while it is started (as with getenv(3)), or another one.
#[derive(Clone, Debug)]
pub struct Command {
    pub(crate) args: Vec<OsString>,
    pub(crate) paths: Option<Vec<OsString>>,
    pub(crate) env: Option<Environment>,
    pub(crate) cwd: Option<PathBuf>,
    pub(crate) fds: Vec<(Source, RawFd)>,
    /// An open program file, executed in place of any path.
    pub(crate) file: Option<Arc<OwnedFd>>,
}

/// What a program's environment is, if not the caller's at each start.
#[derive(Clone, Debug)]
pub(crate) enum Environment {
    /// The caller's at an earlier time.
    Snapshot(Arc<CStringArray>),
    /// Each with its name.
    Given(Vec<Vec<u8>>),
}

/// Where a program's descriptor comes from.
#[derive(Clone, Debug)]
pub(crate) enum Source {
    /// A number of the caller's, which stays open until the command has started.
    Number(RawFd),
    /// One that the command owns.
    Owned(Arc<OwnedFd>),
    /// `/dev/null`.
    Null,
}

impl Command {
    /// A program by path, or by name: then it is sought in the caller's `PATH`, as execvp(3) does.
    pub fn new(program: impl AsRef<OsStr>) -> Command {
        let args = vec![program.as_ref().to_owned()];
        Command { args, paths: None, env: None, cwd: None, fds: Vec::new(), file: None }
    }

    /// Adds an argument.
    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Command {
        self.args.push(arg.as_ref().to_owned());
        self
    }

    /// Adds arguments.
    pub fn args<A: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = A>) -> Command {
        self.args.extend(args.into_iter().map(|arg| arg.as_ref().to_owned()));
        self
    }

    /// Seeks the program file at these paths instead, in this order; the name given to
    /// [`Command::new`] is then only its first argument.
    pub fn executable<P: AsRef<OsStr>>(mut self, paths: impl IntoIterator<Item = P>) -> Command {
        self.paths = Some(paths.into_iter().map(|path| path.as_ref().to_owned()).collect());
        self
    }

    /// Sets the whole environment, in place of the caller's.
    pub fn env<K: AsRef<OsStr>, V: AsRef<OsStr>>(mut self, env: impl IntoIterator<Item = (K, V)>) -> Command {
        let variable =
            |(key, value): (K, V)| [key.as_ref().as_bytes(), b"=", value.as_ref().as_bytes()].concat();
        self.env = Some(Environment::Given(env.into_iter().map(variable).collect()));
        self
    }

    /// Leaves the environment the caller's, but as it is now: nobody may change that meanwhile, but afterwards.
    pub fn env_of_now(mut self) -> Command {
        self.env = Some(Environment::Snapshot(Arc::new(CStringArray::of_environment())));
        self
    }

    /// Starts in this directory, as seen inside.
    pub fn cwd(mut self, path: impl AsRef<Path>) -> Command {
        self.cwd = Some(path.as_ref().to_owned());
        self
    }

    /// Puts `/dev/null` at this number.
    pub fn null(self, number: RawFd) -> Command {
        self.put(Source::Null, number)
    }

    /// Puts a descriptor at this number; the command keeps it open for as long as it lives.
    pub fn fd(self, fd: OwnedFd, number: RawFd) -> Command {
        self.put(Source::Owned(Arc::new(fd)), number)
    }

    /// Puts a descriptor of the caller's at this number; it must be open whenever the command is started.
    pub fn borrow_fd(self, fd: impl AsRawFd, number: RawFd) -> Command {
        self.put(Source::Number(fd.as_raw_fd()), number)
    }

    /// Keeps a descriptor of the caller's open under its own number.
    pub fn keep(self, fd: impl AsRawFd) -> Command {
        let number = fd.as_raw_fd();
        self.put(Source::Number(number), number)
    }

    /// Whether the program finds a terminal at this number.
    pub(crate) fn has_terminal_at(&self, number: RawFd) -> bool {
        match self.fds.iter().rev().find(|(_, to)| *to == number).map(|(source, _)| source) {
            None => fd::is_terminal(number),
            Some(Source::Number(from)) => fd::is_terminal(*from),
            Some(Source::Owned(owned)) => fd::is_terminal(owned.as_raw_fd()),
            Some(Source::Null) => false,
        }
    }

    /// Whether the command says what is at this number.
    pub(crate) fn sets(&self, number: RawFd) -> bool {
        self.fds.iter().any(|(_, to)| *to == number)
    }

    fn put(mut self, source: Source, number: RawFd) -> Command {
        self.fds.push((source, number));
        self
    }
}
