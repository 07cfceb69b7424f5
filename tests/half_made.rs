//! Is nothing half-made left of a host that is killed while it adds names to a registry and removes them: no mount, no
//! process, no file that the next call does not show? The host is this program again, and what it leaves behind
//! becomes a child of this process, which sees it so. `NSISO_SOAK=1` makes it long.

#![allow(unsafe_code)] // Becoming the reaper of orphans, and reaping them.
#![allow(clippy::unwrap_used, clippy::panic)] // A test that cannot go on has failed.

mod inside;
mod stepping;

use inside::{as_user, mounted_below, sleeper, where_mounts_are_allowed};
use nsiso::{Command, Kind, Namespace, Process, Registry, Spec};
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::os::fd::{FromRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use stepping::Traced;

/// Where the host has its pipe.
const PIPE: i32 = 10;
/// The host is told by these where the registry is, and whose namespaces are kept.
const DIRECTORY: &str = "NSISO_TEST_REGISTRY";
const TARGET: &str = "NSISO_TEST_TARGET";
/// What it keeps, and removes in the same order.
const KINDS: [Kind; 2] = [Kind::Uts, Kind::Net];
/// The host is killed at most so long after it has begun, or has made some calls.
const SPAN_MICROSECONDS: u64 = 3_000;
/// So much later nobody may be left.
const SOON: Duration = Duration::from_secs(20);

/// What is mounted in /run is seen everywhere, as systemd has it.
const SHARED: &str = "mount --make-shared /run; exec";

fn is_long() -> bool {
    std::env::var_os("NSISO_SOAK").is_some()
}

/// The host: adds and removes without pause until it is killed, and says so in the pipe each time.
#[test]
#[ignore = "the others start it"]
fn host() {
    let Some(directory) = std::env::var_os(DIRECTORY) else { return };
    let target = std::env::var(TARGET).unwrap().parse().unwrap();
    // SAFETY: whoever started this process put its end there for it.
    let mut pipe = unsafe { File::from_raw_fd(PIPE) };
    let registry = Registry::at(directory).unwrap();
    let kept = KINDS.map(|kind| Namespace::of(target, kind).unwrap());
    // SAFETY: takes nothing.
    writeln!(pipe, "{}", unsafe { libc::gettid() }).unwrap();
    pipe.read_exact(&mut [0]).unwrap();
    loop {
        for namespace in &kept {
            registry.add("name", namespace).unwrap_or_else(|error| panic!("{error}"));
            pipe.write_all(b"+").unwrap();
        }
        for kind in KINDS {
            registry.remove("name", kind).unwrap_or_else(|error| panic!("{error}"));
            pipe.write_all(b"-").unwrap();
        }
    }
}

/// A registry, and what is kept in it.
struct Scene {
    registry: Registry,
    target: Process,
    own: [Namespace; 2],
}

/// A host that waits for the word to begin, and its thread that will.
struct Host {
    process: Process,
    thread: i32,
    pipe: BufReader<UnixStream>,
}

impl Scene {
    fn new(directory: &Path) -> Scene {
        // SAFETY: numbers only.
        assert_eq!(unsafe { libc::prctl(libc::PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) }, 0);
        let target = sleeper(&Spec::new().unshare(Kind::User | Kind::Uts | Kind::Net).map_root());
        let own = KINDS.map(|kind| Namespace::of(target.id(), kind).unwrap());
        Scene { registry: Registry::at(directory).unwrap(), target, own }
    }

    fn host(&self) -> Host {
        let (own, other) = UnixStream::pair().unwrap();
        let directory = self.registry.directory().to_str().unwrap().to_owned();
        let told = [(DIRECTORY.to_owned(), directory), (TARGET.to_owned(), self.target.id().to_string())];
        let command = Command::new(std::env::current_exe().unwrap())
            .args(["--ignored", "--exact", "host", "--nocapture"])
            .env(std::env::vars().chain(told))
            .fd(OwnedFd::from(other), PIPE)
            .null(1);
        let process = Spec::new().spawn(&command).unwrap();
        drop(command);
        own.set_read_timeout(Some(SOON)).unwrap();
        let mut pipe = BufReader::new(own);
        let mut line = String::new();
        pipe.read_line(&mut line).unwrap();
        Host { process, thread: line.trim().parse().unwrap(), pipe }
    }

    /// The children of this process but the target; what has ended is reaped.
    fn orphans(&self) -> BTreeSet<i32> {
        // SAFETY: NULL for a status that nobody wants. The host was waited for, and the target lives.
        while unsafe { libc::waitpid(-1, std::ptr::null_mut(), libc::WNOHANG | libc::__WALL) } > 0 {}
        let tasks = fs::read_dir("/proc/self/task").unwrap();
        let of_task =
            |task: fs::DirEntry| fs::read_to_string(task.path().join("children")).unwrap_or_default();
        let numbers = tasks.map(|task| of_task(task.unwrap())).collect::<String>();
        let numbers = numbers.split_whitespace().map(|number| number.parse().unwrap());
        numbers.filter(|number| *number != self.target.id()).collect()
    }

    /// Where the names are: ip's are those of net in the one that is root's.
    fn directory(&self, kind: Kind) -> PathBuf {
        match (kind, self.registry.directory().to_str()) {
            (Kind::Net, Some("/run/nsiso")) => "/run/netns".into(),
            _ => self.registry.directory().join(kind.name()),
        }
    }

    /// The files that stand for names.
    fn files(&self) -> BTreeSet<PathBuf> {
        let below = |kind: Kind| fs::read_dir(self.directory(kind));
        let entries = Kind::ALL.into_iter().filter_map(|kind| below(kind).ok()).flatten();
        entries.map(|entry| entry.unwrap().path()).collect()
    }

    /// After the host's end: what the registry shows is there, and nothing else. Gives how many names there were.
    fn settle(&self, words: &str) -> usize {
        let list = || self.registry.list().unwrap_or_else(|error| panic!("{words}: {error}"));
        let entries = list();
        for entry in &entries {
            let opened = self.registry.open(&entry.name, entry.kind);
            let opened = opened.unwrap_or_else(|error| panic!("{words}: {error}"));
            assert!(self.own.contains(&opened), "{words}: {opened}");
        }
        let path = |kind: Kind| self.directory(kind).join("name");
        let listed: BTreeSet<_> = entries.iter().map(|entry| path(entry.kind)).collect();
        assert_eq!(self.files(), listed, "{words}");
        let mounted = || -> BTreeSet<_> {
            // No other test mounts in this mount namespace.
            mounted_below(Path::new("/")).into_iter().map(|(_, path)| path).collect()
        };
        let by_mounts = entries.iter().filter(|entry| entry.holder.is_none());
        assert_eq!(mounted(), by_mounts.map(|entry| path(entry.kind)).collect(), "{words}");
        let holders: BTreeSet<_> = entries.iter().filter_map(|entry| entry.holder).collect();
        self.only(&holders, words);
        for entry in &entries {
            let removed = self.registry.remove(&entry.name, entry.kind);
            removed.unwrap_or_else(|error| panic!("{words}: {error}"));
        }
        assert_eq!((list(), self.files()), (Vec::new(), BTreeSet::new()), "{words}");
        assert_eq!(mounted(), BTreeSet::new(), "{words}");
        self.unmount(words);
        self.only(&BTreeSet::new(), words);
        entries.len()
    }

    /// Has the next host make the directories mount points anew: they are that once, or not yet.
    fn unmount(&self, words: &str) {
        for directory in [self.registry.directory(), Path::new("/run/netns")] {
            let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
            let is_it = |line: &&str| line.split(' ').nth(4) == directory.to_str();
            let times = mounts.lines().filter(is_it).count();
            assert!(times <= 1, "{words}: {} is mounted {times} times", directory.display());
            if times == 1 {
                inside::output(&Spec::new(), &format!("umount {}", directory.display()));
            }
        }
    }

    /// Soon, if not at once: an orphan has to notice that it is one.
    fn only(&self, holders: &BTreeSet<i32>, words: &str) {
        let began = Instant::now();
        while self.orphans() != *holders {
            assert!(began.elapsed() < SOON, "{words}: left beside {holders:?}: {:?}", self.orphans());
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

impl Host {
    /// Gives how many calls it had made that were not read of yet.
    fn killed(mut self) -> usize {
        assert_eq!(
            self.process.wait().unwrap().signal(),
            Some(libc::SIGKILL),
            "it failed before it was killed"
        );
        let mut calls = Vec::new();
        // Reset where the host has not even read the word to begin.
        let _ = self.pipe.read_to_end(&mut calls);
        calls.len()
    }
}

fn at_any_time(directory: &Path) {
    let scene = Scene::new(directory);
    let times = if is_long() { 500 } else { 60 };
    let mut seed = u64::from(std::process::id()) << 32 | 1;
    let (mut calls, mut names) = (BTreeSet::new(), BTreeSet::new());
    for _ in 0..times {
        // xorshift: any spread over the span will do.
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        let delay = Duration::from_micros(seed % SPAN_MICROSECONDS);
        let made = (seed >> 32) as usize % (2 * KINDS.len());
        let mut host = scene.host();
        host.pipe.get_mut().write_all(b"!").unwrap();
        host.pipe.read_exact(&mut vec![0; made]).unwrap();
        let began = Instant::now();
        // No sleep: that would be longer than what is to be hit.
        while began.elapsed() < delay {
            std::hint::spin_loop();
        }
        host.process.kill().unwrap();
        calls.insert(made + host.killed());
        names.insert(scene.settle(&format!("killed {delay:?} after {made} calls")));
    }
    // Else all were killed before or after what matters.
    assert!(calls.len() > 1 && names.len() > 1, "always {calls:?} calls, {names:?} names");
}

fn at_any_call(directory: &Path) {
    let scene = Scene::new(directory);
    let step = if is_long() { 1 } else { 7 };
    for call in (std::process::id() as usize % step..).step_by(step) {
        let mut host = scene.host();
        let traced = Traced::stop(host.thread);
        host.pipe.get_mut().write_all(b"!").unwrap();
        for _ in 0..=call {
            traced.run_to_call();
        }
        host.process.kill().unwrap();
        traced.end();
        let calls = host.killed();
        scene.settle(&format!("killed at call {call}, in the {calls}th of its own"));
        // All of them have been seen.
        if calls >= 2 * KINDS.len() {
            assert!(call > 50, "there are more calls to it");
            break;
        }
    }
}

#[test]
fn mounts_of_a_host_that_is_killed_at_any_time() {
    where_mounts_are_allowed(SHARED, |_| at_any_time(Path::new("/run/reg")));
}

#[test]
fn mounts_of_a_host_that_is_killed_at_any_of_its_calls() {
    where_mounts_are_allowed(SHARED, |_| at_any_call(Path::new("/run/reg")));
}

#[test]
fn mounts_beside_those_of_ip() {
    where_mounts_are_allowed(SHARED, |_| at_any_call(Path::new("/run/nsiso")));
}

#[test]
fn holders_of_a_host_that_is_killed_at_any_time() {
    as_user("exec", |scratch| at_any_time(&scratch.join("reg")));
}

#[test]
fn holders_of_a_host_that_is_killed_at_any_of_its_calls() {
    as_user("exec", |scratch| at_any_call(&scratch.join("reg")));
}
