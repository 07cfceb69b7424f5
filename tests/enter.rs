//! Does a process that enters namespaces get all or none of them, and hear which are in the way? Each time in a copy of this
//! process, as root or as an ordinary user; compared with the links in /proc.

#![allow(unsafe_code)] // Functions for a copy of this process are the caller's own promise.
#![allow(clippy::unwrap_used, clippy::panic)] // A test that cannot go on has failed.

mod patience;

use nsiso::raw::Function;
use nsiso::{Cause, Command, Kind, Kinds, Namespace, Process, Spec};
use patience::until;
use std::ffi::{c_int, c_void};
use std::fs;
use std::os::fd::AsRawFd;
use std::os::unix::fs::MetadataExt;
use std::thread;

unsafe extern "C" fn run<Check: Fn() -> bool>(argument: *mut c_void) -> c_int {
    // SAFETY: `holds` passes the address of a check that lives as long as the call.
    let check = unsafe { &*argument.cast::<Check>() };
    c_int::from(!check())
}

/// In a process with one thread, which is this spec's.
fn holds<Check: Fn() -> bool>(spec: &Spec, mut check: Check) {
    // SAFETY: a copy of this process may read, allocate and compare.
    let function = unsafe { Function::new(run::<Check>, (&raw mut check).cast()) };
    let process = spec.spawn_function(function).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(process.wait().unwrap().code(), Some(0));
}

fn sleeper(kinds: impl Into<Kinds>) -> Process {
    let spec = Spec::new().unshare(kinds.into() | Kind::User).map_root();
    spec.spawn(&Command::new("sleep").arg("600")).unwrap().kill_on_drop(true)
}

fn link(of: &str, name: &str) -> u64 {
    fs::metadata(format!("/proc/{of}/ns/{name}")).unwrap().ino()
}

/// Where the calling thread is, its children's pid namespace as its own; a process that has entered another mnt
/// namespace sees the same /proc there.
fn own(kind: Kind) -> u64 {
    link("thread-self", if kind == Kind::Pid { "pid_for_children" } else { kind.name() })
}

#[test]
fn all_of_a_process_is_entered_at_once() {
    let target = sleeper(Kinds::ALL - Kind::Time);
    let there = Kind::ALL.map(|kind| link(&target.id().to_string(), kind.name()));
    let by_paths = Kind::ALL
        .iter()
        .fold(Spec::new(), |spec, kind| spec.join_path(format!("/proc/{}/ns/{kind}", target.id())));
    for join in [Spec::new().join_process(target.id(), Kinds::ALL), by_paths] {
        holds(&Spec::new(), || {
            join.enter().unwrap_or_else(|error| panic!("{error}"));
            Kind::ALL.map(own) == there
        });
    }
}

#[test]
fn a_thread_enters_what_a_thread_may() {
    let set =
        Spec::new().unshare(Kind::User | Kind::Uts | Kind::Net).map_root().hostname("set").hold().unwrap();
    holds(&Spec::new(), || {
        let user = Namespace::current(Kind::User).unwrap();
        let threaded = thread::scope(|scope| {
            scope
                .spawn(|| {
                    let refused = Spec::new().join_namespaces(&set).enter().unwrap_err();
                    (refused.errno(), refused.cause()) == (libc::EINVAL, Cause::Threads)
                        && refused.object().contains("user")
                })
                .join()
                .unwrap()
        });
        let stays = threaded && user == Namespace::current(Kind::User).unwrap();
        // Who is joined may take a moment to be gone.
        until("its thread is gone", || fs::read_dir("/proc/self/task").unwrap().count() == 1);
        let alone = || Spec::new().join_namespaces(&set).enter().is_ok();
        stays && alone() && fs::read_to_string("/proc/sys/kernel/hostname").unwrap() == "set\n"
    });
    // A thread with power enters by itself, and its fellows stay.
    let spec = Spec::new().unshare(Kind::User | Kind::Net).map_root();
    holds(&spec, || {
        let other = Spec::new().unshare(Kind::Uts | Kind::Net | Kind::Ipc).hold().unwrap();
        let before = [Kind::Uts, Kind::Net, Kind::Ipc].map(own);
        let there = thread::scope(|scope| {
            let entered = scope.spawn(|| {
                Spec::new().join_namespaces(&other).enter().unwrap_or_else(|error| panic!("{error}"));
                [Kind::Uts, Kind::Net, Kind::Ipc].map(own)
            });
            entered.join().unwrap()
        });
        there == [Kind::Uts, Kind::Net, Kind::Ipc].map(|kind| other.get(kind).unwrap().inode())
            && before == [Kind::Uts, Kind::Net, Kind::Ipc].map(own)
    });
}

