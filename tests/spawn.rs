//! Does a spawned command live in the namespaces that its spec names, and does every failure say what
//! happened? Seen from outside, through /proc; as root or as an ordinary user, who adds a user namespace.

#![allow(clippy::unwrap_used)] // A test that cannot go on has failed.

use nsiso::{Command, Kind, Kinds, Process, Spec};
use std::collections::BTreeSet;
use std::fs;
use std::os::fd::AsRawFd;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

/// As many kinds as the caller may make: an ordinary user needs a user namespace for the others.
fn spec(kinds: impl Into<Kinds>) -> Spec {
    let spec = Spec::new().unshare(kinds);
    if is_root() {
        spec
    } else {
        spec.unshare(Kind::User).map_root()
    }
}

fn is_root() -> bool {
    fs::read_to_string("/proc/self/status").unwrap().contains("Uid:\t0\t0\t0\t0")
}

fn link(process: &str, name: &str) -> PathBuf {
    fs::read_link(format!("/proc/{process}/ns/{name}")).unwrap()
}

/// The kinds in which a process differs from this thread, as the kernel shows it.
fn differing(process: &Process) -> Kinds {
    let pid = process.id().to_string();
    Kind::ALL.into_iter().filter(|kind| link(&pid, kind.name()) != link("thread-self", kind.name())).collect()
}

fn sleeper() -> Command {
    Command::new("sleep").arg("600")
}

/// Runs a line of shell whose output goes to a file, and gives both its status and its output.
fn shell(spec: &Spec, line: &str) -> (i32, String) {
    static RUNS: AtomicUsize = AtomicUsize::new(0);
    let run = RUNS.fetch_add(1, Ordering::Relaxed);
    let output = std::env::temp_dir().join(format!("nsiso-spawn-{}-{run}", std::process::id()));
    let redirected = format!("exec >{}; {line}", output.display());
    let status = spec.spawn(&Command::new("sh").args(["-c", &redirected])).unwrap().wait().unwrap();
    let text = fs::read_to_string(&output).unwrap();
    fs::remove_file(&output).unwrap();
    (status.into_raw(), text.trim().to_owned())
}

#[test]
fn each_kind_alone_and_all_together() {
    let sets = Kind::ALL.into_iter().map(Kinds::from).chain([Kinds::NONE, Kinds::ALL]);
    for kinds in sets {
        let spec = if kinds.is_empty() { Spec::new() } else { spec(kinds) };
        let expected = if is_root() || kinds.is_empty() { kinds } else { kinds | Kind::User };
        let process = spec.spawn(&sleeper()).unwrap();
        assert_eq!(differing(&process), expected);
        process.send_signal(libc::SIGKILL).unwrap();
        assert_eq!(process.wait().unwrap().signal(), Some(libc::SIGKILL));
    }
}

#[test]
fn set_up_is_seen_inside_and_not_outside() {
    let name_outside = fs::read("/proc/sys/kernel/hostname").unwrap();
    let mounts_outside = fs::read("/proc/self/mountinfo").unwrap();
    let all = Spec::new().unshare(Kinds::ALL).map_root().hostname("inside").proc();
    assert_eq!(shell(&all, "hostname"), (0, "inside".to_owned()));
    assert_eq!(shell(&all, "echo $$"), (0, "1".to_owned()));
    assert_eq!(shell(&all, "id -u; id -g"), (0, "0\n0".to_owned()));
    assert_eq!(shell(&all, "set -- /proc/[0-9]*; echo $#").1, "1", "the shell alone");
    let (_, interfaces) = shell(&all, "cat /proc/net/if_inet6");
    assert!(interfaces.contains("lo"), "lo has an address only when it is up: {interfaces:?}");
    assert_eq!(fs::read("/proc/sys/kernel/hostname").unwrap(), name_outside);
    assert_eq!(fs::read("/proc/self/mountinfo").unwrap(), mounts_outside);
}

#[test]
fn signals_are_as_a_program_expects_them() {
    let (_, text) = shell(&Spec::new(), "cat /proc/self/status");
    let mask = |name: &str| {
        let line = text.lines().find(|line| line.starts_with(name)).unwrap();
        u64::from_str_radix(line.split_once('\t').unwrap().1, 16).unwrap()
    };
    assert_eq!(mask("SigBlk"), 0, "the caller's mask");
    assert_eq!(mask("SigCgt"), 0, "no handler survives");
    // Rust's runtime ignores SIGPIPE in this very process; programs must not inherit that.
    assert_eq!(mask("SigIgn") & (1 << (libc::SIGPIPE - 1)), 0);
}

