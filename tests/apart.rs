//! Does a child that would change its caller's memory, or show it to strangers, get ready in a memory of its own?
//! Seen through /proc while it is held; as root or as an ordinary user.

#![allow(clippy::unwrap_used, clippy::panic)] // A test that cannot go on has failed.
#![allow(unsafe_code)] // prctl(2): numbers and a filter.

use nsiso::{Command, Held, Kind, Kinds, Offset, Process, Spec};
use std::fs;
use std::os::fd::AsRawFd;
use std::os::unix::fs::MetadataExt;

/// The helper's few pages: the C library alone would take more.
const SMALL: u64 = 100;

fn is_root() -> bool {
    fs::metadata("/proc/self").unwrap().uid() == 0
}

fn user(kinds: impl Into<Kinds>) -> Spec {
    Spec::new().unshare(kinds.into() | Kind::User).map_root()
}

fn sleeper(spec: &Spec) -> Process {
    spec.spawn(&Command::new("sleep").arg("600")).unwrap_or_else(|error| panic!("{error}")).kill_on_drop(true)
}

fn held(spec: &Spec, line: &str) -> Held {
    spec.spawn_held(&Command::new("sh").args(["-c", line])).unwrap_or_else(|error| panic!("{error}"))
}

/// Pages of memory that a process has mapped, and those that are not the helper's own or shared.
fn pages(pid: i32) -> u64 {
    let text = fs::read_to_string(format!("/proc/{pid}/statm")).unwrap();
    text.split_whitespace().next().unwrap().parse().unwrap()
}

/// By its memory: its program file can be asked for by root alone where it may not be dumped.
fn is_helper(held: &Held) -> bool {
    pages(held.id()) < SMALL
}

fn succeeds(held: Held) -> bool {
    held.release().unwrap().wait().unwrap().success()
}

#[test]
fn a_score_for_the_day_memory_runs_out_is_not_the_callers() {
    let before = fs::read_to_string("/proc/self/oom_score_adj").unwrap();
    let held = held(&Spec::new().oom_score_adj(777), "test $(cat /proc/self/oom_score_adj) = 777");
    assert!(is_helper(&held));
    let exe = fs::read_link(format!("/proc/{}/exe", held.id())).unwrap();
    assert!(exe.to_string_lossy().contains("nsiso-helper"), "{exe:?}");
    assert!(succeeds(held));
    assert_eq!(fs::read_to_string("/proc/self/oom_score_adj").unwrap(), before);
}

#[test]
fn a_score_is_written_with_the_callers_power() {
    let spec = Spec::new().unshare(Kind::User | Kind::Uts).oom_score_adj(-1);
    for spec in [spec.clone(), spec.own_memory()] {
        let plan = spec.plan(&Command::new("true")).unwrap().to_string();
        let steps = ["parent: clone", "child: write /proc/self/oom_score_adj", "child: unshare uts,user"];
        let order = steps.map(|step| plan.lines().position(|line| line.starts_with(step)));
        assert_eq!(order, [Some(0), Some(1), Some(2)], "{plan}");
    }
}

#[test]
fn ids_are_changed_there() {
    let spec = if is_root() {
        Spec::new().uid(12345).gid(23456).groups([7, 8])
    } else {
        user(Kind::Uts).uid(0).gid(0).hostname("apart")
    };
    let line = if is_root() {
        "test \"$(id -u),$(id -g),$(id -G)\" = '12345,23456,23456 7 8'"
    } else {
        "test $(id -u) = 0"
    };
    let held = held(&spec, line);
    assert!(is_helper(&held));
    assert!(succeeds(held));
}

#[test]
fn with_all_that_a_spec_has() {
    let kinds = Kinds::ALL;
    let spec = user(kinds)
        .hostname("apart")
        .boottime_offset(Offset { seconds: 1_000_000_000, nanoseconds: 0 })
        .proc()
        .oom_score_adj(5)
        .umask(0o27)
        .rlimit(libc::RLIMIT_NOFILE, 50, 60)
        .new_session()
        .cwd("/usr");
    let line = "test $$ = 1 && test $(hostname) = apart && test $(id -u) = 0 && test $(cut -d. -f1 /proc/uptime) -gt \
        1000000000 && test $(umask) = 0027 && test $(ulimit -n) = 50 && test $(pwd) = /usr && ls /proc/1/exe";
    let held = held(&spec, line);
    assert!(is_helper(&held));
    for kind in Kind::ALL.into_iter().filter(|kind| *kind != Kind::Time) {
        let namespace = |of: &str| fs::read_link(format!("/proc/{of}/ns/{kind}")).unwrap();
        assert_ne!(namespace(&held.id().to_string()), namespace("self"), "{kind}");
    }
    assert!(succeeds(held));
}

