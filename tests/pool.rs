//! Are the sets of a pool ready, whole, no more than were asked for, and given out once? As root or as an ordinary user.

#![allow(clippy::unwrap_used)] // A test that cannot go on has failed.

mod patience;

use nsiso::{Cause, Command, Kind, Kinds, Pool, Spec};
use patience::until;
use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::{fs, thread};

fn boxes() -> Spec {
    Spec::new().unshare(Kind::User | Kind::Uts | Kind::Net).map_root().hostname("fresh")
}

fn run(spec: &Spec, line: &str) {
    let process = spec.spawn(&Command::new("sh").args(["-c", line])).unwrap();
    assert_eq!(process.wait().unwrap().code(), Some(0), "{line}");
}

#[test]
fn what_is_taken_is_fresh_and_its_takers_alone() {
    let pool = Pool::new(&boxes(), 3).unwrap();
    assert_eq!((pool.size(), pool.ready()), (3, 0));
    assert_eq!((pool.refill().unwrap(), pool.refill().unwrap(), pool.ready()), (3, 0, 3));
    let sets: Vec<_> = (0..5).map(|_| pool.take().unwrap()).collect();
    assert_eq!((pool.ready(), pool.try_take().is_none()), (0, true));
    for kind in [Kind::User, Kind::Uts, Kind::Net] {
        assert_eq!(sets.iter().map(|set| set.get(kind).unwrap()).collect::<HashSet<_>>().len(), 5, "{kind}");
    }
    for set in &sets {
        run(&Spec::new().join_namespaces(set), "test $(hostname) = fresh && hostname used");
    }
    assert_eq!(pool.refill().unwrap(), 3);
    run(&Spec::new().join_namespaces(&pool.take().unwrap()), "test $(hostname) = fresh");
}

#[test]
fn it_goes_back_only_whole_and_unshared() {
    let pool = Pool::new(&boxes(), 1).unwrap();
    let set = pool.take().unwrap();
    run(&Spec::new().join_namespaces(&set), "hostname used");
    let spec = Spec::new().join_namespaces(&set);
    let refused = pool.give_back(set).unwrap_err();
    assert_eq!((refused.errno(), refused.cause()), (libc::EBUSY, Cause::SetInUse));
    drop(spec);
    let set = pool.take().unwrap();
    run(&Spec::new().join_namespaces(&set), "hostname used");
    pool.give_back(set).unwrap();
    assert_eq!(pool.ready(), 1);
    let refused = pool.give_back(boxes().hold().unwrap()).unwrap_err();
    assert_eq!((refused.errno(), refused.cause()), (libc::ENOSPC, Cause::PoolFull));
    run(&Spec::new().join_namespaces(&pool.take().unwrap()), "test $(hostname) = used");
    let other = Spec::new().unshare(Kind::User | Kind::Uts).map_root().hold().unwrap();
    assert_eq!(pool.give_back(other).unwrap_err().errno(), libc::EINVAL);
}

#[test]
fn who_has_ended_is_not_given_out() {
    let pool = Pool::new(&boxes().unshare(Kind::Pid | Kind::Mnt).proc(), 2).unwrap();
    assert_eq!(pool.refill().unwrap(), 2);
    let dead = pool.take().unwrap();
    kill(dead.init().unwrap());
    assert!(!dead.is_alive());
    let refused = pool.give_back(dead).unwrap_err();
    assert_eq!((refused.errno(), refused.cause()), (libc::ESRCH, Cause::InitGone));
    run(&Spec::new().join_namespaces(&pool.take().unwrap()), "test $(hostname) = fresh && test -e /proc/1");
    // One that ends while it lies there is replaced.
    assert_eq!(pool.refill().unwrap(), 2);
    let end_one = || {
        let killed = pool.take().unwrap();
        let init = killed.init().unwrap();
        pool.give_back(killed).unwrap();
        kill(init);
    };
    end_one();
    assert_eq!((pool.refill().unwrap(), pool.ready()), (1, 2));
    // And passed over where nobody refills.
    end_one();
    let taken = [pool.take().unwrap(), pool.take().unwrap()];
    assert_eq!((taken.map(|set| set.is_alive()), pool.ready()), ([true; 2], 0));
}

/// Until it has ended, reaped or not.
fn kill(init: i32) {
    let kill = Command::new("kill").args(["-9", &init.to_string()]);
    assert!(Spec::new().spawn(&kill).unwrap().wait().unwrap().success());
    let stat = || fs::read_to_string(format!("/proc/{init}/stat"));
    until("it has ended", || stat().map_or(true, |stat| stat.contains(") Z")));
}

#[test]
fn many_threads_take_while_others_refill() {
    let pool = Pool::new(&boxes(), 4).unwrap();
    drop((pool.refill().unwrap(), pool.take().unwrap()));
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    pool.refill().unwrap();
                    assert!(pool.ready() <= 4);
                    thread::yield_now();
                }
            });
        }
        let takers: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    for _ in 0..50 {
                        let set = pool.take().unwrap();
                        assert_eq!(set.kinds(), Kind::User | Kind::Uts | Kind::Net);
                    }
                })
            })
            .collect();
        for taker in takers {
            taker.join().unwrap();
        }
        done.store(true, Ordering::Relaxed);
    });
}

#[test]
fn what_makes_no_sense_is_refused() {
    for (spec, size) in
        [(boxes(), 0), (boxes(), 4097), (Spec::new(), 1), (Spec::new().join_process(1, Kinds::NONE), 1)]
    {
        assert_eq!(Pool::new(&spec, size).unwrap_err().errno(), libc::EINVAL);
    }
    let never = Pool::new(&boxes(), 2).unwrap();
    assert_eq!(never.refill_while(&mut || false).unwrap(), 0);
}
