//! Are mount tables read as the kernel has them: every line, any name, by both routes, of any process; and does the
//! tree say where paths lead? In mount namespaces of the tests' own; the kernel's text and statx(2) are the witnesses.

#![allow(unsafe_code)] // mount(2), umount2(2) and statx(2), for names that no shell would pass on.
#![allow(clippy::unwrap_used, clippy::panic)] // A test that cannot go on has failed.

mod inside;

use inside::{as_user, is_root, where_mounts_are_allowed};
use nsiso::inspect::{mounts_by, Mount, MountTable, Pid, Route, Tag};
use nsiso::{mounts, Cause, Command, Error, Kind, Spec};
use std::ffi::{CString, OsStr};
use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};

/// mount(2) with any bytes.
fn mount(source: &[u8], target: &[u8], fstype: &str, flags: libc::c_ulong, data: &str) {
    let text = |bytes: &[u8]| CString::new(bytes).unwrap();
    let (source, at, fstype, data) =
        (text(source), text(target), text(fstype.as_bytes()), text(data.as_bytes()));
    // SAFETY: C strings and a number.
    let mounted =
        unsafe { libc::mount(source.as_ptr(), at.as_ptr(), fstype.as_ptr(), flags, data.as_ptr().cast()) };
    let error = std::io::Error::last_os_error();
    assert_eq!(mounted, 0, "{}: {error}", target.escape_ascii());
}

fn umount(target: &[u8]) {
    let at = CString::new(target).unwrap();
    // SAFETY: a C string and a number.
    assert_eq!(unsafe { libc::umount2(at.as_ptr(), libc::MNT_DETACH) }, 0, "{}", target.escape_ascii());
}

/// Makes a directory and mounts a tmpfs there.
fn tmpfs(at: &[u8]) {
    fs::create_dir_all(OsStr::from_bytes(at)).unwrap();
    mount(b"none", at, "tmpfs", 0, "");
}

fn bind(from: &[u8], to: &[u8]) {
    fs::create_dir_all(OsStr::from_bytes(to)).unwrap();
    mount(from, to, "", libc::MS_BIND, "");
}

fn propagate(at: &[u8], how: libc::c_ulong) {
    mount(b"", at, "", how, "");
}

/// The number of the mount that a path leads to, as the kernel says: statx(2).
fn mount_at(path: &[u8]) -> Option<u32> {
    const STATX_MNT_ID: u32 = 0x1000;
    let path = CString::new(path).unwrap();
    // SAFETY: plain numbers, for which zero is a value.
    let mut status: libc::statx = unsafe { std::mem::zeroed() };
    // SAFETY: a C string, numbers, and room for what the call writes.
    let asked = unsafe {
        libc::statx(
            libc::AT_FDCWD,
            path.as_ptr(),
            libc::AT_NO_AUTOMOUNT | libc::AT_SYMLINK_NOFOLLOW,
            STATX_MNT_ID,
            &raw mut status,
        )
    };
    (asked == 0).then_some(status.stx_mnt_id as u32)
}

fn own() -> MountTable {
    mounts(Pid::Caller).unwrap_or_else(|error| panic!("{error}"))
}

/// A process in a mount namespace of its own, or not, that has run a script.
struct Other(Child);

