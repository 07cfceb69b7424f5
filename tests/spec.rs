//! Is each option of a spec true of the process that it describes? Seen through /proc, from outside where that
//! is possible; on both roads, sharing the caller's memory and in a copy of it; as root or as an ordinary user.

#![allow(clippy::unwrap_used, clippy::panic)] // A test that cannot go on has failed.

mod patience;

use nsiso::{Command, IdMap, IdRange, Kind, Kinds, Offset, Process, Spec};
use patience::{until, PATIENCE};
use std::fs::{self, File};
use std::io::Read;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

/// Both roads give the same results.
fn roads(spec: &Spec) -> [Spec; 2] {
    [spec.clone(), spec.clone().own_memory()]
}

fn is_root() -> bool {
    fs::metadata("/proc/self").unwrap().uid() == 0
}

/// A reading and a writing end.
fn pipe() -> (File, OwnedFd) {
    let (reader, writer) = UnixStream::pair().unwrap();
    (File::from(OwnedFd::from(reader)), OwnedFd::from(writer))
}

/// What a line of shell prints.
fn shell(spec: &Spec, line: &str) -> String {
    let (mut reader, writer) = pipe();
    let command = Command::new("sh").args(["-c", line]).fd(writer, 1);
    let process = spec.spawn(&command).unwrap_or_else(|error| panic!("{error}"));
    drop(command);
    let mut text = String::new();
    reader.read_to_string(&mut text).unwrap();
    assert!(process.wait().unwrap().success(), "{line}: {text}");
    text.trim().to_owned()
}

fn user(kinds: impl Into<Kinds>) -> Spec {
    Spec::new().unshare(kinds.into() | Kind::User).map_root()
}

fn sleeper(spec: &Spec) -> Process {
    spec.spawn(&Command::new("sleep").arg("600")).unwrap_or_else(|error| panic!("{error}")).kill_on_drop(true)
}

fn link(pid: i32, name: &str) -> u64 {
    fs::metadata(format!("/proc/{pid}/ns/{name}")).unwrap().ino()
}

fn own(name: &str) -> u64 {
    fs::metadata(format!("/proc/thread-self/ns/{name}")).unwrap().ino()
}

#[test]
fn names_and_clocks() {
    let spec = user(Kind::Uts | Kind::Time).hostname("inside").domainname("inside.domain");
    for spec in roads(&spec) {
        assert_eq!(shell(&spec, "uname -n; cat /proc/sys/kernel/domainname"), "inside\ninside.domain");
    }
    let uptime = |text: &str| text.split_whitespace().next().unwrap().parse::<f64>().unwrap();
    let outside = uptime(&fs::read_to_string("/proc/uptime").unwrap());
    let offset = |seconds, nanoseconds| Offset { seconds, nanoseconds };
    let spec =
        user(Kind::Time).boottime_offset(offset(1_000_000, 500_000_000)).monotonic_offset(offset(7, 0));
    for spec in roads(&spec) {
        let inside = uptime(&shell(&spec, "cat /proc/uptime"));
        assert!((999_999.0..1_000_060.0).contains(&(inside - outside)), "{inside} {outside}");
        let offsets = shell(&spec, "cat /proc/self/timens_offsets");
        let words: Vec<_> = offsets.split_whitespace().collect();
        assert_eq!(words, ["monotonic", "7", "0", "boottime", "1000000", "500000000"]);
    }
}

#[test]
fn an_offset_that_the_kernel_refuses_names_its_step() {
    let spec = user(Kind::Time).boottime_offset(Offset { seconds: -1_000_000_000, nanoseconds: 0 });
    let refused = spec.spawn(&Command::new("true")).unwrap_err();
    assert_eq!((refused.step(), refused.errno()), ("write", libc::ERANGE));
    assert!(refused.object().contains("timens_offsets"), "{refused}");
}

