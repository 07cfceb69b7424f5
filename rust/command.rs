//! What to run: a program, its arguments, its environment. Owned data, no I/O.
#![forbid(unsafe_code)]

use std::ffi::{OsStr, OsString};

/// A program to execute; reusable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    pub(crate) args: Vec<OsString>,
    pub(crate) env: Option<Vec<(OsString, OsString)>>,
}

impl Command {
    /// A program by path, or by name: then it is sought in the caller's `PATH`, as execvp(3) does.
    pub fn new(program: impl AsRef<OsStr>) -> Command {
        Command { args: vec![program.as_ref().to_owned()], env: None }
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

    /// Sets the whole environment, in place of the caller's.
    pub fn env<K: AsRef<OsStr>, V: AsRef<OsStr>>(mut self, env: impl IntoIterator<Item = (K, V)>) -> Command {
        let owned = |(key, value): (K, V)| (key.as_ref().to_owned(), value.as_ref().to_owned());
        self.env = Some(env.into_iter().map(owned).collect());
        self
    }
}