impl Other {
    fn run(words: &[&str], script: &str) -> Other {
        let script = format!("PATH=$PATH:/usr/sbin:/sbin; {script}");
        let mut command = std::process::Command::new(words[0]);
        command.args(&words[1..]).args(["sh", "-euc", &script]).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "ready\n", "{words:?} {script}");
        Other(child)
    }

    fn pid(&self) -> Pid {
        Pid::Number(self.0.id() as i32)
    }

    fn text(&self) -> Vec<u8> {
        fs::read(format!("/proc/{}/mountinfo", self.0.id())).unwrap()
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

/// What no reader of another kind of table would say of a line.
fn fields(line: &[u8]) -> Vec<Vec<u8>> {
    let words: Vec<&[u8]> = line.split(|byte| *byte == b' ').collect();
    let dash = words.iter().position(|word| *word == b"-").unwrap();
    let mut fields: Vec<Vec<u8>> = words[..6].iter().map(|word| word.to_vec()).collect();
    fields.push(words[6..dash].join(&b' '));
    fields.extend(words[dash + 1..dash + 3].iter().map(|word| word.to_vec()));
    fields.push(words[dash + 3..].join(&b' '));
    fields
}

fn own_fields(mount: Mount<'_>) -> Vec<Vec<u8>> {
    let text = |number: u32| number.to_string().into_bytes();
    let device = format!("{}:{}", mount.major(), mount.minor()).into_bytes();
    let mut fields = vec![text(mount.id()), text(mount.parent_id()), device];
    fields.extend([mount.root(), mount.point(), mount.options()].map(|field| field.to_vec()));
    fields.push(mount.optional().to_vec());
    fields.extend([mount.fstype(), mount.source(), mount.super_options()].map(|field| field.to_vec()));
    fields
}

/// Each line is what the kernel wrote, and made of its fields.
fn whole(table: &MountTable, text: &[u8]) {
    assert_eq!(table.text().escape_ascii().to_string(), text.escape_ascii().to_string());
    let lines: Vec<&[u8]> = text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).collect();
    assert_eq!(table.len(), lines.len());
    for (mount, line) in table.iter().zip(lines) {
        assert_eq!(mount.line(), line);
        assert_eq!(mount.to_line(), line, "{mount}");
        if !line.contains(&b'\\') {
            assert_eq!(own_fields(mount), fields(line), "{mount}");
        }
    }
    assert_eq!(*table, MountTable::parse(text).unwrap());
    assert_eq!(table.iter().len(), table.len());
}

/// Both routes tell what the kernel's text does, if the second one can be taken; whether it can.
fn same_by_both(pid: Pid, text: &[u8]) -> Result<(), Error> {
    whole(&mounts_by(pid, Route::Mountinfo).unwrap(), text);
    assert_eq!(mounts(pid).unwrap(), MountTable::parse(text).unwrap());
    let table = mounts_by(pid, Route::Statmount)?;
    assert_eq!(table.route(), Route::Statmount);
    whole(&table, text);
    Ok(())
}

/// Whether this is said because there is no statmount: an older kernel, or a filter.
fn has_no_statmount(error: &Error) -> bool {
    [libc::ENOSYS, libc::EOPNOTSUPP, libc::EPERM].contains(&error.errno())
}

/// Where the kernel has statmount, this route must tell the same, and else refuse.
fn same_if_statmount(pid: Pid, text: &[u8]) {
    if let Err(error) = same_by_both(pid, text) {
        assert!(has_no_statmount(&error) && error.cause() == Cause::NoStatmount, "{error}");
    }
}

fn own_text() -> Vec<u8> {
    fs::read("/proc/thread-self/mountinfo").unwrap()
}

#[test]
fn every_process_of_the_machine() {
    let numbers = fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| entry.unwrap().file_name().to_str()?.parse::<i32>().ok().map(Pid::Number));
    let mut seen = 0;
    for pid in numbers.chain([Pid::Caller]) {
        let path = match pid {
            Pid::Caller => "/proc/thread-self/mountinfo".to_owned(),
            Pid::Number(number) => format!("/proc/{number}/mountinfo"),
        };
        // Others mount, and end, as they like.
        for _ in 0..100 {
            let Ok(before) = fs::read(&path) else { break };
            let tables =
                [Route::Mountinfo, Route::Statmount, Route::Fastest].map(|route| mounts_by(pid, route));
            if fs::read(&path).ok() != Some(before.clone()) {
                continue;
            }
            let [plain, by_calls, fastest] = tables;
            match plain {
                Ok(plain) => whole(&plain, &before),
                Err(error) => {
                    assert_eq!(error.errno(), libc::ESRCH, "{error}");
                    break;
                }
            }
            assert_eq!(fastest.unwrap(), MountTable::parse(&*before).unwrap());
            if let Ok(by_calls) = by_calls {
                whole(&by_calls, &before);
            }
            seen += 1;
            break;
        }
    }
    assert!(seen > 1);
}

