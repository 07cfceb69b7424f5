//! Do eight threads that allocate and spawn without pause leave anything behind? Alone in its process,
//! because it counts what the whole process holds.

#![allow(clippy::unwrap_used)] // A test that cannot go on has failed.

use nsiso::{Command, Kind, Spec};
use std::fs;

const THREADS: usize = 8;
const ROUNDS: usize = 100;

fn entries(directory: &str) -> usize {
    fs::read_dir(directory).unwrap().count()
}

/// Mappings but for the heaps and stacks of threads, which the allocator keeps for later ones.
fn shared_mappings() -> usize {
    fs::read_to_string("/proc/self/maps").unwrap().lines().filter(|line| line.contains("rw-s")).count()
}

#[test]
fn eight_threads_spawn_while_they_allocate_and_nothing_is_left() {
    let kinds = Kind::User | Kind::Mnt | Kind::Pid | Kind::Uts | Kind::Ipc | Kind::Net;
    let spec = Spec::new().unshare(kinds).map_root().hostname("flood");
    let (descriptors, mappings) = (entries("/proc/self/fd"), shared_mappings());
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let spec = &spec;
            scope.spawn(move || {
                for round in 0..ROUNDS {
                    let ballast: Vec<String> = (0..100).map(|n| format!("{thread}-{round}-{n}")).collect();
                    let status = spec.spawn(&Command::new("true")).unwrap().wait().unwrap();
                    assert!(status.success() && ballast.len() == 100);
                }
            });
        }
    });
    assert_eq!(entries("/proc/self/fd"), descriptors);
    assert_eq!(shared_mappings(), mappings);
    let children = fs::read_to_string("/proc/thread-self/children").unwrap();
    assert_eq!(children, "", "no child, not even a zombie");
}
