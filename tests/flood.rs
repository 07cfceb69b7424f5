//! Does a host whose threads allocate, lock and log without pause spawn by the thousand and keep nothing: no
//! descriptor, process, mount, allocation or page? Alone in its process, whose allocator it watches; `NSISO_SOAK=1`
//! makes it long.

#![allow(unsafe_code)] // An allocator is unsafe to write.
#![allow(clippy::unwrap_used, clippy::panic)] // A test that cannot go on has failed.

mod trap;

use nsiso::{Command, Kind, Kinds, Spec};
use std::cell::Cell;
use std::fs::{self, File};
use std::hint::black_box;
use std::io::Write;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// Threads that allocate, lock and log.
const NOISE: usize = 8;
/// Threads that spawn meanwhile.
const SPAWNERS: usize = 4;
/// Spawns before anything is counted.
const WARM_UP: usize = 200;
/// The resident size may grow by less than this many bytes.
const GROWTH: usize = 1 << 20;
/// In one of so many floods at least.
const FLOODS: usize = 5;
/// So long without a single spawn is a hang.
const HANG: Duration = Duration::from_secs(60);

#[global_allocator]
static ALLOCATOR: trap::Watched = trap::Watched(count);

thread_local! {
    /// Whether this thread's calls are counted. Constant at first and without a destructor: the allocator may ask.
    static IS_COUNTED: Cell<bool> = const { Cell::new(false) };
}
/// Allocations by what is counted; allocations less frees; the same in bytes.
static COUNTS: [AtomicI64; 3] = [const { AtomicI64::new(0) }; 3];

fn count(calls: i64, bytes: i64) {
    if IS_COUNTED.get() {
        for (count, change) in COUNTS.iter().zip([calls.max(0), calls, bytes]) {
            count.fetch_add(change, Ordering::Relaxed);
        }
    }
}

#[test]
fn the_count_sees_what_it_is_there_for() {
    let _turn = trap::set();
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

/// Bytes of this process in memory, counted page by page: the numbers that the kernel keeps are rough where there are
/// many CPUs.
fn resident() -> usize {
    let rollup = fs::read_to_string("/proc/self/smaps_rollup").unwrap();
    let line = rollup.lines().find_map(|line| line.strip_prefix("Rss:")).unwrap();
    line.trim().strip_suffix(" kB").unwrap().parse::<usize>().unwrap() << 10
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
    let _turn = trap::set();
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
    let counts_before = counts();
    // What spawns keep they keep each time; what noise does at its first turn, which may come late, is over some time.
    let one_more = |_| {
        let before = resident();
        flood(&work, spawns);
        resident().saturating_sub(before)
    };
    let grown: Vec<_> = (0..FLOODS).map(one_more).take_while(|grown| *grown >= GROWTH).collect();
    stop.store(true, Ordering::Relaxed);
    for thread in noise {
        thread.join().unwrap();
    }
    drop(shared);
    assert_eq!(trap::strangers(), [0, 0], "allocations in a child");
    let [allocations, kept, bytes] = counts_since(counts_before);
    assert!(allocations > spawns as i64, "{allocations} allocations: they are counted");
    assert_eq!([kept, bytes], [0, 0], "allocations and bytes that {spawns} spawns kept, of {allocations}");
    assert!(grown.len() < FLOODS, "each time more bytes in memory: {grown:?}");
    assert_eq!(holdings(), before);
}