/// Names that have to be escaped, or look as if they were.
const NAMES: [&[u8]; 10] = [
    b"a b",
    b"tab\there",
    b"new\nline",
    b"back\\slash",
    b"h#sh",
    b"\\040",
    b"\xff\xfe \x80",
    b"- x y",
    b"carriage\rreturn\x01",
    "gr\u{fc}n".as_bytes(),
];

#[test]
fn names_of_any_bytes() {
    where_mounts_are_allowed("exec", |_| {
        let first = own().len();
        for name in NAMES {
            let point = [b"/run/", name].concat();
            tmpfs(&point);
            umount(&point);
            mount(name, &point, "tmpfs", 0, "");
            let inner = [&point, &b"/"[..], name].concat();
            fs::create_dir(OsStr::from_bytes(&inner)).unwrap();
            bind(&inner, &[b"/run/bound ", name].concat());
        }
        let table = own();
        let mut new = table.iter().skip(first);
        for name in NAMES {
            let (plain, bound) = (new.next().unwrap(), new.next().unwrap());
            assert_eq!(plain.point(), [b"/run/", name].concat());
            assert_eq!(&*plain.source(), name);
            assert_eq!(&*bound.root(), [b"/", name].concat());
            assert_eq!(bound.point(), [b"/run/bound ", name].concat());
            assert_eq!(mount_at(&plain.point()), Some(plain.id()));
            assert_eq!(mount_at(&bound.point()), Some(bound.id()));
        }
        assert_eq!(new.next(), None);
        same_if_statmount(Pid::Caller, &own_text());
    });
}

#[test]
fn options_sources_and_roots() {
    where_mounts_are_allowed("exec", |_| {
        let flags = [
            0,
            libc::MS_RDONLY,
            libc::MS_NOSUID | libc::MS_NODEV | libc::MS_NOEXEC,
            libc::MS_NOATIME | libc::MS_NODIRATIME,
            libc::MS_STRICTATIME,
            libc::MS_STRICTATIME | libc::MS_NODIRATIME | 256, // MS_NOSYMFOLLOW
            libc::MS_SYNCHRONOUS,
            libc::MS_DIRSYNC | libc::MS_LAZYTIME,
        ];
        for (flag, number) in flags.into_iter().zip(0..) {
            let point = format!("/run/options{number}").into_bytes();
            fs::create_dir(OsStr::from_bytes(&point)).unwrap();
            mount(b"", &point, "tmpfs", flag, "size=1m,nr_inodes=100");
        }
        let source = own().iter().last().unwrap().source().to_vec();
        assert_eq!(source, b"", "no source is one");
        // The mount's own option alone, and the file system's.
        bind(b"/run/options0", b"/run/ro");
        propagate(b"/run/ro", libc::MS_BIND | libc::MS_REMOUNT | libc::MS_RDONLY);
        mount(b"", b"/run/options2", "tmpfs", libc::MS_REMOUNT | libc::MS_RDONLY, "");
        // What is mounted is gone.
        fs::create_dir_all("/run/gone").unwrap();
        bind(b"/run/gone", b"/run/still");
        fs::remove_dir("/run/gone").unwrap();
        fs::write("/run/file", "").unwrap();
        mount(b"/proc/self/ns/uts", b"/run/file", "", libc::MS_BIND, "");
        for layer in ["low,er", "upper", "work", "over"] {
            fs::create_dir(format!("/run/{layer}")).unwrap();
        }
        let layers = "lowerdir=/run/low\\,er,upperdir=/run/upper,workdir=/run/work";
        mount(b"layers", b"/run/over", "overlay", 0, layers);
        propagate(b"/run/over", libc::MS_UNBINDABLE);
        let text = own_text();
        same_if_statmount(Pid::Caller, &text);
        let table = own();
        let over = table.iter().last().unwrap();
        let list: Vec<_> = over.super_option_list().collect();
        let lower = list.iter().find(|(name, _)| &**name == b"lowerdir").unwrap();
        // Told as one value, whatever the kernel does to its comma.
        assert!(lower.1.as_ref().unwrap().ends_with(b",er"), "{over}");
        assert_eq!(over.tags().collect::<Vec<_>>(), [Tag::Unbindable]);
        assert!(table.iter().any(|mount| mount.root().ends_with(b"//deleted")));
    });
}

