//! Is a function called in the namespaces of a spec, in a process that is the caller's child and a sane copy of it?

#![allow(unsafe_code)] // Functions for a copy of this process are the caller's own promise.
#![allow(clippy::unwrap_used, clippy::panic)] // A test that cannot go on has failed.

use nsiso::raw::Function;
use nsiso::{Command, ExitStatus, Kind, Kinds, Offset, Process, Spec};
use std::ffi::{c_int, c_void};
use std::fs;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::Mutex;
use std::time::Duration;

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

/// Sleeps until it is killed.
unsafe extern "C" fn linger(_: *mut c_void) -> c_int {
    std::thread::sleep(Duration::from_secs(600));
    0
}

fn lingering() -> Process {
    // SAFETY: it sleeps and uses no argument.
    let function = unsafe { Function::new(linger, std::ptr::null_mut()) };
    user(Kind::Uts).spawn_function(function).unwrap().kill_on_drop(true)
}

#[test]
fn a_start_does_not_wait_for_a_function_of_another_thread() {
    /// As if another thread forked while this one starts something: its child has copies of all pipes.
    unsafe extern "C" fn meanwhile(others: *mut c_void) {
        // SAFETY: the test passes its own, which outlives the call.
        let others = unsafe { &*others.cast::<Mutex<Vec<Process>>>() };
        others.lock().unwrap().push(std::thread::spawn(lingering).join().unwrap());
    }
    unsafe extern "C" fn nothing(_: *mut c_void) {}
    let others = Mutex::new(Vec::<Process>::new());
    // SAFETY: as in `lingering`.
    let function = unsafe { Function::new(linger, (&raw const others).cast_mut().cast()) };
    // SAFETY: the hooks use a mutex that outlives the call, and nothing.
    let function = unsafe { function.around_fork(meanwhile, nothing) };
    for kinds in [Kind::Uts, Kind::Pid] {
        let late = user(kinds).timeout(Duration::from_secs(30));
        drop(late.spawn_function(function).unwrap().kill_on_drop(true));
        assert_eq!(late.cwd("/no/such/place").spawn_function(function).unwrap_err().errno(), libc::ENOENT);
    }
    assert_eq!(others.into_inner().unwrap().len(), 4);
}

#[test]
fn hooks_stand_around_each_fork_in_the_caller() {
    /// What the hooks and the function write down; the function's copy ends with what stands there.
    #[derive(Default)]
    struct Told([AtomicU32; 2]);
    unsafe extern "C" fn before(argument: *mut c_void) {
        // SAFETY: the test passes its own, which outlives the call.
        unsafe { &*argument.cast::<Told>() }.0[0].fetch_add(1, Ordering::Relaxed);
    }
    unsafe extern "C" fn after(argument: *mut c_void) {
        // SAFETY: as above.
        unsafe { &*argument.cast::<Told>() }.0[1].fetch_add(1, Ordering::Relaxed);
    }
    unsafe extern "C" fn tell(argument: *mut c_void) -> c_int {
        // SAFETY: as above, in the copy.
        let told = unsafe { &*argument.cast::<Told>() };
        (told.0[0].load(Ordering::Relaxed) * 10 + told.0[1].load(Ordering::Relaxed)) as c_int
    }
    let told = Told::default();
    // SAFETY: it reads atomics.
    let function = unsafe { Function::new(tell, (&raw const told).cast_mut().cast()) };
    // SAFETY: both write to atomics that outlive the calls.
    let function = unsafe { function.around_fork(before, after) };
    let process = user(Kind::Pid).spawn_function_while(function, &mut || true).unwrap();
    assert_eq!(process.wait().unwrap().code(), Some(10));
    // What fails before the fork has not called them, what fails in the child has.
    assert!(Spec::new().map_root().spawn_function(function).is_err());
    assert!(user(Kind::Uts).cwd("/no/such/place").spawn_function(function).is_err());
    assert_eq!(told.0.map(AtomicU32::into_inner), [2, 2]);
}

/// Lets go of a child of its own.
unsafe extern "C" fn lets_go(_: *mut c_void) -> c_int {
    drop(Spec::new().spawn(&Command::new("true")).unwrap());
    42
}

#[test]
fn a_copy_lets_go_of_its_children_whatever_other_threads_were_at() {
    let is_over = AtomicBool::new(false);
    // Enough of them that somebody looks at them most of the time; they end with this.
    let (_own, its) = UnixStream::pair().unwrap();
    let waits = Command::new("cat").fd(its.into(), 0).null(1);
    for _ in 0..100 {
        drop(Spec::new().spawn(&waits).unwrap());
    }
    drop(waits);
    // SAFETY: it starts a process, which a copy of this one may do.
    let function = unsafe { Function::new(lets_go, std::ptr::null_mut()) };
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while !is_over.load(Ordering::Relaxed) {
                    drop(Spec::new().spawn(&Command::new("true")).unwrap());
                }
            });
        }
        let _over = Over(&is_over);
        for _ in 0..30 {
            let copy = Spec::new().spawn_function(function).unwrap().kill_on_drop(true);
            let ended = copy.wait_timeout(Duration::from_secs(60)).unwrap();
            assert_eq!(ended.and_then(ExitStatus::code), Some(42), "none hangs");
        }
    });
}

struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn a_start_does_not_wait_for_children_that_other_threads_fork() {
    let is_over = AtomicBool::new(false);
    let forks = || {
        let mut children = Vec::new();
        // Some of them while a start makes its pipe.
        while !is_over.load(Ordering::Relaxed) {
            std::thread::sleep(Duration::from_micros(300));
            if children.len() == 2000 {
                continue;
            }
            // SAFETY: the child makes system calls only.
            match unsafe { libc::fork() } {
                0 => loop {
                    // SAFETY: takes nothing.
                    unsafe { libc::pause() };
                },
                child => children.push(child),
            }
        }
        for child in children {
            // SAFETY: numbers only, of a child that nobody else reaps.
            assert_eq!(unsafe { libc::kill(child, libc::SIGKILL) }, 0);
            // SAFETY: a number, and NULL for no status.
            assert_eq!(unsafe { libc::waitpid(child, std::ptr::null_mut(), 0) }, child);
        }
    };
    std::thread::scope(|scope| {
        scope.spawn(forks);
        // Whatever comes, the others end.
        let _over = Over(&is_over);
        let apart = Spec::new().oom_score_adj(5);
        for spec in [apart.clone(), apart.own_memory(), user(Kind::Pid).oom_score_adj(5)] {
            let spec = spec.timeout(Duration::from_secs(30));
            for _ in 0..60 {
                // One that would have to end for its start to be known otherwise.
                let started = spec.spawn(&Command::new("sleep").arg("600"));
                drop(started.unwrap_or_else(|error| panic!("{error}")).kill_on_drop(true));
                assert_eq!(spec.spawn(&Command::new("/no/such/program")).unwrap_err().step(), "exec");
            }
        }
    });
}
