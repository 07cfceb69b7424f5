//! Are namespaces kept by name, by mounts and by processes; do others see the same; and is nothing left half-made? In
//! mount namespaces of the tests' own, or as an ordinary user.

#![allow(clippy::unwrap_used, clippy::panic)] // A test that cannot go on has failed.

mod inside;
mod patience;

use inside::{as_user, mounted_below, output, sleeper, where_mounts_are_allowed};
use nsiso::{Cause, Error, Kind, Kinds, Namespace, Process, Registry, Spec};
use patience::until;
use std::fs;
use std::ops::Deref;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

fn told(error: &Error) -> (i32, Cause) {
    (error.errno(), error.cause())
}

fn user(kinds: impl Into<Kinds>) -> Process {
    sleeper(&Spec::new().unshare(kinds.into() | Kind::User | Kind::Uts).map_root().hostname("kept"))
}

/// A registry of a test's own, empty afterwards also if that fails.
struct Own(Registry);

impl Own {
    fn at(directory: impl AsRef<Path>) -> Own {
        Own(Registry::at(directory).unwrap())
    }
}

impl Deref for Own {
    type Target = Registry;

    fn deref(&self) -> &Registry {
        &self.0
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        for entry in self.list().unwrap_or_default() {
            let _ = self.remove(entry.name, entry.kind);
        }
    }
}

/// The names as the registry lists them, `KIND NAME`.
fn names(registry: &Registry) -> Vec<String> {
    let entries = registry.list().unwrap_or_else(|error| panic!("{error}"));
    entries.iter().map(|entry| format!("{} {}", entry.kind, entry.name.to_str().unwrap())).collect()
}

/// How many files there are for names of this kind.
fn files(registry: &Registry, kind: Kind) -> usize {
    fs::read_dir(registry.directory().join(kind.name())).map_or(0, Iterator::count)
}

/// All kinds are kept after their processes have ended, found, joined and removed.
fn all_kinds(registry: &Registry) {
    let first = user(Kinds::ALL);
    let own = Kind::ALL.map(|kind| Namespace::of(first.id(), kind).unwrap());
    for namespace in &own {
        registry.add("name", namespace).unwrap_or_else(|error| panic!("{error}"));
        let taken = registry.add("name", namespace).unwrap_err();
        assert_eq!(told(&taken), (libc::EEXIST, Cause::NameTaken), "{taken}");
    }
    first.kill().unwrap();
    first.wait().unwrap();
    drop(first);
    let entries = registry.list().unwrap();
    assert_eq!(entries.len(), 8, "{entries:?}");
    for (entry, own) in entries.iter().zip(&own) {
        assert_eq!((entry.name.to_str(), entry.kind, entry.inode), (Some("name"), own.kind(), own.inode()));
        assert_eq!(registry.open(&entry.name, entry.kind).unwrap(), *own);
    }
    let kept = |kind| registry.open("name", kind).unwrap();
    let spec = Spec::new().join_fd(kept(Kind::User).into(), Kinds::NONE);
    let spec = spec.join_fd(kept(Kind::Uts).into(), Kinds::NONE);
    assert_eq!(output(&spec, "hostname"), "kept");
    for entry in registry.list().unwrap() {
        registry.remove(&entry.name, entry.kind).unwrap_or_else(|error| panic!("{error}"));
        let gone = registry.remove(&entry.name, entry.kind).unwrap_err();
        assert_eq!(told(&gone), (libc::ENOENT, Cause::NothingKept), "{gone}");
        let gone = registry.open(&entry.name, entry.kind).unwrap_err();
        assert_eq!(told(&gone), (libc::ENOENT, Cause::NothingKept), "{gone}");
        if let Some(holder) = entry.holder {
            let state = fs::read_to_string(format!("/proc/{holder}/stat"));
            assert!(state.is_err(), "it has ended, and was reaped: {state:?}");
        }
    }
    assert_eq!(registry.list().unwrap(), []);
    assert_eq!(Kind::ALL.map(|kind| files(registry, kind)), [0; 8]);
}

#[test]
fn all_kinds_by_mounts() {
    // Where all that is mounted is seen everywhere, as systemd has it.
    where_mounts_are_allowed("mount --make-shared /run; mkdir /run/reg; exec", |_| {
        let registry = Own::at("/run/reg");
        all_kinds(&registry);
        all_kinds(&registry);
        let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
        let own: Vec<_> = mounts.lines().filter(|line| line.contains(" /run/reg")).collect();
        assert!(own.len() == 1 && !own[0].contains("shared"), "mounted on itself, once, privately: {own:?}");
    });
}

