//! Does pid 1 hand on what is sent to it from its first moment on, and reap who ends by then? Its program is stopped
//! at its first step by a filter that asks somebody who does not answer; as root or as an ordinary user.

#![allow(unsafe_code)] // A filter, and the descriptor of who is asked.
#![allow(clippy::unwrap_used, clippy::panic)] // A test that cannot go on has failed.

mod patience;

use nsiso::{Command, Kind, Spec};
use patience::until;
use std::fs;
use std::os::fd::{FromRawFd, OwnedFd};

/// From now on children of this thread stop where they give themselves a name (prctl(2)), until this is dropped.
fn stop_at_name() -> OwnedFd {
    let line = |code: u32, jf, k| libc::sock_filter { code: code as u16, jt: 0, jf, k };
    let load = libc::BPF_LD | libc::BPF_W | libc::BPF_ABS;
    let equal = libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K;
    let answer = libc::BPF_RET | libc::BPF_K;
    // The number of the call, then the lower half of its first argument.
    let mut lines = [
        line(load, 0, 0),
        line(equal, 3, u32::try_from(libc::SYS_prctl).unwrap()),
        line(load, 0, 16),
        line(equal, 1, libc::PR_SET_NAME as u32),
        line(answer, 0, libc::SECCOMP_RET_USER_NOTIF),
        line(answer, 0, libc::SECCOMP_RET_ALLOW),
    ];
    let filter = libc::sock_fprog { len: lines.len() as u16, filter: lines.as_mut_ptr() };
    // SAFETY: numbers only.
    assert_eq!(unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) }, 0);
    let (mode, flags) = (libc::SECCOMP_SET_MODE_FILTER, libc::SECCOMP_FILTER_FLAG_NEW_LISTENER);
    // SAFETY: a filter of as many lines as it says, which the kernel copies.
    let listener = unsafe { libc::syscall(libc::SYS_seccomp, mode, flags, &raw const filter) };
    assert!(listener >= 0, "{}", std::io::Error::last_os_error());
    // SAFETY: the kernel just gave us this descriptor.
    unsafe { OwnedFd::from_raw_fd(i32::try_from(listener).unwrap()) }
}

/// Pid 1 of the pid namespace of a child of this process, by its number here.
fn init_of(pid: i32) -> i32 {
    let namespace = |pid: i32| fs::read_link(format!("/proc/{pid}/ns/pid")).ok();
    let is_first = |other: &i32| {
        let status = fs::read_to_string(format!("/proc/{other}/status")).unwrap_or_default();
        status.contains(&format!("NSpid:\t{other}\t1\n")) && namespace(*other) == namespace(pid)
    };
    let numbers = fs::read_dir("/proc").unwrap();
    let mut pids = numbers.filter_map(|entry| entry.unwrap().file_name().to_str()?.parse().ok());
    pids.find(is_first).unwrap()
}

fn field(pid: i32, name: &str) -> String {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    status.lines().find_map(|line| line.strip_prefix(name)).unwrap().trim().to_owned()
}

fn is_pending(pid: i32, signal: i32) -> bool {
    u64::from_str_radix(&field(pid, "ShdPnd:"), 16).unwrap() & 1 << (signal - 1) != 0
}

/// In a thread of its own, for there can be one listener.
fn waits_and_is_handed_on(spec: &Spec) {
    let stopped = stop_at_name();
    // An orphan ends as well; then the shell sends, from inside.
    let line = "(true &); trap 'exit 5' TERM; kill -TERM 1; while :; do sleep 0.01; done";
    let process =
        spec.spawn(&Command::new("sh").args(["-c", line])).unwrap_or_else(|error| panic!("{error}"));
    let process = process.kill_on_drop(true);
    let init = init_of(process.id());
    until("the signal waits", || is_pending(init, libc::SIGTERM));
    let children = format!("/proc/{init}/task/{init}/children");
    until("the orphan is reaped", || fs::read_to_string(&children).unwrap().is_empty());
    assert_ne!(field(init, "Name:"), "nsiso-companion", "it has not come further");
    drop(stopped);
    assert_eq!(process.wait().unwrap().code(), Some(5), "the signal has been handed on");
}

#[test]
fn what_comes_early_waits_for_pid_1() {
    let spec = Spec::new().unshare(Kind::User | Kind::Pid).map_root().init();
    for spec in [spec.clone(), spec.own_memory()] {
        std::thread::spawn(move || waits_and_is_handed_on(&spec)).join().unwrap();
    }
}