#[test]
fn ids_of_a_single_line() {
    let own = fs::metadata("/proc/self").unwrap();
    for spec in roads(&user(Kinds::NONE)) {
        assert_eq!(shell(&spec, "id -u; id -g; cat /proc/self/setgroups"), "0\n0\ndeny");
    }
    for spec in roads(&Spec::new().unshare(Kind::User).map_current()) {
        assert_eq!(shell(&spec, "id -u; id -g"), format!("{}\n{}", own.uid(), own.gid()));
    }
}

/// Eight ranges out of two lines of /etc/subuid and /etc/subgid as tests/as_user lays them out; root
/// needs no line.
fn eight_ranges() -> IdMap {
    let outside = |n: u32| if n < 4 { 500_000 + n * 200 } else { 700_000 + n * 100 };
    IdMap::new((0..8).map(|n| IdRange { inside: n * 10, outside: outside(n), count: 10 })).unwrap()
}

#[test]
fn ids_of_several_ranges_are_written_by_the_parent_or_its_helper() {
    let spec = Spec::new().unshare(Kind::User | Kind::Pid).map_ids(eight_ranges(), eight_ranges());
    let plan = spec.plan(&Command::new("true")).unwrap().to_string();
    assert_eq!(plan.contains("newuidmap"), !is_root(), "{plan}");
    for spec in roads(&spec) {
        let process = sleeper(&spec);
        for file in ["uid_map", "gid_map"] {
            let text = fs::read_to_string(format!("/proc/{}/{file}", process.id())).unwrap();
            let lines: Vec<_> =
                text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
            assert_eq!(
                lines,
                eight_ranges().ranges().iter().map(IdRange::to_string).collect::<Vec<_>>(),
                "{file}"
            );
        }
    }
}

#[test]
fn a_second_user_exists_inside() {
    let map = || IdMap::new([IdRange { inside: 0, outside: 500_000, count: 1000 }]).unwrap();
    let spec = Spec::new().unshare(Kind::User).map_ids(map(), map());
    let spec = spec.uid(33).gid(44).groups([55, 66]);
    assert_eq!(shell(&spec, "id -u; id -g; id -G"), "33\n44\n44 55 66");
    let process = sleeper(&spec);
    let status = fs::read_to_string(format!("/proc/{}/status", process.id())).unwrap();
    assert!(status.contains("Uid:\t500033\t500033\t500033\t500033"), "{status}");
    assert!(status.contains("Gid:\t500044") && status.contains("Groups:\t500055 500066"), "{status}");
    let owner = fs::metadata("/proc/self/environ").unwrap().uid();
    assert_eq!(owner, effective_uid(), "the caller's own memory may be dumped as before");
}

