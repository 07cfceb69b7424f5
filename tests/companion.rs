//! Is there a reaper as pid 1 when one is asked for, and is the command still the caller's own child?

#![allow(clippy::unwrap_used, clippy::panic)] // A test that cannot go on has failed.

mod patience;

use nsiso::{Command, ExitStatus, Kind, Process, Spec};
use patience::until;
use std::fs;
use std::os::unix::fs::MetadataExt;

fn spec() -> Spec {
    let kinds = Kind::User | Kind::Pid | Kind::Mnt | Kind::Uts | Kind::Ipc | Kind::Net;
    Spec::new().unshare(kinds).map_root().proc().hostname("with-init").init()
}

fn shell(spec: &Spec, line: &str) -> Process {
    let command = Command::new("sh").args(["-c", line]);
    spec.spawn(&command).unwrap_or_else(|error| panic!("{error}"))
}

fn field(pid: i32, name: &str) -> String {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    status.lines().find_map(|line| line.strip_prefix(name)).unwrap().trim().to_owned()
}

fn inode(pid: i32, name: &str) -> u64 {
    fs::metadata(format!("/proc/{pid}/ns/{name}")).unwrap().ino()
}

/// The children of this process, by number: all threads'.
fn children() -> Vec<i32> {
    let tasks = fs::read_dir("/proc/self/task").unwrap();
    let of_task = |task: fs::DirEntry| fs::read_to_string(task.path().join("children")).unwrap_or_default();
    let numbers = tasks.map(|task| of_task(task.unwrap())).collect::<String>();
    numbers.split_whitespace().map(|number| number.parse().unwrap()).collect()
}

/// Pid 1 of the pid namespace of this process, by its number here.
fn init_of(pid: i32) -> i32 {
    let inside = |child: &i32| {
        fs::metadata(format!("/proc/{child}/ns/pid")).is_ok_and(|ns| ns.ino() == inode(pid, "pid"))
    };
    let is_first = |child: &i32| field(*child, "NSpid:") == format!("{child}\t1");
    children().into_iter().filter(inside).find(is_first).unwrap()
}

// One test, because it looks at all children of the process.
#[test]
fn the_reaper_is_pid_1_and_the_command_the_callers_child() {
    let process = shell(&spec(), "test $$ = 2 && test $PPID = 0 && sleep 600").kill_on_drop(true);
    assert_eq!(field(process.id(), "PPid:"), std::process::id().to_string());
    assert_eq!(field(process.id(), "NSpid:"), format!("{}\t2", process.id()));
    assert_eq!(children().len(), 2, "one companion");
    let init = init_of(process.id());
    until("its own name", || field(init, "Name:") == "nsiso-companion");
    for kind in ["user", "pid", "mnt", "uts", "ipc", "net"] {
        assert_eq!(inode(init, kind), inode(process.id(), kind), "{kind}");
    }
    let resident: u64 = field(init, "VmRSS:").split_whitespace().next().unwrap().parse().unwrap();
    assert!(resident < 64, "{resident} KiB: not the host's image");
    until("three of /dev/null, its socket, its signals, the command", || {
        fs::read_dir(format!("/proc/{init}/fd")).unwrap().count() == 6
    });
    process.kill().unwrap();
    assert_eq!(process.wait().unwrap().signal(), Some(libc::SIGKILL), "the true status");
    until("pid 1 ends with the command", || {
        field_or_none(init, "State:").is_none_or(|state| state.starts_with('Z'))
    });
    drop(process);

    // Exit statuses are the command's own.
    assert_eq!(shell(&spec(), "exit 7").wait().unwrap().code(), Some(7));
    assert_eq!(shell(&spec(), "kill -USR1 $$").wait().unwrap().signal(), Some(libc::SIGUSR1));

    // What is sent to pid 1 is the command's, from inside and from outside.
    let inside = shell(&spec(), "trap 'exit 5' TERM; kill -TERM 1; sleep 600 & wait").kill_on_drop(true);
    assert_eq!(inside.wait().unwrap().code(), Some(5));
    let marker = std::env::temp_dir().join(format!("nsiso-ready-{}", std::process::id()));
    let line = format!("trap 'exit 6' USR1; echo >{}; sleep 600 & wait", marker.display());
    let outside = shell(&spec(), &line).kill_on_drop(true);
    until("the trap is set", || marker.exists());
    let init = init_of(outside.id());
    let kill = Command::new("kill").args(["-USR1", &init.to_string()]);
    assert!(Spec::new().spawn(&kill).unwrap().wait().unwrap().success());
    assert_eq!(outside.wait().unwrap().code(), Some(6));
    fs::remove_file(&marker).unwrap();

    // Orphans are reaped inside, and die with the command.
    let marker = std::env::temp_dir().join(format!("nsiso-orphan-{}", std::process::id()));
    let line = format!(
        "(sleep 0.1 & echo $! >{0}; sleep 600 &); read orphan <{0}; while test -e /proc/$orphan; do sleep 0.01; done",
        marker.display()
    );
    let process = shell(&spec(), &line).kill_on_drop(true);
    let ended = process.wait_timeout(patience::PATIENCE).unwrap();
    assert!(ended.is_some_and(ExitStatus::success), "its orphan is reaped");
    fs::remove_file(&marker).unwrap();

    // A set-up that fails takes its pid 1 along.
    let refused = spec().cwd("/no/such/place").spawn(&Command::new("true")).unwrap_err();
    assert_eq!((refused.step(), refused.errno()), ("chdir", libc::ENOENT));
    let refused = spec().spawn(&Command::new("/no/such/program")).unwrap_err();
    assert_eq!((refused.step(), refused.errno()), ("exec", libc::ENOENT));

    // And nobody is left once later starts have reaped.
    until("no child is left", || {
        Spec::new().spawn(&Command::new("true")).unwrap().wait().unwrap();
        children().is_empty()
    });
}

fn field_or_none(pid: i32, name: &str) -> Option<String> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    status.lines().find_map(|line| line.strip_prefix(name)).map(|value| value.trim().to_owned())
}
