//! Does a start that is given up, at whatever moment, come back at once and leave nothing? In all ways that a child
//! is started and becomes another process half way. `NSISO_SOAK=1` makes it long.

#![allow(clippy::unwrap_used, clippy::panic)] // A test that cannot go on has failed.

use nsiso::{Command, Kind, Process, Spec};
use std::fs;
use std::time::{Duration, Instant};

/// No set-up takes longer than this many microseconds, but on a busy machine.
const SPAN: u64 = 1_500;
/// A command that would keep whoever waits for its end by mistake.
const COMMAND: [&str; 2] = ["sleep", "600"];
/// To end a child takes a moment; this is more, and less than a command takes.
const AT_ONCE: Duration = Duration::from_secs(60);

fn user() -> Spec {
    Spec::new().unshare(Kind::User | Kind::Pid).map_root()
}

fn spawn(spec: &Spec) -> nsiso::Result<Process> {
    spec.spawn(&Command::new(COMMAND[0]).arg(COMMAND[1]))
}

/// The children of this process, by number: all threads', and zombies too.
fn children() -> String {
    let tasks = fs::read_dir("/proc/self/task").unwrap();
    tasks.map(|task| fs::read_to_string(task.unwrap().path().join("children")).unwrap_or_default()).collect()
}

// One test, because it looks at all children of the process.
#[test]
fn a_start_that_is_given_up_leaves_nothing() {
    let times = if std::env::var_os("NSISO_SOAK").is_some() { 5_000 } else { 120 };
    // Longer than the long run takes.
    let target = user().spawn(&Command::new("sleep").arg("3600")).unwrap().kill_on_drop(true);
    let before = (children(), fs::read_dir("/proc/self/fd").unwrap().count());
    let specs = [
        user().unshare(Kind::Mnt | Kind::Uts | Kind::Ipc).proc().hostname("late"),
        Spec::new().join_process(target.id(), Kind::User | Kind::Pid).unshare(Kind::Mnt | Kind::Uts),
        user().init(),
        user().kill_with_parent(),
    ];
    let mut given_up = 0;
    for spec in specs.into_iter().flat_map(|spec| [spec.clone(), spec.own_memory()]) {
        for time in 0..times {
            // Coprime to the span: everywhere in it.
            let timeout = Duration::from_micros(time * 1_237 % SPAN);
            let began = Instant::now();
            match spawn(&spec.clone().timeout(timeout)) {
                Ok(process) => drop(process.kill_on_drop(true)),
                Err(error) => {
                    assert_eq!(error.errno(), libc::ETIMEDOUT, "{error}");
                    given_up += 1;
                }
            }
            assert!(
                began.elapsed() < AT_ONCE,
                "{:?} with a timeout of {timeout:?}: {spec:?}",
                began.elapsed()
            );
        }
        // Companions that had their command to end with are reaped by a later start.
        let began = Instant::now();
        while (children(), fs::read_dir("/proc/self/fd").unwrap().count()) != before {
            assert!(began.elapsed() < AT_ONCE, "left, beside {}: {}: {spec:?}", before.0, children());
            Spec::new().spawn(&Command::new("true")).unwrap().wait().unwrap();
        }
    }
    // Else nothing is shown: of eight times so many starts at least these had not enough time.
    assert!(given_up > times / 4, "{given_up} were given up");
}