/// Root of a process's /proc files is its effective user as long as it may be dumped, and else root.
fn effective_uid() -> u32 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("Uid:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[test]
fn all_subordinate_ids_follow_root() {
    let spec = Spec::new().unshare(Kind::User).map_auto();
    if is_root()
        && fs::read_to_string("/etc/subuid")
            .unwrap_or_default()
            .lines()
            .all(|line| !line.starts_with("root:"))
    {
        let refused = spec.plan(&Command::new("true")).unwrap_err();
        assert_eq!(refused.cause(), nsiso::Cause::NotGranted);
        return;
    }
    let map = shell(&spec, "cat /proc/self/uid_map");
    let lines: Vec<Vec<u32>> =
        map.lines().map(|line| line.split_whitespace().map(|word| word.parse().unwrap()).collect()).collect();
    assert_eq!(lines[0], [0, effective_uid(), 1]);
    assert!(lines.len() >= 2 && lines[1][0] == 1, "{map}");
}

#[test]
fn ids_that_nobody_granted_are_refused_by_name() {
    let map = |outside| IdMap::new([IdRange { inside: 0, outside, count: 1000 }]).unwrap();
    let spec = Spec::new().unshare(Kind::User).map_ids(map(3_000_000_000), map(3_000_000_000));
    if is_root() {
        assert!(spec.plan(&Command::new("true")).is_ok(), "root needs no grant");
        return;
    }
    let refused = spec.plan(&Command::new("true")).unwrap_err();
    assert_eq!((refused.errno(), refused.cause()), (libc::EPERM, nsiso::Cause::NotGranted));
    assert!(refused.object().contains("0 3000000000 1000"), "{refused}");
}

#[test]
fn namespaces_of_a_process_are_joined_together_with_new_ones() {
    let target = sleeper(&user(Kind::Uts | Kind::Ipc | Kind::Net | Kind::Mnt).hostname("target"));
    let shared = Kind::User | Kind::Uts | Kind::Ipc | Kind::Net;
    for spec in roads(&Spec::new().join_process(target.id(), shared).unshare(Kind::Mnt | Kind::Pid)) {
        let joined = sleeper(&spec);
        for kind in Kind::ALL {
            let (theirs, ours) = (link(target.id(), kind.name()), link(joined.id(), kind.name()));
            assert_eq!(theirs == ours, shared.contains(kind) || own(kind.name()) == ours, "{kind}");
        }
        assert_ne!(link(joined.id(), "pid"), own("pid"));
        assert_ne!(link(joined.id(), "mnt"), own("mnt"));
        assert_eq!(shell(&spec, "uname -n; echo $$"), "target\n1");
    }
}

#[test]
fn a_pid_namespace_is_joined_and_the_child_is_still_the_callers() {
    let target = sleeper(&user(Kind::Pid));
    for spec in roads(&Spec::new().join_process(target.id(), Kind::User | Kind::Pid)) {
        let joined = sleeper(&spec);
        assert_eq!(link(joined.id(), "pid"), link(target.id(), "pid"));
        let status = fs::read_to_string(format!("/proc/{}/status", joined.id())).unwrap();
        let field =
            |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).unwrap().trim().to_owned();
        assert_eq!(field("PPid:"), std::process::id().to_string());
        assert_ne!(field("NSpid:").split_whitespace().last(), Some("1"));
        let status = spec.spawn(&Command::new("sh").args(["-c", "exit 9"])).unwrap().wait().unwrap();
        assert_eq!(status.code(), Some(9), "its own status, through no process in between");
    }
}

#[test]
fn a_time_namespace_is_joined_in_a_memory_of_its_own() {
    let offset = Offset { seconds: 5_000_000, nanoseconds: 0 };
    let target = sleeper(&user(Kind::Time).boottime_offset(offset));
    let spec = Spec::new().join_process(target.id(), Kind::User | Kind::Time);
    let uptime: f64 = shell(&spec, "cut -d. -f1 /proc/uptime").parse().unwrap();
    assert!(uptime > 5_000_000.0);
}

#[test]
fn a_namespace_is_joined_by_path_and_by_descriptor() {
    let target = sleeper(&user(Kind::Uts).hostname("by-path"));
    let path = |name: &str| format!("/proc/{}/ns/{name}", target.id());
    let open = |name: &str| OwnedFd::from(File::open(path(name)).unwrap());
    let spec = Spec::new().join_path(path("user")).join_path(path("uts"));
    assert_eq!(shell(&spec, "uname -n"), "by-path");
    let spec = Spec::new().join_fd(open("user"), Kinds::NONE).join_fd(open("uts"), Kinds::NONE);
    assert_eq!(shell(&spec, "uname -n"), "by-path");
    let pidfd = target.pidfd().unwrap();
    let spec = Spec::new().join_borrowed_fd(pidfd.as_raw_fd(), Kind::User | Kind::Uts);
    assert_eq!(shell(&spec, "uname -n"), "by-path");
    let wrong = Spec::new().join_path("/etc/passwd").plan(&Command::new("true")).unwrap_err();
    assert_eq!(wrong.cause(), nsiso::Cause::WrongDescriptor);
}

