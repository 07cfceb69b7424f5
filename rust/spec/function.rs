//! How a function, in place of a command, is called in a spec's namespaces.
#![forbid(unsafe_code)]

use super::Spec;
use crate::error::Result;
use crate::plan::{Job, Plan};
use crate::process::Process;
use crate::spawn;
use crate::sys::function::Function;

impl Spec {
    /// Calls a function in these namespaces, in a process of its own: a copy of the caller as fork makes it, with
    /// libc's fork handlers run and its allocator sane, also when the caller has threads. Its result is the exit
    /// status. The cost grows with the caller; the caller's descriptors stay open in it.
    ///
    /// # Errors
    ///
    /// As [`Spec::spawn`], but for the command's own.
    pub fn spawn_function(&self, function: Function) -> Result<Process> {
        spawn::spawn(Plan::new(self, Some(Job::Function(function)), false)?, &mut || true)
    }

    /// As [`Spec::spawn_function`]; after each signal that this thread handles meanwhile, `go_on` is asked. It is
    /// never asked between the function's hooks around the fork ([`Function::around_fork`]).
    ///
    /// # Errors
    ///
    /// As [`Spec::spawn_function`]; ECANCELED when it says no.
    pub fn spawn_function_while(
        &self,
        function: Function,
        go_on: &mut dyn FnMut() -> bool,
    ) -> Result<Process> {
        spawn::spawn(Plan::new(self, Some(Job::Function(function)), false)?, go_on)
    }
}
