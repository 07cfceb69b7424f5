//! Why can a namespace not be joined, and whose is it?

use super::{
    as_inner_root, as_user, new, open, refusal, refused, sleeper, user, with_own_proc, Cause, Command, Kind,
    Kinds, Spec,
};

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
fn with_power_over_both_what_is_further_out_is_joined_first() {
    as_inner_root("exec", || {
        let (one, other) = (sleeper(&user(Kinds::NONE)), sleeper(&new(Kind::Uts)));
        let users = || Spec::new().join_process(one.id(), Kind::User);
        // With power over both, what is ours is joined first.
        let both = users().join_process(other.id(), Kind::Uts).spawn(&Command::new("true")).unwrap();
        assert!(both.wait().unwrap().success());
    });
}

#[test]
fn a_namespace_that_the_joined_user_namespace_does_not_own() {
    as_user("exec", || {
        let (one, other) = (sleeper(&user(Kinds::NONE)), sleeper(&user(Kind::Uts)));
        let spec = Spec::new().join_process(one.id(), Kind::User).join_process(other.id(), Kind::Uts);
        let words = format!("process {}: uts; uts is owned by user:[", other.id());
        refused(&spec, Cause::NotOwner, &words);
        // What the target shares with us is left out.
        let path = |name: &str| format!("/proc/{}/ns/{name}", one.id());
        let shared = Spec::new().join_path(path("user")).join_path(path("uts"));
        assert!(shared.spawn(&Command::new("true")).unwrap().wait().unwrap().success());
    });
}

#[test]
fn a_namespace_that_is_not_the_users() {
    as_user("exec", || {
        let target = sleeper(&user(Kind::Ipc));
        // All of it, of which most is the machine's and ours as well.
        let all = Spec::new().join_process(target.id(), Kinds::ALL).spawn(&Command::new("true"));
        assert!(all.unwrap().wait().unwrap().success());
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
fn one_of_an_outer_user_namespace_that_is_ours_as_well_is_left_out() {
    as_inner_root("exec 9</proc/self/ns/uts; exec unshare --user --map-root-user", || {
        let own = Spec::new().join_borrowed_fd(9, Kinds::NONE).spawn(&Command::new("true"));
        assert!(own.unwrap().wait().unwrap().success(), "the uts namespace is ours still");
    });
}

#[test]
fn a_namespace_of_an_outer_user_namespace_that_is_not_ours() {
    as_inner_root("exec 9</proc/self/ns/uts; exec unshare --user --map-root-user --uts", || {
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
