//! Is a function called in the namespaces of a spec, in a process that is the caller's child and a sane copy of it?

#![allow(unsafe_code)] // Functions for a copy of this process are the caller's own promise.
#![allow(clippy::unwrap_used, clippy::panic)] // A test that cannot go on has failed.

use nsiso::raw::Function;
use nsiso::{Kind, Kinds, Offset, Spec};
use std::ffi::{c_int, c_void};
use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};

/// What a function finds, compared in it and told by its exit status.
type Check = fn() -> bool;

unsafe extern "C" fn run(argument: *mut c_void) -> c_int {
    // SAFETY: `holds` passes the address of a function pointer that lives as long as the call.
    let check = unsafe { *argument.cast::<Check>() };
    if check() {
        42
    } else {
        1
    }
}

/// Whether a check holds in a process of this spec.
fn holds(spec: &Spec, mut check: Check) -> bool {
    // SAFETY: the check only reads, allocates and compares, which a copy of this process may do.
    let function = unsafe { Function::new(run, (&raw mut check).cast()) };
    let process = spec.spawn_function(function).unwrap_or_else(|error| panic!("{error}"));
    process.wait().unwrap().code() == Some(42)
}

fn user(kinds: impl Into<Kinds>) -> Spec {
    Spec::new().unshare(kinds.into() | Kind::User).map_root()
}

fn file(path: &str) -> String {
    fs::read_to_string(path).unwrap()
}

#[test]
fn a_function_sees_its_namespaces_while_others_allocate() {
    static STOP: AtomicBool = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while !STOP.load(Ordering::Relaxed) {
                    drop((0..100).map(|n| n.to_string()).collect::<Vec<_>>());
                }
            });
        }
        for _ in 0..50 {
            assert!(holds(&user(Kind::Uts).hostname("inside"), || file("/proc/sys/kernel/hostname")
                == "inside\n"));
            assert!(holds(&user(Kind::Pid), || std::process::id() == 1));
        }
        STOP.store(true, Ordering::Relaxed);
    });
    assert!(holds(&user(Kind::Pid | Kind::Mnt).proc(), || file("/proc/self/stat").starts_with("1 ")));
    let offset = Offset { seconds: 3_000_000, nanoseconds: 0 };
    assert!(holds(&user(Kind::Time).boottime_offset(offset), || {
        file("/proc/uptime").split('.').next().unwrap().parse::<u64>().unwrap() > 3_000_000
    }));
    assert!(holds(&user(Kind::Pid).init(), || std::process::id() == 2));
    assert!(holds(&user(Kind::User).cwd("/usr").umask(0o77), || {
        std::env::current_dir().unwrap().to_str() == Some("/usr")
            && file("/proc/self/status").contains("Umask:\t0077")
    }));
}

#[test]
fn a_set_up_that_fails_says_so_before_the_function_runs() {
    let check: Check = || true;
    let mut check = check;
    // SAFETY: as in `holds`.
    let function = unsafe { Function::new(run, (&raw mut check).cast()) };
    let refused = user(Kind::Uts).cwd("/no/such/place").spawn_function(function).unwrap_err();
    assert_eq!((refused.step(), refused.errno()), ("chdir", libc::ENOENT));
}