#[test]
fn a_mount_namespace_that_cannot_be_mounted_is_held() {
    where_mounts_are_allowed("exec", |_| {
        let registry = Own::at("/run/reg");
        let own = Namespace::current(Kind::Mnt).unwrap();
        registry.add("own", &own).unwrap();
        assert!(registry.list().unwrap()[0].holder.is_some());
        assert_eq!(registry.open("own", Kind::Mnt).unwrap(), own);
        registry.remove("own", Kind::Mnt).unwrap();
        assert_eq!(files(&registry, Kind::Mnt), 0);
    });
}

#[test]
fn all_kinds_by_processes() {
    as_user("exec", |scratch| all_kinds(&Own::at(scratch.join("reg"))));
}

#[test]
fn ip_sees_the_same_net_namespaces() {
    // To and from its own net namespace ip goes only if that is its own.
    where_mounts_are_allowed("exec unshare --net", |_| {
        let registry = Own(Registry::open_default().unwrap());
        assert_eq!(registry.directory(), Path::new("/run/nsiso"));
        assert_eq!(registry.list().unwrap(), []);
        let shell = |line: &str| output(&Spec::new(), line);
        let process = sleeper(&Spec::new().unshare(Kind::Net | Kind::Uts));
        let net = Namespace::of(process.id(), Kind::Net).unwrap();
        // Who is first makes the directory.
        registry.add("ours", &net).unwrap_or_else(|error| panic!("{error}"));
        shell("ip netns add theirs");
        assert_eq!(shell("ip netns list | cut -d' ' -f1 | sort"), "ours\ntheirs");
        assert_eq!(names(&registry), ["net ours", "net theirs"]);
        let inside = "readlink /proc/self/ns/net";
        let theirs = registry.open("theirs", Kind::Net).unwrap();
        for (name, namespace) in [("ours", &net), ("theirs", &theirs)] {
            assert_eq!(shell(&format!("ip netns exec {name} {inside}")), namespace.to_string());
        }
        let taken = registry.add("theirs", &net).unwrap_err();
        assert_eq!(told(&taken), (libc::EEXIST, Cause::NameTaken), "{taken}");
        shell("ip netns delete ours");
        registry.remove("theirs", Kind::Net).unwrap();
        assert_eq!((shell("ip netns list"), names(&registry)), (String::new(), Vec::new()));
        assert_eq!(fs::read_dir("/run/netns").unwrap().count(), 0);
        let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
        let own: Vec<_> = mounts.lines().filter(|line| line.contains(" /run/netns")).collect();
        assert!(own.len() == 1 && own[0].contains("shared"), "as ip wants it: {own:?}");
        // Other kinds are beside it, and a file that ip has left is no name, but can be removed.
        registry.add("uts", &Namespace::of(process.id(), Kind::Uts).unwrap()).unwrap();
        fs::write("/run/netns/left", "").unwrap();
        assert_eq!(names(&registry), ["uts uts"]);
        assert!(Path::new("/run/netns/left").exists());
        registry.remove("left", Kind::Net).unwrap();
        assert!(!Path::new("/run/netns/left").exists());
    });
}

#[test]
fn an_ordinary_users_default_is_in_the_runtime_directory() {
    as_user("XDG_RUNTIME_DIR=$SCRATCH; export XDG_RUNTIME_DIR; exec", |scratch| {
        let registry = Own(Registry::open_default().unwrap());
        assert_eq!(registry.directory(), fs::canonicalize(scratch).unwrap().join("nsiso"));
        assert_eq!(fs::metadata(registry.directory()).unwrap().permissions().mode() & 0o777, 0o700);
        let process = user(Kind::Net);
        registry.add("net", &Namespace::of(process.id(), Kind::Net).unwrap()).unwrap();
        assert_eq!(names(&registry), ["net net"]);
        registry.remove("net", Kind::Net).unwrap();
    });
}

#[test]
fn without_a_runtime_directory_there_is_no_default() {
    as_user("unset XDG_RUNTIME_DIR; exec", |_| {
        let none = Registry::open_default().unwrap_err();
        assert_eq!(told(&none), (libc::ENOENT, Cause::NoRuntimeDirectory), "{none}");
    });
}