#[test]
fn threads_that_share_their_root_stay_where_they_are() {
    holds(&Spec::new().unshare(Kind::User).map_root().cwd("/usr"), || {
        let kinds = [Kind::Ipc, Kind::Mnt];
        let set = Spec::new().unshare(kinds[0] | kinds[1]).hold().unwrap();
        let join = |spec: Spec, kind| spec.join_borrowed_fd(set.get(kind).unwrap().as_raw_fd(), Kinds::NONE);
        let spec = kinds.into_iter().fold(Spec::new(), join);
        let before = Kind::ALL.map(own);
        // From the first of them nobody would come back into what the machine owns.
        let enter = || {
            let refused = spec.enter().unwrap_err();
            let is_told = (refused.errno(), refused.cause()) == (libc::EINVAL, Cause::ThreadsShareRoot);
            is_told && !refused.object().contains("entered") && Kind::ALL.map(own) == before
        };
        let stays = thread::scope(|scope| scope.spawn(enter).join().unwrap());
        stays && std::env::current_dir().unwrap().to_str() == Some("/usr") && Kind::ALL.map(own) == before
    });
}

#[test]
fn what_cannot_be_entered_as_a_whole_is_not_entered() {
    // In a user namespace of its own, with the machine's uts namespace, into which nothing leads back.
    let spec = Spec::new().unshare(Kind::User | Kind::Net).map_root();
    let outer = fs::File::open("/proc/self/ns/uts").unwrap();
    holds(&spec, || {
        let set = Spec::new().unshare(Kind::Net | Kind::Ipc).hold().unwrap();
        let before = Kind::ALL.map(own);
        let both = Spec::new().join_namespaces(&set);
        let mine = Spec::new().unshare(Kind::Uts).hold().unwrap();
        Spec::new().join_namespaces(&mine).enter().unwrap();
        let refused = both.clone().join_borrowed_fd(outer.as_raw_fd(), Kinds::NONE).enter().unwrap_err();
        let stands = (refused.errno(), refused.cause()) == (libc::EPERM, Cause::ForeignOwner);
        let words = refused.object().contains("uts is owned by a user namespace outside the caller's");
        let after = Kind::ALL.map(own);
        stands
            && words
            && Kind::ALL
                .iter()
                .all(|kind| *kind == Kind::Uts || before[kind_place(*kind)] == after[kind_place(*kind)])
    });
}

fn kind_place(kind: Kind) -> usize {
    Kind::ALL.iter().position(|one| *one == kind).unwrap()
}

#[test]
fn a_mount_namespace_brings_its_root_along() {
    let target = sleeper(Kind::Mnt);
    holds(&Spec::new().cwd("/usr"), || {
        Spec::new().join_process(target.id(), Kind::User | Kind::Mnt).enter().unwrap();
        std::env::current_dir().unwrap().to_str() == Some("/")
    });
}

#[test]
fn its_own_mounts_are_not_entered_again() {
    let target = sleeper(Kind::Uts);
    holds(&Spec::new().cwd("/usr"), || {
        Spec::new().join_process(target.id(), Kind::User | Kind::Uts | Kind::Mnt).enter().unwrap();
        let own = fs::File::open("/proc/self/ns/mnt").unwrap();
        Spec::new().join_borrowed_fd(own.as_raw_fd(), Kinds::NONE).enter().unwrap();
        std::env::current_dir().unwrap().to_str() == Some("/usr")
    });
    // Nor by a child, whoever starts it.
    let command = Command::new("sh").args(["-c", "test $PWD = /usr/lib"]);
    holds(&Spec::new().cwd("/usr/lib"), || {
        let by_paths = Spec::new().join_path("/proc/self/ns/mnt");
        let by_process = Spec::new().join_process(target.id(), Kind::User | Kind::Uts | Kind::Mnt);
        [by_paths, by_process].iter().all(|spec| spec.spawn(&command).unwrap().wait().unwrap().success())
    });
}