/// Shared, slave, both, and a slave of what is not seen that is a slave of what is.
const PROPAGATION: &str = "mount --make-rprivate /
    mkdir /run/a /run/b /run/c; mount -t tmpfs none /run/a; mount --make-shared /run/a
    mount --bind /run/a /run/b; mount --make-slave /run/b; mount --make-shared /run/b
    mount --bind /run/b /run/c; mount --make-slave /run/c; exec";

#[test]
fn propagation_is_told_by_both_routes() {
    where_mounts_are_allowed(PROPAGATION, |_| {
        same_if_statmount(Pid::Caller, &own_text());
        let table = own();
        let group = |point: &[u8]| table.iter().find(|mount| mount.point() == point).unwrap();
        let (a, b, c) = (group(b"/run/a"), group(b"/run/b"), group(b"/run/c"));
        assert_eq!((a.master(), b.master(), c.master()), (None, a.shared(), b.shared()));
        let tree = table.tree();
        let names = |indices: &[usize]| -> Vec<Vec<u8>> {
            indices.iter().map(|index| table.get(*index).unwrap().point().to_vec()).collect()
        };
        assert_eq!(tree.groups().count(), 2);
        assert_eq!(names(tree.peers(a.shared().unwrap())), [b"/run/a"]);
        assert_eq!(names(tree.slaves(a.shared().unwrap())), [b"/run/b"]);
        assert_eq!(names(tree.slaves(b.shared().unwrap())), [b"/run/c"]);
        assert_eq!(tree.peers(u64::MAX), &[0; 0]);
        let from = a.shared().unwrap();
        // In a copy of the namespace without the one in the middle: the caller's own, and another one.
        std::thread::spawn(move || {
            nsiso::unshare(Kind::Mnt).unwrap();
            umount(b"/run/b");
            let table = own();
            let last = table.iter().last().unwrap();
            assert!(last.tags().any(|tag| tag == Tag::PropagateFrom(from)), "{table}");
            same_if_statmount(Pid::Caller, &own_text());
        })
        .join()
        .unwrap();
        let unchanged = &["unshare", "--mount", "--propagation", "unchanged"];
        let other = Other::run(unchanged, "umount /run/b; echo ready; exec sleep 600");
        let text = String::from_utf8(other.text()).unwrap();
        assert!(text.contains(&format!(" propagate_from:{from}")), "{text}");
        let error = same_by_both(other.pid(), text.as_bytes()).unwrap_err();
        assert_eq!(error.cause(), Cause::NoStatmount, "{error}");
        let slave =
            Other::run(&["unshare", "--mount", "--propagation", "slave"], "echo ready; exec sleep 600");
        same_if_statmount(slave.pid(), &slave.text());
    });
}

/// Where the text is slow, the table is read otherwise: it is the same.
#[test]
fn slaves_of_a_large_group() {
    where_mounts_are_allowed("mount --make-rprivate /; exec", |_| {
        tmpfs(b"/run/first");
        propagate(b"/run/first", libc::MS_SHARED);
        for number in 0..1_500 {
            bind(b"/run/first", format!("/run/all/{number}").as_bytes());
        }
        // In a copy, whose masters stay here.
        std::thread::spawn(|| {
            nsiso::unshare(Kind::Mnt).unwrap();
            propagate(b"/", libc::MS_SLAVE | libc::MS_REC);
            let text = own_text();
            same_if_statmount(Pid::Caller, &text);
            // With a group that these could be slaves of by way of others.
            tmpfs(b"/run/own");
            propagate(b"/run/own", libc::MS_SHARED);
            same_if_statmount(Pid::Caller, &own_text());
        })
        .join()
        .unwrap();
    });
}

