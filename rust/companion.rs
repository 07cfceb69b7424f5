//! The process beside a command: pid 1 of its namespaces, or the watch over its host.
#![forbid(unsafe_code)]

use crate::command::Command;
use crate::error::{Cause, Error, Result};
use crate::kind::{Kind, Kinds};
use crate::process::Process;
use crate::spec::Spec;
use crate::sys::{fd, process, program_file, Errno};
use nsiso_child::HELPER;
use std::fmt;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};

/// Where the companion's program looks for its descriptors.
const CONTROL: i32 = 3;
const HOST: i32 = 4;

/// What a plan says of a companion.
#[derive(Debug)]
pub(crate) struct Companion {
    spec: Spec,
    is_init: bool,
    kills: bool,
}

/// A companion that runs and waits to be told of its command. Dropping it ends it.
#[derive(Debug)]
pub(crate) struct Running {
    process: Process,
    control: OwnedFd,
}

impl Companion {
    /// The companion that this spec asks for.
    pub fn of(spec: &Spec) -> Companion {
        let unshare = if spec.init { Companion::kinds(spec) } else { Kinds::NONE };
        let maps = if unshare.contains(Kind::User) { spec.maps.clone() } else { Vec::new() };
        let own = Spec {
            unshare,
            maps,
            // The command does so itself.
            loopback_down: true,
            cwd: Some("/".into()),
            // A terminal's signals are the command's.
            new_session: true,
            timeout: spec.timeout,
            cancel: spec.cancel.clone(),
            own_memory: spec.own_memory,
            ..Spec::default()
        };
        Companion { spec: own, is_init: spec.init, kills: spec.kill_with_parent }
    }

    /// One without a command, that is in these new namespaces until it is dropped.
    pub fn in_new(kinds: Kinds) -> Companion {
        Companion { spec: Spec::new().unshare(kinds), is_init: false, kills: false }
    }

    /// The new namespaces that pid 1 brings and the command joins.
    pub fn kinds(spec: &Spec) -> Kinds {
        // In which group a cgroup namespace begins, the command decides when it is placed.
        let own = if spec.cgroups.is_empty() { Kinds::NONE } else { Kind::Cgroup.into() };
        spec.unshare - Kind::Time - own
    }

    /// Starts it.
    pub fn start(&self) -> Result<Running> {
        let refused = |errno| Error::new("companion", self.to_string(), errno, Cause::Unknown);
        let file = program_file::of(c"nsiso-companion", HELPER);
        // Out of the way of the descriptors that it gets.
        let file = file.and_then(|file| fd::outside(file, &[0, 1, 2, CONTROL, HOST])).map_err(refused)?;
        let (control, its_end) = fd::socket_pair().map_err(refused)?;
        // Of the host's descriptors it holds none: a pipe's end in it would keep the pipe open.
        let mut command = Command::new("nsiso-companion").null(0).null(1).null(2).fd(its_end, CONTROL);
        if self.kills {
            let without = |errno| Error::new("companion", self.to_string(), errno, Cause::NoPidfd);
            let host = process::own_pidfd().map_err(without)?;
            // What it is refused when the time comes, nobody would know.
            process::pidfd_send_signal(host.as_fd(), 0).map_err(without)?;
            command = command.arg("with its host").fd(host, HOST);
        }
        command.file = Some(file.into());
        let process = self.spec.spawn(&command)?.kill_on_drop(true);
        Ok(Running { process, control })
    }
}

impl fmt::Display for Companion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.is_init, self.kills) {
            (true, false) => {
                write!(f, "pid 1 in new {}: reaps, and ends with the command", self.spec.unshare)
            }
            (true, true) => {
                write!(
                    f,
                    "pid 1 in new {}: reaps, and ends with the command or with this process",
                    self.spec.unshare
                )
            }
            (false, _) => f.write_str("kills the command when this process ends"),
        }
    }
}

impl Running {
    /// Its number in the caller's pid namespace.
    pub fn id(&self) -> i32 {
        self.process.id()
    }

    /// Whether it has not ended.
    pub fn is_alive(&self) -> bool {
        matches!(self.process.poll(), Ok(None))
    }

    /// The pidfd of pid 1, whose namespaces are joined.
    pub fn pidfd(&self) -> Option<BorrowedFd<'_>> {
        self.process.pidfd()
    }

    /// What this process holds of it.
    pub fn descriptors(&self) -> impl Iterator<Item = RawFd> + '_ {
        let fds = [Some(self.control.as_fd()), self.pidfd()];
        fds.into_iter().flatten().map(|fd| fd.as_raw_fd())
    }

    /// Tells it of its command, which has not executed yet.
    pub fn introduce(&self, command: Option<BorrowedFd<'_>>) -> std::result::Result<(), Errno> {
        let command = command.ok_or(Errno(libc::ENOSYS))?;
        fd::send_descriptor(self.control.as_fd(), command)
    }

    /// Ends it, without waiting for it: pid 1 has ended only when all in its namespace are reaped, and some may be
    /// children whom the caller waits for later.
    pub fn end(self) {
        // If it has ended already, all the better.
        let _ = self.process.kill();
        self.detach();
    }

    /// Lets it run on as long as the command does.
    pub fn detach(self) {
        drop(self.process.kill_on_drop(false));
    }
}
