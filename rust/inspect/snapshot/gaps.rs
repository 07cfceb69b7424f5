//! What a survey could not read, and why.
#![forbid(unsafe_code)]

use crate::errno::errno_name;
use crate::error::Cause;
use crate::sys::Errno;
use std::fmt;

/// Something that could not be read, in the same way and for the same reason.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Incomplete {
    /// What is missing: for instance `"namespaces"`, `"descriptors"`, `"sockets"`, `"owners"`.
    pub what: &'static str,
    /// The kernel's errno; 0 where nothing was refused but is not to be seen from here.
    pub errno: i32,
    /// Why.
    pub cause: Cause,
    /// Of which processes, by number; empty where it is not of a process.
    pub pids: Vec<i32>,
    /// How many things are missing, as far as that is known: processes, or namespaces, or descriptors.
    pub count: usize,
}

impl fmt::Display for Incomplete {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 8;
        f.write_str(self.what)?;
        if !self.pids.is_empty() {
            let shown: Vec<String> = self.pids.iter().take(SHOWN).map(i32::to_string).collect();
            let more = if self.pids.len() > SHOWN { ", …" } else { "" };
            let process = if self.pids.len() == 1 { "process" } else { "processes" };
            write!(f, " of {} {process} ({}{more})", self.pids.len(), shown.join(", "))?;
        }
        if self.errno != 0 {
            write!(f, ": {}", errno_name(self.errno))?;
        }
        write!(f, ", because {}: {}", self.cause, self.cause.remedy())
    }
}

/// Collects them.
#[derive(Debug, Default)]
pub struct Gaps(Vec<Incomplete>);

impl Gaps {
    /// So many things of a process.
    pub fn of_process(&mut self, what: &'static str, count: usize, pid: i32, errno: Errno, cause: Cause) {
        let gap = self.entry(what, errno, cause);
        if gap.pids.last() != Some(&pid) {
            gap.pids.push(pid);
        }
        gap.count += count;
    }

    /// Some things that are not of a process.
    pub fn of_machine(&mut self, what: &'static str, count: usize, errno: Errno, cause: Cause) {
        self.entry(what, errno, cause).count += count;
    }

    pub fn into_list(self) -> Vec<Incomplete> {
        self.0
    }

    fn entry(&mut self, what: &'static str, errno: Errno, cause: Cause) -> &mut Incomplete {
        let is_it = |gap: &Incomplete| (gap.what, gap.errno, gap.cause) == (what, errno.0, cause);
        let index = self.0.iter().position(is_it).unwrap_or_else(|| {
            self.0.push(Incomplete { what, errno: errno.0, cause, pids: Vec::new(), count: 0 });
            self.0.len() - 1
        });
        &mut self.0[index]
    }
}
