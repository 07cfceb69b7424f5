//! Does a host whose threads allocate, lock and log without pause spawn by the thousand and keep nothing: no
//! descriptor, process, mount, allocation or page? And does no child ever allocate? Alone in its process, whose
//! allocator it watches; `NSISO_SOAK=1` makes it long.

#![allow(unsafe_code)] // An allocator is unsafe to write, and so is a child that allocates on purpose.
#![allow(clippy::unwrap_used, clippy::panic)] // A test that cannot go on has failed.

use nsiso::{Command, IdMap, IdRange, Kind, Kinds, Offset, Spec};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::ffi::{c_int, c_void};
use std::fs::{self, File};
use std::hint::black_box;
use std::io::Write;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicI64, AtomicPtr, AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use std::{ptr, thread};

/// Threads that allocate, lock and log.
const NOISE: usize = 8;
/// Threads that spawn meanwhile.
const SPAWNERS: usize = 4;
/// Spawns before anything is counted.
const WARM_UP: usize = 200;
/// The resident size may grow by less than this many bytes.
const GROWTH: usize = 1 << 20;
/// So long without a single spawn is a hang.
const HANG: Duration = Duration::from_secs(60);

/// The system's allocator, watched.
struct Watched;

#[global_allocator]
static ALLOCATOR: Watched = Watched;

thread_local! {
    /// Whether this thread's calls are counted. Constant at first and without a destructor: the allocator may ask.
    static IS_COUNTED: Cell<bool> = const { Cell::new(false) };
}
/// Allocations by what is counted; allocations less frees; the same in bytes.
static COUNTS: [AtomicI64; 3] = [const { AtomicI64::new(0) }; 3];
/// Who may allocate.
static HOST: AtomicI32 = AtomicI32::new(0);
/// How often somebody else did: in a page that children share whether or not they share our memory. NULL: no trap.
static STRANGERS: AtomicPtr<AtomicU32> = AtomicPtr::new(ptr::null_mut());

// SAFETY: all is the system's allocator's; what is added neither allocates nor unwinds.
unsafe impl GlobalAlloc for Watched {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        watch(1, layout.size() as i64);
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        watch(-1, -(layout.size() as i64));
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(memory, layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        watch(0, size as i64 - layout.size() as i64);
        // SAFETY: the caller's promise.
        unsafe { System.realloc(memory, layout, size) }
    }
}

fn watch(calls: i64, bytes: i64) {
    let strangers = STRANGERS.load(Ordering::Relaxed);
    // SAFETY: takes nothing; libc keeps no copy of the number, so a child gets its own.
    if !strangers.is_null() && unsafe { libc::getpid() } != HOST.load(Ordering::Relaxed) {
        // SAFETY: `set_trap` made the page, and nobody takes it back.
        let strangers = unsafe { &*strangers };
        strangers.fetch_add(1, Ordering::Relaxed);
    }
    if IS_COUNTED.get() {
        for (count, change) in COUNTS.iter().zip([calls.max(0), calls, bytes]) {
            count.fetch_add(change, Ordering::Relaxed);
        }
    }
}

/// From now on children that allocate are told of. The tests take turns, because they all look at the whole process.
fn set_trap() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    // SAFETY: takes nothing.
    let host = unsafe { libc::getpid() };
    assert_ne!(host, 1, "as pid 1 the host cannot be told from the first process of a new namespace");
    if STRANGERS.load(Ordering::Relaxed).is_null() {
        let (access, kind) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_SHARED | libc::MAP_ANONYMOUS);
        // SAFETY: a new mapping at an address of the kernel's choice.
        let page = unsafe { libc::mmap(ptr::null_mut(), 4096, access, kind, -1, 0) };
        assert_ne!(page, libc::MAP_FAILED);
        HOST.store(host, Ordering::Relaxed);
        STRANGERS.store(page.cast(), Ordering::Release);
    }
    strangers();
    turn
}

/// How many allocations were trapped since this was asked last.
fn strangers() -> u32 {
    // SAFETY: `set_trap` made the page, and nobody takes it back.
    unsafe { &*STRANGERS.load(Ordering::Acquire) }.swap(0, Ordering::Relaxed)
}

unsafe extern "C" fn allocate(_: *mut c_void) -> c_int {
    drop(black_box(Box::new(1)));
    0
}