#[test]
fn processes_with_another_root() {
    where_mounts_are_allowed("exec", |_| {
        tmpfs(b"/run/box");
        tmpfs(b"/run/box/in/mnt");
        for name in ["/run/box/bin", "/run/box/in/bin"] {
            fs::create_dir(name).unwrap();
            fs::copy("/bin/busybox", format!("{name}/busybox")).unwrap();
        }
        let wait = ["/bin/busybox", "sh", "-c", "echo ready; exec /bin/busybox sleep 600"];
        // In a directory that is no mount's own, and in one that is; here and in a namespace of their own.
        for root in ["/run/box", "/run/box/in"] {
            for own_mounts in [false, true] {
                let unshare = if own_mounts { "exec unshare --mount --propagation private" } else { "exec" };
                let line =
                    format!("{unshare} chroot {root} {} {} {} '{}'", wait[0], wait[1], wait[2], wait[3]);
                let other = Other::run(&["env"], &line);
                let text = other.text();
                assert!(text.len() < own_text().len());
                let error = same_by_both(other.pid(), &text).unwrap_err();
                let refused = error.errno() == libc::EXDEV || has_no_statmount(&error);
                assert!(refused && error.cause() == Cause::NoStatmount, "{root} {own_mounts}: {error}");
            }
        }
        // A mount upon a root directory, which only new processes would see.
        let script = "mount -t tmpfs none /; echo ready; exec sleep 600";
        let other = Other::run(&["unshare", "--mount", "--propagation", "private"], script);
        same_if_statmount(other.pid(), &other.text());
        let table = mounts(other.pid()).unwrap();
        let tree = table.tree();
        let at_root: Vec<_> = table.iter().zip(0..).filter(|(mount, _)| mount.point() == &b"/"[..]).collect();
        let hidden: Vec<_> = at_root.iter().map(|(_, index)| tree.is_over_mounted(*index)).collect();
        assert_eq!(hidden, [false, true]);
        // Who has changed its root for good sees as much as its namespace does.
        let pivot =
            "cd /run/box/in; mkdir -p old run; mount --bind . .; cd .; cd /run/box/in; pivot_root . old
            exec /bin/busybox chroot . /bin/busybox sh -c 'echo ready; exec /bin/busybox sleep 600'";
        let other = Other::run(&["unshare", "--mount", "--propagation", "private"], pivot);
        same_if_statmount(other.pid(), &other.text());
    });
}

#[test]
fn other_users_processes() {
    as_user("exec", |_| {
        let text = fs::read("/proc/1/mountinfo").unwrap();
        whole(&mounts_by(Pid::Number(1), Route::Mountinfo).unwrap(), &text);
        assert_eq!(mounts(Pid::Number(1)).unwrap(), MountTable::parse(text).unwrap());
        let error = mounts_by(Pid::Number(1), Route::Statmount).unwrap_err();
        assert_eq!((error.errno(), error.cause()), (libc::EACCES, Cause::NotTraceable), "{error}");
        // One's own is nobody else's to allow.
        same_if_statmount(Pid::Caller, &own_text());
        let own = Pid::Number(std::process::id() as i32);
        same_if_statmount(own, &own_text());
    });
}

/// Every mount of the table is over-mounted exactly if a path leads to another one.
fn paths_lead_where_the_tree_says(table: &MountTable) -> usize {
    let tree = table.tree();
    for (mount, index) in table.iter().zip(0..) {
        let leads_there = mount_at(&mount.point()) == Some(mount.id());
        assert_eq!(tree.is_over_mounted(index), !leads_there, "{mount}\n{table}");
        let parent = tree.parent(index).map(|parent| table.get(parent).unwrap().id());
        assert_eq!(parent.is_none(), tree.roots().contains(&index));
        assert!(parent.is_none_or(|parent| parent == mount.parent_id()));
    }
    let children: usize = (0..table.len()).map(|index| tree.children(index).len()).sum();
    assert_eq!(children + tree.roots().len(), table.len());
    (0..table.len()).filter(|index| tree.is_over_mounted(*index)).count()
}

