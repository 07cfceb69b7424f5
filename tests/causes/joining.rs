//! Why can a namespace not be joined, and whose is it?

use super::{
    as_inner_root, as_user, open, refusal, refused, sleeper, user, with_own_proc, Cause, Kind, Kinds, Spec,
};
use std::fs;

/// The user namespace that this process is in, as an error names it.
fn own_users() -> String {
    fs::read_link("/proc/self/ns/user").unwrap().to_str().unwrap().to_owned()
}

#[test]
fn a_pid_namespace_whose_init_is_gone() {
    let target = sleeper(&user(Kind::Pid));
    let [users, pids] = ["user", "pid"].map(|name| open(&format!("/proc/{}/ns/{name}", target.id())));
    target.kill().unwrap();
    target.wait().unwrap();
    let spec = Spec::new().join_fd(users, Kinds::NONE).join_fd(pids, Kinds::NONE);
    refused(&spec, Cause::InitGone, "");
    assert_eq!(refusal(&spec.own_memory()).cause(), Cause::InitGone);
}

#[test]
fn a_namespace_that_the_joined_user_namespace_does_not_own() {
    let target = sleeper(&user(Kinds::NONE));
    // What the target shares with us is not its user namespace's.
    let path = |name: &str| format!("/proc/{}/ns/{name}", target.id());
    let spec = Spec::new().join_path(path("user")).join_path(path("uts"));
    refused(&spec, Cause::ForeignOwner, &format!("uts is owned by {}, made by user 0", own_users()));
}

#[test]
fn a_namespace_that_is_not_the_users() {
    as_user("exec", || {
        let target = sleeper(&user(Kind::Ipc));
        // One of many, and all are refused.
        let all = Kind::User | Kind::Ipc | Kind::Time;
        let time = format!("time is owned by {}, made by user 0", own_users());
        refused(&Spec::new().join_process(target.id(), all), Cause::NotOwner, &time);
        // Its own, but without the user namespace in which it has power.
        refused(&Spec::new().join_process(target.id(), Kind::Ipc), Cause::NotOwner, "ipc");
        let own = nsiso::setns(open("/proc/self/ns/uts"), 0).unwrap_err();
        assert_eq!(own.cause(), Cause::NotOwner, "{own}");
    });
}

#[test]
fn a_process_of_another_user() {
    as_user("exec", || {
        refused(&Spec::new().join_process(1, Kind::User | Kind::Uts), Cause::NotTraceable, "process 1");
    });
}

#[test]
fn a_namespace_of_an_outer_user_namespace() {
    as_inner_root("exec 9</proc/self/ns/uts; exec unshare --user --map-root-user", || {
        let further_out = "uts is owned by a user namespace outside the caller's";
        refused(&Spec::new().join_borrowed_fd(9, Kinds::NONE), Cause::ForeignOwner, further_out);
    });
}

#[test]
fn a_pid_namespace_further_out() {
    with_own_proc("exec 9</proc/self/ns/pid; exec unshare --pid --fork --kill-child", || {
        refused(&Spec::new().join_borrowed_fd(9, Kinds::NONE), Cause::NotDescendant, "fd 9");
    });
}
