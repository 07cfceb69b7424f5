//! Has a command of another process what is named, and nothing else? Compared with /proc; as root or as an ordinary user.

#![allow(clippy::unwrap_used, clippy::panic)] // A test that cannot go on has failed.

use nsiso::{Cause, Command, Kind, Kinds, Likeness, Process, Spec};
use std::fs;
use std::os::unix::fs::MetadataExt;

/// A process of its own namespaces, root, directory, environment.
fn model(line: &str) -> Process {
    let spec = Spec::new().unshare(Kind::User | Kind::Mnt | Kind::Uts).map_root().hostname("model");
    let command = Command::new("sh")
        .args(["-c", line])
        .env([("MODEL", "yes"), ("PATH", "/bin:/usr/bin:/sbin:/usr/sbin")]);
    let process = spec.spawn(&command).unwrap_or_else(|error| panic!("{error}")).kill_on_drop(true);
    // Until it has come to its last program.
    while fs::read_to_string(format!("/proc/{}/comm", process.id())).unwrap() != "sleep\n" {
        std::thread::yield_now();
    }
    process
}

fn like(process: &Process, what: Likeness) -> Spec {
    let kinds = Kind::User | Kind::Mnt | Kind::Uts;
    Spec::new().join_process(process.id(), kinds).like(process.id(), what)
}

fn run(spec: &Spec, line: &str) {
    for spec in [spec.clone(), spec.clone().own_memory()] {
        let process =
            spec.spawn(&Command::new("sh").args(["-c", line])).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(process.wait().unwrap().code(), Some(0), "{line}");
    }
}

#[test]
fn its_directory_and_environment() {
    let process = model("cd /usr/lib && exec sleep 600");
    run(
        &like(&process, Likeness::CWD | Likeness::ENVIRONMENT),
        "test $PWD = /usr/lib -a \"$MODEL\" = yes -a $(hostname) = model",
    );
    run(&like(&process, Likeness::CWD), "test $PWD = /usr/lib -a -z \"$MODEL\"");
    run(
        &like(&process, Likeness::ENVIRONMENT),
        "test $(pwd -P) != /usr/lib -a \"$MODEL\" = yes -a -z \"$HOME\"",
    );
    // What the command says wins.
    let command = Command::new("sh")
        .args(["-c", "test $PWD = /usr -a \"$OTHER\" = 1"])
        .cwd("/usr")
        .env([("OTHER", "1")]);
    let spec = like(&process, Likeness::CWD | Likeness::ENVIRONMENT);
    assert!(spec.spawn(&command).unwrap().wait().unwrap().success());
}

#[test]
fn its_root() {
    let line = "mount -t tmpfs none /mnt && mkdir /mnt/usr /mnt/proc && mount --rbind /usr /mnt/usr && \
        cd /mnt && for way in bin sbin lib lib64; do ln -s usr/$way $way; done && mkdir inside && \
        exec chroot /mnt sleep 600";
    let process = model(line);
    run(&like(&process, Likeness::ROOT), "test -d /inside -a $PWD = /");
    run(&like(&process, Likeness::ROOT | Likeness::CWD), "test -d /inside -a $PWD = /");
    run(&like(&process, Likeness::CWD), "test ! -d /inside -a -d /etc");
    let gone = like(&process, Likeness::ROOT).cwd("/no/such").spawn(&Command::new("true")).unwrap_err();
    assert_eq!((gone.step(), gone.errno()), ("chdir", libc::ENOENT));
}

#[test]
fn its_ids_as_they_are_inside() {
    let process = model("exec sleep 600");
    run(&like(&process, Likeness::IDS), "test $(id -u) = 0 -a $(id -g) = 0");
    let steps = like(&process, Likeness::IDS).plan(&Command::new("true")).map(|plan| plan.to_string());
    assert!(steps.unwrap().contains("child: setuid 0"));
    let own = std::process::id() as i32;
    let here = Spec::new().like(own, Likeness::IDS).plan(&Command::new("true")).unwrap().to_string();
    let uid = fs::metadata("/proc/self").unwrap().uid();
    assert!(here.contains(&format!("child: setuid {uid}")), "{here}");
}

#[test]
fn its_control_groups() {
    let own = std::process::id() as i32;
    match Spec::new().like(own, Likeness::CGROUP).spawn(&Command::new("true")) {
        Ok(process) => assert!(process.wait().unwrap().success()),
        // An ordinary user may not write to them, or they are not mounted.
        Err(refused) => {
            assert_ne!(fs::metadata("/proc/self").unwrap().uid(), 0, "{refused}");
            assert!(matches!(refused.cause(), Cause::GroupForbidden | Cause::ProcessEnded), "{refused}");
        }
    }
}

#[test]
fn what_contradicts_or_is_gone_is_refused() {
    let own = std::process::id() as i32;
    for spec in [
        Spec::new().like(own, Likeness::CWD).cwd("/"),
        Spec::new().like(own, Likeness::IDS).uid(0),
        Spec::new().like(own, Likeness::CGROUP).cgroup("/sys/fs/cgroup"),
    ] {
        assert_eq!(spec.spawn(&Command::new("true")).unwrap_err().errno(), libc::EINVAL);
    }
    let ended = model("exec sleep 600");
    ended.kill().unwrap();
    ended.wait().unwrap();
    let refused = Spec::new().like(ended.id(), Likeness::CWD).spawn(&Command::new("true")).unwrap_err();
    assert_eq!((refused.errno(), refused.cause()), (libc::ESRCH, Cause::ProcessEnded), "{refused}");
    assert_eq!(
        (Likeness::from_bits(32), Likeness::from_bits(31).map(|all| all.to_string())),
        (None, Some("root,cwd,environment,cgroup,ids".into()))
    );
    let words = Likeness::from_words("cwd, root");
    assert_eq!((words, Likeness::from_words("cwd,shoes")), (Some(Likeness::ROOT | Likeness::CWD), None));
    assert_eq!(
        Spec::new().join_process(own, Kinds::ALL).like(own, Likeness::CWD).enter().unwrap_err().errno(),
        libc::EINVAL
    );
}
