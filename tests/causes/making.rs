//! Why can new namespaces not be made?

use super::{
    again, as_inner_root, filtered, new, open, refused, sleeper, user, with_own_proc, Cause, Command, Kind,
    Kinds, Spec,
};
use nsiso::{Answer, Offset};
use std::os::unix::fs::chroot;
use std::time::{Duration, Instant};

/// What probe answers beforehand.
fn no(kind: Kind) -> Cause {
    match nsiso::probe().unwrap().kind(kind) {
        Answer::No(error) => error.cause(),
        answer => panic!("{kind}: {answer:?}"),
    }
}

#[test]
fn no_privilege_and_no_user_namespace() {
    as_inner_root("exec setpriv --bounding-set=-all", || {
        refused(&new(Kind::Net), Cause::NoPrivilege, "net");
        assert_eq!(nsiso::unshare(Kind::Uts).unwrap_err().cause(), Cause::NoPrivilege);
        assert_eq!(nsiso::probe().unwrap().kind(Kind::Net), Answer::WithUser);
    });
}

#[test]
fn a_limit_of_none() {
    as_inner_root("echo 0 >/proc/sys/user/max_uts_namespaces; exec", || {
        let file = "/proc/sys/user/max_uts_namespaces is 0";
        refused(&new(Kind::Uts), Cause::Limit, file);
        refused(&user(Kind::Uts | Kind::Net | Kind::Ipc), Cause::Limit, file);
        refused(&new(Kind::Uts).join_process(sleeper(&user(Kind::Ipc)).id(), Kind::Ipc), Cause::Limit, file);
        assert_eq!(nsiso::unshare(Kind::Uts).unwrap_err().cause(), Cause::Limit);
        assert_eq!(no(Kind::Uts), Cause::Limit);
    });
}

#[test]
fn a_limit_that_is_used_up() {
    let script = "cd /proc/sys/user; echo 1 >max_ipc_namespaces; echo 9 >max_uts_namespaces; exec";
    as_inner_root(script, || {
        let _one = sleeper(&new(Kind::Ipc));
        refused(&new(Kind::Uts | Kind::Ipc), Cause::Limit, "/proc/sys/user/max_ipc_namespaces is 1");
    });
}

#[test]
fn a_limit_of_an_outer_user_namespace() {
    let script = "echo 0 >/proc/sys/user/max_uts_namespaces; exec unshare --user --map-root-user";
    as_inner_root(script, || {
        refused(&new(Kind::Uts), Cause::LimitFurtherOut, "");
        assert_eq!(no(Kind::Uts), Cause::LimitFurtherOut);
    });
}

#[test]
fn a_limit_of_a_user_namespace_that_is_joined() {
    as_inner_root("exec", || {
        let target = sleeper(&user(Kinds::NONE));
        let join = Spec::new().join_process(target.id(), Kind::User);
        let line = "echo 0 >/proc/sys/user/max_uts_namespaces";
        assert!(join.spawn(&Command::new("sh").args(["-c", line])).unwrap().wait().unwrap().success());
        refused(&join.unshare(Kind::Uts), Cause::LimitFurtherOut, "uts");
    });
}

/// A script for the deepest of so many levels, each of which `by` makes.
fn nested(by: &str, levels: usize) -> String {
    let step = "[ $levels = 0 ] && exec \"$@\"; levels=$((levels - 1)); exec $BY sh -euc \"$STEP\" sh \"$@\"";
    format!("export levels={levels} BY='{by}' STEP='{step}'; exec sh -euc \"$STEP\" sh")
}

#[test]
fn pid_namespaces_nested_too_deep() {
    as_inner_root(&nested("unshare --pid --fork --kill-child", 32), || {
        refused(&new(Kind::Pid), Cause::Nesting, "pid");
        assert_eq!(no(Kind::Pid), Cause::Nesting);
    });
}

#[test]
fn user_namespaces_nested_too_deep() {
    // The first level is there already. How many there are no process can ask.
    as_inner_root(&nested("unshare --user --map-root-user", 32), || {
        refused(&user(Kinds::NONE), Cause::LimitFurtherOut, "user");
    });
}