#[test]
fn who_may_write_but_not_mount_is_told() {
    // Root of another user namespace, in the same mount namespace.
    let script = "mkdir -p -m 700 /run/nsiso/uts; touch /run/nsiso/uts/kept;
        mount --bind /proc/self/ns/uts /run/nsiso/uts/kept; exec unshare --user --map-root-user";
    where_mounts_are_allowed(script, |_| {
        let registry = Own::at("/run/nsiso");
        assert_eq!(names(&registry), ["uts kept"]);
        let kept = registry.open("kept", Kind::Uts).unwrap();
        let refused = registry.remove("kept", Kind::Uts).unwrap_err();
        assert_eq!(told(&refused), (libc::EPERM, Cause::NoMountPrivilege), "{refused}");
        let net = registry.add("net", &Namespace::current(Kind::Net).unwrap()).unwrap_err();
        assert_eq!(told(&net), (libc::EPERM, Cause::NoMountPrivilege), "as ip: {net}");
        registry.add("held", &kept).unwrap();
        assert_eq!(names(&registry), ["uts held", "uts kept"]);
        assert_eq!(registry.open("held", Kind::Uts).unwrap(), kept);
    });
}

#[test]
fn directories_and_names_that_cannot_be_are_refused() {
    as_user("exec", |scratch| {
        let refused = |path: &Path| told(&Registry::at(path).unwrap_err());
        assert_eq!(refused(&scratch.join("no/such")), (libc::ENOENT, Cause::NoDirectory));
        assert_eq!(refused(Path::new("/proc/registry")).0, libc::ENOENT);
        assert_eq!(refused(Path::new("/etc")), (libc::EPERM, Cause::UnsafeDirectory), "another user's");
        let open = scratch.join("open");
        fs::create_dir(&open).unwrap();
        fs::set_permissions(&open, fs::Permissions::from_mode(0o777)).unwrap();
        assert_eq!(refused(&open), (libc::EPERM, Cause::UnsafeDirectory));
        let file = scratch.join("file");
        fs::write(&file, "").unwrap();
        assert_eq!(refused(&file).0, libc::ENOTDIR);
        let registry = Own::at(scratch.join("reg"));
        let uts = Namespace::current(Kind::Uts).unwrap();
        for name in ["", ".", "..", ".hidden", "a/b", "a\0b", &"x".repeat(201)] {
            assert_eq!(
                told(&registry.add(name, &uts).unwrap_err()),
                (libc::EINVAL, Cause::BadName),
                "{name:?}"
            );
        }
        for name in ["", "..", "a/b", "a\0b"] {
            assert_eq!(registry.open(name, Kind::Uts).unwrap_err().cause(), Cause::BadName);
            assert_eq!(registry.remove(name, Kind::Uts).unwrap_err().cause(), Cause::BadName);
        }
        let name = "x".repeat(200);
        registry.add(&name, &uts).unwrap();
        assert_eq!(registry.open(&name, Kind::Uts).unwrap(), uts);
        registry.remove(&name, Kind::Uts).unwrap();
    });
}

#[test]
fn a_holder_is_believed_only_if_it_is_the_one() {
    as_user("exec", |scratch| {
        let registry = Own::at(scratch.join("reg"));
        let own = Namespace::current(Kind::Uts).unwrap();
        let file = registry.directory().join("uts/name");
        registry.add("name", &own).unwrap();
        let [entry] = &registry.list().unwrap()[..] else { panic!("one") };
        let holder = entry.holder.unwrap();
        let line = fs::read_to_string(format!("/proc/{holder}/cmdline")).unwrap();
        assert_eq!(line, format!("nsiso-holder\0{own}\0name\0"));
        for (number, leads) in [(0, "/dev/null"), (1, "/dev/null"), (2, "/dev/null"), (3, &own.to_string())] {
            let found = fs::read_link(format!("/proc/{holder}/fd/{number}")).unwrap();
            assert_eq!(found.to_str(), Some(leads));
        }
        // What it was told over, it closes once it has answered.
        until("it has closed it", || fs::read_dir(format!("/proc/{holder}/fd")).unwrap().count() == 4);
        assert_eq!(fs::read_link(format!("/proc/{holder}/cwd")).unwrap(), Path::new("/"));
        // All that can be ignored, is.
        for signal in ["HUP", "INT", "TERM", "USR1", "TSTP"] {
            output(&Spec::new(), &format!("kill -{signal} {holder}"));
        }
        assert_eq!(registry.open("name", Kind::Uts).unwrap(), own);
        let text = fs::read_to_string(&file).unwrap();
        let words: Vec<&str> = text.trim().split(' ').collect();
        let [_, _, _, pid_namespace, pid, start, inode] = words[..] else { panic!("{text}") };
        assert_eq!(pid.parse(), Ok(holder));
        // Another namespace than it holds.
        let rewritten = |from: &str, to: &str| fs::write(&file, text.replace(from, to)).unwrap();
        rewritten(inode, "4711");
        assert_eq!(registry.open("name", Kind::Uts).unwrap_err().errno(), libc::ESTALE);
        // In another pid namespace: neither believed nor removed.
        rewritten(pid_namespace, "4711");
        assert_eq!(names(&registry), [""; 0]);
        for refused in
            [registry.open("name", Kind::Uts).unwrap_err(), registry.remove("name", Kind::Uts).unwrap_err()]
        {
            assert_eq!(told(&refused), (libc::EXDEV, Cause::KeptElsewhere), "{refused}");
        }
        assert_eq!(told(&registry.add("name", &own).unwrap_err()), (libc::EEXIST, Cause::KeptElsewhere));
        // Who has its number now is another process, and is left alone.
        rewritten(&format!(" {start} "), " 4711 ");
        assert_eq!((names(&registry), file.exists()), (Vec::new(), false));
        assert!(Path::new(&format!("/proc/{holder}/fd/3")).exists());
        fs::write(&file, &text).unwrap();
        assert_eq!(names(&registry), ["uts name"]);
        // And once it is gone, so is its name.
        output(
            &Spec::new(),
            &format!("kill -KILL {holder}; while test -e /proc/{holder}/fd/3; do sleep 0.01; done"),
        );
        assert_eq!((names(&registry), file.exists()), (Vec::new(), false));
        // As are files that nobody has finished.
        fs::write(&file, &text[..text.len() / 2]).unwrap();
        assert_eq!((names(&registry), file.exists()), (Vec::new(), false));
        fs::write(&file, "").unwrap();
        registry.add("name", &own).unwrap();
        registry.remove("name", Kind::Uts).unwrap();
    });
}

