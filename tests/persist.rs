//! Is a namespace kept by a path after its last process has ended, and is nothing left of it once it is released? In mount
//! namespaces of the tests' own, compared with mountinfo; as root, or as an ordinary user where that is root.

#![allow(clippy::unwrap_used, clippy::panic)] // A test that cannot go on has failed.

mod inside;

use inside::{
    as_user, mounted_below, output, sleeper, where_mounts_are_allowed, where_mounts_are_allowed_on_one_cpu,
};
use nsiso::{Cause, Error, Kind, Kinds, Namespace, Offset, Spec};
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

fn told(error: &Error) -> (i32, Cause) {
    (error.errno(), error.cause())
}

fn uts() -> (nsiso::Process, Namespace) {
    let process = sleeper(&Spec::new().unshare(Kind::User | Kind::Uts).map_root().hostname("kept"));
    let uts = Namespace::of(process.id(), Kind::Uts).unwrap();
    (process, uts)
}

#[test]
fn all_kinds_outlive_their_processes() {
    where_mounts_are_allowed_on_one_cpu("exec", |scratch| {
        let day = Offset { seconds: 1_000_000_000, nanoseconds: 0 };
        let spec = Spec::new().unshare(Kinds::ALL).map_root().boottime_offset(day).hostname("kept");
        let first = sleeper(&spec);
        let path = |kind: Kind| scratch.join(kind.name());
        let links = Kind::ALL.map(|kind| {
            let namespace = Namespace::of(first.id(), kind).unwrap();
            namespace.persist(path(kind)).unwrap_or_else(|error| panic!("{error}"));
            (namespace.to_string(), path(kind))
        });
        let mut mounted = mounted_below(scratch);
        mounted.sort();
        let mut expected = Vec::from(links.clone());
        expected.sort();
        assert_eq!(mounted, expected);
        first.kill().unwrap();
        first.wait().unwrap();
        drop(first);
        for (link, path) in &links {
            assert_eq!(Namespace::open(path).unwrap().to_string(), *link);
        }
        // Nobody is born any more in a pid namespace whose first process has ended.
        let kinds = [Kind::User, Kind::Mnt, Kind::Uts, Kind::Ipc, Kind::Net, Kind::Cgroup, Kind::Time];
        let join = |spec: Spec, kind| spec.join_path(path(kind));
        let second = kinds.into_iter().fold(Spec::new(), join);
        let there = output(&second, "hostname; cut -d. -f1 /proc/uptime; cd /proc/self/ns; readlink *");
        let mut told_there = there.lines();
        assert_eq!(told_there.next(), Some("kept"));
        assert!(told_there.next().unwrap().parse::<u64>().unwrap() > 1_000_000_000, "{there}");
        for (link, _) in links.iter().filter(|(link, _)| !link.starts_with("pid")) {
            assert!(there.lines().any(|line| line == link), "{link}: {there}");
        }
        let unborn = Spec::new().join_path(path(Kind::User)).join_path(path(Kind::Pid));
        let refused = unborn.spawn(&nsiso::Command::new("true")).unwrap_err();
        assert_eq!(told(&refused), (libc::ENOMEM, Cause::InitGone), "{refused}");
        for (_, path) in &links {
            Namespace::release(path).unwrap_or_else(|error| panic!("{error}"));
        }
        assert_eq!(mounted_below(scratch), []);
        assert_eq!(fs::read_dir(scratch).unwrap().count(), 0);
    });
}

#[test]
fn a_path_that_cannot_be_had_says_why() {
    where_mounts_are_allowed("exec", |scratch| {
        let (_process, uts) = uts();
        let path = scratch.join("it");
        uts.persist(&path).unwrap();
        let again = uts.persist(&path).unwrap_err();
        assert_eq!(told(&again), (libc::EEXIST, Cause::PathIsNamespaces), "{again}");
        let file = scratch.join("file");
        fs::write(&file, "mine").unwrap();
        let taken = uts.persist(&file).unwrap_err();
        assert_eq!(told(&taken), (libc::EEXIST, Cause::PathTaken), "{taken}");
        // Neither by way of a link.
        std::os::unix::fs::symlink(scratch.join("nowhere"), scratch.join("link")).unwrap();
        assert_eq!(uts.persist(scratch.join("link")).unwrap_err().errno(), libc::EEXIST);
        let nowhere = uts.persist(scratch.join("no/such/place")).unwrap_err();
        assert_eq!(told(&nowhere), (libc::ENOENT, Cause::NoDirectory), "{nowhere}");
        assert_eq!(told(&uts.persist("/").unwrap_err()), (libc::EINVAL, Cause::BadArgument));
        let none = Namespace::release(&file).unwrap_err();
        assert_eq!(told(&none), (libc::EINVAL, Cause::NotNamespace), "{none}");
        let link = Namespace::release("/proc/self/ns/uts").unwrap_err();
        assert_eq!(told(&link), (libc::EINVAL, Cause::NotNamespace), "{link}");
        assert_eq!(fs::read_to_string(&file).unwrap(), "mine");
        Namespace::release(&path).unwrap();
        let gone = Namespace::release(&path).unwrap_err();
        assert_eq!(told(&gone), (libc::ENOENT, Cause::NothingKept), "{gone}");
    });
}

