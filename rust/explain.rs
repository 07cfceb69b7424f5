//! Why the kernel refused: from an errno and the machine's state to a cause, and to what is worth naming.
//!
//! Asked after the fact, never before: reading state first and acting on it later would race. What cannot be
//! read is not guessed: then the cause is unknown, or the most general that holds.
#![forbid(unsafe_code)]

mod create;
mod group;
mod join;
mod limits;
mod map;
mod step;

use crate::caller::Machine;
use crate::error::{Cause, Error};
use crate::kind::{Kind, Kinds};
use crate::sys::{ns, Errno};
use std::fs;

pub use group::{group, limit, placing};
pub use join::setns;
pub use map::write as write_map;
pub use step::{open, Performed};

/// A cause, and what of the machine's state is to be seen beside the object of the error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Why.
    pub cause: Cause,
    detail: String,
}

/// Whoever explains: by the state of this machine.
#[derive(Debug)]
pub struct Explain {
    machine: Machine,
}

/// Why new namespaces of these kinds were refused to a new process.
pub fn clone(kinds: Kinds, errno: Errno) -> Finding {
    Explain::here().create(kinds, errno)
}

/// As [`clone`], where the flags are those of clone3 alone.
pub fn clone3(kinds: Kinds, errno: Errno) -> Finding {
    Explain::here().clone3(kinds, errno)
}

/// Why the calling thread could not move into new namespaces of these kinds.
pub fn unshare(kinds: Kinds, errno: Errno) -> Finding {
    Explain::here().unshare(kinds, errno)
}

/// Whether the kernel knows the kind: it then shows a link for it.
pub fn kernel_has(kind: Kind) -> bool {
    let there = |path: &str| fs::symlink_metadata(path).is_ok();
    // Without /proc nobody can tell, and the kernel's own answer has to do.
    there(&format!("/proc/self/ns/{kind}")) || !there("/proc/self/ns")
}

impl Explain {
    /// By what this machine's /proc says.
    pub fn here() -> Explain {
        Explain::on(Machine::here())
    }

    /// By what another tells.
    pub fn on(machine: Machine) -> Explain {
        Explain { machine }
    }

    /// Whether Ubuntu's switch takes away what the caller's new user namespaces would give.
    fn apparmor_restricts(&self) -> bool {
        self.machine.apparmor_restricts_users() && !self.machine.is_privileged()
    }
}

impl Finding {
    /// With something to name.
    fn with(cause: Cause, detail: impl Into<String>) -> Finding {
        Finding { cause, detail: detail.into() }
    }

    /// The error that tells it, of a step done to an object.
    pub fn error(self, step: impl Into<String>, object: impl Into<String>, errno: Errno) -> Error {
        let object: String = object.into();
        let both = !object.is_empty() && !self.detail.is_empty();
        Error::new(step, object + if both { "; " } else { "" } + &self.detail, errno, self.cause)
    }
}

impl From<Cause> for Finding {
    fn from(cause: Cause) -> Finding {
        Finding { cause, detail: String::new() }
    }
}

/// Whether a filter refuses the very number of these calls: asked to do nothing, the kernel itself would do so.
fn filter_refuses_unshare() -> bool {
    ns::unshare_kinds(Kinds::NONE).is_err()
}