#[test]
fn a_process_that_has_ended_is_not_joined() {
    let target = user(Kind::Uts).spawn(&Command::new("true")).unwrap();
    target.wait().unwrap();
    let refused = Spec::new().join_process(target.id(), Kind::User).spawn(&Command::new("true")).unwrap_err();
    assert_eq!((refused.errno(), refused.cause()), (libc::ESRCH, nsiso::Cause::ProcessEnded));
}

#[test]
fn descriptors_are_what_was_asked_for_and_nothing_else() {
    let leaked = File::open("/dev/null").unwrap();
    // As a careless library would have left it.
    let inheritable = UnixStream::pair().unwrap();
    let (_reader, kept) = pipe();
    for spec in roads(&Spec::new()) {
        let (mut reader, writer) = pipe();
        let command = Command::new("sh")
            .args(["-c", "ls /proc/self/fd | tr '\\n' ' '"])
            .fd(writer, 1)
            .null(0)
            .keep(kept.as_raw_fd());
        let process = spec.spawn(&command).unwrap();
        drop(command);
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        process.wait().unwrap();
        let mut seen: Vec<i32> = text.split_whitespace().map(|word| word.parse().unwrap()).collect();
        // As words they come in another order.
        seen.sort_unstable();
        // ls opens the directory itself, with the least free number.
        let expected = [0, 1, 2, if kept.as_raw_fd() == 3 { 4 } else { 3 }, kept.as_raw_fd()];
        let mut expected = expected.to_vec();
        expected.sort_unstable();
        assert_eq!(seen, expected);
    }
    drop((leaked, inheritable));
}

#[test]
fn descriptors_change_places() {
    let (mut first, first_in) = pipe();
    let (mut second, second_in) = pipe();
    let (a, b) = (first_in.as_raw_fd(), second_in.as_raw_fd());
    for spec in roads(&Spec::new()) {
        // Each to the other's number, which a shell of one digit may not name: so by way of 3 and 4.
        let command =
            Command::new("sh").args(["-c", "echo to-a >&4; echo to-b >&3"]).borrow_fd(a, 4).borrow_fd(b, 3);
        assert!(spec.spawn(&command).unwrap().wait().unwrap().success());
        let command = Command::new("true").borrow_fd(a, b).borrow_fd(b, a);
        assert!(spec.spawn(&command).unwrap().wait().unwrap().success());
    }
    drop((first_in, second_in));
    let mut text = [String::new(), String::new()];
    first.read_to_string(&mut text[0]).unwrap();
    second.read_to_string(&mut text[1]).unwrap();
    assert_eq!(text, ["to-a\nto-a\n", "to-b\nto-b\n"]);
}

#[test]
fn the_librarys_own_descriptors_are_never_in_the_way() {
    // Whatever numbers the meeting with the child takes, the command's may be the same.
    for spec in roads(&Spec::new()) {
        let mut command = Command::new("sh").args(["-c", "test -c /proc/self/fd/40 && exit 3"]);
        for number in 3..=40 {
            command = command.null(number);
        }
        let process = spec.spawn_held(&command).unwrap().release().unwrap();
        assert_eq!(process.wait().unwrap().code(), Some(3));
    }
}

#[test]
fn a_closed_descriptor_is_named() {
    let refused = Spec::new().spawn(&Command::new("true").borrow_fd(999_999, 5)).unwrap_err();
    assert_eq!((refused.step(), refused.errno()), ("dup", libc::EBADF));
    assert!(refused.object().contains("999999"), "{refused}");
}

