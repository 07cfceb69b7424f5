//! Which processes this /proc does not show at all.
#![forbid(unsafe_code)]

use super::scan::Scan;
use crate::caller::Machine;
use crate::error::Cause;
use crate::kind::Kind;
use crate::sys::Errno;

/// The inode of the pid namespace that the machine started with.
const INITIAL_PID: u64 = 4_026_531_836;
/// Capability to trace, and so to see, any process.
const CAP_SYS_PTRACE: u32 = 19;

/// Mount options of proc(5), new and old names.
const HIDING: [&str; 4] = ["hidepid=invisible", "hidepid=2", "hidepid=ptraceable", "hidepid=4"];

impl Scan {
    /// Notes what cannot be counted, for it is not to be seen.
    pub fn unseen(&mut self) {
        let pid = self.table.rows.get(self.own[Kind::Pid.index()] as usize);
        if pid.is_some_and(|pid| pid.inode != INITIAL_PID) {
            self.gaps.of_machine("processes", 0, Errno(0), Cause::OuterProcesses);
        }
        let machine = Machine::here();
        let may_trace = machine.is_in_initial_user_namespace() && machine.has_capability(CAP_SYS_PTRACE);
        if !may_trace && machine.read("thread-self/mountinfo").is_some_and(|mounts| hides(&mounts)) {
            self.gaps.of_machine("processes", 0, Errno(0), Cause::HiddenProcesses);
        }
    }
}

/// Whether the /proc on top shows only those that the caller may trace.
fn hides(mountinfo: &str) -> bool {
    const POINT: usize = 4;
    let is_proc = |line: &&str| line.split(' ').nth(POINT) == Some("/proc");
    let options = mountinfo.lines().rfind(is_proc).and_then(|line| line.rsplit(' ').next());
    options.is_some_and(|options| options.split(',').any(|option| HIDING.contains(&option)))
}

#[cfg(test)]
mod tests {
    use super::hides;

    #[test]
    fn the_proc_on_top_decides() {
        let hidden = "24 1 0:22 / /proc rw - proc proc rw,hidepid=invisible\n";
        let open = "25 24 0:22 / /proc rw - proc proc rw,hidepid=noaccess\n";
        assert!(hides(hidden) && !hides(open) && !hides(""));
        assert!(hides(&[open, hidden].concat()) && !hides(&[hidden, open].concat()));
    }
}
