//! Are a spec's namespaces made and held without a process, and joined by as many as want to? Compared with /proc; as root
//! or as an ordinary user.

#![allow(unsafe_code)] // A function for a copy of this process is the caller's own promise.
#![allow(clippy::unwrap_used, clippy::panic)] // A test that cannot go on has failed.

mod patience;

use nsiso::raw::Function;
use nsiso::{Cause, Command, Kind, Kinds, Namespaces, Offset, Spec};
use patience::{until, PATIENCE};
use std::ffi::{c_int, c_void};
use std::fs;
use std::os::unix::fs::MetadataExt;

fn all() -> Spec {
    let day = Offset { seconds: 1_000_000_000, nanoseconds: 0 };
    Spec::new().unshare(Kinds::ALL).map_root().hostname("held").boottime_offset(day).proc()
}

fn link(pid: i32, kind: Kind) -> u64 {
    fs::metadata(format!("/proc/{pid}/ns/{kind}")).unwrap().ino()
}

/// Who is in this namespace, as the machine's /proc shows it; but for who cannot be looked at.
fn members(set: &Namespaces, kind: Kind) -> Vec<i32> {
    let inode = set.get(kind).unwrap().inode();
    let pids =
        fs::read_dir("/proc").unwrap().filter_map(|entry| entry.unwrap().file_name().to_str()?.parse().ok());
    let is_in =
        |pid: &i32| fs::metadata(format!("/proc/{pid}/ns/{kind}")).is_ok_and(|link| link.ino() == inode);
    pids.filter(is_in).collect()
}

/// Waits until pid 1 is the program that it is to be, which has just been executed.
fn has_begun(init: i32) {
    let name = format!("/proc/{init}/comm");
    until("it has its name", || fs::read_to_string(&name).unwrap() == "nsiso-companion\n");
}

fn run(spec: &Spec, line: &str) {
    let process =
        spec.spawn(&Command::new("sh").args(["-c", line])).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(process.wait().unwrap().code(), Some(0), "{line}");
}

#[test]
fn nobody_is_in_them_but_pid_1() {
    let set = all().hold().unwrap();
    assert_eq!(set.kinds(), Kinds::ALL);
    let init = set.init().unwrap();
    for kind in Kind::ALL {
        // A time namespace is entered by who executes anew in it.
        let expected = if kind == Kind::Time { vec![] } else { vec![init] };
        assert_eq!(members(&set, kind), expected, "{kind}");
    }
    has_begun(init);
    let without = Spec::new().unshare(Kinds::ALL - Kind::Pid).map_root().hold().unwrap();
    assert_eq!((without.init(), without.kinds()), (None, Kinds::ALL - Kind::Pid));
    for kind in without.kinds().iter() {
        assert_eq!(members(&without, kind), Vec::<i32>::new(), "{kind}");
    }
}

#[test]
fn many_join_them_at_once_and_one_after_the_other() {
    let set = all().hold().unwrap();
    let spec = Spec::new().join_namespaces(&set);
    let sleepers: Vec<_> = (0..8)
        .map(|_| {
            spec.spawn(&Command::new("sleep").arg("600"))
                .unwrap_or_else(|error| panic!("{error}"))
                .kill_on_drop(true)
        })
        .collect();
    for sleeper in &sleepers {
        for kind in Kind::ALL {
            assert_eq!(link(sleeper.id(), kind), set.get(kind).unwrap().inode(), "{kind}");
        }
    }
    let line =
        "test $(hostname) = held && test $(id -u) = 0 && test $(cut -d. -f1 /proc/uptime) -gt 1000000000 && \
        grep -q companion /proc/1/comm";
    has_begun(set.init().unwrap());
    run(&spec, line);
    run(&spec.clone().own_memory(), line);
    // What one leaves behind, the next one finds.
    run(&spec, "hostname changed");
    run(&spec, "test $(hostname) = changed");
    drop(sleepers);
}

#[test]
fn the_set_outlives_what_made_it_and_pid_1_ends_with_it() {
    let spec = {
        let set = all().hold().unwrap();
        Spec::new().join_namespaces(&set)
    };
    run(&spec, "true");
    let sleeper = spec.spawn(&Command::new("sleep").arg("600")).unwrap();
    drop(spec);
    assert_eq!(sleeper.wait().unwrap().signal(), Some(libc::SIGKILL), "its pid namespace has ended");
}

unsafe extern "C" fn linger(_: *mut c_void) -> c_int {
    std::thread::sleep(PATIENCE * 2);
    0
}

#[test]
fn pid_1_ends_with_the_set_though_a_copy_of_this_process_lives_on() {
    let set = Spec::new().unshare(Kind::User | Kind::Pid).map_root().hold().unwrap();
    // SAFETY: it sleeps and uses no argument.
    let function = unsafe { Function::new(linger, std::ptr::null_mut()) };
    let copy = Spec::new().spawn_function(function).unwrap().kill_on_drop(true);
    let stat = format!("/proc/{}/stat", set.init().unwrap());
    drop(set);
    until("pid 1 has ended", || fs::read_to_string(&stat).map_or(true, |stat| stat.contains(") Z")));
    assert_eq!(copy.poll().unwrap(), None);
}

#[test]
fn what_is_joined_is_held_as_well() {
    let users = Spec::new().unshare(Kind::User).map_root().hold().unwrap();
    let set =
        Spec::new().join_namespaces(&users).unshare(Kind::Net | Kind::Uts).hostname("second").hold().unwrap();
    assert_eq!(set.get(Kind::User), users.get(Kind::User));
    run(&Spec::new().join_namespaces(&set), "test $(hostname) = second && test $(id -u) = 0");
    run(
        &Spec::new().join_namespaces(&set).unshare(Kind::Mnt),
        "test $(hostname) = second && mount -t tmpfs none /tmp",
    );
}

#[test]
fn there_must_be_something_to_hold() {
    let nothing = Spec::new().hold().unwrap_err();
    assert_eq!((nothing.errno(), nothing.cause()), (libc::EINVAL, Cause::BadArgument));
    let refused =
        Spec::new().unshare(Kind::User | Kind::Uts).map_root().hostname("x".repeat(65)).hold().unwrap_err();
    assert_eq!(refused.errno(), libc::EINVAL, "{refused}");
}
