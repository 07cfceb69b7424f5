//! Does probe say beforehand what a start says, in every sandbox? Each kind and each feature is asked for by hand as
//! well; whoever adds a feature must say how that is done.

use super::by_hand::{either, start, ways};
use super::{
    again, as_inner_root, as_user, filtered, user, with_own_proc, Cause, Command, Error, Kind, Spec,
};
use nsiso::{Answer, Feature, Probe};
use std::fs;
use std::os::unix::fs::chroot;

/// What there is to compare of a refusal: step, errno, cause, object.
pub type Refusal = (String, i32, Cause, String);
pub type Started = Result<(), Refusal>;
pub type Trial = Box<dyn Fn() -> Started>;

/// The ways to have something: as the caller is, and together with a new user namespace.
pub struct Ways {
    pub alone: Option<Trial>,
    pub with_user: Option<Trial>,
}

/// Probe answers what comes of starting by hand; and these are refused here at least, or what is proved?
/// Kinds are named as `new net`.
fn agree(refused: &[(&str, Cause)]) {
    let before = (descriptors(), children());
    let probe = nsiso::probe().unwrap();
    assert_eq!((descriptors(), children()), before, "nothing stays open, nobody is left");
    for (kind, answer) in probe.kinds() {
        let ways = either(move |spec| spec.unshare(kind));
        assert_eq!(told(answer), by_hand(&ways), "new {kind}: {answer}");
    }
    assert_eq!(probe.features().count(), Feature::ALL.len());
    for (feature, answer) in probe.features() {
        let by_hand = by_hand(&ways(feature));
        let (told, by_hand) = match feature {
            // By hand the group may be another one.
            Feature::Cgroup => (without_object(told(answer)), without_object(by_hand)),
            _ => (told(answer), by_hand),
        };
        assert_eq!(told, by_hand, "{feature}: {answer}");
    }
    for (name, cause) in refused {
        assert_eq!(answer_to(&probe, name).refusal().map(Error::cause), Some(*cause), "{name}");
    }
}

fn descriptors() -> usize {
    fs::read_dir("/proc/self/fd").unwrap().count()
}

/// The children of all threads of this process, those that nobody has reaped included.
fn children() -> String {
    let threads = fs::read_dir("/proc/self/task").unwrap();
    threads.map(|thread| fs::read_to_string(thread.unwrap().path().join("children")).unwrap()).collect()
}

fn answer_to(probe: &Probe, name: &str) -> Answer {
    match name.strip_prefix("new ") {
        Some(kind) => probe.kind(kind.parse().unwrap()),
        None => probe.feature(name.parse().unwrap()),
    }
}

/// In a word, or the refusal.
type Told = Result<&'static str, Refusal>;

fn told(answer: &Answer) -> Told {
    match answer {
        Answer::Yes => Ok("yes"),
        Answer::WithUser => Ok("with user"),
        Answer::No(error) => Err(refusal(error)),
        other => panic!("what is {other:?}?"),
    }
}

fn without_object(told: Told) -> Told {
    told.map_err(|(step, errno, cause, _)| (step, errno, cause, String::new()))
}

pub fn refusal(error: &Error) -> Refusal {
    // Two processes have two numbers.
    let object = error.object().chars().filter(|letter| !letter.is_ascii_digit()).collect();
    (error.step().to_owned(), error.errno(), error.cause(), object)
}

fn by_hand(ways: &Ways) -> Told {
    let alone = ways.alone.as_ref().map(|trial| trial());
    if alone == Some(Ok(())) {
        return Ok("yes");
    }
    let with_user = ways.with_user.as_ref().map(|trial| trial());
    if with_user == Some(Ok(())) {
        return Ok("with user");
    }
    Err(match (alone.and_then(Result::err), with_user.and_then(Result::err)) {
        // Nothing but a lack of privilege is lifted by a user namespace.
        (Some((_, libc::EPERM | libc::EACCES, ..)), Some(with_user)) => with_user,
        (Some(refused), _) | (None, Some(refused)) => refused,
        (None, None) => panic!("there is no way at all"),
    })
}