#[test]
fn other_mount_namespaces_do_no_harm() {
    where_mounts_are_allowed("exec", |_| {
        let registry = Own::at("/run/reg");
        let process = user(Kind::Uts);
        let uts = Namespace::of(process.id(), Kind::Uts).unwrap();
        registry.add("before", &uts).unwrap();
        let copy = sleeper(&Spec::new().unshare(Kind::Mnt));
        let copy = Namespace::of(copy.id(), Kind::Mnt).unwrap();
        registry.add("after", &uts).unwrap();
        let there = |function: &(dyn Fn() + Sync)| copy.visit_with(function).unwrap();
        there(&|| {
            assert_eq!(names(&registry), ["uts before"]);
            assert_eq!(registry.open("before", Kind::Uts).unwrap(), uts);
            let elsewhere = registry.open("after", Kind::Uts).unwrap_err();
            assert_eq!(told(&elsewhere), (libc::EXDEV, Cause::KeptElsewhere), "{elsewhere}");
        });
        assert_eq!(names(&registry), ["uts after", "uts before"]);
        // Removed is removed, wherever.
        there(&|| registry.remove("after", Kind::Uts).unwrap());
        there(&|| registry.remove("before", Kind::Uts).unwrap());
        assert_eq!((names(&registry), mounted_below(Path::new("/run"))), (Vec::new(), Vec::new()));
        assert_eq!(files(&registry, Kind::Uts), 0);
        // By another way to the same directory, what is mounted is not seen, and not removed.
        registry.add("name", &uts).unwrap();
        output(&Spec::new(), "mkdir /run/other; mount --bind /run /mnt");
        let other = Registry::at("/mnt/reg").unwrap();
        assert_eq!(names(&other), [""; 0]);
        assert_eq!(names(&registry), ["uts name"]);
        registry.remove("name", Kind::Uts).unwrap();
    });
}

#[test]
fn of_many_at_once_one_has_the_name() {
    as_user("exec", |scratch| many_at_once(&Own::at(scratch.join("reg"))));
}

#[test]
fn of_many_mounts_at_once_one_has_the_name() {
    where_mounts_are_allowed("exec", |_| many_at_once(&Own::at("/run/reg")));
}

fn many_at_once(registry: &Registry) {
    let process = user(Kind::Uts);
    let uts = Namespace::of(process.id(), Kind::Uts).unwrap();
    for _ in 0..5 {
        let added = std::thread::scope(|scope| {
            let add = || match registry.add("name", &uts) {
                Ok(()) => 1,
                Err(error) => {
                    assert_eq!(error.errno(), libc::EEXIST, "{error}");
                    assert_eq!(names(registry), ["uts name"]);
                    0
                }
            };
            let threads = [(); 6].map(|()| scope.spawn(add));
            threads.into_iter().map(|thread| thread.join().unwrap()).sum::<i32>()
        });
        assert_eq!(added, 1);
        registry.remove("name", Kind::Uts).unwrap();
    }
}