/// What findmnt(8) says: mount and parent.
fn by_findmnt() -> Vec<(u32, u32)> {
    let output = std::process::Command::new("findmnt").args(["-rno", "ID,PARENT"]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let numbers = |line: &str| line.split(' ').map(|number| number.parse().unwrap()).collect::<Vec<u32>>();
    let mut pairs: Vec<_> = text.lines().map(numbers).map(|pair| (pair[0], pair[1])).collect();
    pairs.sort_unstable();
    pairs
}

#[test]
fn the_tree_says_where_paths_lead() {
    where_mounts_are_allowed("exec", |_| {
        let before = paths_lead_where_the_tree_says(&own());
        tmpfs(b"/run/x");
        tmpfs(b"/run/x/deep/er");
        tmpfs(b"/run/x/deep");
        tmpfs(b"/run/x/deep/er");
        tmpfs(b"/run/x/deep/er/est");
        tmpfs(b"/run/x/deep/er");
        tmpfs(b"/run/x/deeper");
        tmpfs(b"/run/y y/z");
        tmpfs(b"/run/y y/z");
        tmpfs(b"/run/y y");
        bind(b"/run/x", b"/run/again");
        let table = own();
        let hidden = paths_lead_where_the_tree_says(&table);
        assert_eq!(hidden - before, 5, "{table}");
        let tree = table.tree();
        let mut pairs: Vec<(u32, u32)> = table.iter().map(|mount| (mount.id(), mount.parent_id())).collect();
        pairs.sort_unstable();
        assert_eq!(by_findmnt(), pairs);
        let root = table.get(tree.roots()[0]).unwrap();
        assert_eq!(&*root.point(), b"/");
    });
}

#[test]
fn the_tree_of_a_chroot() {
    where_mounts_are_allowed("exec", |_| {
        tmpfs(b"/run/box");
        for name in ["in/mnt", "in/bin", "in/mnt/a", "in/lib"] {
            fs::create_dir_all(format!("/run/box/{name}")).unwrap();
        }
        fs::copy("/bin/busybox", "/run/box/in/bin/busybox").unwrap();
        tmpfs(b"/run/box/in/mnt/a");
        tmpfs(b"/run/box/in/mnt");
        tmpfs(b"/run/box/in/lib");
        let line = "exec chroot /run/box/in /bin/busybox sh -c 'echo ready; exec /bin/busybox sleep 600'";
        let other = Other::run(&["env"], line);
        let table = mounts(other.pid()).unwrap();
        let tree = table.tree();
        assert_eq!(tree.roots(), [0, 1, 2]);
        let hidden: Vec<bool> = (0..3).map(|index| tree.is_over_mounted(index)).collect();
        assert_eq!(hidden, [true, false, false], "{table}");
    });
}

#[test]
fn a_process_that_has_ended() {
    let process = Spec::new().spawn(&Command::new("sleep").arg("600")).unwrap();
    let pid = Pid::Number(process.id());
    assert!(!mounts(pid).unwrap().is_empty());
    process.kill().unwrap();
    // Nobody has reaped it yet.
    let stat = format!("/proc/{}/stat", process.id());
    while !fs::read_to_string(&stat).unwrap().contains(") Z ") {
        std::thread::yield_now();
    }
    for route in [Route::Fastest, Route::Mountinfo, Route::Statmount] {
        let error = mounts_by(pid, route).unwrap_err();
        assert_eq!((error.errno(), error.cause()), (libc::ESRCH, Cause::ProcessEnded), "{error}");
    }
    process.wait().unwrap();
    let error = mounts(pid).unwrap_err();
    assert_eq!((error.errno(), error.cause()), (libc::ESRCH, Cause::ProcessEnded), "{error}");
    assert!(error.object().contains("mountinfo"), "{error}");
}

#[test]
fn processes_that_end_while_they_are_read() {
    let (mut read, mut ended) = (0, 0);
    for time in 0..400 {
        let process = Spec::new().spawn(&Command::new("true")).unwrap();
        let route = [Route::Fastest, Route::Mountinfo, Route::Statmount][time % 3];
        for _ in 0..4 {
            match mounts_by(Pid::Number(process.id()), route) {
                Ok(table) => {
                    assert!(!table.is_empty());
                    read += 1;
                }
                Err(error) => {
                    assert!(has_no_statmount(&error) || error.errno() == libc::ESRCH, "{error}");
                    ended += 1;
                }
            }
        }
        process.wait().unwrap();
    }
    assert!(read > 0 && ended > 0, "{read} {ended}");
}

/// Stops the other thread in the end.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// While another thread counts on in two mounts, first in the one further up, with more between them than the kernel
/// tells in one go: the table is of one moment, or says that it is not.
#[test]
fn tables_that_change_meanwhile() {
    where_mounts_are_allowed("exec", |_| {
        let count = |at: &[u8], number: usize| {
            mount(b"", at, "tmpfs", libc::MS_REMOUNT, &format!("nr_inodes={number}"))
        };
        tmpfs(b"/run/first");
        for number in 0..150 {
            bind(b"/run", format!("/run/many/{number}").as_bytes());
        }
        tmpfs(b"/run/last");
        let counted = |table: &MountTable, point: &[u8]| -> usize {
            let mount = table.iter().find(|mount| mount.point() == point).unwrap();
            let mut options = mount.super_option_list();
            let found = options.find(|(name, _)| &**name == b"nr_inodes").unwrap();
            String::from_utf8(found.1.unwrap().into_owned()).unwrap().parse().unwrap()
        };
        let both = |number| [&b"/run/first"[..], b"/run/last"].map(|point| count(point, number));
        both(1_000);
        let stop = AtomicBool::new(false);
        let (mut held_still, mut changed) = (0, 0);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for number in 1_000.. {
                    if stop.load(Ordering::Relaxed) {
                        break;
                    }
                    both(number);
                    // Now and then long enough to read it in peace.
                    if number % 100 == 0 {
                        std::thread::sleep(std::time::Duration::from_millis(3));
                    }
                }
            });
            // Also when what follows fails: else nobody ever hears of it.
            let _stop = Stop(&stop);
            for time in 0..300 {
                let route = [Route::Fastest, Route::Mountinfo, Route::Statmount][time % 3];
                let table = match mounts_by(Pid::Caller, route) {
                    Ok(table) => table,
                    Err(error) => {
                        assert!(has_no_statmount(&error), "{error}");
                        continue;
                    }
                };
                let numbers = (counted(&table, b"/run/first"), counted(&table, b"/run/last"));
                if table.changed_while_read() {
                    changed += 1;
                    continue;
                }
                held_still += 1;
                assert!([0, 1].contains(&numbers.0.wrapping_sub(numbers.1)), "{numbers:?}");
            }
        });
        assert!(held_still > 0, "{held_still} {changed}");
    });
}

