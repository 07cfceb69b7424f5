//! Are mount tables read as the kernel has them: every line, any name, by both routes, of any process; and does the
//! tree say where paths lead? In mount namespaces of the tests' own; the kernel's text and statx(2) are the witnesses.

#![allow(unsafe_code)] // mount(2), umount2(2) and statx(2), for names that no shell would pass on.
#![allow(clippy::unwrap_used, clippy::panic)] // A test that cannot go on has failed.

mod change;
#[path = "../inside/mod.rs"]
mod inside;
mod routes;
mod text;
mod tree;

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