#[test]
fn the_trap_and_the_count_see_what_they_are_there_for() {
    let _turn = set_trap();
    for memory in [libc::CLONE_VM | libc::CLONE_VFORK, 0] {
        let (flags, none) = (memory | libc::SIGCHLD, ptr::null_mut());
        // SAFETY: with CLONE_VM this thread sleeps until the child has ended: as for the allocator's locks they
        // are one; without it the child is alone in a copy, where one box is a risk that a test may take.
        let child = unsafe { nsiso::raw::clone(allocate, none, flags, none) }.unwrap();
        // SAFETY: numbers and NULL.
        assert_eq!(unsafe { libc::waitpid(child, ptr::null_mut(), 0) }, child);
        assert_eq!(strangers(), 2, "one allocation and one free");
    }
    drop(black_box(Box::new(1)));
    assert_eq!(strangers(), 0, "the host may");
    let before = counts();
    let kept = counted(|| black_box(Box::new([0_u8; 100])));
    assert_eq!(counts_since(before), [1, 1, 100]);
    counted(|| drop(kept));
    assert_eq!(counts_since(before), [1, 0, 0]);
}

/// Has a piece of work counted.
fn counted<T>(work: impl FnOnce() -> T) -> T {
    IS_COUNTED.set(true);
    let result = work();
    IS_COUNTED.set(false);
    result
}

fn counts() -> [i64; 3] {
    COUNTS.each_ref().map(|count| count.load(Ordering::Relaxed))
}

fn counts_since(before: [i64; 3]) -> [i64; 3] {
    let now = counts();
    std::array::from_fn(|n| now[n] - before[n])
}

fn user(kinds: impl Into<Kinds>) -> Spec {
    Spec::new().unshare(kinds.into() | Kind::User).map_root()
}

fn sleeper(spec: &Spec) -> nsiso::Process {
    spec.spawn(&Command::new("sleep").arg("600")).unwrap_or_else(|error| panic!("{error}")).kill_on_drop(true)
}

#[test]
fn no_child_allocates_whatever_it_is_told_to_do() {
    let _turn = set_trap();
    let target = sleeper(&user(Kind::Uts | Kind::Pid | Kind::Time));
    let map = || IdMap::new([IdRange { inside: 0, outside: 500_000, count: 1000 }]).unwrap();
    let offset = Offset { seconds: 9, nanoseconds: 0 };
    let specs = [
        Spec::new().cwd("/").umask(0o22).new_session().no_new_privs(),
        user(Kinds::ALL).hostname("h").domainname("d").proc().boottime_offset(offset),
        Spec::new().unshare(Kind::User | Kind::Pid).map_ids(map(), map()).uid(33).gid(44).groups([55]),
        Spec::new().join_process(target.id(), Kind::User | Kind::Uts | Kind::Pid),
        Spec::new().join_process(target.id(), Kind::User | Kind::Time).unshare(Kind::Net),
        user(Kind::Pid | Kind::Uts).init().hostname("h"),
        user(Kind::Pid).kill_with_parent(),
        user(Kinds::NONE).capabilities("net_bind_service".parse().unwrap()).oom_score_adj(7),
        user(Kinds::NONE).rlimit(libc::RLIMIT_NOFILE, 99, 99).process_group(0),
        user(Kinds::NONE).cwd("/no/such/place"),
    ];
    let mut outcomes = [0, 0];
    for spec in specs.into_iter().flat_map(|spec| [spec.clone(), spec.own_memory()]) {
        for program in ["true", "/no/such/program"] {
            let command = Command::new(program).null(0).null(7);
            match spec.spawn_held(&command).and_then(nsiso::Held::release) {
                Ok(process) => {
                    assert!(process.wait().unwrap().success());
                    outcomes[0] += 1;
                }
                Err(refused) => {
                    let expected = [("exec", libc::ENOENT), ("chdir", libc::ENOENT)];
                    assert!(expected.contains(&(refused.step(), refused.errno())), "{refused}");
                    outcomes[1] += 1;
                }
            }
            assert_eq!(strangers(), 0, "{}", spec.plan(&command).unwrap());
        }
    }
    assert_eq!(outcomes, [18, 22]);
}

