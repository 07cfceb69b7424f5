//! Does a handle lead to the namespace that was meant, and tell the truth about it? Compared with /proc and raw calls;
//! as root or as an ordinary user.

#![allow(clippy::unwrap_used)] // A test that cannot go on has failed.

mod patience;

use nsiso::{Cause, Command, Kind, Namespace, Process, Spec};
use patience::until;
use std::collections::HashSet;
use std::fs::{self, File};
use std::net::UdpSocket;
use std::os::unix::fs::MetadataExt;

fn sleeper(spec: &Spec) -> Process {
    spec.spawn(&Command::new("sleep").arg("600")).unwrap().kill_on_drop(true)
}

fn inode(path: impl AsRef<std::path::Path>) -> u64 {
    fs::metadata(path).unwrap().ino()
}

#[test]
fn every_way_leads_to_the_same_namespace() {
    let process = sleeper(&Spec::new().unshare(Kind::User | Kind::Net | Kind::Uts).map_root());
    for kind in Kind::ALL {
        let link = format!("/proc/{}/ns/{kind}", process.id());
        let ways = [
            Namespace::of(process.id(), kind).unwrap(),
            Namespace::of_pidfd(process.pidfd().unwrap(), kind).unwrap(),
            Namespace::open(&link).unwrap(),
            Namespace::from_fd(File::open(&link).unwrap()).unwrap(),
            Namespace::from_borrowed_fd(File::open(&link).unwrap()).unwrap(),
        ];
        for way in &ways {
            assert_eq!((way.kind(), way.inode()), (kind, inode(&link)));
            assert_eq!(format!("{way}"), fs::read_link(&link).unwrap().to_str().unwrap());
            assert_eq!(way.id(), ways[0].id());
        }
        let own = Namespace::current(kind).unwrap();
        let is_new = matches!(kind, Kind::User | Kind::Net | Kind::Uts);
        assert_eq!(
            ways.iter().chain([&own]).collect::<HashSet<_>>().len(),
            1 + usize::from(is_new),
            "{kind}"
        );
    }
}

#[test]
fn owner_parent_and_level_are_those_of_the_tree() {
    let outer = sleeper(&Spec::new().unshare(Kind::User | Kind::Pid | Kind::Uts).map_root());
    let [user, pid, uts] =
        [Kind::User, Kind::Pid, Kind::Uts].map(|kind| Namespace::of(outer.id(), kind).unwrap());
    let own = |kind| Namespace::current(kind).unwrap();
    assert_eq!(
        (uts.user_ns().unwrap(), pid.user_ns().unwrap()),
        (user.try_clone().unwrap(), user.try_clone().unwrap())
    );
    assert_eq!((user.parent().unwrap(), user.user_ns().unwrap()), (own(Kind::User), own(Kind::User)));
    assert_eq!(pid.parent().unwrap(), own(Kind::Pid));
    assert_eq!((user.level().unwrap(), pid.level().unwrap(), own(Kind::Pid).level().unwrap()), (1, 1, 0));
    let caller = fs::metadata("/proc/self").unwrap().uid();
    assert_eq!((user.owner_uid().unwrap(), uts.owner_uid().unwrap()), (caller, caller));
    let refused = uts.parent().unwrap_err();
    assert_eq!((refused.errno(), refused.cause()), (libc::EINVAL, Cause::NoHierarchy));
    let flat = own(Kind::Uts).level().unwrap_err();
    assert_eq!((flat.errno(), flat.cause()), (libc::EINVAL, Cause::NoHierarchy));
    let hidden = own(Kind::User).parent().unwrap_err();
    assert_eq!((hidden.errno(), hidden.cause()), (libc::EPERM, Cause::OutsideOwn));
}