#[test]
fn descriptors_pass_through() {
    let file = fs::File::open("/dev/zero").unwrap();
    let spec = Spec::new().oom_score_adj(5);
    let line =
        "test \"$(head -c 3 <&7 | wc -c)\" = 3 && test \"$(ls /proc/self/fd | tr '\\n' ' ')\" = '0 1 2 3 7 '";
    let command = Command::new("sh").args(["-c", line]).borrow_fd(file.as_raw_fd(), 7).null(1);
    assert!(spec.spawn(&command).unwrap().wait().unwrap().success());
}

#[test]
fn a_time_namespace_is_joined_there() {
    let other = sleeper(&user(Kind::Time).boottime_offset(Offset { seconds: 2_000_000_000, nanoseconds: 0 }));
    let spec = Spec::new().join_process(other.id(), Kind::User | Kind::Time);
    let held = held(&spec, "test $(cut -d. -f1 /proc/uptime) -gt 2000000000");
    assert!(is_helper(&held));
    assert!(succeeds(held));
}

#[test]
fn among_strangers_it_cannot_be_traced() {
    let other = sleeper(&user(Kind::Pid | Kind::Mnt).proc());
    let kinds = Kind::User | Kind::Pid | Kind::Mnt;
    // With a clock of its own as well: what is written for it is written in time.
    let spec = Spec::new().join_process(other.id(), kinds).unshare(Kind::Time);
    let spec = spec.boottime_offset(Offset { seconds: 3_000_000_000, nanoseconds: 0 }).oom_score_adj(6);
    let held = held(&spec, "test $(cut -d. -f1 /proc/uptime) -gt 3000000000 && test -r /proc/$$/environ");
    assert!(is_helper(&held));
    let owner = |name: &str| fs::metadata(format!("/proc/{}/{name}", held.id())).unwrap().uid();
    assert_eq!(owner("environ"), 0, "its files are root's, whoever it is");
    // The sandbox's own root, with every capability in there, must not see the memory of who comes in.
    let line = "for process in /proc/[0-9]*; do test $process = /proc/1 || test $process = /proc/$$ || \
        ! cat $process/maps >/dev/null 2>&1 || exit 1; done; test $(ls -d /proc/[0-9]* | wc -l) -ge 3";
    let inside = Spec::new().join_process(other.id(), kinds);
    let looked = inside.spawn(&Command::new("sh").args(["-c", line])).unwrap().wait().unwrap();
    assert!(looked.success(), "{looked}");
    assert!(succeeds(held));
}

#[test]
fn where_the_helper_cannot_be_had_a_copy_does_the_same() {
    for call in [libc::SYS_execveat, libc::SYS_memfd_create] {
        let checked = std::thread::spawn(move || {
            refuse(call, libc::EACCES);
            let spec = user(Kind::Uts).hostname("apart").oom_score_adj(9);
            let line = "test $(cat /proc/self/oom_score_adj) = 9 && test $(hostname) = apart";
            let held = held(&spec, line);
            assert!(!is_helper(&held));
            assert!(succeeds(held));
        });
        checked.join().unwrap();
    }
}

/// Has the kernel answer this call of this thread and of its children with this errno (seccomp(2)).
fn refuse(call: libc::c_long, errno: i32) {
    let statement = |code, jt, jf, k| libc::sock_filter { code, jt, jf, k };
    let mut filter = [
        statement(0x20, 0, 0, 0),
        statement(0x15, 0, 1, u32::try_from(call).unwrap()),
        statement(0x06, 0, 0, libc::SECCOMP_RET_ERRNO | u32::try_from(errno).unwrap()),
        statement(0x06, 0, 0, libc::SECCOMP_RET_ALLOW),
    ];
    let program = libc::sock_fprog { len: 4, filter: filter.as_mut_ptr() };
    // SAFETY: numbers only.
    assert_eq!(unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) }, 0);
    // SAFETY: a filter of four instructions, which the kernel copies.
    let set = unsafe { libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const program) };
    assert_eq!(set, 0);
}
