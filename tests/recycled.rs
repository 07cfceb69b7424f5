//! Does a stranger who gets the number of a child that died before its id map was written ever get the map? In a
//! pid namespace of its own, where `ns_last_pid` decides who gets which number, a host is stopped at each of its
//! system calls between start and map (ptrace(2)), its child killed, and the number given away if it is to be had.

#![allow(unsafe_code)] // kill(2), waitpid(2), signal(2): numbers and NULL.
#![allow(clippy::unwrap_used, clippy::panic)] // A test that cannot go on has failed.

mod patience;
mod stepping;

use nsiso::{Command, IdMap, IdRange, Kind, Process, Spec};
use patience::{until, PATIENCE};
use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::fd::{FromRawFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};
use std::{env, ptr, thread};
use stepping::Traced;

/// Who this program is when it is started again, and where its end of a socket is.
const ROLE: &str = "NSISO_TEST_ROLE";
const SOCKET: i32 = 10;

/// What a host does about children beside spawning them. None of it may free a child's number too early; if one
/// does all the same, the stranger's map must stay empty.
const HOSTS: [&str; 3] =
    ["ignores SIGCHLD", "reaps in another thread", "reaps in another thread with __WALL"];

fn is_root() -> bool {
    fs::read_to_string("/proc/self/status").unwrap().contains("Uid:\t0\t")
}

/// More than one id, so that the child cannot write the maps itself: root does so from outside, in lines that do not
/// span the ranges it has got the ids from; anybody else has helpers for it.
fn mapped() -> Spec {
    let range = |inside, outside| IdRange { inside, outside, count: 1 };
    let map = || IdMap::new([range(0, 0), range(9, 1)]).unwrap();
    let spec = Spec::new().unshare(Kind::User);
    if is_root() {
        spec.map_ids(map(), map())
    } else {
        spec.map_auto()
    }
}

fn sleeper() -> Command {
    Command::new("sleep").arg("600").null(0).null(1).null(2)
}

/// This program in a role, with the other end of its socket.
fn again(test: &str, role: &str, path: Option<&str>, spec: &Spec) -> (Process, UnixStream) {
    let (own, other) = UnixStream::pair().unwrap();
    own.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut environment: BTreeMap<_, _> = env::vars().collect();
    environment.insert(ROLE.into(), role.into());
    environment.extend(path.map(|path| ("PATH".into(), path.into())));
    let command = Command::new(env::current_exe().unwrap())
        .args(["--ignored", "--exact", test, "--nocapture"])
        .env(environment)
        .fd(OwnedFd::from(other), SOCKET)
        .null(1);
    (spec.spawn(&command).unwrap_or_else(|error| panic!("{error}")), own)
}

/// The own end of the socket; `None` where nobody has started this as a role.
fn socket() -> Option<(String, UnixStream)> {
    let role = env::var(ROLE).ok()?;
    // SAFETY: whoever started this process put a socket there for it.
    let socket = unsafe { UnixStream::from_raw_fd(SOCKET) };
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    Some((role, socket))
}

#[test]
fn a_stranger_with_the_childs_number_gets_no_map() {
    let spec = Spec::new().unshare(Kind::User | Kind::Pid | Kind::Mnt).proc();
    let two = || IdMap::new([IdRange { inside: 0, outside: 0, count: 2 }]).unwrap();
    let spec = if is_root() { spec.map_ids(two(), two()) } else { spec.map_auto() };
    let (controller, socket) = again("controller", "controller", None, &spec);
    let mut found = String::new();
    let mut socket = BufReader::new(socket);
    while socket.read_line(&mut found).unwrap() > 0 {}
    assert!(controller.wait().unwrap().success(), "{found}");
    for host in HOSTS {
        let of_host = || found.lines().filter(|line| line.starts_with(&format!("{host}: ")));
        assert!(of_host().count() >= 3, "{host} was met at several places: {found}");
        let was_free = if host == HOSTS[2] { "given away" } else { "kept" };
        assert!(
            of_host().all(|line| line.ends_with(was_free)),
            "{host}: a number is not {was_free}: {found}"
        );
    }
    assert!(!found.contains("MAPPED"), "a stranger got the child's map:\n{found}");
}

/// In place of the helpers: kills the child, tells what has become of it, and calls the real one.
const HELPER: &str = r#"#!/bin/sh
test $# -gt 0 || exit 1 # Asked for its usage.
kill -KILL $1
while grep -q ') [^Z]' /proc/$1/stat; do sleep 0.01; done 2>/dev/null
cut -d ' ' -f 3 /proc/$1/stat >>"${0%/*}/states" 2>&1
PATH=${PATH#*:} exec "${0##*/}" "$@"
"#;

#[test]
fn a_childs_number_stays_its_own_while_a_helper_is_at_work() {
    if is_root() {
        // It writes the maps itself; tests/run has an ordinary user run this too.
        return;
    }
    let directory = env::temp_dir().join(format!("nsiso-recycled-{}", std::process::id()));
    fs::create_dir(&directory).unwrap();
    for helper in ["newuidmap", "newgidmap"] {
        fs::write(directory.join(helper), HELPER).unwrap();
        fs::set_permissions(directory.join(helper), fs::Permissions::from_mode(0o700)).unwrap();
    }
    let path = format!("{}:{}", directory.display(), env::var("PATH").unwrap());
    // None of the others: that takes the number on purpose.
    for host in &HOSTS[..2] {
        let (process, mut socket) = again("host", host, Some(&path), &Spec::new());
        socket.write_all(b"!").unwrap();
        let mut said = String::new();
        socket.read_to_string(&mut said).unwrap();
        assert!(said.contains("error: ") && process.wait().unwrap().success(), "{host}: {said}");
    }
    let states = fs::read_to_string(directory.join("states")).unwrap();
    fs::remove_dir_all(&directory).unwrap();
    assert!(states.lines().count() >= 2 && states.lines().all(|state| state == "Z"), "not reaped: {states}");
}

/// Has the next process get this number, if it is free.
fn force_next(number: i32) {
    fs::write("/proc/sys/kernel/ns_last_pid", (number - 1).to_string()).unwrap();
}

/// A process in a user namespace without any map, with that number if it can be had.
fn stranger(number: i32) -> Process {
    force_next(number);
    Spec::new().unshare(Kind::User).spawn(&sleeper()).unwrap().kill_on_drop(true)
}

fn kill(pid: i32) {
    // SAFETY: numbers only.
    assert_eq!(unsafe { libc::kill(pid, libc::SIGKILL) }, 0);
}

/// Z for one that has ended and was not reaped; `None` if there is none.
fn state(pid: i32) -> Option<char> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(')').unwrap().1.trim_start().chars().next()
}