#[test]
fn here() {
    // In a process by itself, for its descriptors and children are counted.
    again(&["env"], || agree(&[]));
}

#[test]
fn of_an_ordinary_user() {
    as_user("exec", || {
        agree(&[("oom_score_adj", Cause::NoResourcePrivilege), ("rlimit", Cause::NoResourcePrivilege)]);
        let probe = nsiso::probe().unwrap();
        for name in ["map_auto", "map_ids", "groups", "uid", "proc", "new net", "join_process"] {
            assert_eq!(answer_to(&probe, name), Answer::WithUser, "{name}");
        }
    });
}

#[test]
fn of_an_ordinary_user_with_no_new_privs() {
    as_user("exec setpriv --no-new-privs", || {
        agree(&[
            ("map_auto", Cause::NoNewPrivs),
            ("map_ids", Cause::NoNewPrivs),
            ("groups", Cause::NoNewPrivs),
        ]);
    });
}

#[test]
fn of_an_ordinary_user_without_helpers() {
    as_user("exec env PATH=/nowhere", || {
        agree(&[("map_auto", Cause::HelperMissing), ("groups", Cause::HelperMissing)]);
    });
}

#[test]
fn of_memory_that_may_not_be_dumped() {
    let script = "cp \"$1\" $SCRATCH/test; chmod 111 $SCRATCH/test; shift; exec $SCRATCH/test";
    as_user(script, || {
        // Where exec does not enter a time namespace, what does is born in a memory of its own.
        let plan = user(Kind::Time).plan(&Command::new("true")).unwrap().to_string();
        let refused = [("map_root", Cause::NotDumpable), ("time_offsets", Cause::NotDumpable)];
        agree(if plan.contains("child: fork") { &refused[..1] } else { &refused });
    });
}

#[test]
fn of_inner_root() {
    as_inner_root("exec", || {
        agree(&[("groups", Cause::NotGranted), ("oom_score_adj", Cause::NoResourcePrivilege)]);
        assert_eq!(nsiso::probe().unwrap().kind(Kind::Net), Answer::Yes);
    });
}

#[test]
fn of_inner_root_without_capabilities() {
    as_inner_root("exec setpriv --bounding-set=-all", || {
        agree(&[("map_root", Cause::NoSetfcap), ("map_current", Cause::NoSetfcap)]);
        let probe = nsiso::probe().unwrap();
        for name in ["new net", "hostname", "proc", "capabilities", "join_path"] {
            assert_eq!(answer_to(&probe, name), Answer::WithUser, "{name}");
        }
    });
}

#[test]
fn of_a_reaper_by_inner_root() {
    as_inner_root("exec setpriv --bounding-set=-all", || {
        assert_eq!(answer_to(&nsiso::probe().unwrap(), "init"), Answer::WithUser);
    });
}

#[test]
fn of_nobody() {
    again(&["unshare", "--user"], || {
        agree(&[("new user", Cause::Unmapped), ("map_root", Cause::Unmapped), ("uid", Cause::IdUnmapped)]);
    });
}

#[test]
fn without_user_namespaces() {
    let script = "echo 0 >/proc/sys/user/max_user_namespaces; exec setpriv --bounding-set=-all";
    as_inner_root(script, || {
        let names = ["new user", "new mnt", "hostname", "map_root", "map_auto", "init", "join_process"];
        agree(&names.map(|name| (name, if name == "map_auto" { Cause::NotGranted } else { Cause::Limit })));
    });
}

#[test]
fn without_net_namespaces() {
    as_inner_root("echo 0 >/proc/sys/user/max_net_namespaces; exec", || {
        agree(&[("new net", Cause::Limit), ("loopback_down", Cause::Limit)]);
    });
}

