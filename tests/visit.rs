//! Does a visit lead a thread there and back, that thread alone, and never where it cannot come back from? Each test
//! runs itself again in namespaces of its own, as root of them.

#![allow(unsafe_code)] // A function for a copy of this process is the caller's own promise.
#![allow(clippy::unwrap_used, clippy::panic)] // A test that cannot go on has failed.

mod patience;

use nsiso::raw::Function;
use nsiso::{Cause, Command, Home, Homes, Kind, Kinds, Namespace, Process, Spec, Visit};
use patience::until;
use std::any::type_name;
use std::ffi::{c_int, c_void};
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::path::{Path, PathBuf};
use std::{env, fs, thread};

const VISITED: [Kind; 4] = [Kind::Uts, Kind::Ipc, Kind::Net, Kind::Cgroup];

/// Runs the test that `check` stands in again, in new namespaces of the kinds that can be visited, and there `check`.
fn apart<Check: Fn()>(check: Check) {
    let name =
        type_name::<Check>().strip_prefix("visit::").and_then(|name| name.strip_suffix("::{{closure}}"));
    let test = name.unwrap();
    if env::var_os("NSISO_INNER").is_some_and(|inner| inner == *test) {
        return check();
    }
    let is_root = fs::metadata("/proc/self").unwrap().uid() == 0;
    let own: &[&str] = if is_root { &[] } else { &["--user", "--map-root-user"] };
    let mut command = std::process::Command::new("unshare");
    command.args(own).args(["--uts", "--ipc", "--net", "--cgroup", "--mount", "--propagation", "private"]);
    command.arg(env::current_exe().unwrap()).args(["--exact", test, "--nocapture"]).env("NSISO_INNER", test);
    let output = command.output().unwrap();
    let told = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success() && told.contains("1 passed"), "{}\n{told}", output.status);
}

fn sleeper(kinds: impl Into<Kinds>) -> Process {
    Spec::new().unshare(kinds).spawn(&Command::new("sleep").arg("600")).unwrap().kill_on_drop(true)
}

/// What the link of a thread says; a witness that has nothing of the library.
fn link(thread: &str, kind: Kind) -> PathBuf {
    fs::read_link(format!("/proc/{thread}/ns/{kind}")).unwrap()
}

fn here(kind: Kind) -> PathBuf {
    link("thread-self", kind)
}

fn main_thread() -> String {
    format!("self/task/{}", std::process::id())
}

fn descriptors() -> usize {
    fs::read_dir("/proc/self/fd").unwrap().count()
}

#[test]
fn visits_nest_and_lead_back() {
    apart(|| {
        let processes = [sleeper(Kinds::from_iter(VISITED)), sleeper(Kinds::from_iter(VISITED))];
        for kind in VISITED {
            let [first, second] =
                [0, 1].map(|number: usize| Namespace::of(processes[number].id(), kind).unwrap());
            let [one, two] = [0, 1].map(|number: usize| link(&processes[number].id().to_string(), kind));
            let (home, fds) = (here(kind), descriptors());
            let outer = first.visit().unwrap();
            assert_eq!((here(kind), link(&main_thread(), kind)), (one.clone(), home.clone()));
            let inner = second.visit().unwrap();
            assert_eq!(here(kind), two);
            // Once more where the thread is already.
            drop(second.visit().unwrap());
            assert_eq!(here(kind), two);
            drop(inner);
            assert_eq!(here(kind), one);
            drop(outer);
            assert_eq!((here(kind), descriptors()), (home, fds), "{kind}");
        }
    });
}

#[test]
fn one_home_serves_many_visits_of_its_kind() {
    apart(|| {
        let process = sleeper(Kind::Net | Kind::Uts);
        let [net, uts] = [Kind::Net, Kind::Uts].map(|kind| Namespace::of(process.id(), kind).unwrap());
        let home = Home::of_thread(Kind::Net).unwrap();
        let before = here(Kind::Net);
        for _ in 0..1000 {
            let visit = net.visit_from(&home).unwrap();
            assert_ne!(here(Kind::Net), before);
            drop(visit);
            assert_eq!(here(Kind::Net), before);
        }
        for refused in [
            uts.visit_from(&home).unwrap_err(),
            Visit::by_descriptors(uts.as_fd(), Kind::Net, home.namespace().as_fd()).unwrap_err(),
        ] {
            assert_eq!((refused.errno(), refused.cause()), (libc::EINVAL, Cause::WrongDescriptor));
        }
        assert_eq!(here(Kind::Net), before);
    });
}