fn refused(text: &[u8]) -> Error {
    MountTable::parse(text).map_or_else(|error| error, |table| panic!("{table}"))
}

const LINE: &[u8] = b"36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue\n";

#[test]
fn text_that_is_no_mountinfo() {
    let table = MountTable::parse(LINE).unwrap();
    assert_eq!(table.to_string().as_bytes(), LINE);
    assert_eq!(MountTable::parse(&LINE[..LINE.len() - 1]).unwrap(), table, "the last newline is not missed");
    // Cut off anywhere before the last field.
    for length in 1..=LINE.len() - b"rw,errors=continue\n".len() {
        let error = refused(&LINE[..length]);
        assert_eq!((error.errno(), error.cause()), (libc::EPROTO, Cause::UnknownMountLine), "{error}");
        let second = refused(&[LINE, &LINE[..length], b"\n", LINE].concat());
        assert!(second.object().starts_with("line 2: \"36"[..10.min(9 + length)].trim_end()), "{second}");
    }
    let broken: [&[u8]; 15] = [
        b"\n",
        b"36 35 98:0 / / rw ext3 /dev/root rw\n",
        b"4294967296 35 98:0 / / rw - a b c\n",
        b"99999999999999999999999999 35 98:0 / / rw - a b c\n",
        b"-1 35 98:0 / / rw - a b c\n",
        b"+1 35 98:0 / / rw - a b c\n",
        b" 36 35 98:0 / / rw - a b c\n",
        b"36 35 98 / / rw - a b c\n",
        b"36 35 98:0:1 / / rw - a b c\n",
        b"36 35 98:0  / rw - a b c\n",
        b"36 35 98:0 / / rw  - a b c\n",
        b"36 35 98:0 / / rw -\n",
        b"36 35 98:0 / / rw - a b\n",
        b"36 35 98:0 / / rw - a b \n",
        b"\0\0\0\0",
    ];
    for line in broken {
        let error = refused(line);
        assert!(error.object().starts_with("line 1: \""), "{error}");
        assert_eq!(error.errno(), libc::EPROTO, "{error}");
    }
    assert!(MountTable::parse("").unwrap().is_empty());
}

