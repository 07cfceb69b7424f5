//! Does a command end with the host that started it, whenever and wherever that is killed; and only with the host,
//! not with the thread that started it? The host is this program again, and what it leaves behind becomes a child
//! of this process, which sees it so. `NSISO_SOAK=1` makes it long.

#![allow(unsafe_code)] // Becoming the reaper of orphans, and reaping them.
#![allow(clippy::unwrap_used, clippy::panic)] // A test that cannot go on has failed.

mod stepping;

use nsiso::{Command, Kind, Kinds, Process, Spec};
use std::fs::{self, File};
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::os::fd::{FromRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::ptr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use stepping::Traced;

/// Where the host, and all that it starts, has the pipe whose end tells of theirs.
const PIPE: i32 = 10;
/// The host is told by it what to start.
const ROLE: &str = "NSISO_TEST_HOST";
/// The host is killed at most so long after it has begun to start commands, or has started one or two.
const SPAN_MICROSECONDS: u64 = 3_000;
/// So much later nobody may be left.
const SOON: Duration = Duration::from_secs(20);
/// More commands than a host can start before it is killed.
const COMMANDS: usize = 20;

/// A command alone, and one with a child and with an orphan in a session of its own.
const ALONE: [&str; 2] = ["sleep", "600"];
const FAMILY: [&str; 3] = ["sh", "-c", "(setsid sleep 600 &); sleep 600 & wait"];

/// What hosts start, by name: with the command's words, of which only a pid namespace ends all.
fn role(name: &str) -> (Spec, &'static [&'static str]) {
    let user = |kinds: Kinds| Spec::new().unshare(kinds | Kind::User).map_root();
    let pid = user(Kind::Pid.into());
    match name {
        "plain" => (Spec::new(), &ALONE),
        "namespaces" => (user(Kind::Uts | Kind::Mnt), &ALONE),
        "pid" => (pid, &FAMILY),
        "init" => (pid.init(), &FAMILY),
        "all" => (user(Kinds::ALL).proc().hostname("h"), &FAMILY),
        "all, init" => (user(Kinds::ALL).proc().hostname("h").init(), &FAMILY),
        "copied" => (user(Kind::Uts.into()).own_memory(), &ALONE),
        "copied, init" => (pid.init().own_memory(), &FAMILY),
        "held" => (user(Kinds::ALL - Kind::Pid), &[]),
        "held, all" => (user(Kinds::ALL).proc().hostname("h"), &[]),
        _ => panic!("no role {name:?}"),
    }
}

const ROLES: [&str; 8] = ["plain", "namespaces", "pid", "init", "all", "all, init", "copied", "copied, init"];

/// These hold namespaces, and start no command.
const HOLDERS: [&str; 2] = ["held", "held, all"];

fn is_long() -> bool {
    std::env::var_os("NSISO_SOAK").is_some()
}

/// The host: starts commands without pause until it is killed, and says so in the pipe each time.
#[test]
#[ignore = "the others start it"]
fn host() {
    let Ok(words) = std::env::var(ROLE) else { return };
    let (name, kills) = words.split_once(';').unwrap();
    // SAFETY: whoever started this process put its end there for it.
    let mut pipe = unsafe { File::from_raw_fd(PIPE) };
    let (spec, words) = role(name);
    let spec = if kills == "kill" { spec.kill_with_parent() } else { spec };
    // SAFETY: takes nothing.
    writeln!(pipe, "{}", unsafe { libc::gettid() }).unwrap();
    pipe.read_exact(&mut [0]).unwrap();
    let (mut running, mut held) = (Vec::new(), Vec::new());
    while running.len() + held.len() < COMMANDS {
        if let [program, args @ ..] = words {
            let command = Command::new(program).args(args).keep(PIPE).null(0).null(1).null(2);
            running.push(spec.spawn(&command).unwrap_or_else(|error| panic!("{error}")));
        } else {
            held.push(spec.hold().unwrap_or_else(|error| panic!("{error}")));
        }
        pipe.write_all(b"1").unwrap();
    }
    std::thread::sleep(SOON);
}

/// Makes this process the parent of all orphans below it. One test at a time, for they all look at its children.
fn adopt_orphans() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    // SAFETY: numbers only.
    assert_eq!(unsafe { libc::prctl(libc::PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) }, 0);
    assert_eq!(children(), Vec::<(i32, String)>::new());
    turn
}

/// The children of this process, with their command lines; zombies have none.
fn children() -> Vec<(i32, String)> {
    let tasks = fs::read_dir("/proc/self/task").unwrap();
    let of_task = |task: fs::DirEntry| fs::read_to_string(task.path().join("children")).unwrap_or_default();
    let numbers = tasks.map(|task| of_task(task.unwrap())).collect::<String>();
    let line =
        |pid| fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default().replace('\0', " ");
    numbers.split_whitespace().map(|pid| (pid.parse().unwrap(), line(pid))).collect()
}

/// Reaps orphans until there are none; those that are still there at the end of the time.
fn reap_orphans(patience: Duration) -> Vec<(i32, String)> {
    let began = Instant::now();
    loop {
        // SAFETY: NULL for a status that nobody wants. No child is left that somebody else waits for.
        match unsafe { libc::waitpid(-1, ptr::null_mut(), libc::WNOHANG | libc::__WALL) } {
            -1 => return Vec::new(),
            0 if began.elapsed() > patience => return children(),
            0 => std::thread::sleep(Duration::from_millis(1)),
            _ => {}
        }
    }
}

/// Ends what a failing host has left, so that the test leaves nothing.
fn end(orphans: &[(i32, String)]) {
    for (pid, _) in orphans {
        // SAFETY: a child of this process that nobody has reaped.
        unsafe { libc::kill(*pid, libc::SIGKILL) };
    }
    reap_orphans(SOON);
}