/// A directory that holds all that the root directory holds, and is no mount point.
const COPY_OF_ROOT: &str = "
mount -t tmpfs none /mnt
mkdir /mnt/root
for path in /*; do
    case $path in /mnt) continue ;; esac
    if [ -L $path ]; then cp -P $path /mnt/root; continue; fi
    if [ -d $path ]; then mkdir /mnt/root$path; mount --rbind $path /mnt/root$path; fi
done
exec";

#[test]
fn in_a_chroot_that_is_no_mount() {
    as_inner_root(COPY_OF_ROOT, || {
        chroot("/mnt/root").unwrap();
        std::env::set_current_dir("/").unwrap();
        agree(&[
            ("new user", Cause::Chroot),
            ("new mnt", Cause::RootNotMount),
            ("proc", Cause::RootNotMount),
        ]);
    });
}

#[test]
fn in_a_chroot_without_capabilities() {
    as_inner_root("mount --rbind / /mnt; exec setpriv --bounding-set=-all,+sys_chroot", || {
        chroot("/mnt").unwrap();
        std::env::set_current_dir("/").unwrap();
        agree(&[("new mnt", Cause::Chroot), ("map_current", Cause::Chroot), ("join_path", Cause::Chroot)]);
    });
}

#[test]
fn where_proc_is_covered() {
    as_inner_root("mount --bind /dev/null /proc/version; exec setpriv --bounding-set=-all", || {
        agree(&[("proc", Cause::MaskedProc)]);
    });
}

#[test]
fn where_the_children_have_lost_their_init() {
    with_own_proc("exec", || {
        nsiso::unshare(Kind::Pid).unwrap();
        start(&Spec::new()).unwrap();
        agree(&[
            ("clone_vm", Cause::InitGone),
            ("own_memory", Cause::InitGone),
            ("new uts", Cause::InitGone),
        ]);
    });
}

#[test]
fn behind_a_filter_of_clone3() {
    filtered(&[libc::SYS_clone3], libc::ENOSYS, || {
        agree(&[("clone3", Cause::Clone3Refused)]);
        assert_eq!(nsiso::probe().unwrap().feature(Feature::CloneVm), Answer::Yes);
    });
}

#[test]
fn behind_a_filter_of_unshare() {
    filtered(&[libc::SYS_unshare], libc::EPERM, || agree(&[("new time", Cause::Filter)]));
}

#[test]
fn behind_a_filter_of_setns() {
    filtered(&[libc::SYS_setns], libc::EPERM, || {
        agree(&[("join_process", Cause::Filter), ("join_path", Cause::Filter), ("init", Cause::Filter)]);
    });
}

#[test]
fn behind_a_filter_of_mounts() {
    filtered(&[libc::SYS_mount], libc::EPERM, || {
        agree(&[("new mnt", Cause::Filter), ("proc", Cause::Filter)]);
    });
}

#[test]
fn behind_a_filter_of_sockets() {
    filtered(&[libc::SYS_socket], libc::EPERM, || {
        agree(&[("new net", Cause::Filter)]);
        assert!(nsiso::probe().unwrap().feature(Feature::LoopbackDown).is_allowed());
    });
}

#[test]
fn behind_a_filter_of_pidfds() {
    filtered(&[libc::SYS_pidfd_open], libc::EPERM, || {
        agree(&[("kill_with_parent", Cause::NoPidfd), ("init", Cause::NoPidfd)]);
    });
}

#[test]
fn without_pidfds() {
    filtered(&[libc::SYS_pidfd_open], libc::ENOSYS, || {
        agree(&[("kill_with_parent", Cause::NoPidfd), ("init", Cause::NoPidfd)]);
    });
}

#[test]
fn behind_a_filter_of_signals_by_pidfd() {
    filtered(&[libc::SYS_pidfd_send_signal], libc::ENOSYS, || agree(&[("kill_with_parent", Cause::NoPidfd)]));
}

#[test]
fn behind_a_filter_of_programs_without_a_name() {
    filtered(&[libc::SYS_execveat], libc::EPERM, || {
        let probe = nsiso::probe().unwrap();
        assert!(!probe.feature(Feature::KillWithParent).is_allowed());
        agree(&[]);
    });
}

#[test]
fn of_what_is_short_nothing_is_said() {
    // 0 to 2, and one for a child's pidfd, but none for what a companion needs.
    as_inner_root("ulimit -n 4; exec", || {
        let error = nsiso::probe().unwrap_err();
        assert_eq!(error.errno(), libc::EMFILE, "{error}");
    });
}