#[test]
fn a_net_namespace_that_is_still_there() {
    as_inner_root("echo 1 >/proc/sys/user/max_net_namespaces; exec", || {
        let _one = sleeper(&new(Kind::Net));
        let began = Instant::now();
        refused(&new(Kind::Net), Cause::NetTeardown, "/proc/sys/user/max_net_namespaces is 1");
        assert!(began.elapsed() >= Duration::from_millis(100), "first it waits for the kernel to clean up");
    });
}

#[test]
fn a_chroot_into_a_directory() {
    let script =
        "mount -t tmpfs none /mnt; mkdir -p /mnt/root/proc; mount --rbind /proc /mnt/root/proc; exec";
    as_inner_root(script, || {
        chroot("/mnt/root").unwrap();
        refused(&user(Kind::Uts), Cause::Chroot, "user");
        assert_eq!(no(Kind::User), Cause::Chroot);
        refused(&new(Kind::Mnt), Cause::RootNotMount, "/");
    });
}

#[test]
fn a_chroot_into_a_mount() {
    as_inner_root("mount --rbind / /mnt; exec", || {
        chroot("/mnt").unwrap();
        refused(&user(Kind::Uts), Cause::Chroot, "user");
        assert_eq!(no(Kind::User), Cause::Chroot);
    });
}

#[test]
fn a_caller_without_ids() {
    again(&["unshare", "--user"], || {
        refused(&user(Kind::Uts), Cause::Unmapped, "user");
        assert_eq!(no(Kind::User), Cause::Unmapped);
    });
}

#[test]
fn a_process_of_many_threads() {
    let in_thread = || {
        let setns = nsiso::setns(open("/proc/self/ns/time"), 0);
        (nsiso::unshare(Kind::User).unwrap_err(), setns.unwrap_err())
    };
    let (users, times) = std::thread::spawn(in_thread).join().unwrap();
    assert_eq!((users.errno(), users.cause()), (libc::EINVAL, Cause::Threads));
    assert_eq!((times.errno(), times.cause()), (libc::EUSERS, Cause::Threads));
}

#[test]
fn children_whose_init_is_gone() {
    with_own_proc("exec", || {
        nsiso::unshare(Kind::Pid).unwrap();
        let again = nsiso::unshare(Kind::Pid).unwrap_err();
        assert_eq!((again.errno(), again.cause()), (libc::EINVAL, Cause::ChildrenElsewhere));
        assert!(Spec::new().spawn(&Command::new("true")).unwrap().wait().unwrap().success());
        refused(&Spec::new(), Cause::InitGone, "");
    });
}

#[test]
fn an_offset_out_of_range() {
    let offset = Offset { seconds: -1_000_000_000, nanoseconds: 0 };
    refused(&user(Kind::Time).boottime_offset(offset), Cause::OffsetOutOfRange, "timens_offsets");
}

#[test]
fn a_filter_refuses_clone3() {
    filtered(&[libc::SYS_clone3], libc::ENOSYS, || {
        // Everything that has another road works.
        let kinds = Kind::User | Kind::Mnt | Kind::Pid | Kind::Net | Kind::Time;
        assert!(user(kinds).spawn(&Command::new("true")).unwrap().wait().unwrap().success());
        // A sibling in a new time namespace has none; but to make one is unsafe, so it is only explained here.
        let flags = (libc::CLONE_PARENT | libc::CLONE_NEWTIME | libc::CLONE_NEWUSER) as u32;
        for errno in [libc::ENOSYS, libc::EPERM] {
            assert_eq!(nsiso::creation_error("clone", flags, errno).cause(), Cause::Clone3Refused);
        }
    });
}

#[test]
fn a_filter_refuses_what_the_kernel_would_do() {
    filtered(&[libc::SYS_mount], libc::EPERM, || {
        refused(&user(Kind::Mnt), Cause::Filter, "propagation");
    });
}

#[test]
fn a_filter_refuses_the_namespaces_themselves() {
    filtered(&[libc::SYS_unshare, libc::SYS_setns], libc::EPERM, || {
        assert_eq!(nsiso::unshare(Kind::Uts).unwrap_err().cause(), Cause::Filter);
        assert_eq!(nsiso::setns(open("/proc/self/ns/uts"), 0).unwrap_err().cause(), Cause::Filter);
        assert_eq!(no(Kind::Time), Cause::Filter);
        refused(&user(Kind::Time), Cause::Filter, "time");
    });
}