#[test]
fn a_process_is_found_by_its_number_inside() {
    let process = sleeper(&Spec::new().unshare(Kind::User | Kind::Pid).map_root());
    let pid = Namespace::of(process.id(), Kind::Pid).unwrap();
    assert_eq!((pid.pid_inside(process.id()).unwrap(), pid.pid_outside(1).unwrap()), (1, process.id()));
    let own = std::process::id() as i32;
    let refused = pid.pid_inside(own).unwrap_err();
    assert_eq!((refused.errno(), refused.cause()), (libc::ESRCH, Cause::NoSuchProcess));
}

#[test]
fn what_is_no_namespace_is_refused() {
    for refused in [
        Namespace::open("/dev/null").unwrap_err(),
        Namespace::open("/proc/self/status").unwrap_err(),
        Namespace::from_fd(File::open("/proc/self/status").unwrap()).unwrap_err(),
        Namespace::from_borrowed_fd(File::open("/dev/null").unwrap()).unwrap_err(),
    ] {
        assert_eq!((refused.errno(), refused.cause()), (libc::EINVAL, Cause::NotNamespace), "{refused}");
    }
    assert_eq!(Namespace::from_borrowed_fd(-1).unwrap_err().errno(), libc::EBADF);
    assert_eq!(Namespace::open("/no/such/file").unwrap_err().errno(), libc::ENOENT);
    let ended = sleeper(&Spec::new());
    ended.kill().unwrap();
    ended.wait().unwrap();
    for refused in [
        Namespace::of(ended.id(), Kind::Uts).unwrap_err(),
        Namespace::of_pidfd(ended.pidfd().unwrap(), Kind::Uts).unwrap_err(),
        Namespace::of(-1, Kind::Uts).unwrap_err(),
    ] {
        assert_eq!((refused.errno(), refused.cause()), (libc::ESRCH, Cause::ProcessEnded), "{refused}");
    }
    let no_pidfd = Namespace::of_pidfd(File::open("/dev/null").unwrap(), Kind::Uts).unwrap_err();
    assert_eq!(no_pidfd.errno(), libc::EBADF, "{no_pidfd}");
}

#[test]
fn a_sockets_namespace_is_its_own() {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    match Namespace::of_socket(&socket) {
        Ok(net) => assert_eq!(net, Namespace::current(Kind::Net).unwrap()),
        Err(refused) => {
            assert_ne!(fs::metadata("/proc/self").unwrap().uid(), 0);
            assert_eq!((refused.errno(), refused.cause()), (libc::EPERM, Cause::NoNetPrivilege));
        }
    }
    let refused = Namespace::of_socket(File::open("/dev/null").unwrap()).unwrap_err();
    assert_eq!(refused.cause(), Cause::NotSocket);
}

#[test]
fn a_saved_one_is_that_one_or_none() {
    let spec = Spec::new().unshare(Kind::User | Kind::Uts).map_root();
    // Until an inode has gone to another namespace that we see; others take such numbers as well.
    let recycled = (0..500).any(|_| {
        let process = sleeper(&spec);
        let uts = Namespace::of(process.id(), Kind::Uts).unwrap();
        let saved = uts.save().unwrap();
        assert_eq!((saved.len(), &Namespace::restore(&saved).unwrap()), (36, &uts));
        let inode = uts.inode();
        process.kill().unwrap();
        process.wait().unwrap();
        let id = uts.id();
        drop(uts);
        // A child of another test's holds what was open when it started, until it executes.
        until("the namespace is gone", || {
            let still = Namespace::restore(&saved);
            if let Ok(still) = &still {
                assert_eq!(still.id(), id);
            }
            still.is_err()
        });
        (0..5).any(|_| {
            let other = sleeper(&spec);
            let refused = Namespace::restore(&saved).unwrap_err();
            assert_eq!((refused.errno(), refused.cause()), (libc::ESTALE, Cause::GoneOrForeign));
            Namespace::of(other.id(), Kind::Uts).unwrap().inode() == inode
        })
    });
    assert!(recycled, "no namespace has got the inode of another");
}
