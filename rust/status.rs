//! How a process ended, and what it has used up.
#![forbid(unsafe_code)]

use std::fmt;
use std::time::Duration;

/// What a process and the children that it waited for have used up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Usage {
    /// Time on a CPU in its own code.
    pub user_time: Duration,
    /// Time on a CPU in the kernel.
    pub system_time: Duration,
    /// Most memory in use at a time, in KiB.
    pub max_rss: u64,
}

impl Usage {
    pub(crate) fn of(usage: &libc::rusage) -> Usage {
        let time = |time: libc::timeval| {
            Duration::from_secs(time.tv_sec as u64) + Duration::from_micros(time.tv_usec as u64)
        };
        Usage {
            user_time: time(usage.ru_utime),
            system_time: time(usage.ru_stime),
            max_rss: usage.ru_maxrss as u64,
        }
    }
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ExitStatus(i32);

impl ExitStatus {
    pub(crate) fn of(status: i32) -> ExitStatus {
        ExitStatus(status)
    }

    /// Whether it ended by itself with 0.
    pub fn success(self) -> bool {
        self.code() == Some(0)
    }

    /// Its exit status, if it ended by itself.
    pub fn code(self) -> Option<i32> {
        libc::WIFEXITED(self.0).then(|| libc::WEXITSTATUS(self.0))
    }

    /// The signal that ended it, if one did.
    pub fn signal(self) -> Option<i32> {
        libc::WIFSIGNALED(self.0).then(|| libc::WTERMSIG(self.0))
    }

    /// Whether a core was dumped.
    pub fn core_dumped(self) -> bool {
        libc::WIFSIGNALED(self.0) && libc::WCOREDUMP(self.0)
    }

    /// As wait(2) stores it.
    pub fn into_raw(self) -> i32 {
        self.0
    }
}

impl fmt::Display for ExitStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.code(), self.signal()) {
            (Some(code), _) => write!(f, "exit status {code}"),
            (None, Some(signal)) => write!(f, "signal {signal}"),
            (None, None) => write!(f, "wait status {:#x}", self.0),
        }
    }
}