#[test]
fn homes_are_kept_as_long_as_the_thread_is_there() {
    apart(|| {
        let processes = [sleeper(Kind::Net), sleeper(Kind::Net)];
        let [first, second] = [0, 1].map(|n: usize| Namespace::of(processes[n].id(), Kind::Net).unwrap());
        let [one, two] = [0, 1].map(|n: usize| link(&processes[n].id().to_string(), Kind::Net));
        let homes = Homes::of_thread();
        let before = here(Kind::Net);
        drop(first.visit().unwrap());
        drop(homes.visit(&first).unwrap());
        let fds = descriptors();
        for _ in 0..100 {
            let outer = homes.visit(&first).unwrap();
            assert_eq!((here(Kind::Net), descriptors()), (one.clone(), fds));
            let inner = homes.visit(&second).unwrap();
            assert_eq!((here(Kind::Net), descriptors()), (two.clone(), fds + 1));
            drop(inner);
            assert_eq!(here(Kind::Net), one);
            drop(outer);
            assert_eq!(here(Kind::Net), before);
            // Whoever moves the thread meanwhile finds it where it was.
            nsiso::setns(second.as_fd(), Kind::Net.flag()).unwrap();
            drop(homes.visit(&first).unwrap());
            assert_eq!(here(Kind::Net), two);
            nsiso::setns(homes_own(&before).as_fd(), Kind::Net.flag()).unwrap();
            drop(homes.visit(&first).unwrap());
            assert_eq!((here(Kind::Net), descriptors()), (before.clone(), fds));
        }
        let pid = Namespace::current(Kind::Pid).unwrap();
        assert_eq!(homes.visit(&pid).unwrap_err().cause(), Cause::NotForAThread);
    });
}

/// That of the main thread, which stays where it is.
fn homes_own(expected: &Path) -> Namespace {
    let own = Namespace::open(format!("/proc/{}/ns/net", main_thread())).unwrap();
    assert_eq!(own.to_string(), expected.to_str().unwrap());
    own
}

#[test]
fn other_kinds_are_not_for_a_thread() {
    apart(|| {
        for kind in [Kind::Mnt, Kind::Pid, Kind::User, Kind::Time] {
            let own = Namespace::current(kind).unwrap();
            for refused in [own.visit().unwrap_err(), Home::of_thread(kind).unwrap_err()] {
                assert_eq!((refused.errno(), refused.cause()), (libc::EINVAL, Cause::NotForAThread));
            }
            if kind != Kind::Mnt {
                assert_eq!(own.visit_with(|| ()).unwrap_err().cause(), Cause::NotForAThread);
            }
        }
    });
}

unsafe extern "C" fn cannot_come_back(_: *mut c_void) -> c_int {
    let before = here(Kind::Net);
    // Owned by the user namespace of this process, so that it could go there.
    let process = sleeper(Kind::Net);
    let there = Namespace::of(process.id(), Kind::Net).unwrap();
    let homes = Homes::of_thread();
    let refusals = [
        there.visit().err(),
        there.visit_with(|| ()).err(),
        there.socket(2, 1, 0).err(),
        homes.visit(&there).err(),
    ];
    let is_refused =
        refusals.iter().all(|refused| refused.as_ref().is_some_and(|refused| refused.errno() == libc::EPERM));
    let stayed = here(Kind::Net) == before;
    nsiso::setns(there.as_fd(), Kind::Net.flag()).unwrap();
    let could_go = here(Kind::Net) != before;
    42 * c_int::from(is_refused && stayed && could_go)
}

unsafe extern "C" fn cannot_come_back_any_more(_: *mut c_void) -> c_int {
    let homes = Homes::of_thread();
    let before = sleeper(Kind::Net);
    drop(homes.visit(&Namespace::of(before.id(), Kind::Net).unwrap()).unwrap());
    let own = here(Kind::Net);
    // SAFETY: no descriptors are unshared.
    unsafe { nsiso::raw::unshare(libc::CLONE_NEWUSER) }.unwrap();
    let after = sleeper(Kind::Net);
    let refused = homes.visit(&Namespace::of(after.id(), Kind::Net).unwrap()).unwrap_err();
    42 * c_int::from(refused.errno() == libc::EPERM && here(Kind::Net) == own)
}