/// As [`filter_refuses_unshare`], of setns(2): the kernel looks at the descriptor before all else.
fn filter_refuses_setns() -> bool {
    ns::setns(-1, 0) != Err(Errno(libc::EBADF))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::Command;
    use crate::idmap::IdMap;
    use crate::plan::{MapWriter, Op, Plan};
    use crate::spec::Spec;
    use crate::subid::Ids;
    use std::path::PathBuf;
    use std::sync::atomic::{AtomicUsize, Ordering};

    const MOUNTS: &str = "27 1 254:0 / / rw,relatime - ext4 /dev/vda rw\n";
    const PROC: &str = "22 27 0:21 / /proc rw,relatime - proc proc rw\n";
    const USER: &str = "Uid:\t1000\t1000\t1000\t1000\nGid:\t1000\t1000\t1000\t1000\nNSpid:\t9\n\
        CapEff:\t0000000000000000\nNoNewPrivs:\t0\nSeccomp:\t0\n";

    /// A made-up proc: an ordinary user on a machine that forbids nothing, but for what a test writes into it.
    struct Fake(PathBuf);

    impl Fake {
        fn new() -> Fake {
            static NUMBER: AtomicUsize = AtomicUsize::new(0);
            let number = NUMBER.fetch_add(1, Ordering::Relaxed);
            let fake = Fake(std::env::temp_dir().join(format!("nsiso-proc-{}-{number}", std::process::id())));
            fs::create_dir_all(fake.0.join("thread-self/ns")).unwrap();
            std::os::unix::fs::symlink("user:[4026531837]", fake.0.join("thread-self/ns/user")).unwrap();
            fake.with("thread-self/status", USER)
                .with("thread-self/mountinfo", &format!("{MOUNTS}{PROC}"))
                .with("thread-self/uid_map", "0 0 4294967295\n")
                .with("thread-self/gid_map", "0 0 4294967295\n")
        }

        fn with(self, name: &str, text: &str) -> Fake {
            let path = self.0.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
            self
        }

        fn with_status(self, from: &str, to: &str) -> Fake {
            assert!(USER.contains(from));
            self.with("thread-self/status", &USER.replace(from, to))
        }

        /// As root of the machine.
        fn with_power(self) -> Fake {
            self.with_status("CapEff:\t0000000000000000", "CapEff:\t000001ffffffffff")
        }

        fn explain(&self) -> Explain {
            Explain::on(Machine::at(&self.0))
        }

        fn create(&self, kinds: impl Into<Kinds>, errno: i32) -> Cause {
            self.explain().create(kinds.into(), Errno(errno)).cause
        }

        /// Why the first step of this name in a plan with everything fails.
        fn step(&self, name: &str, object: &str, errno: i32) -> Finding {
            let kinds = Kind::User | Kind::Mnt | Kind::Pid | Kind::Net | Kind::Uts | Kind::Time;
            let spec = Spec::new().unshare(kinds).map_root().proc().hostname("h").groups([1]).uid(1);
            let plan: Plan = spec.plan(&Command::new("true")).unwrap();
            let is_meant = |op: &&Op| {
                let step = plan.steps().find(|step| std::ptr::eq(step.op(), *op)).unwrap();
                step.name() == name && step.object().contains(object)
            };
            let op = plan.ops.iter().find(is_meant).unwrap();
            self.explain().step(Performed { plan: &plan, joins: &[] }, op, Errno(errno))
        }
    }

    impl Drop for Fake {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    const RESTRICTS: &str = "sys/kernel/apparmor_restrict_unprivileged_userns";
    const CLONE: &str = "sys/kernel/unprivileged_userns_clone";

    #[test]
    fn apparmors_restriction_shows_at_the_first_use_of_the_user_namespace() {
        let fake = Fake::new().with(RESTRICTS, "1\n");
        // Without the profile that takes the power away, the namespace itself is refused.
        assert_eq!(fake.create(Kind::User, libc::EACCES), Cause::AppArmorRestricts);
        for errno in [libc::EPERM, libc::EACCES] {
            for (name, object) in [
                ("write", "setgroups"),
                ("write", "gid_map"),
                ("write", "uid_map"),
                ("mount", "propagation"),
                ("mount", "proc"),
                ("lo up", ""),
                ("sethostname", ""),
                ("unshare", "time"),
            ] {
                let cause = fake.step(name, object, errno).cause;
                assert_eq!(cause, Cause::AppArmorRestricts, "{name} {object} {errno}");
            }
        }
        let map = IdMap::single(0, 5);
        let op = Op::WriteMap { ids: Ids::Users, map, writer: MapWriter::Parent };
        let finding = fake.explain().map(&op, 0, Errno(libc::EPERM), "");
        assert_eq!(finding.cause, Cause::AppArmorRestricts);
        let off = Fake::new().with(RESTRICTS, "0\n");
        assert_eq!(off.step("write", "uid_map", libc::EPERM).cause, Cause::Unknown);
        let root = Fake::new().with(RESTRICTS, "1\n").with_power();
        assert_eq!(root.step("lo up", "", libc::EPERM).cause, Cause::Unknown, "root is not restricted");
    }

    #[test]
    fn debians_switch_forbids_ordinary_users_alone() {
        let fake = Fake::new().with(CLONE, "0\n");
        assert_eq!(fake.create(Kind::User | Kind::Uts, libc::EPERM), Cause::SysctlForbids);
        let on = Fake::new().with(CLONE, "1\n");
        assert_eq!(on.create(Kind::User, libc::EPERM), Cause::Filter);
        let root = Fake::new().with(CLONE, "0\n").with_power();
        assert_eq!(root.create(Kind::User, libc::EPERM), Cause::Filter);
        // What the kernel checks first is said first.
        let chrooted = Fake::new().with(CLONE, "0\n").with("thread-self/mountinfo", PROC);
        assert_eq!(chrooted.create(Kind::User, libc::EPERM), Cause::Chroot);
    }

    #[test]
    fn where_mounts_are_not_counted_an_unconfined_caller_is_in_a_chroot() {
        // A plain file answers ENOTTY, as a mount namespace does before Linux 6.12.
        let uncounted = || Fake::new().with("thread-self/ns/mnt", "");
        assert_eq!(uncounted().create(Kind::User, libc::EPERM), Cause::Chroot);
        let filtered = uncounted().with_status("Seccomp:\t0", "Seccomp:\t2");
        assert_eq!(filtered.create(Kind::User, libc::EPERM), Cause::Filter);
        let profiled = uncounted().with("thread-self/attr/current", "docker-default (enforce)\n");
        assert_eq!(profiled.create(Kind::User, libc::EPERM), Cause::Filter);
    }

    #[test]
    fn whoever_has_no_id_makes_no_user_namespace() {
        let nobody = || Fake::new().with_status("Uid:\t1000\t1000", "Uid:\t65534\t65534");
        let unmapped = |map: &str| nobody().with("thread-self/uid_map", map).create(Kind::User, libc::EPERM);
        assert_eq!(unmapped(""), Cause::Unmapped);
        assert_eq!(unmapped("0 1000 1\n"), Cause::Unmapped, "the map is for others");
        assert_eq!(unmapped("0 0 4294967295\n"), Cause::Filter, "a user like any other");
    }

    #[test]
    fn a_limit_is_the_callers_own_or_further_out() {
        let none = i32::MAX.to_string();
        let limits = |net: &str, uts: &str| {
            let fake = Fake::new().with("sys/user/max_net_namespaces", net);
            let fake = fake.with("sys/user/max_uts_namespaces", uts);
            fake.explain().create(Kind::Net | Kind::Uts, Errno(libc::ENOSPC))
        };
        let finding = limits("7", "0");
        assert_eq!(finding.cause, Cause::Limit);
        assert_eq!(finding.detail, "/proc/sys/user/max_uts_namespaces is 0");
        assert_eq!(limits(&none, "7").cause, Cause::Limit);
        assert_eq!(limits("7", &none).cause, Cause::NetTeardown);
        assert_eq!(limits("0", &none).cause, Cause::Limit, "there is none to wait for");
        assert_eq!(limits(&none, &none).cause, Cause::LimitFurtherOut);
        let deep = ["9"; 33].join("\t");
        let deep = Fake::new().with_status("NSpid:\t9", &format!("NSpid:\t{deep}"));
        assert_eq!(deep.create(Kind::Pid, libc::ENOSPC), Cause::Nesting);
    }

    #[test]
    fn a_masked_proc_is_told_by_what_masks_it() {
        let told = |mounts: &str| {
            let fake = Fake::new().with("thread-self/mountinfo", &format!("{MOUNTS}{mounts}"));
            fake.step("mount", "proc", libc::EPERM)
        };
        let masked = |mounts: &str, what: &str| {
            assert_eq!(told(mounts), Finding::with(Cause::MaskedProc, what), "{mounts}");
        };
        let cover = "30 22 0:30 / /proc/kcore rw,relatime - tmpfs none rw\n";
        let harmless = "31 22 0:31 / /proc/sys/fs/binfmt_misc rw,relatime - binfmt_misc none rw\n";
        masked(&format!("{PROC}{harmless}{cover}"), "/proc/kcore is covered");
        masked(&PROC.replace("/proc rw", "/proc ro"), "/proc is read-only");
        masked(&PROC.replace("proc rw\n", "proc ro\n"), "/proc is read-only");
        masked(&PROC.replace(",relatime", ",noatime"), "/proc is mounted without relatime");
        masked("", "proc is nowhere mounted as a whole");
        masked(&PROC.replace("0:21 /", "0:21 /sys"), "proc is nowhere mounted as a whole");
        let empty = Explain::on(Machine::at("/no/such/place"));
        assert_eq!(empty.machine.proc_is_masked().as_deref(), Some("/proc is not mounted"));
        // Seen in full at one place, whatever covers another.
        let other = PROC.replace("22 27", "40 27").replace("/proc ", "/mnt/proc ");
        assert_eq!(told(&format!("{PROC}{cover}{other}")).cause, Cause::Unknown);
        assert_eq!(told(&format!("{PROC}{harmless}")).cause, Cause::Unknown);
    }

    #[test]
    fn filters_and_profiles_are_suspected_only_where_there_are_some() {
        let filtered = Fake::new().with_status("Seccomp:\t0", "Seccomp:\t2");
        assert_eq!(filtered.step("sethostname", "", libc::EPERM).cause, Cause::Filter);
        let docker = Fake::new().with("thread-self/attr/current", "docker-default (enforce)\n");
        assert_eq!(docker.step("mount", "propagation", libc::EACCES).cause, Cause::Filter);
        let free = Fake::new().with("thread-self/attr/current", "unconfined\n");
        assert_eq!(free.step("mount", "propagation", libc::EACCES).cause, Cause::Unknown);
        // clone3 that nothing can stand in for.
        let clone3 = |fake: Fake, kinds: Kinds, errno| fake.explain().clone3(kinds, Errno(errno)).cause;
        let filtered = || Fake::new().with_status("Seccomp:\t0", "Seccomp:\t2");
        assert_eq!(clone3(filtered(), Kind::Time | Kind::User, libc::EPERM), Cause::Clone3Refused);
        assert_eq!(clone3(Fake::new(), Kind::Time.into(), libc::ENOSYS), Cause::Clone3Refused);
        assert_eq!(clone3(filtered(), Kind::Time.into(), libc::EPERM), Cause::NoPrivilege);
    }

    #[test]
    fn the_helper_is_understood_by_its_words_and_its_state() {
        let helper = |fake: Fake, words: &str| fake.explain().helper("newuidmap", words).cause;
        let range = "newuidmap: uid range [0-10) -> [5-15) not allowed";
        assert_eq!(helper(Fake::new(), range), Cause::NotGranted);
        let nobody = "newuidmap: Cannot determine your user name.";
        assert_eq!(helper(Fake::new(), nobody), Cause::NamelessUser);
        let refused = "newuidmap: write to uid_map failed: Operation not permitted";
        assert_eq!(helper(Fake::new(), refused), Cause::HelperPowerless);
        let kept = Fake::new().with_status("NoNewPrivs:\t0", "NoNewPrivs:\t1");
        assert_eq!(helper(kept, refused), Cause::NoNewPrivs);
        let written = Fake::new().with("77/uid_map", "0 1000 1\n");
        let (map, ids) = (IdMap::single(0, 5), Ids::Users);
        let op = Op::WriteMap { ids, map, writer: MapWriter::Helper(Vec::new()) };
        let finding = written.explain().map(&op, 77, Errno(libc::EPERM), refused);
        assert_eq!(finding.cause, Cause::MapWritten);
    }
}
