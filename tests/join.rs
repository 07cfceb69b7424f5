//! Is all of a sandbox joined that others have made, whoever owns which part of it? Compared with the links of a process
//! in it; by its owner, as root or as an ordinary user, and by root where an ordinary user owns it.

#![allow(clippy::unwrap_used, clippy::panic)] // A test that cannot go on has failed.

use nsiso::{Command, Kind, Kinds, Spec};
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::process::{Child, Stdio};

/// Somebody else's sandbox, with a process in it that sleeps.
struct Sandbox {
    outer: Child,
    inner: i32,
}

impl Sandbox {
    /// The words before the command that runs in it; by this user if not by the caller.
    fn start(words: &[&str], uid: Option<u32>) -> Sandbox {
        let mut command = std::process::Command::new(words[0]);
        command.args(&words[1..]).args(["sh", "-c", "echo ready; exec sleep 600"]);
        if let Some(uid) = uid {
            command.uid(uid).gid(uid);
        }
        let mut outer = command.stdout(Stdio::piped()).stdin(Stdio::null()).current_dir("/").spawn().unwrap();
        let mut line = String::new();
        BufReader::new(outer.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "ready\n", "{words:?}");
        let mut inner = outer.id() as i32;
        while let Some(child) = children(inner).first() {
            inner = *child;
        }
        Sandbox { outer, inner }
    }

    /// Joins these kinds of it.
    fn joined(&self, kinds: impl Into<Kinds>) {
        let kinds = kinds.into();
        let spec = Spec::new().join_process(self.inner, kinds);
        for spec in [spec.clone(), spec.own_memory()] {
            self.leads_inside(&spec, kinds);
        }
    }

    /// Looks whether a command of this spec is in these of its namespaces.
    fn leads_inside(&self, spec: &Spec, kinds: impl Into<Kinds>) {
        let sleep = Command::new("/bin/sleep").arg("600");
        let process = spec.spawn(&sleep).unwrap_or_else(|error| panic!("{error}")).kill_on_drop(true);
        for kind in kinds.into().iter() {
            assert_eq!(link(process.id(), kind), link(self.inner, kind), "{kind}");
        }
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        let _ = std::process::Command::new("kill").args(["-9", &self.inner.to_string()]).status();
        let _ = self.outer.kill();
        let _ = self.outer.wait();
    }
}

fn children(pid: i32) -> Vec<i32> {
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    children.split_whitespace().map(|pid| pid.parse().unwrap()).collect()
}

fn link(pid: i32, kind: Kind) -> u64 {
    fs::metadata(format!("/proc/{pid}/ns/{kind}")).unwrap().ino()
}

/// Who makes the sandbox: the caller, and where that is root an ordinary user too.
fn owners() -> Vec<Option<u32>> {
    let is_root = fs::metadata("/proc/self").unwrap().uid() == 0;
    if is_root {
        vec![None, Some(12345)]
    } else {
        vec![None]
    }
}

#[test]
fn a_tree_of_unshares() {
    for owner in owners() {
        let words = ["unshare", "-Urmpfiun", "--kill-child", "--mount-proc"];
        let sandbox = Sandbox::start(&words, owner);
        sandbox.joined(Kinds::ALL);
        sandbox.joined(Kind::User | Kind::Net);
    }
}

/// With devices of its own, for which it makes a second user namespace; and more words.
fn bubblewrap(more: &[&'static str]) -> Vec<&'static str> {
    let words = "bwrap --unshare-all --unshare-user --die-with-parent --bind / / --dev /dev --proc /proc";
    words.split(' ').chain(more.iter().copied()).collect()
}

#[test]
fn a_bubblewrap_with_devices() {
    for owner in owners() {
        Sandbox::start(&bubblewrap(&[]), owner).joined(Kinds::ALL);
    }
}

#[test]
fn a_bubblewrap_in_two_user_namespaces() {
    for owner in owners() {
        let sandbox = Sandbox::start(&bubblewrap(&["--disable-userns"]), owner);
        let own = fs::metadata("/proc/self/ns/user").unwrap().ino();
        let user = nsiso::Namespace::of(sandbox.inner, Kind::User).unwrap();
        assert_ne!(user.parent().unwrap().inode(), own, "one is in between, without a process");
        sandbox.joined(Kinds::ALL);
        // One by one, with the one in between on the way.
        let mut spec = Spec::new();
        let kinds = Kind::User | Kind::Mnt | Kind::Uts | Kind::Net | Kind::Pid;
        for kind in kinds.iter() {
            spec = spec.join_path(format!("/proc/{}/ns/{kind}", sandbox.inner));
        }
        sandbox.leads_inside(&spec, kinds);
    }
}

#[test]
fn a_container_of_crun() {
    if owners().len() == 1 {
        let why = "a_container_of_crun: it has no user namespace, so that root alone starts and joins it";
        return std::io::stderr().write_all(format!("left out: {why}\n").as_bytes()).unwrap();
    }
    let bundle = std::env::temp_dir().join(format!("nsiso-crun-{}", std::process::id()));
    // Its control groups are of version 2 alone, or it does not start.
    let script = "set -e; mkdir -p \"$0\"/rootfs/bin; cp /bin/busybox \"$0\"/rootfs/bin; \
        ln -s busybox \"$0\"/rootfs/bin/sh; ln -s busybox \"$0\"/rootfs/bin/sleep; cd \"$0\"; crun spec; \
        sed -i 's/\"terminal\": true/\"terminal\": false/; s/^\\t*\"sh\"$/\"sh\", \"-c\", \"echo ready; exec sleep 600\"/' \
        config.json; mount -t cgroup2 none /sys/fs/cgroup; \
        exec crun --cgroup-manager=disabled --root \"$0\"/state run nsiso-$$";
    let words = ["unshare", "--mount", "sh", "-c", script, bundle.to_str().unwrap()];
    let sandbox = Sandbox::start(&words, None);
    for kind in [Kind::Pid, Kind::Net, Kind::Ipc, Kind::Uts, Kind::Mnt] {
        assert_ne!(link(sandbox.inner, kind), link(std::process::id() as i32, kind), "{kind}");
    }
    sandbox.joined(Kinds::ALL);
    drop(sandbox);
    fs::remove_dir_all(&bundle).unwrap();
}

#[test]
fn a_net_namespace_that_ip_has_named() {
    // In a mount namespace of its own, with names of its own.
    let script = "mount -t tmpfs none /run && mkdir /run/netns && ip netns add box && exec \"$@\"";
    let words = ["unshare", "--user", "--map-root-user", "--mount", "--net", "sh", "-c", script, "sh"];
    let sandbox = Sandbox::start(&words, None);
    let named = format!("/proc/{}/root/run/netns/box", sandbox.inner);
    let users = Spec::new().join_process(sandbox.inner, Kind::User);
    let process =
        users.join_path(&named).spawn(&Command::new("sleep").arg("600")).unwrap().kill_on_drop(true);
    assert_eq!(link(process.id(), Kind::Net), fs::metadata(&named).unwrap().ino());
    assert_ne!(link(process.id(), Kind::Net), link(sandbox.inner, Kind::Net));
}