#[test]
fn who_enters_stays_what_it_is_otherwise() {
    for spec in [
        Spec::new(),
        Spec::new().unshare(Kind::Uts),
        Spec::new().join_process(1, Kind::Uts).uid(0),
        Spec::new().join_process(1, Kind::Uts).join_process(2, Kind::Uts),
        Spec::new().join_process(1, Kinds::NONE),
    ] {
        assert_eq!(spec.enter().unwrap_err().errno(), libc::EINVAL);
    }
    // What the thread is in already takes no power.
    let own = std::process::id() as i32;
    holds(&Spec::new(), || {
        let before = Kind::ALL.map(self::own);
        Spec::new().join_process(own, Kinds::ALL).enter().unwrap();
        before == Kind::ALL.map(self::own)
    });
    let ended = sleeper(Kinds::NONE);
    ended.kill().unwrap();
    ended.wait().unwrap();
    assert_eq!(Spec::new().join_process(ended.id(), Kind::Uts).enter().unwrap_err().errno(), libc::ESRCH);
}

/// From here on setns(2) of a uts namespace is refused to this process.
fn forbid_uts() {
    let filter = |code: u32, jt, jf, k| libc::sock_filter { code: code as u16, jt, jf, k };
    let load = libc::BPF_LD | libc::BPF_W | libc::BPF_ABS;
    let equal = libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K;
    // The number of the call, then its second argument.
    let mut filters = [
        filter(load, 0, 0, 0),
        filter(equal, 0, 3, libc::SYS_setns as u32),
        filter(load, 0, 0, 24),
        filter(equal, 0, 1, Kind::Uts.flag()),
        filter(libc::BPF_RET, 0, 0, libc::SECCOMP_RET_ERRNO | libc::EPERM as u32),
        filter(libc::BPF_RET, 0, 0, libc::SECCOMP_RET_ALLOW),
    ];
    let program = libc::sock_fprog { len: filters.len() as u16, filter: filters.as_mut_ptr() };
    // SAFETY: numbers only.
    assert_eq!(unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) }, 0);
    let mode = libc::SECCOMP_MODE_FILTER;
    // SAFETY: a program of as many filters as it says.
    let filtered = unsafe { libc::prctl(libc::PR_SET_SECCOMP, mode, &raw const program) };
    assert_eq!(filtered, 0);
}

#[test]
fn what_fails_half_way_is_left_again() {
    holds(&Spec::new().unshare(Kind::User).map_root().cwd("/usr"), || {
        let kinds = [Kind::Mnt, Kind::Ipc, Kind::Uts];
        let set = Spec::new().unshare(kinds[0] | kinds[1] | kinds[2]).hold().unwrap();
        let join = |spec: Spec, kind| spec.join_borrowed_fd(set.get(kind).unwrap().as_raw_fd(), Kinds::NONE);
        let spec = kinds.into_iter().fold(Spec::new(), join);
        // Back into what the machine owns nobody comes without power over it, and is told where it is.
        forbid_uts();
        let refused = spec.enter().unwrap_err();
        let stays = refused.object().ends_with("entered and not left again: mnt,ipc");
        (refused.errno(), stays) == (libc::EPERM, true)
            && own(Kind::Ipc) == set.get(Kind::Ipc).unwrap().inode()
            && own(Kind::Uts) != set.get(Kind::Uts).unwrap().inode()
    });
    holds(&Spec::new().unshare(Kind::User | Kind::Mnt | Kind::Ipc).map_root().cwd("/usr"), || {
        let kinds = [Kind::Mnt, Kind::Ipc, Kind::Uts];
        let set = Spec::new().unshare(kinds[0] | kinds[1] | kinds[2]).hold().unwrap();
        let join = |spec: Spec, kind| spec.join_borrowed_fd(set.get(kind).unwrap().as_raw_fd(), Kinds::NONE);
        let spec = kinds.into_iter().fold(Spec::new(), join);
        let make = "mount -t tmpfs none /mnt && mkdir /mnt/proc /mnt/bin && mount --rbind /proc /mnt/proc";
        assert!(std::process::Command::new("sh").args(["-c", make]).status().unwrap().success());
        std::os::unix::fs::chroot("/mnt").unwrap();
        std::env::set_current_dir("/bin").unwrap();
        forbid_uts();
        let refused = spec.enter().unwrap_err();
        refused.errno() == libc::EPERM
            && !refused.object().contains("entered")
            && std::env::current_dir().unwrap().to_str() == Some("/bin")
            && fs::read_dir("/").unwrap().count() == 2
    });
}
