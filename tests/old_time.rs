//! Is a command in its new time namespace also where exec does not bring it there (before Linux 6.2)? As such a kernel
//! a filter answers, which refuses vfork to a process that made one. As root or as an ordinary user.

#![allow(clippy::unwrap_used, clippy::panic)] // A test that cannot go on has failed.
#![allow(unsafe_code)] // prctl(2): numbers and a filter.

use nsiso::{Command, Kind, Kinds, Offset, Spec};
use std::fs;

const FORWARD: Offset = Offset { seconds: 1_000_000_000, nanoseconds: 0 };

/// EINVAL to clone(2) with `CLONE_VM` and `CLONE_VFORK`.
fn refuse_vfork() {
    const FLAGS: u32 = (libc::CLONE_VM | libc::CLONE_VFORK) as u32;
    let statement = |code, jt, jf, k| libc::sock_filter { code, jt, jf, k };
    let mut filter = [
        statement(0x20, 0, 0, 0),
        statement(0x15, 0, 4, u32::try_from(libc::SYS_clone).unwrap()),
        // The lower half of the first argument.
        statement(0x20, 0, 0, 16),
        statement(0x54, 0, 0, FLAGS),
        statement(0x15, 0, 1, FLAGS),
        statement(0x06, 0, 0, libc::SECCOMP_RET_ERRNO | libc::EINVAL as u32),
        statement(0x06, 0, 0, libc::SECCOMP_RET_ALLOW),
    ];
    let program = libc::sock_fprog { len: 7, filter: filter.as_mut_ptr() };
    // SAFETY: numbers only.
    assert_eq!(unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) }, 0);
    // SAFETY: a filter of as many instructions as said, which the kernel copies.
    let set = unsafe { libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const program) };
    assert_eq!(set, 0);
}

/// Whether /proc/uptime inside is beyond the offset, and the process where its children would be.
fn is_inside(spec: &Spec) {
    let line = "test $(cut -d. -f1 /proc/uptime) -gt 1000000000 && \
        test $(readlink /proc/self/ns/time) = $(readlink /proc/self/ns/time_for_children)";
    let command = Command::new("sh").args(["-c", line]);
    let plan = spec.plan(&command).unwrap().to_string();
    let place = |word: &str| plan.lines().position(|line| line.starts_with(word));
    assert!(place("child: unshare time") < place("child: fork"), "{plan}");
    let process = spec.spawn(&command).unwrap_or_else(|error| panic!("{error}"));
    assert!(process.wait().unwrap().success(), "{plan}");
}

fn user(kinds: impl Into<Kinds>) -> Spec {
    Spec::new().unshare(kinds.into() | Kind::User | Kind::Time).map_root()
}

#[test]
fn a_child_of_it_is_the_command() {
    refuse_vfork();
    let before = fs::read_link("/proc/self/ns/time").unwrap();
    for spec in [user(Kinds::NONE), user(Kind::Pid | Kind::Mnt), user(Kinds::ALL)] {
        let spec = spec.boottime_offset(FORWARD);
        is_inside(&spec);
        is_inside(&spec.own_memory());
    }
    assert_eq!(fs::read_link("/proc/self/ns/time").unwrap(), before);
}

#[test]
fn and_beside_pid_1_too() {
    refuse_vfork();
    is_inside(&user(Kind::Pid).init().boottime_offset(FORWARD));
}
