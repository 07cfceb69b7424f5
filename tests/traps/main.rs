//! Does a child allocate between clone and exec, whatever it is told to do, wherever that fails, and whenever it is
//! given up? Neither by Rust's allocator nor by libc's: this program has functions of its own in place of both, and
//! they count what another process asks of them. Each of the two traps is shown to fire.

#![allow(unsafe_code)] // Allocators are unsafe to write, and so are children that allocate on purpose.
#![allow(clippy::unwrap_used, clippy::panic)] // A test that cannot go on has failed.

mod cases;
mod libcs;
#[path = "../trap/mod.rs"]
mod trap;

use cases::{has_pidfds, is_root, sleeper, terminal, user, Case};
use nsiso::raw::{CloneFn, Function};
use nsiso::{Cancel, Command, Kind, Kinds, Offset, Spec};
use std::collections::BTreeSet;
use std::ffi::{c_int, c_long, c_void};
use std::hint::black_box;
use std::time::Duration;
use std::{ptr, thread};
use trap::strangers;

#[global_allocator]
static ALLOCATOR: trap::Watched = trap::Watched(|_, _| {});

unsafe extern "C" fn nothing(_: *mut c_void) -> c_int {
    0
}

/// Once each: alloc, realloc, dealloc. What is below Rust's allocator here is libc's.
unsafe extern "C" fn use_rusts(_: *mut c_void) -> c_int {
    let mut bytes = black_box(Vec::<u8>::with_capacity(10));
    bytes.reserve_exact(black_box(10_000));
    drop(black_box(bytes));
    0
}

/// Once each: malloc, realloc, calloc; free twice. And once by a function of libc's own, which is freed as well.
unsafe extern "C" fn use_libcs(_: *mut c_void) -> c_int {
    // SAFETY: a size.
    let memory = black_box(unsafe { libc::malloc(10) });
    // SAFETY: libc's own memory, used by this name no more.
    let memory = black_box(unsafe { libc::realloc(memory, 10_000) });
    // SAFETY: sizes.
    let zeros = black_box(unsafe { libc::calloc(10, 10) });
    // SAFETY: a C string.
    let copy = black_box(unsafe { libc::strdup(c"copy".as_ptr()) });
    for memory in [memory, zeros, copy.cast()] {
        // SAFETY: libc's own memory, used no more.
        unsafe { libc::free(memory) };
    }
    0
}

/// Has a child run this, in this process's memory or in a copy of it.
fn run_in_child(function: CloneFn, flags: c_int) {
    let (flags, none) = (flags | libc::SIGCHLD, ptr::null_mut());
    // SAFETY: with CLONE_VM this thread sleeps until the child has ended: as for the allocator's locks they are one;
    // without it the child is alone in a copy, where a lock held for ever is a risk that a test may take.
    let child = unsafe { nsiso::raw::clone(function, none, flags, none) }.unwrap();
    let mut status = -1;
    // SAFETY: the pointer leads to a local.
    assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
    assert_eq!(status, 0);
}

#[test]
fn each_trap_fires_in_a_child_and_not_in_the_host() {
    let _turn = trap::set();
    for flags in [libc::CLONE_VM | libc::CLONE_VFORK, 0] {
        run_in_child(nothing, flags);
        assert_eq!(strangers(), [0, 0]);
        run_in_child(use_rusts, flags);
        assert_eq!(strangers(), [3, 3]);
        run_in_child(use_libcs, flags);
        assert_eq!(strangers(), [0, 7]);
    }
    for function in [use_rusts, use_libcs] {
        // SAFETY: they take any argument.
        assert_eq!(unsafe { function(ptr::null_mut()) }, 0);
    }
    assert_eq!(strangers(), [0, 0], "the host may");
}

/// The steps that a plan can have, but a function's; to type into a terminal is forbidden to root's commands only, and
/// where there is version 2 alone nobody is placed in a control group who is born in it.
fn all_steps() -> BTreeSet<&'static str> {
    let steps = "companion clone setns unshare fork uid_map gid_map write mount sethostname setdomainname \
                 setrlimit umask setsid setpgid setgroups setgid setuid capabilities no_new_privs chdir chroot dup \
                 close_range exec";
    let spaced = ["wait for the parent", "controlling terminal", "lo up"];
    let some = [("seccomp", is_root()), ("cgroup", !cases::is_born_in_group())];
    let some = some.into_iter().filter_map(|(step, is_there)| is_there.then_some(step));
    steps.split_whitespace().chain(spaced).chain(some).collect()
}

