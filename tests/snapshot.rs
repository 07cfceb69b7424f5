//! Does a snapshot show every namespace, who is in it and what holds it, and say what it could not see? Compared with
//! /proc; as root or as an ordinary user.

#![allow(clippy::unwrap_used, clippy::panic)] // A test that cannot go on has failed.

mod inside;

use nsiso::inspect::{Depth, Holder, Incomplete, NamespaceInfo, Particulars, Snapshot, Survey};
use nsiso::{Cause, Command, IdRange, Kind, Kinds, Namespace, Offset, Process, Spec};
use std::collections::{HashMap, HashSet, VecDeque};
use std::fs;
use std::io::Read;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{mpsc, Arc, Barrier, Mutex};
use std::thread;

fn take(depth: Depth) -> Snapshot {
    Survey::new().depth(depth).take().unwrap()
}

fn inode(path: &str) -> u64 {
    fs::metadata(path).unwrap().ino()
}

fn holders(snapshot: &Snapshot, kind: Kind, inode: u64) -> Vec<Holder<'_>> {
    snapshot.find(kind, inode).map(|found| found.holders().collect()).unwrap_or_default()
}

/// A thread in a namespace of its own, of which it tells the inode; it ends with the channel.
fn thread_with(kind: Kind, link: &'static str) -> (i32, u64, mpsc::Sender<()>) {
    let (tell, told) = mpsc::channel();
    let (end, ended) = mpsc::channel();
    thread::spawn(move || {
        nsiso::unshare(kind).unwrap();
        let own = fs::read_link("/proc/thread-self").unwrap();
        let tid = own.file_name().unwrap().to_str().unwrap().parse::<i32>().unwrap();
        tell.send((tid, inode(&format!("/proc/thread-self/ns/{link}")))).unwrap();
        let _: Result<(), _> = ended.recv();
    });
    let (tid, inode) = told.recv().unwrap();
    (tid, inode, end)
}

/// A process that has said that it is ready.
fn ready(spec: &Spec, line: &str, handed: Option<&Namespace>) -> Process {
    let (mut own, other) = UnixStream::pair().unwrap();
    let mut command = Command::new("sh").args(["-euc", line]).fd(OwnedFd::from(other), 1);
    if let Some(namespace) = handed {
        command = command.fd(namespace.try_clone().unwrap().into(), 5);
    }
    let process = spec.spawn(&command).unwrap_or_else(|error| panic!("{error}")).kill_on_drop(true);
    drop(command);
    own.read_exact(&mut [0]).unwrap();
    process
}