/// A host that waits for the word to begin, its thread that will, and the pipe that it and all that it starts hold.
fn start(words: &str) -> (Process, i32, BufReader<UnixStream>) {
    let (own, other) = UnixStream::pair().unwrap();
    let environment = std::env::vars().filter(|(name, _)| name != ROLE).chain([(ROLE.into(), words.into())]);
    let command = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "host", "--nocapture"])
        .env(environment)
        .fd(OwnedFd::from(other), PIPE)
        .null(1);
    let process = Spec::new().spawn(&command).unwrap();
    own.set_read_timeout(Some(SOON)).unwrap();
    let mut pipe = BufReader::new(own);
    let mut line = String::new();
    pipe.read_line(&mut line).unwrap();
    (process, line.trim().parse().unwrap(), pipe)
}

/// Waits for the end of a host that was killed, and gives how many commands it has started beyond those that were
/// read from its pipe, and who is left.
fn killed(words: &str, host: &Process, pipe: &mut impl Read) -> (usize, Vec<(i32, String)>) {
    assert_eq!(host.wait().unwrap().signal(), Some(libc::SIGKILL), "{words}: it failed before it was killed");
    let patience = if words.ends_with("kill") { SOON } else { Duration::from_millis(300) };
    let left = reap_orphans(patience);
    // Who is no child of anybody here, but has the pipe, would be seen by this.
    let mut commands = Vec::new();
    if left.is_empty() {
        let end = pipe.read_to_end(&mut commands);
        assert!(!end.is_err_and(|error| error.kind() == ErrorKind::WouldBlock), "{words}: the pipe is open");
    }
    (commands.len(), left)
}

/// Kills a host so long after it has started so many commands, and gives how many it was and who is left.
fn kill_host_after(words: &str, commands: usize, delay: Duration) -> (usize, Vec<(i32, String)>) {
    let (host, _, mut pipe) = start(words);
    pipe.get_mut().write_all(b"!").unwrap();
    pipe.read_exact(&mut vec![0; commands]).unwrap();
    let began = Instant::now();
    // No sleep: that would be longer than the whole span.
    while began.elapsed() < delay {
        std::hint::spin_loop();
    }
    host.kill().unwrap();
    let (more, left) = killed(words, &host, &mut pipe);
    (commands + more, left)
}

/// Kills a host at its n-th system call since it has begun. How many commands it had started, and who is left.
fn kill_host_at(words: &str, call: usize) -> (usize, Vec<(i32, String)>) {
    let (host, thread, mut pipe) = start(words);
    let traced = Traced::stop(thread);
    pipe.get_mut().write_all(b"!").unwrap();
    for _ in 0..=call {
        traced.run_to_call();
    }
    host.kill().unwrap();
    traced.end();
    killed(words, &host, &mut pipe)
}

#[test]
fn commands_end_with_a_host_that_is_killed_at_any_of_its_calls() {
    let _turn = adopt_orphans();
    let all = [&ROLES[..], &HOLDERS].concat();
    let roles = if is_long() { &all[..] } else { &["pid", "held, all"] };
    for role in roles {
        for call in 0.. {
            let (commands, left) = kill_host_at(&format!("{role};kill"), call);
            end(&left);
            assert!(left.is_empty(), "{role}, killed at call {call} after {commands} commands: {left:?}");
            // Twice, because it is not the same with a first one that runs.
            if commands == 2 {
                assert!(call > 20, "there are more calls to it");
                break;
            }
        }
    }
}

#[test]
fn commands_end_with_a_host_that_is_killed_at_any_time() {
    let _turn = adopt_orphans();
    let times = if is_long() { 1_000 } else { 60 };
    let roles = [&ROLES[..], &HOLDERS].concat();
    let mut seed = u64::from(std::process::id()) << 32 | u64::from(Instant::now().elapsed().subsec_nanos());
    let mut started = Vec::new();
    for time in 0..times {
        let role = roles[time % roles.len()];
        // xorshift: any spread over the span will do.
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        let delay = Duration::from_micros(seed % SPAN_MICROSECONDS);
        let commands = (seed >> 32) as usize % 3;
        let (commands, left) = kill_host_after(&format!("{role};kill"), commands, delay);
        end(&left);
        assert!(left.is_empty(), "{role}, killed {delay:?} after {commands} commands: {left:?}");
        started.push(commands);
    }
    // Else all were killed before or after what matters.
    let (least, most) = (started.iter().min().unwrap(), started.iter().max().unwrap());
    assert!(least < most, "always {least} commands");
}

#[test]
fn without_the_option_commands_are_left_and_seen() {
    let _turn = adopt_orphans();
    for role in ["plain", "pid"] {
        let (_, left) = kill_host_after(&format!("{role};live"), 2, Duration::ZERO);
        end(&left);
        assert!(
            !left.is_empty() && left.iter().any(|(_, line)| line.contains("sleep 600")),
            "{role}: {left:?}"
        );
    }
}

#[test]
fn the_thread_that_started_a_command_may_end() {
    let _turn = adopt_orphans();
    for name in ROLES {
        let (spec, words) = role(name);
        let command = Command::new(words[0]).args(&words[1..]).null(0).null(1).null(2);
        let thread = std::thread::spawn(move || spec.kill_with_parent().spawn(&command).unwrap());
        let process = thread.join().unwrap();
        assert_eq!(process.wait_timeout(Duration::from_millis(100)).unwrap(), None, "{name}: it lives");
        process.kill().unwrap();
        assert_eq!(process.wait().unwrap().signal(), Some(libc::SIGKILL), "{name}");
        drop(process);
    }
    // A companion ends with its command.
    let left = reap_orphans(SOON);
    end(&left);
    assert!(left.is_empty(), "{left:?}");
}