/// In a thread of its own, for which these calls are missing as in kernels that have not got them.
fn without(calls: &[c_long], work: impl FnOnce() + Send) {
    let line = |code, jt, k| libc::sock_filter { code: code as u16, jt, jf: 0, k };
    let (refusal, count) = (libc::SECCOMP_RET_ERRNO | libc::ENOSYS as u32, calls.len());
    let mut lines = vec![line(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0)];
    // Each over the others and the first of the two answers.
    let jump = |(n, call): (usize, &c_long)| {
        line(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, (count - n) as u8, *call as u32)
    };
    lines.extend(calls.iter().enumerate().map(jump));
    lines.extend(
        [libc::SECCOMP_RET_ALLOW, refusal].map(|answer| line(libc::BPF_RET | libc::BPF_K, 0, answer)),
    );
    let filter = libc::sock_fprog { len: lines.len() as u16, filter: lines.as_mut_ptr() };
    let filter = ptr::from_ref(&filter) as usize;
    thread::scope(|scope| {
        scope.spawn(move || {
            // SAFETY: numbers, of this thread alone.
            assert_eq!(unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) }, 0);
            // SAFETY: of this thread alone; the filter and its lines outlive the scope.
            let set = unsafe { libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, filter) };
            assert_eq!(set, 0);
            work();
        });
    });
}

#[test]
fn no_child_allocates_whatever_it_is_told_to_do() {
    let _turn = trap::set();
    let target = sleeper(&user(Kinds::ALL));
    let [_master, terminal] = terminal();
    let mut cases = cases::all(&target, &terminal);
    if is_root() {
        cases.extend(cases::roots(&terminal));
    }
    let mut steps = BTreeSet::new();
    for case in &cases {
        steps.extend(case.spec.plan(&case.command).unwrap().steps().map(|step| step.name()));
        case.variants().iter().for_each(Case::start);
    }
    assert!(all_steps().is_subset(&steps), "whatever can be done is: {steps:?}");
    without(&[libc::SYS_clone3, libc::SYS_close_range], || {
        // A thread that gains no privilege has no use for helpers that live by theirs.
        for case in cases.iter().filter(|case| !case.plan().contains("newuidmap")) {
            case.variants().iter().for_each(Case::start);
        }
    });
}

#[test]
fn no_child_allocates_that_is_given_up_or_called_off() {
    let _turn = trap::set();
    let target = sleeper(&user(Kind::Pid));
    let specs = [
        user(Kind::Mnt | Kind::Uts | Kind::Pid).proc().hostname("late"),
        Spec::new().join_process(target.id(), Kind::User | Kind::Pid).unshare(Kind::Mnt | Kind::Uts),
    ];
    let beside_companion = has_pidfds().then(|| user(Kind::Pid).init().kill_with_parent());
    let command = Command::new("sleep").arg("30");
    let mut given_up = 0;
    for spec in specs.into_iter().chain(beside_companion).flat_map(|spec| [spec.clone(), spec.own_memory()]) {
        for time in 0..50 {
            match spec.clone().timeout(Duration::from_micros(time * 20)).spawn(&command) {
                Ok(process) => drop(process.kill_on_drop(true)),
                Err(error) => {
                    assert_eq!(error.errno(), libc::ETIMEDOUT, "{error}");
                    given_up += 1;
                }
            }
        }
        let token = Cancel::new();
        let held = spec.clone().cancel_by(&token).spawn_held(&command).unwrap();
        token.cancel();
        let released = held.release().map(|process| process.kill_on_drop(true));
        assert_eq!(released.unwrap_err().errno(), libc::ECANCELED);
        assert_eq!(strangers(), [0, 0], "{}", spec.plan(&command).unwrap());
    }
    assert!(given_up > 20, "{given_up} were given up");
}

#[test]
fn a_functions_process_allocates_where_the_function_does() {
    let _turn = trap::set();
    let spec = user(Kinds::ALL).hostname("h").proc();
    let offset = Offset { seconds: 9, nanoseconds: 0 };
    let specs = [Spec::new(), spec.clone(), user(Kind::Time).boottime_offset(offset)];
    for spec in specs.into_iter().chain(has_pidfds().then(|| spec.init())) {
        for (function, calls) in [(nothing as CloneFn, [0, 0]), (use_rusts, [3, 3]), (use_libcs, [0, 7])] {
            // SAFETY: what allocates does so in a copy that libc's fork has made.
            let function = unsafe { Function::new(function, ptr::null_mut()) };
            let process = spec.spawn_function(function).unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(process.wait().unwrap().code(), Some(0));
            assert_eq!(strangers(), calls);
        }
    }
}