#[test]
fn four_outcomes_are_told_apart() {
    let exit = Spec::new().spawn(&Command::new("sh").args(["-c", "exit 3"])).unwrap().wait().unwrap();
    assert_eq!((exit.code(), exit.signal()), (Some(3), None));
    let death = Spec::new().spawn(&Command::new("sh").args(["-c", "kill -TERM $$"])).unwrap().wait().unwrap();
    assert_eq!((death.code(), death.signal()), (None, Some(libc::SIGTERM)));
    let no_program = Spec::new().spawn(&Command::new("/no/such/program")).unwrap_err();
    assert_eq!((no_program.step(), no_program.errno()), ("exec", libc::ENOENT));
    assert!(no_program.object().contains("/no/such/program"));
    let not_executable = Spec::new().spawn(&Command::new("/etc/passwd")).unwrap_err();
    assert_eq!((not_executable.step(), not_executable.errno()), ("exec", libc::EACCES));
    // A second user namespace whose maps nobody has written cannot be made from one that has none.
    let nested = Spec::new().unshare(Kind::User).map_root();
    let (status, _) = shell(&nested, "unshare --user true; unshare --uts --user true");
    assert_eq!(status, 0);
    if !is_root() {
        let refused = Spec::new().unshare(Kind::Net).spawn(&sleeper()).unwrap_err();
        assert_eq!((refused.step(), refused.errno()), ("clone", libc::EPERM));
        assert_eq!(refused.cause(), nsiso::Cause::NoPrivilege);
        assert!(refused.remedy().contains("user namespace"));
    }
}

#[test]
fn a_program_is_found_as_execvp_finds_it() {
    let by_name = Spec::new().spawn(&Command::new("true")).unwrap();
    assert!(by_name.wait().unwrap().success());
    let nowhere = Spec::new().spawn(&Command::new("no-such-program-anywhere")).unwrap_err();
    assert_eq!(nowhere.errno(), libc::ENOENT);
    let empty = Spec::new().spawn(&Command::new("")).unwrap_err();
    assert_eq!(empty.errno(), libc::ENOENT);
}

#[test]
fn the_environment_is_the_callers_or_the_given_one() {
    let output = std::env::temp_dir().join(format!("nsiso-env-{}", std::process::id()));
    let line = format!("env >{}", output.display());
    let only = Command::new("/bin/sh").args(["-c", &line]).env([("PATH", "/usr/bin:/bin"), ("ONLY", "this")]);
    assert!(Spec::new().spawn(&only).unwrap().wait().unwrap().success());
    let seen: BTreeSet<_> = fs::read_to_string(&output).unwrap().lines().map(str::to_owned).collect();
    fs::remove_file(&output).unwrap();
    assert!(seen.contains("ONLY=this") && !seen.iter().any(|line| line.starts_with("HOME=")), "{seen:?}");
}

#[test]
fn waiting_is_repeatable_and_the_pidfd_is_the_childs() {
    let process = Spec::new().spawn(&sleeper()).unwrap();
    assert_eq!(process.poll().unwrap(), None);
    let info = format!("/proc/self/fdinfo/{}", process.pidfd().unwrap().as_raw_fd());
    let of_pidfd = || fs::read_to_string(&info).unwrap();
    assert!(of_pidfd().contains(&format!("Pid:\t{}\n", process.id())), "the descriptor is the child's");
    process.send_signal(libc::SIGTERM).unwrap();
    let status = process.wait().unwrap();
    assert_eq!(process.wait().unwrap(), status);
    assert_eq!(process.poll().unwrap(), Some(status));
    assert!(of_pidfd().contains("Pid:\t-1\n"), "reaped");
    assert_eq!(process.send_signal(libc::SIGTERM).unwrap_err().errno(), libc::ESRCH);
}

#[test]
fn probe_and_the_kernel_agree() {
    let probe = nsiso::probe().unwrap();
    for (kind, answer) in probe.kinds() {
        let alone = Spec::new().unshare(kind).spawn(&Command::new("true"));
        let with_user = Spec::new().unshare(kind | Kind::User).spawn(&Command::new("true"));
        let expected = match (alone, with_user) {
            (Ok(_), _) => nsiso::Answer::Yes,
            (Err(_), Ok(_)) => nsiso::Answer::WithUser,
            (Err(_), Err(refused)) => nsiso::Answer::No(refused),
        };
        assert_eq!(*answer, expected, "{kind}");
    }
}

#[test]
fn handles_cross_threads() {
    fn check<T: Send + Sync>() {}
    check::<Spec>();
    check::<Command>();
    check::<Process>();
    check::<nsiso::Plan>();
    check::<nsiso::Error>();
    check::<nsiso::Probe>();
}

#[test]
fn the_first_process_of_a_namespace_ends_though_others_in_it_were_let_go() {
    for waits in [false, true] {
        let first =
            Spec::new().unshare(Kind::User | Kind::Pid).spawn(&Command::new("sleep").arg("600")).unwrap();
        let inside = Spec::new().join_process(first.id(), Kind::User | Kind::Pid);
        // Its zombie is this process's to reap, and pid 1 waits for that.
        drop(inside.spawn(&Command::new("sleep").arg("600")).unwrap());
        first.kill().unwrap();
        if waits {
            assert_eq!(first.wait().unwrap().signal(), Some(libc::SIGKILL));
        } else {
            drop(first.kill_on_drop(true));
        }
    }
}