#[test]
fn whatever_holds_a_namespace_is_found() {
    inside::where_mounts_are_allowed("exec", |_| {
        let own = std::process::id() as i32;
        let (thread, of_thread, _thread_ends) = thread_with(Kind::Net, "net");
        let (parent, of_children, _parent_ends) = thread_with(Kind::Time, "time_for_children");
        let held = Spec::new().unshare(Kind::Ipc).hold().unwrap();
        let of_descriptor = held.get(Kind::Ipc).unwrap().inode();
        let made = thread::spawn(|| {
            nsiso::unshare(Kind::Net).unwrap();
            (UnixDatagram::unbound().unwrap(), inode("/proc/thread-self/ns/net"))
        });
        let (socket, of_socket) = made.join().unwrap();
        let mounted = "touch /run/held; unshare --uts=/run/held true; echo; exec sleep 600";
        let mounted = ready(&Spec::new().unshare(Kind::Mnt), mounted, None);
        let of_mount = inode(&format!("/proc/{}/root/run/held", mounted.id()));
        let (of_nobody, mnt_of_nobody) = {
            let line = "touch /run/left; unshare --uts=/run/left true; echo; exec sleep 600";
            let leaves = ready(&Spec::new().unshare(Kind::Mnt), line, None);
            let uts = inode(&format!("/proc/{}/root/run/left", leaves.id()));
            (uts, Namespace::of(leaves.id(), Kind::Mnt).unwrap())
        };
        let nested = "exec unshare -Ur unshare -Ur sh -c 'echo; exec sleep 600'";
        let nested = ready(&Spec::new(), nested, None);
        let of_owner = Namespace::of(nested.id(), Kind::User).unwrap().parent().unwrap().inode();
        let sends = "exec python3 -c 'import socket, os, time
a, b = socket.socketpair()
again = b.dup()
socket.send_fds(a, [b\"x\"], [5])
os.close(5)
print(flush=True)
time.sleep(600)'";
        let (sender, of_flight) = {
            let sent = Spec::new().unshare(Kind::Uts).hold().unwrap();
            let sent = sent.get(Kind::Uts).unwrap();
            (ready(&Spec::new(), sends, Some(sent)), sent.inode())
        };

        let snapshot = take(Depth::All);
        let sockets = |missing: &&Incomplete| missing.what == "sockets" && missing.pids.contains(&own);
        let refused = snapshot.incomplete().iter().find(sockets).map(Incomplete::to_string);
        assert_eq!(refused, None);
        let found = |kind, inode| holders(&snapshot, kind, inode);
        assert_eq!(found(Kind::Net, of_thread), [Holder::Thread { pid: own, tid: thread }]);
        assert_eq!(found(Kind::Time, of_children), [Holder::ForChildren { pid: own, tid: parent }]);
        assert!(
            matches!(found(Kind::Ipc, of_descriptor)[..], [Holder::Descriptor { pid, .. }] if pid == own)
        );
        assert_eq!(found(Kind::Net, of_socket), [Holder::Socket { pid: own, fd: socket.as_raw_fd() }]);
        let mnt = snapshot.of(mounted.id()).unwrap().namespace(Kind::Mnt);
        let point = &b"/run/held"[..];
        assert!(found(Kind::Uts, of_mount).contains(&Holder::Mount { mnt, point }));
        let mnt = snapshot.find(Kind::Mnt, mnt_of_nobody.inode());
        assert_eq!(found(Kind::Uts, of_nobody), [Holder::Mount { mnt, point: b"/run/left" }]);
        let user = snapshot.of(nested.id()).unwrap().namespace(Kind::User).unwrap();
        assert_eq!(found(Kind::User, of_owner), [Holder::Parent(user)]);
        assert_eq!(found(Kind::Uts, of_flight), []);
        let missing = snapshot.incomplete().iter().find(|missing| missing.cause == Cause::InFlight).unwrap();
        assert_eq!((&missing.pids[..], missing.count), (&[sender.id()][..], 1), "{missing}");

        let opened = Survey::new().depth(Depth::Descriptors).intrusive(true).take().unwrap();
        assert!(
            matches!(holders(&opened, Kind::Uts, of_flight)[..], [Holder::InFlight { pid, .. }] if pid == sender.id())
        );
        for (kind, inode) in [(Kind::Net, of_thread), (Kind::Uts, of_mount), (Kind::User, of_owner)] {
            assert_eq!(snapshot.find(kind, inode).unwrap().open().unwrap().inode(), inode);
        }
        // Each depth shows less than the next.
        let seen = |depth| take(depth).find(Kind::Uts, of_mount).is_some();
        assert_eq!(
            [Depth::Processes, Depth::Threads, Depth::Descriptors, Depth::All].map(seen),
            [false, false, false, true]
        );
        let seen = |depth| take(depth).find(Kind::Net, of_thread).is_some();
        assert_eq!([Depth::Processes, Depth::Threads].map(seen), [false, true]);
        drop(socket);
    });
}

#[test]
fn every_process_is_where_its_links_say() {
    let spec = Spec::new().unshare(Kind::User | Kind::Pid | Kind::Uts).map_root();
    let processes: Vec<Process> = (0..3).map(|_| inside::sleeper(&spec)).collect();
    let snapshot = Survey::new().lineage(true).take().unwrap();
    for process in &processes {
        let seen = snapshot.of(process.id()).unwrap();
        for kind in Kind::ALL {
            let namespace = seen.namespace(kind).unwrap();
            let held = Namespace::of(process.id(), kind).unwrap();
            assert_eq!((namespace.inode(), namespace.id()), (held.inode(), held.id()));
            assert_eq!(namespace.to_string(), held.to_string());
            assert!(namespace.processes().any(|member| member.pid() == process.id()));
            let owner = |namespace: Option<NamespaceInfo<'_>>| namespace.map(|owner| owner.inode());
            assert_eq!(owner(namespace.user_ns()), held.user_ns().ok().map(|owner| owner.inode()), "{held}");
            assert_eq!(owner(namespace.parent()), held.parent().ok().map(|parent| parent.inode()), "{held}");
            assert_eq!(namespace.level(), held.level().ok(), "{held}");
            assert_eq!(namespace.owner_uid(), held.owner_uid().ok(), "{held}");
            assert_eq!(namespace.open().unwrap(), held);
        }
        assert_eq!((seen.name(), seen.parent()), (Some(&b"sleep"[..]), Some(std::process::id() as i32)));
        let stat = fs::read_to_string(format!("/proc/{}/stat", process.id())).unwrap();
        assert_eq!(seen.start().unwrap().to_string(), stat.split(' ').nth(21).unwrap());
    }
    let nothing = Survey::new().kinds(Kinds::NONE).take().unwrap_err();
    assert_eq!((nothing.errno(), nothing.cause()), (libc::EINVAL, Cause::BadArgument));
    assert!(snapshot.processes().map(|process| process.pid()).is_sorted());
    assert!(snapshot.namespaces().len() >= Kind::ALL.len() + 9);
}

/// Processes that come and go, each alone in a uts namespace of its own, until this is dropped.
struct Crowd {
    stop: Arc<AtomicBool>,
    /// By number, the inodes of all that have had it.
    ever: Arc<Mutex<HashMap<i32, HashSet<u64>>>>,
    alive: Arc<Mutex<VecDeque<(Process, u64)>>>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Crowd {
    fn of(size: usize) -> Crowd {
        let spec =
            Spec::new().unshare(if inside::is_root() { Kind::Uts.into() } else { Kind::User | Kind::Uts });
        let (stop, ever, alive) = (Arc::default(), Arc::default(), Arc::default());
        let mut crowd = Crowd { stop, ever, alive, thread: None };
        let (stop, ever, alive) =
            (Arc::clone(&crowd.stop), Arc::clone(&crowd.ever), Arc::clone(&crowd.alive));
        let comes_and_goes = move || {
            while !stop.load(Ordering::Relaxed) {
                let process = inside::sleeper(&spec);
                let uts = inode(&format!("/proc/{}/ns/uts", process.id()));
                ever.lock().unwrap().entry(process.id()).or_default().insert(uts);
                let mut alive = alive.lock().unwrap();
                alive.push_back((process, uts));
                let oldest = if alive.len() > size { alive.pop_front() } else { None };
                drop(alive);
                if let Some((oldest, _)) = oldest {
                    oldest.kill().unwrap();
                    oldest.wait().unwrap();
                }
            }
        };
        crowd.thread = Some(thread::spawn(comes_and_goes));
        while crowd.members().len() < size {
            thread::yield_now();
        }
        crowd
    }

    fn members(&self) -> HashMap<i32, u64> {
        self.alive.lock().unwrap().iter().map(|(process, uts)| (process.id(), *uts)).collect()
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.take().unwrap().join().unwrap();
    }
}

#[test]
fn who_comes_and_goes_is_never_in_a_wrong_row() {
    let (size, rounds) = if std::env::var_os("NSISO_SOAK").is_some() { (5000, 200) } else { (100, 30) };
    let crowd = Crowd::of(size);
    let own = inode("/proc/self/ns/uts");
    for round in 0..rounds {
        let before = crowd.members();
        let snapshot = take(if round % 2 == 0 { Depth::Processes } else { Depth::Threads });
        let after = crowd.members();
        let ever = crowd.ever.lock().unwrap().clone();
        let mut seen = HashSet::new();
        for process in snapshot.processes() {
            let (pid, Some(uts)) = (process.pid(), process.namespace(Kind::Uts)) else { continue };
            // Others on the machine get such numbers as well.
            let Some(of_pid) = ever.get(&pid).filter(|_| uts.inode() != own) else { continue };
            // Alone in there, whoever had the inode a moment ago.
            assert!(of_pid.contains(&uts.inode()), "{pid} in {uts}, not in {of_pid:?}");
            assert_eq!(uts.processes().map(|member| member.pid()).collect::<Vec<_>>(), [pid], "{uts}");
            seen.insert((pid, uts.inode()));
        }
        for (pid, uts) in before.into_iter().filter(|(pid, uts)| after.get(pid) == Some(uts)) {
            assert!(seen.contains(&(pid, uts)), "{pid} was there all the time");
        }
    }
}

#[test]
fn an_ordinary_user_is_told_what_is_not_seen() {
    inside::as_user("exec", |_| {
        let snapshot = take(Depth::All);
        let other = fs::read_dir("/proc").unwrap().filter_map(|entry| {
            let entry = entry.unwrap();
            let pid: i32 = entry.file_name().to_str()?.parse().ok()?;
            fs::read_link(entry.path().join("ns/uts")).is_err().then_some(pid)
        });
        let missing = snapshot.incomplete().iter().find(|missing| missing.what == "namespaces").unwrap();
        assert_eq!((missing.errno, missing.cause), (libc::EACCES, Cause::NotTraceable));
        assert!(other.filter(|pid| missing.pids.contains(pid)).count() > 1);
        assert!(missing.to_string().contains("CAP_SYS_PTRACE"), "{missing}");
        assert!(!missing.pids.contains(&(std::process::id() as i32)));
        let listed = snapshot.incomplete().iter().find(|missing| missing.cause == Cause::NotMachineRoot);
        assert!(listed.is_some(), "{:?}", snapshot.incomplete());
    });
}

#[test]
fn an_inode_that_went_to_another_joins_nobody() {
    inside::where_mounts_are_allowed("exec", |_| {
        let stop = AtomicBool::new(false);
        thread::scope(|scope| {
            let waits = Arc::new(Barrier::new(101));
            for place in 0..104 {
                let (stop, waits) = (&stop, Arc::clone(&waits));
                // The first two and the last two each leave inodes behind that another gets next; those between them
                // take time to be read.
                if (2..102).contains(&place) {
                    scope.spawn(move || waits.wait());
                } else {
                    scope.spawn(move || {
                        while !stop.load(Ordering::Relaxed) {
                            nsiso::unshare(Kind::Uts).unwrap();
                        }
                    });
                }
            }
            let wrong = (0..50).find_map(|_| {
                let snapshot = Survey::new().depth(Depth::Threads).kinds(Kind::Uts).take().unwrap();
                let pid = std::process::id() as i32;
                let own =
                    |holder: &Holder<'_>| matches!(holder, Holder::Thread { pid: of, .. } if *of == pid);
                let together = |uts: NamespaceInfo<'_>| {
                    let holders: Vec<Holder<'_>> = uts.holders().filter(own).collect();
                    (holders.len() > 1).then(|| format!("{uts}: {holders:?}"))
                };
                let found = snapshot.namespaces().find_map(together);
                found
            });
            stop.store(true, Ordering::Relaxed);
            waits.wait();
            assert_eq!(wrong, None);
        });
    });
}

#[test]
fn processes_that_this_proc_does_not_show_are_named() {
    inside::own_processes("mount -t proc -o hidepid=invisible proc /proc; exec", |_| {
        let snapshot = take(Depth::Processes);
        let causes: Vec<Cause> = snapshot.incomplete().iter().map(|missing| missing.cause).collect();
        assert!(causes.contains(&Cause::OuterProcesses), "{causes:?}");
        // Root of the whole machine sees them all the same.
        assert_eq!(causes.contains(&Cause::HiddenProcesses), !inside::is_machine_root(), "{causes:?}");
        assert!(snapshot.of(std::process::id() as i32).is_some());
    });
}

#[test]
fn particulars_are_what_is_inside() {
    inside::where_mounts_are_allowed("exec unshare --net", |_| {
        let offset = Offset { seconds: 100_000, nanoseconds: 7 };
        let spec = Spec::new()
            .unshare(Kinds::ALL)
            .map_root()
            .hostname("inside")
            .domainname("realm")
            .boottime_offset(offset);
        let process = inside::sleeper(&spec);
        let pid = process.id().to_string();
        let ip = |words: &[&str]| {
            let run = std::process::Command::new("ip")
                .args(words)
                .env("PATH", "/usr/sbin:/sbin:/usr/bin:/bin")
                .output();
            assert!(run.as_ref().unwrap().status.success(), "{words:?}: {run:?}");
        };
        ip(&["netns", "attach", "other", &pid]);
        ip(&["netns", "set", "other", "77"]);
        ip(&["-n", "other", "link", "add", "inner", "type", "bridge"]);

        let snapshot = take(Depth::Processes);
        let inside = |kind| {
            let found = snapshot.of(process.id()).unwrap().namespace(kind).unwrap();
            found.particulars().unwrap()
        };
        let read = |name: &str| fs::read_to_string(format!("/proc/{pid}/{name}")).unwrap();
        let user = inside(Kind::User);
        let map =
            |ranges: Option<Vec<IdRange>>| ranges.unwrap().iter().map(IdRange::to_string).collect::<Vec<_>>();
        let words = |text: String| {
            text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect::<Vec<_>>()
        };
        assert_eq!((map(user.uid_map), map(user.gid_map)), (words(read("uid_map")), words(read("gid_map"))));
        assert_eq!(user.setgroups, Some(read("setgroups").starts_with("allow")));
        let uts = inside(Kind::Uts);
        // Who is not root of the machine could not come back from there.
        let expected = inside::is_machine_root().then(|| (b"inside".to_vec(), b"realm".to_vec()));
        assert_eq!(uts.host_name.zip(uts.domain_name), expected);
        let own = snapshot.of(std::process::id() as i32).unwrap();
        let host = fs::read("/proc/sys/kernel/hostname").unwrap();
        assert_eq!(
            own.namespace(Kind::Uts).unwrap().particulars().unwrap().host_name.unwrap(),
            host.trim_ascii_end()
        );
        let time = inside(Kind::Time);
        assert_eq!(
            (time.boottime, time.monotonic),
            (Some(offset), Some(Offset { seconds: 0, nanoseconds: 0 }))
        );
        let net = inside(Kind::Net);
        assert_eq!(net.interfaces.unwrap(), [b"lo".to_vec(), b"inner".to_vec()]);
        assert_eq!(net.nsid, Some(77));
        let mnt = inside(Kind::Mnt);
        assert_eq!(mnt.mounts.unwrap() as usize, read("mountinfo").lines().count());
        assert_eq!(inside(Kind::Ipc), Particulars::default());
    });
}