/// Allocates, locks and logs until told to stop.
fn make_noise(stop: &AtomicBool, shared: &(Mutex<Vec<String>>, Mutex<File>), thread: usize) {
    let (shared, log) = shared;
    for round in 0_usize.. {
        let lines: Vec<String> =
            (0..20).map(|n| format!("{thread} {round} {}", "x".repeat(n * 31))).collect();
        log.lock().unwrap().write_all(lines[round % lines.len()].as_bytes()).unwrap();
        let mut shared = shared.lock().unwrap();
        if shared.len() > 50 {
            shared.clear();
        }
        shared.extend(lines.into_iter().take(2));
        if stop.load(Ordering::Relaxed) {
            return;
        }
    }
}

/// What a process holds: descriptors, children with their zombies, mounts.
fn holdings() -> (usize, String, String) {
    let tasks = fs::read_dir("/proc/self/task").unwrap();
    // A thread may end while it is looked at, and has no children then.
    let children =
        tasks.map(|task| fs::read_to_string(task.unwrap().path().join("children")).unwrap_or_default());
    let descriptors = fs::read_dir("/proc/self/fd").unwrap().count();
    (descriptors, children.collect(), fs::read_to_string("/proc/self/mountinfo").unwrap())
}

/// Bytes of this process in memory.
fn resident() -> usize {
    let statm = fs::read_to_string("/proc/self/statm").unwrap();
    // SAFETY: only reads.
    let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) } as usize;
    statm.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * page
}

/// Spawns so often, from several threads at once; fails where nothing goes on.
fn flood(work: &Arc<(Spec, Command)>, spawns: usize) {
    let done = Arc::new(AtomicUsize::new(0));
    let spawners: Vec<_> = (0..SPAWNERS)
        .map(|_| {
            let (work, done) = (Arc::clone(work), Arc::clone(&done));
            thread::spawn(move || {
                let (spec, command) = &*work;
                for _ in 0..spawns / SPAWNERS {
                    let spawned = counted(|| spec.spawn(command).and_then(|process| process.wait()));
                    let status = spawned.unwrap_or_else(|error| panic!("{error}"));
                    assert!(status.success(), "{status}");
                    done.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    let (mut seen, mut since) = (0, Instant::now());
    while !spawners.iter().all(thread::JoinHandle::is_finished) {
        let now = done.load(Ordering::Relaxed);
        if now != seen {
            (seen, since) = (now, Instant::now());
        }
        assert!(since.elapsed() < HANG, "nothing goes on after {seen} spawns");
        thread::sleep(Duration::from_millis(20));
    }
    for spawner in spawners {
        spawner.join().unwrap();
    }
    assert_eq!(done.load(Ordering::Relaxed), spawns);
}

#[test]
fn a_flood_of_spawns_leaves_nothing() {
    let _turn = set_trap();
    let spawns = if std::env::var_os("NSISO_SOAK").is_some() { 20_000 } else { 1_000 };
    let kinds = Kind::User | Kind::Mnt | Kind::Pid | Kind::Uts | Kind::Ipc | Kind::Net;
    let work = Arc::new((user(kinds).hostname("flood"), Command::new("true")));
    let before = holdings();
    let stop = Arc::new(AtomicBool::new(false));
    let shared = Arc::new((Mutex::new(Vec::new()), Mutex::new(File::create("/dev/null").unwrap())));
    let noise: Vec<_> = (0..NOISE)
        .map(|n| {
            let (stop, shared) = (Arc::clone(&stop), Arc::clone(&shared));
            thread::spawn(move || make_noise(&stop, &shared, n))
        })
        .collect();
    flood(&work, WARM_UP);
    // So many are under way at the same time, and so many stacks the library keeps.
    drop((0..SPAWNERS).map(|_| work.0.spawn_held(&work.1).unwrap()).collect::<Vec<_>>());
    let (resident_before, counts_before) = (resident(), counts());
    flood(&work, spawns);
    let grown = resident().saturating_sub(resident_before);
    stop.store(true, Ordering::Relaxed);
    for thread in noise {
        thread.join().unwrap();
    }
    drop(shared);
    assert_eq!(strangers(), 0, "allocations in a child");
    let [allocations, kept, bytes] = counts_since(counts_before);
    assert!(allocations > spawns as i64, "{allocations} allocations: they are counted");
    assert_eq!([kept, bytes], [0, 0], "allocations and bytes that {spawns} spawns kept, of {allocations}");
    assert!(grown < GROWTH, "{grown} bytes more in memory");
    assert_eq!(holdings(), before);
}