#[test]
fn directory_mask_session_limits_and_scores() {
    for spec in roads(&Spec::new().cwd("/usr").umask(0o27).new_session().no_new_privs()) {
        let process = sleeper(&spec);
        let file = |name: &str| format!("/proc/{}/{name}", process.id());
        assert_eq!(fs::read_link(file("cwd")).unwrap().to_str(), Some("/usr"));
        let status = fs::read_to_string(file("status")).unwrap();
        assert!(status.contains("Umask:\t0027") && status.contains("NoNewPrivs:\t1"), "{status}");
        let stat = fs::read_to_string(file("stat")).unwrap();
        let fields: Vec<_> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
        assert_eq!(fields[2..4], [process.id().to_string(), process.id().to_string()], "group and session");
    }
    let spec = Spec::new().process_group(0).rlimit(libc::RLIMIT_NOFILE, 33, 44).oom_score_adj(500);
    for spec in roads(&spec) {
        let process = sleeper(&spec);
        let file = |name: &str| fs::read_to_string(format!("/proc/{}/{name}", process.id())).unwrap();
        let limits = file("limits");
        let line = limits.lines().find(|line| line.starts_with("Max open files")).unwrap();
        assert_eq!(line.split_whitespace().skip(3).take(2).collect::<Vec<_>>(), ["33", "44"]);
        assert_eq!(file("oom_score_adj").trim(), "500");
    }
    let nowhere = Spec::new().cwd("/no/such/place").spawn(&Command::new("true")).unwrap_err();
    assert_eq!((nowhere.step(), nowhere.errno()), ("chdir", libc::ENOENT));
    assert!(nowhere.object().contains("/no/such/place"));
}

#[test]
fn a_process_is_held_before_it_executes_and_then_let_go_or_abandoned() {
    for spec in roads(&user(Kind::Uts | Kind::Pid).hostname("held")) {
        let (mut reader, writer) = pipe();
        let command = Command::new("sh").args(["-c", "uname -n"]).fd(writer, 1);
        let held = spec.spawn_held(&command).unwrap();
        assert_ne!(link(held.id(), "uts"), own("uts"), "all is set up");
        let executable = fs::read_link(format!("/proc/{}/exe", held.id())).unwrap();
        assert_eq!(executable, fs::read_link("/proc/self/exe").unwrap(), "and nothing executed");
        let process = held.release().unwrap();
        drop(command);
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        assert_eq!((text.as_str(), process.wait().unwrap().code()), ("held\n", Some(0)));
        let held = spec.spawn_held(&Command::new("true")).unwrap();
        let pid = held.id();
        drop(held);
        assert!(fs::metadata(format!("/proc/{pid}")).is_err(), "abandoned and reaped");
        let missing = spec.spawn_held(&Command::new("/no/such/program")).unwrap().release().unwrap_err();
        assert_eq!((missing.step(), missing.errno()), ("exec", libc::ENOENT));
    }
}

#[test]
fn the_thread_that_held_may_end_and_the_child_lives() {
    let spec = user(Kind::Uts);
    let held = std::thread::spawn(move || spec.spawn_held(&Command::new("true")).unwrap()).join().unwrap();
    assert!(held.release().unwrap().wait().unwrap().success());
}

#[test]
fn a_set_up_that_hangs_is_given_up_and_nothing_is_left() {
    for spec in roads(&user(Kind::Uts)) {
        // Time enough for the rest of it, also on a busy machine.
        let held_within = |limit| match spec.clone().timeout(limit).spawn_held(&Command::new("true")) {
            Err(late) if late.errno() == libc::ETIMEDOUT => None,
            held => Some(held.unwrap_or_else(|error| panic!("{error}"))),
        };
        let mut limit = Duration::from_millis(500);
        let (began, held) = loop {
            let began = Instant::now();
            if let Some(held) = held_within(limit) {
                break (began, held);
            }
            limit *= 4;
        };
        let pid = held.id();
        // No signal is let through but this one, which stops the child in the middle of its steps.
        let stop = Command::new("kill").args(["-STOP", &pid.to_string()]);
        assert!(Spec::new().spawn(&stop).unwrap().wait().unwrap().success());
        let late = held.release().unwrap_err();
        assert_eq!((late.errno(), late.cause()), (libc::ETIMEDOUT, nsiso::Cause::TimedOut));
        assert!(began.elapsed() >= limit && began.elapsed() < limit + PATIENCE);
        assert!(fs::metadata(format!("/proc/{pid}")).is_err(), "killed and reaped");
    }
}

