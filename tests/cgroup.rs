//! Is a process in the control groups that its spec names, before it is anything else, and under their limits? In
//! both versions, as far as this machine has them; as root, or refused as an ordinary user.

#![allow(clippy::unwrap_used, clippy::panic)] // A test that cannot go on has failed.

mod patience;

use nsiso::{Cause, Command, Error, Kind, Kinds, Process, Spec};
use patience::PATIENCE;
use std::fs;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

fn is_root() -> bool {
    fs::metadata("/proc/self").unwrap().uid() == 0
}

/// The hierarchy of version 1 with this controller, or that of version 2.
fn hierarchy(controller: &str) -> PathBuf {
    let known = [controller, "", "unified"].map(|name| Path::new("/sys/fs/cgroup").join(name));
    known.into_iter().find(|path| path.join("cgroup.procs").exists()).unwrap()
}

/// Where version 2 is mounted.
fn unified() -> PathBuf {
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap();
    let line = mounts.lines().find(|line| line.split(' ').nth(2) == Some("cgroup2")).unwrap();
    line.split(' ').nth(1).unwrap().into()
}

/// A group of the test's own, gone with it once its processes are.
struct Group(PathBuf);

impl Group {
    /// `None` for whom nobody has delegated one to.
    fn below(hierarchy: &Path) -> Option<Group> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = hierarchy.join(format!("nsiso-test-{}-{number}", std::process::id()));
        let made = fs::create_dir(&path);
        assert!(made.is_ok() || !is_root(), "{}: {made:?}", path.display());
        made.is_ok().then(|| Group(path))
    }

    /// One in each, where version 2 has it all in a single one.
    fn below_each(mut hierarchies: [PathBuf; 3]) -> Vec<Option<Group>> {
        hierarchies.sort();
        let mut hierarchies = Vec::from(hierarchies);
        hierarchies.dedup();
        hierarchies.iter().map(|hierarchy| Group::below(hierarchy)).collect()
    }

    /// How /proc/PID/cgroup ends for its members.
    fn end(&self) -> String {
        format!("/{}", self.0.file_name().unwrap().to_str().unwrap())
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let began = Instant::now();
        // The last child has been killed, but may not be gone from the group yet.
        while fs::remove_dir(&self.0).is_err() && began.elapsed() < PATIENCE {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

fn user(kinds: impl Into<Kinds>) -> Spec {
    Spec::new().unshare(kinds.into() | Kind::User).map_root()
}

fn sleeper(spec: &Spec) -> Process {
    spec.spawn(&Command::new("sleep").arg("600")).unwrap_or_else(|error| panic!("{error}")).kill_on_drop(true)
}

fn refused(spec: &Spec) -> Error {
    spec.spawn(&Command::new("true")).unwrap_err()
}

fn groups(pid: i32) -> String {
    fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap()
}

/// Whether it is in the group, alone, and this is the root of its cgroup namespace where that is new.
fn is_placed(spec: &Spec, group: &Group) {
    let process = sleeper(spec);
    let outside = groups(process.id());
    assert!(outside.lines().any(|line| line.ends_with(&group.end())), "{outside}");
    let members = fs::read_to_string(group.0.join("cgroup.procs")).unwrap();
    assert_eq!(members.trim(), process.id().to_string());
    let seen = || {
        let mut text = String::new();
        let (mut reader, writer) = UnixStream::pair().unwrap();
        let command = Command::new("cat").arg(format!("/proc/{}/cgroup", process.id())).fd(writer.into(), 1);
        let inside = format!("/proc/{}/ns/cgroup", process.id());
        let reads = Spec::new().join_path(inside).spawn(&command).unwrap();
        drop(command);
        reader.read_to_string(&mut text).unwrap();
        assert!(reads.wait().unwrap().success());
        text
    };
    let own = fs::read_link("/proc/self/ns/cgroup").unwrap();
    if fs::read_link(format!("/proc/{}/ns/cgroup", process.id())).unwrap() != own {
        let number = outside.lines().find(|line| line.ends_with(&group.end())).unwrap();
        let number = number.split(':').next().unwrap();
        let is_root = |line: &str| line.split(':').next() == Some(number) && line.ends_with(":/");
        let seen = seen();
        assert!(seen.lines().any(is_root), "{seen}");
    }
}

fn shapes(group: &Group) -> Vec<Spec> {
    let all = [
        Spec::new(),
        Spec::new().unshare(Kind::Cgroup),
        user(Kind::Cgroup),
        user(Kind::Cgroup | Kind::Pid | Kind::Mnt).proc().oom_score_adj(3),
    ];
    let roads = |spec: Spec| [spec.clone(), spec.own_memory()];
    all.into_iter().flat_map(roads).map(|spec| spec.cgroup(&group.0)).collect()
}

#[test]
fn a_control_group_is_the_root_of_the_cgroup_namespace() {
    for hierarchy in [hierarchy("pids"), unified()] {
        let Some(group) = Group::below(&hierarchy) else {
            let refused = refused(&Spec::new().cgroup(&hierarchy));
            assert_eq!(
                (refused.errno(), refused.cause()),
                (libc::EACCES, Cause::GroupForbidden),
                "{refused}"
            );
            assert!(refused.object().contains("cgroup.procs"), "{refused}");
            continue;
        };
        for spec in shapes(&group) {
            is_placed(&spec, &group);
        }
    }
}

#[test]
fn beside_pid_1_it_is_the_root_too() {
    if let Some(group) = Group::below(&hierarchy("pids")) {
        is_placed(&user(Kind::Cgroup | Kind::Pid).init().cgroup(&group.0), &group);
    }
}

#[test]
fn version_2_is_where_it_is_born() {
    let spec = Spec::new().unshare(Kind::Uts).cgroup(unified());
    let plan = spec.plan(&Command::new("true")).unwrap().to_string();
    let first = format!("parent: clone uts into {} (needs ", unified().display());
    assert!(plan.starts_with(&first), "{plan}");
    assert!(!plan.contains("wait"), "{plan}");
}

#[test]
fn a_group_of_each_hierarchy() {
    let groups = Group::below_each([hierarchy("pids"), hierarchy("memory"), unified()]);
    let spec = groups.iter().flatten().fold(Spec::new(), |spec, group| spec.cgroup(&group.0));
    let process = sleeper(&spec);
    let text = self::groups(process.id());
    for group in groups.iter().flatten() {
        assert!(text.lines().any(|line| line.ends_with(&group.end())), "{text}");
    }
}

#[test]
fn limits_are_set_before_there_is_anybody() {
    let groups = Group::below_each(["pids", "memory", "cpu"].map(hierarchy));
    let Some(groups) = groups.into_iter().collect::<Option<Vec<_>>>() else { return };
    let spec = groups.iter().fold(Spec::new(), |spec, group| spec.cgroup(&group.0));
    let spec = spec.pids_limit(2).memory_limit(64 << 20).cpu_limit(20_000, 100_000);
    let read = |names: &[&str]| {
        let mut paths = groups.iter().flat_map(|group| names.iter().map(|name| group.0.join(name)));
        paths.find_map(|path| fs::read_to_string(path).ok()).unwrap().trim().to_owned()
    };
    // One process more than may be: the shell cannot fork twice, while what it has forked reads.
    let (own, its) = UnixStream::pair().unwrap();
    let line = Command::new("sh").args(["-c", "cat <&7 & cat <&7 & wait"]).fd(its.into(), 7).null(2);
    let forks = spec.spawn(&line).unwrap();
    assert_eq!(read(&["pids.max"]), "2");
    assert_eq!(read(&["memory.max", "memory.limit_in_bytes"]), (64 << 20).to_string());
    let quota = read(&["cpu.max", "cpu.cfs_quota_us"]);
    assert!(quota == "20000" || quota == "20000 100000", "{quota}");
    assert!(!forks.wait().unwrap().success());
    drop((own, line));
}

#[test]
fn a_refusal_names_the_group_and_leaves_nothing() {
    let missing = refused(&Spec::new().cgroup("/sys/fs/cgroup/no such group"));
    assert_eq!((missing.errno(), missing.cause()), (libc::ENOENT, Cause::NoGroup), "{missing}");
    assert!(missing.object().contains("no such group"), "{missing}");
    let Some(group) = Group::below(&unified()) else { return };
    // Beside a threaded group a domain is invalid.
    let (threaded, beside) = (Group(group.0.join("threaded")), Group(group.0.join("beside")));
    fs::create_dir(&threaded.0).unwrap();
    fs::write(threaded.0.join("cgroup.type"), "threaded").unwrap();
    fs::create_dir(&beside.0).unwrap();
    for spec in [Spec::new(), user(Kind::Uts)] {
        let refused = refused(&spec.cgroup(&beside.0));
        assert_eq!(
            (refused.errno(), refused.cause()),
            (libc::EOPNOTSUPP, Cause::GroupTakesNone),
            "{refused}"
        );
    }
    drop((threaded, beside));
    // Below a group that passes no controllers on there are none.
    let bare = Group(group.0.join("bare"));
    fs::create_dir(&bare.0).unwrap();
    let refused = refused(&Spec::new().cgroup(&bare.0).pids_limit(3));
    assert_eq!((refused.step(), refused.cause()), ("limit", Cause::NoController), "{refused}");
}