#[test]
fn what_others_have_mounted_is_released_with_all_that_is_below_it() {
    let script = "echo mine >$SCRATCH/full; touch $SCRATCH/empty;
        for name in full empty empty; do mount --bind /proc/self/ns/ipc $SCRATCH/$name; done; exec";
    where_mounts_are_allowed(script, |scratch| {
        assert_eq!(mounted_below(scratch).len(), 3);
        Namespace::release(scratch.join("empty")).unwrap();
        assert!(!scratch.join("empty").exists());
        // What somebody has written stays.
        Namespace::release(scratch.join("full")).unwrap();
        assert_eq!(fs::read_to_string(scratch.join("full")).unwrap(), "mine\n");
        assert_eq!(mounted_below(scratch), []);
    });
}

#[test]
fn mount_namespaces_that_the_kernel_refuses_are_told_apart() {
    let script = "cd $SCRATCH; mkdir shared peer; mount --bind shared shared; mount --make-shared shared;
        mount --bind shared peer; exec";
    where_mounts_are_allowed_on_one_cpu(script, |scratch| {
        let own = Namespace::current(Kind::Mnt).unwrap().persist(scratch.join("own")).unwrap_err();
        assert_eq!(told(&own), (libc::EINVAL, Cause::OlderMountNamespace), "{own}");
        assert!(!scratch.join("own").exists());
        let process = sleeper(&Spec::new().unshare(Kind::User | Kind::Mnt).map_root());
        let newer = Namespace::of(process.id(), Kind::Mnt).unwrap();
        let shared = newer.persist(scratch.join("shared/mnt")).unwrap_err();
        assert_eq!(told(&shared), (libc::EINVAL, Cause::SharedTarget), "{shared}");
        assert_eq!(fs::read_dir(scratch.join("shared")).unwrap().count(), 0);
        newer.persist(scratch.join("mnt")).unwrap();
        Namespace::release(scratch.join("mnt")).unwrap();
    });
}

#[test]
fn a_mount_from_outside_stays() {
    let script = "touch $SCRATCH/it; mount --bind /proc/self/ns/uts $SCRATCH/it;
        exec unshare --user --map-root-user --mount";
    where_mounts_are_allowed(script, |scratch| {
        let it = scratch.join("it");
        let locked = Namespace::release(&it).unwrap_err();
        assert_eq!(told(&locked), (libc::EINVAL, Cause::LockedMount), "{locked}");
        assert_eq!(Namespace::open(&it).unwrap(), Namespace::current(Kind::Uts).unwrap());
    });
}

#[test]
fn an_ordinary_user_is_told_what_is_missing() {
    as_user("exec", |scratch| {
        let (process, uts) = uts();
        let refused = uts.persist(scratch.join("it")).unwrap_err();
        assert_eq!(told(&refused), (libc::EPERM, Cause::NoMountPrivilege), "{refused}");
        assert_eq!(fs::read_dir(scratch).unwrap().count(), 0, "the file is gone again");
        let closed = scratch.join("closed");
        fs::create_dir(&closed).unwrap();
        fs::set_permissions(&closed, fs::Permissions::from_mode(0o555)).unwrap();
        let refused = uts.persist(closed.join("it")).unwrap_err();
        assert_eq!(told(&refused), (libc::EACCES, Cause::DirectoryForbidden), "{refused}");
        drop(process);
    });
}

#[test]
fn no_descriptor_is_left_open() {
    where_mounts_are_allowed("exec", |scratch| {
        let (process, uts) = uts();
        let descriptors = || fs::read_dir("/proc/self/fd").unwrap().count();
        let before = descriptors();
        let path = scratch.join("it");
        uts.persist(&path).unwrap();
        assert_eq!(descriptors(), before);
        let inode = |path: &Path| fs::metadata(path).unwrap().ino();
        assert_eq!(inode(&path), uts.inode());
        Namespace::release(&path).unwrap();
        assert_eq!(descriptors(), before);
        drop(process);
    });
}