#[test]
fn long_lines_and_unknown_fields() {
    // Ten megabytes in one name, and in one that is no line.
    let name = vec![b'x'; 10 << 20];
    let long = [b"1 0 0:1 / /", &name[..], b" rw - tmpfs none rw\n"].concat();
    let table = MountTable::parse(long.clone()).unwrap();
    assert_eq!(table.get(0).unwrap().point().len(), name.len() + 1);
    assert_eq!(table.get(0).unwrap().to_line(), long[..long.len() - 1]);
    let error = refused(&name);
    assert!(error.to_string().len() < 1000);
    let text = "1 0 0:1 / / rw new:1 shared:7 other shared:x master: :y propagate_from:18446744073709551615 unbindable unbindable:1 - a b c d\n";
    let table = MountTable::parse(text).unwrap();
    let mount = table.get(0).unwrap();
    let other = |name, value| Tag::Other { name, value };
    let expected = [
        other(b"new", Some(b"1")),
        Tag::Shared(7),
        other(b"other", None),
        other(b"shared", Some(b"x")),
        other(b"master", Some(b"")),
        other(b"", Some(b"y")),
        Tag::PropagateFrom(u64::MAX),
        Tag::Unbindable,
        other(b"unbindable", Some(b"1")),
    ];
    assert_eq!(mount.tags().collect::<Vec<_>>(), expected);
    assert_eq!(&*mount.super_options(), b"c d", "the last field is the rest of the line");
    assert_eq!(table.to_string(), text);
    // Three octal digits, and no others.
    let text = "1 0 0:1 /\\040\\101\\377\\400\\08\\04 /\\ rw - a\\043b \\134040 rw,x=\\054y,z=1=2,\\075\n";
    let table = MountTable::parse(text).unwrap();
    let mount = table.get(0).unwrap();
    assert_eq!(&*mount.root(), b"/ A\xff\\400\\08\\04");
    assert_eq!(&*mount.point(), b"/\\");
    assert_eq!((&*mount.fstype(), &*mount.source()), (&b"a#b"[..], &b"\\040"[..]));
    let list: Vec<_> = mount
        .super_option_list()
        .map(|(name, value)| (name.to_vec(), value.map(|value| value.to_vec())))
        .collect();
    let option = |name: &[u8], value: Option<&[u8]>| (name.to_vec(), value.map(<[u8]>::to_vec));
    assert_eq!(
        list,
        [option(b"rw", None), option(b"x", Some(b",y")), option(b"z", Some(b"1=2")), option(b"=", None)]
    );
}

#[test]
fn a_tree_that_no_kernel_has() {
    let line = |id: u32, parent: u32, point: &str| format!("{id} {parent} 0:1 / {point} rw - a b c\n");
    let circle = [line(1, 2, "/a"), line(2, 3, "/b"), line(3, 1, "/c"), line(4, 4, "/d"), line(5, 1, "/a/e")];
    let table = MountTable::parse(circle.concat()).unwrap();
    let tree = table.tree();
    assert_eq!(tree.roots().len(), 2, "{tree:?}");
    let twice = MountTable::parse([line(1, 0, "/"), line(1, 0, "/"), line(1, 1, "/")].concat()).unwrap();
    assert_eq!(
        twice.tree().roots().len() + (0..3).map(|index| twice.tree().children(index).len()).sum::<usize>(),
        3
    );
    assert_eq!(tree.parent(99), None);
    assert_eq!(tree.children(99), &[0; 0]);
    assert!(!tree.is_over_mounted(99));
}

#[test]
fn paths_of_this_machine() {
    // Where others mount meanwhile, again.
    for _ in 0..100 {
        let table = own();
        let hides = table.tree();
        let leads = |mount: Mount<'_>| mount_at(&mount.point()) == Some(mount.id());
        let seen: Vec<bool> = table.iter().map(leads).collect();
        if own() == table {
            for (mount, index) in table.iter().zip(0..) {
                let is_searchable = is_root() || Path::new(OsStr::from_bytes(&mount.point())).exists();
                assert!(!is_searchable || hides.is_over_mounted(index) != seen[index], "{mount}");
            }
            return;
        }
    }
    panic!("mounts never hold still here");
}
