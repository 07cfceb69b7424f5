//! Do both routes tell the same: of shared mounts and slaves, of other roots, users and namespaces?

use super::*;

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
