//! Which processes this /proc does not show at all.
#![forbid(unsafe_code)]

use super::scan::Scan;
use crate::caller::Machine;
use crate::error::Cause;
use crate::inspect::links::Pid;
use crate::inspect::mounts::{mounts, MountTable, SuperOption};
use crate::kind::Kind;
use crate::sys::Errno;

/// The inode of the pid namespace that the machine started with.
const INITIAL_PID: u64 = 4_026_531_836;
/// Capability to trace, and so to see, any process.
const CAP_SYS_PTRACE: u32 = 19;

/// Values of the mount option hidepid (proc(5)), new and old.
const HIDING: [&[u8]; 4] = [b"invisible", b"2", b"ptraceable", b"4"];

impl Scan {
    /// Notes what cannot be counted, for it is not to be seen.
    pub fn unseen(&mut self) {
        let pid = self.table.rows.get(self.own[Kind::Pid.index()] as usize);
        if pid.is_some_and(|pid| pid.inode != INITIAL_PID) {
            self.gaps.of_machine("processes", 0, Errno(0), Cause::OuterProcesses);
        }
        let machine = Machine::here();
        let may_trace = machine.is_in_initial_user_namespace() && machine.has_capability(CAP_SYS_PTRACE);
        if !may_trace && mounts(Pid::Caller).is_ok_and(|mounts| hides(&mounts)) {
            self.gaps.of_machine("processes", 0, Errno(0), Cause::HiddenProcesses);
        }
    }
}

/// Whether the /proc on top shows only those that the caller may trace.
fn hides(mounts: &MountTable) -> bool {
    let on_top = mounts.iter().filter(|mount| *mount.point() == *b"/proc").last();
    let is_hiding = |(name, value): SuperOption<'_>| {
        *name == *b"hidepid" && value.is_some_and(|value| HIDING.contains(&&*value))
    };
    on_top.is_some_and(|mount| mount.super_option_list().any(is_hiding))
}

#[cfg(test)]
mod tests {
    use crate::inspect::mounts::MountTable;

    #[test]
    fn the_proc_on_top_decides() {
        let hidden = "24 1 0:22 / /proc rw - proc proc rw,hidepid=invisible\n";
        let open = "25 24 0:22 / /proc rw - proc proc rw,hidepid=noaccess\n";
        let hides = |lines: &[&str]| super::hides(&MountTable::parse(lines.concat()).unwrap());
        assert!(hides(&[hidden]) && !hides(&[open]) && !hides(&[]));
        assert!(hides(&[open, hidden]) && !hides(&[hidden, open]));
    }
}
