//! Are the descriptors that a process's handle gives those of its namespaces, and there as long as promised? Compared
//! with the links in /proc; as root or as an ordinary user.

#![allow(clippy::unwrap_used, clippy::panic)] // A test that cannot go on has failed.

use nsiso::{Cause, Command, Kind, Kinds, Offset, Process, Spec};
use std::fs::{self, File};
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;

fn user(kinds: impl Into<Kinds>) -> Spec {
    Spec::new().unshare(kinds.into() | Kind::User).map_root()
}

fn sleeper(spec: &Spec) -> Process {
    spec.spawn(&Command::new("sleep").arg("600")).unwrap_or_else(|error| panic!("{error}")).kill_on_drop(true)
}

fn inode(fd: OwnedFd) -> u64 {
    File::from(fd).metadata().unwrap().ino()
}

fn link(pid: i32, kind: Kind) -> u64 {
    fs::metadata(format!("/proc/{pid}/ns/{kind}")).unwrap().ino()
}

#[test]
fn those_that_were_taken_outlive_the_process() {
    let day = Offset { seconds: 1_000_000_000, nanoseconds: 0 };
    let spec = user(Kinds::ALL).boottime_offset(day).hostname("kept").keep_namespaces(Kinds::ALL);
    for spec in [spec.clone(), spec.own_memory()] {
        let process = sleeper(&spec);
        let links = Kind::ALL.map(|kind| link(process.id(), kind));
        process.kill().unwrap();
        process.wait().unwrap();
        for (kind, link) in Kind::ALL.into_iter().zip(links) {
            assert_eq!(inode(process.namespace(kind).unwrap()), link, "{kind}");
        }
        let uts = Spec::new().join_fd(process.namespace(Kind::User).unwrap(), Kinds::NONE);
        let uts = uts.join_fd(process.namespace(Kind::Uts).unwrap(), Kinds::NONE);
        let told = uts.spawn(&Command::new("sh").args(["-c", "test $(hostname) = kept"])).unwrap();
        assert!(told.wait().unwrap().success(), "it is joined in its second life");
    }
}

#[test]
fn others_are_there_while_it_runs() {
    let process = sleeper(&user(Kind::Uts | Kind::Time));
    for kind in Kind::ALL {
        assert_eq!(inode(process.namespace(kind).unwrap()), link(process.id(), kind), "{kind}");
    }
    process.kill().unwrap();
    process.wait().unwrap();
    let ended = process.namespace(Kind::Uts).unwrap_err();
    assert_eq!((ended.errno(), ended.cause()), (libc::ESRCH, Cause::ProcessEnded), "{ended}");
}

#[test]
fn a_held_process_gives_those_that_it_will_be_in() {
    let held = user(Kind::Time | Kind::Net).spawn_held(&Command::new("sleep").arg("600")).unwrap();
    let given = [Kind::Time, Kind::Net].map(|kind| inode(held.namespace(kind).unwrap()));
    let process = held.release().unwrap().kill_on_drop(true);
    assert_eq!(given, [Kind::Time, Kind::Net].map(|kind| link(process.id(), kind)));
}

#[test]
fn where_the_caller_may_not_look_the_start_says_so() {
    let other = sleeper(&user(Kind::Pid));
    // It cannot be traced by then, so an ordinary user cannot open its namespaces either.
    let spec = Spec::new().join_process(other.id(), Kind::User | Kind::Pid).keep_namespaces(Kind::Pid);
    match spec.spawn(&Command::new("true")) {
        Ok(process) => {
            assert_eq!(fs::metadata("/proc/self").unwrap().uid(), 0);
            assert_eq!(inode(process.namespace(Kind::Pid).unwrap()), link(other.id(), Kind::Pid));
        }
        Err(refused) => {
            assert_eq!((refused.step(), refused.cause()), ("open", Cause::NotTraceable), "{refused}");
        }
    }
}