#[test]
fn a_child_that_is_killed_during_its_set_up_never_ran() {
    for spec in roads(&user(Kind::Uts)) {
        let held = spec.spawn_held(&Command::new("true")).unwrap();
        let kill = Command::new("kill").args(["-KILL", &held.id().to_string()]);
        assert!(Spec::new().spawn(&kill).unwrap().wait().unwrap().success());
        let killed = held.release().unwrap_err();
        assert_eq!((killed.errno(), killed.cause()), (libc::ESRCH, nsiso::Cause::KilledInSetUp));
    }
}

#[test]
fn another_thread_calls_a_start_off() {
    for spec in roads(&user(Kind::Uts)) {
        let token = nsiso::Cancel::new();
        let spec = spec.cancel_by(&token);
        let held = spec.spawn_held(&Command::new("true")).unwrap();
        let pid = held.id();
        std::thread::scope(|scope| scope.spawn(|| token.cancel()).join().unwrap());
        let cancelled = held.release().unwrap_err();
        assert_eq!((cancelled.errno(), cancelled.cause()), (libc::ECANCELED, nsiso::Cause::Cancelled));
        assert!(fs::metadata(format!("/proc/{pid}")).is_err(), "killed and reaped");
        let later = spec.spawn_held(&Command::new("true")).unwrap_err();
        assert_eq!(later.errno(), libc::ECANCELED);
        let runs = Spec::new().cancel_by(&nsiso::Cancel::new()).spawn(&Command::new("true")).unwrap();
        assert!(runs.wait().unwrap().success(), "a token that nobody uses changes nothing");
    }
}

#[test]
fn waiting_has_an_end() {
    let process = sleeper(&Spec::new());
    assert_eq!(process.wait_timeout(Duration::from_millis(50)).unwrap(), None);
    process.kill().unwrap();
    assert_eq!(process.wait().unwrap().signal(), Some(libc::SIGKILL));
    let worker = Spec::new()
        .spawn(&Command::new("sh").args(["-c", "n=0; while [ $n -lt 20000 ]; do n=$((n+1)); done"]))
        .unwrap();
    worker.wait().unwrap();
    let usage = worker.usage().unwrap();
    assert!(usage.user_time + usage.system_time > Duration::ZERO && usage.max_rss > 0);
}

#[test]
fn a_dropped_process_runs_on_and_leaves_no_zombie() {
    let (own, its) = UnixStream::pair().unwrap();
    let process = Spec::new().spawn(&Command::new("cat").fd(OwnedFd::from(its), 0).null(1)).unwrap();
    let pid = process.id();
    drop(process);
    let stat = || fs::read_to_string(format!("/proc/{pid}/stat"));
    assert!(!stat().unwrap().contains(") Z"), "detached, not killed");
    drop(own);
    until("a later start reaps it", || {
        Spec::new().spawn(&Command::new("true")).unwrap().wait().unwrap();
        stat().is_err()
    });
}

#[test]
fn capabilities_are_kept_in_all_sets_and_nothing_comes_back() {
    let keep: nsiso::Capabilities = "net_bind_service,sys_admin".parse().unwrap();
    let kept = keep.bits();
    // Not root inside: what is kept must survive exec by itself.
    let current = Spec::new().unshare(Kind::User).map_current().capabilities(keep);
    let root = user(Kinds::NONE).capabilities(keep);
    for spec in [root, current].iter().flat_map(roads) {
        let status = shell(&spec, "cat /proc/self/status");
        for set in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"] {
            let line = status.lines().find(|line| line.starts_with(set)).unwrap();
            assert_eq!(u64::from_str_radix(line.rsplit_once('\t').unwrap().1, 16).unwrap(), kept, "{set}");
        }
    }
}