#[test]
fn nobody_goes_where_there_is_no_way_back() {
    apart(|| {
        let ends_with = |spec: Spec, body| {
            // SAFETY: the process that it runs in is a copy, made with libc's handlers; it is single-threaded.
            let function = unsafe { Function::new(body, std::ptr::null_mut()) };
            spec.spawn_function(function).unwrap().wait().unwrap().code()
        };
        let user = Spec::new().unshare(Kind::User).map_root();
        assert_eq!(ends_with(user, cannot_come_back), Some(42));
        assert_eq!(ends_with(Spec::new(), cannot_come_back_any_more), Some(42));
    });
}

#[test]
fn a_function_is_called_there() {
    apart(|| {
        let process = sleeper(Kind::Net);
        let net = Namespace::of(process.id(), Kind::Net).unwrap();
        let (home, caller) = (here(Kind::Net), thread::current().id());
        let seen = net.visit_with(|| (here(Kind::Net), thread::current().id())).unwrap();
        assert_eq!(seen, (link(&process.id().to_string(), Kind::Net), caller));
        let thrown = catch_unwind(AssertUnwindSafe(|| net.visit_with(|| panic!("from there"))));
        assert_eq!(thrown.unwrap_err().downcast_ref(), Some(&"from there"));
        assert_eq!(here(Kind::Net), home);
    });
}

#[test]
fn mounts_are_visited_on_a_thread_of_its_own() {
    apart(|| {
        let process = sleeper(Kind::Mnt);
        let mnt = Namespace::of(process.id(), Kind::Mnt).unwrap();
        let threads = || fs::read_dir("/proc/self/task").unwrap().count();
        let place = || (fs::read_link("/proc/self/root").unwrap(), env::current_dir().unwrap());
        env::set_current_dir("/proc").unwrap();
        let before = (here(Kind::Mnt), place(), threads(), descriptors());
        let caller = thread::current().id();
        // What is in a variable of the caller's can be used there.
        let mut seen = None;
        let cwd = mnt
            .visit_with(|| {
                seen = Some(here(Kind::Mnt));
                assert_ne!(thread::current().id(), caller);
                let status = fs::read_to_string("/proc/thread-self/status").unwrap();
                assert!(status.contains("SigBlk:\tffff"), "{status}");
                fs::read_link("/proc/thread-self/cwd").unwrap()
            })
            .unwrap();
        assert_eq!(seen.unwrap(), link(&process.id().to_string(), Kind::Mnt));
        assert_eq!(cwd, Path::new("/"));
        let thrown = catch_unwind(AssertUnwindSafe(|| mnt.visit_with(|| panic!("from there"))));
        assert_eq!(thrown.unwrap_err().downcast_ref(), Some(&"from there"));
        // Who is joined may take a moment to be gone.
        until("its thread is gone", || threads() == before.2);
        assert_eq!((here(Kind::Mnt), place(), threads(), descriptors()), before);
    });
}

#[test]
fn a_socket_is_of_the_namespace_it_was_made_in() {
    apart(|| {
        let process = sleeper(Kind::Net | Kind::Uts);
        let [net, uts] = [Kind::Net, Kind::Uts].map(|kind| Namespace::of(process.id(), kind).unwrap());
        let home = here(Kind::Net);
        let socket = net.socket(libc::AF_INET, libc::SOCK_DGRAM, 0).unwrap();
        assert_eq!(Namespace::of_socket(&socket).unwrap(), net);
        let refused = net.socket(libc::AF_INET, 99, 0).unwrap_err();
        assert_eq!((refused.step(), refused.errno()), ("socket", libc::EINVAL));
        let refused = uts.socket(libc::AF_INET, libc::SOCK_DGRAM, 0).unwrap_err();
        assert_eq!((refused.errno(), refused.cause()), (libc::EINVAL, Cause::NotNetNamespace));
        assert_eq!(here(Kind::Net), home);
    });
}
