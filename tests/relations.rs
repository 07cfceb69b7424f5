//! Does a snapshot relate namespaces as the kernel does, and does it tell what changed since another? As root or as an
//! ordinary user.

#![allow(clippy::unwrap_used, clippy::panic)] // A test that cannot go on has failed.

mod inside;

use nsiso::inspect::{NamespaceInfo, ProcessInfo, Relation, Snapshot, Survey, Tree};
use nsiso::{Command, Kind, Kinds, Spec};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};
use std::{fs, io::Write, thread};

fn take() -> Snapshot {
    Survey::new().lineage(true).take().unwrap()
}

fn path_to<'a>(tree: &Tree<'a>, sought: NamespaceInfo<'a>) -> Vec<u64> {
    fn below<'a>(tree: &Tree<'a>, at: NamespaceInfo<'a>, sought: NamespaceInfo<'a>) -> Option<Vec<u64>> {
        let rest = if at == sought {
            Some(Vec::new())
        } else {
            tree.below(at).find_map(|next| below(tree, next, sought))
        };
        rest.map(|rest| [vec![at.inode()], rest].concat())
    }
    tree.roots().find_map(|root| below(tree, root, sought)).unwrap_or_default()
}

#[test]
fn trees_are_the_kernels() {
    let kinds = Kind::User | Kind::Pid | Kind::Uts;
    let words = ["-c", "unshare --user --map-root-user --pid --fork --uts sleep 600 & exec sleep 600"];
    let outer = Spec::new().unshare(kinds).map_root().spawn(&Command::new("sh").args(words));
    let process = outer.unwrap().kill_on_drop(true);
    let outer = process.id();
    let start = Instant::now();
    // Its grandchild, once it sleeps.
    let (snapshot, inner) = loop {
        let snapshot = take();
        let is_inner = |process: &ProcessInfo<'_>| {
            let parent = process.parent().and_then(|parent| snapshot.of(parent));
            process.name() == Some(b"sleep") && parent.is_some_and(|parent| parent.parent() == Some(outer))
        };
        let inner = snapshot.processes().find(is_inner).map(|process| process.pid());
        if let Some(inner) = inner {
            break (snapshot, inner);
        }
        assert!(start.elapsed() < Duration::from_secs(30), "no grandchild");
    };
    let of = |pid, kind| snapshot.of(pid).unwrap().namespace(kind).unwrap();
    let ends = |path: Vec<u64>, expected: [NamespaceInfo<'_>; 3]| {
        assert_eq!(path.last_chunk::<3>().unwrap(), &expected.map(|one| one.inode()));
    };
    let own = |kind| snapshot.of(std::process::id() as i32).unwrap().namespace(kind).unwrap();
    let parents = snapshot.tree(Relation::Parent);
    for kind in [Kind::User, Kind::Pid] {
        ends(path_to(&parents, of(inner, kind)), [own(kind), of(outer, kind), of(inner, kind)]);
        assert_eq!(of(inner, kind).level(), Some(2));
        assert!(of(outer, kind).children().any(|child| child == of(inner, kind)));
    }
    let owners = snapshot.tree(Relation::Owner);
    ends(
        path_to(&owners, of(inner, Kind::Uts)),
        [of(outer, Kind::User), of(inner, Kind::User), of(inner, Kind::Uts)],
    );
    assert!(of(inner, Kind::User).owned().any(|owned| owned == of(inner, Kind::Uts)));
    let processes = snapshot.tree(Relation::Process);
    ends(
        path_to(&processes, of(inner, Kind::Uts)),
        [own(Kind::Uts), of(outer, Kind::Uts), of(inner, Kind::Uts)],
    );
    for tree in [&parents, &owners, &processes] {
        fn count<'a>(tree: &Tree<'a>, at: NamespaceInfo<'a>) -> usize {
            1 + tree.below(at).map(|next| count(tree, next)).sum::<usize>()
        }
        let all: usize = tree.roots().map(|root| count(tree, root)).sum();
        assert_eq!(all, snapshot.namespaces().len(), "each is there once");
    }
    let shared = snapshot.of(outer).unwrap().shares(&snapshot.of(inner).unwrap());
    assert_eq!(shared, Kinds::ALL - kinds);
}

#[test]
fn a_difference_is_what_happened_between() {
    let (mut own, other) = UnixStream::pair().unwrap();
    let words = ["-c", "read go; exec unshare --user --map-root-user --uts sleep 600"];
    let words = Command::new("sh").args(words).fd(OwnedFd::from(other), 0);
    let moves = Spec::new().spawn(&words).unwrap().kill_on_drop(true);
    let ends = inside::sleeper(&Spec::new().unshare(Kind::User | Kind::Ipc));
    let before = take();
    let comes = inside::sleeper(&Spec::new().unshare(Kind::User | Kind::Net));
    ends.kill().unwrap();
    ends.wait().unwrap();
    own.write_all(b"go\n").unwrap();
    let name = format!("/proc/{}/comm", moves.id());
    let start = Instant::now();
    while fs::read_to_string(&name).unwrap() != "sleep\n" {
        assert!(start.elapsed() < Duration::from_secs(30), "it did not move");
        thread::sleep(Duration::from_millis(1));
    }
    let after = take();
    let changed = after.since(&before);
    let net = after.of(comes.id()).unwrap().namespace(Kind::Net).unwrap();
    assert!(changed.appeared.contains(&net) && !changed.gone.contains(&net));
    let ipc = before.of(ends.id()).unwrap().namespace(Kind::Ipc).unwrap();
    assert!(changed.gone.contains(&ipc) && !changed.appeared.contains(&ipc));
    let kinds: Vec<Kind> = changed
        .moved
        .iter()
        .filter(|moved| moved.process.pid() == moves.id())
        .map(|moved| {
            let now = after.of(moves.id()).unwrap().namespace(moved.to.kind()).unwrap();
            let then = before.of(moves.id()).unwrap().namespace(moved.from.kind()).unwrap();
            assert_eq!((moved.from, moved.to), (then, now));
            now.kind()
        })
        .collect();
    assert_eq!(kinds, [Kind::Uts, Kind::User]);
    let none = after.since(&after);
    assert!(none.appeared.is_empty() && none.gone.is_empty() && none.moved.is_empty());
}