/// Whether each of its maps has been written.
fn is_mapped(pid: i32) -> [bool; 2] {
    ["uid_map", "gid_map"]
        .map(|file| fs::read_to_string(format!("/proc/{pid}/{file}")).is_ok_and(|map| !map.is_empty()))
}

/// Pid 1 of a namespace in which it decides who gets which number.
#[test]
#[ignore = "the test starts it"]
fn controller() {
    let Some((_, mut out)) = socket() else { return };
    a_waiting_childs_number_is_its_own();
    for host in HOSTS {
        for place in 0.. {
            let Some(found) = strike(host, place) else { break };
            writeln!(out, "{host}: {found}").unwrap();
        }
    }
}

fn a_waiting_childs_number_is_its_own() {
    let held = mapped().spawn_held(&sleeper()).unwrap();
    let number = held.id();
    assert_ne!(stranger(number).id(), number, "while it waits");
    kill(number);
    until("it ends", || state(number) == Some('Z'));
    assert_ne!(stranger(number).id(), number, "and when it has been killed");
    let refused = held.release().unwrap_err();
    assert_eq!(refused.errno(), libc::ESRCH, "{refused}");
    // Else nothing is shown by all this.
    assert_eq!(stranger(number).id(), number, "a free number can be given away");
}

/// The host: spawns one command whose maps it must write, and says what came of it.
#[test]
#[ignore = "the test starts it"]
fn host() {
    let Some((role, mut socket)) = socket() else { return };
    let reap = |options: i32| {
        thread::spawn(move || loop {
            // SAFETY: NULL for a status that nobody wants.
            if unsafe { libc::waitpid(-1, ptr::null_mut(), options) } < 0 {
                thread::sleep(Duration::from_micros(100));
            }
        })
    };
    match HOSTS.iter().position(|host| *host == role).unwrap() {
        // SAFETY: ignoring has no handler that could do harm.
        0 => drop(unsafe { libc::signal(libc::SIGCHLD, libc::SIG_IGN) }),
        1 => drop(reap(0)),
        _ => drop(reap(libc::__WALL)),
    }
    // SAFETY: takes nothing.
    writeln!(socket, "{}", unsafe { libc::gettid() }).unwrap();
    socket.read_exact(&mut [0]).unwrap();
    let answer = match mapped().timeout(PATIENCE).spawn(&sleeper()) {
        Ok(process) => format!("runs: {}", process.kill().is_ok()),
        Err(error) => format!("error: {error}"),
    };
    writeln!(socket, "{answer}").unwrap();
}

/// Kills a host's child at the n-th system call that the host makes between start and maps, and gives its number
/// away if it is to be had. What came of it; `None` if they were written before.
fn strike(host: &str, place: usize) -> Option<String> {
    let (process, mut socket) = again("host", host, None, &Spec::new());
    let process = process.kill_on_drop(true);
    let mut answers = BufReader::new(socket.try_clone().unwrap());
    let mut line = String::new();
    answers.read_line(&mut line).unwrap();
    let traced = Traced::stop(line.trim().parse().unwrap());
    socket.write_all(b"!").unwrap();
    let child = traced.run_to_start();
    let call = (0..=place).fold(0, |_, _| traced.run_to_call());
    if is_mapped(child) == [true; 2] {
        return None;
    }
    kill(child);
    let is_reaped = host.ends_with("__WALL");
    until("it ends", || state(child).is_none_or(|state| state == 'Z' && !is_reaped));
    // Should another thread be about to reap it, let it; and the kernel frees a number a moment after the reaping.
    thread::sleep(Duration::from_millis(2));
    let began = Instant::now();
    let stranger = loop {
        let stranger = stranger(child);
        if stranger.id() == child || !is_reaped || began.elapsed() > PATIENCE {
            break stranger;
        }
    };
    drop(traced);
    line.clear();
    answers.read_line(&mut line).unwrap();
    assert!(line.starts_with("error: "), "{host}, before call {call}: {line}");
    let given_away = if stranger.id() == child { "given away" } else { "kept" };
    let mapped = if is_mapped(stranger.id()) == [false; 2] { "" } else { "MAPPED, " };
    drop(process);
    Some(format!("{place} (call {call}): {}: {mapped}number {given_away}", line.trim()))
}
