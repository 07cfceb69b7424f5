//! Why can ids not be mapped, or not be taken on?

use super::{as_inner_root, as_root, as_user, is_root, left_out, new, refusal, refused, sleeper, user};
use super::{Cause, Kind, Kinds, Spec};
use nsiso::{Cancel, Command, IdMap, IdRange};
use std::fs;
use std::time::{Duration, Instant};

/// Ids that tests/as_user grants.
fn granted() -> IdMap {
    range(500_000)
}

fn range(outside: u32) -> IdMap {
    IdMap::new([IdRange { inside: 0, outside, count: 10 }]).unwrap()
}

fn by_helper() -> Spec {
    new(Kind::User).map_ids(granted(), granted())
}

#[test]
fn ids_that_the_map_does_not_have() {
    as_inner_root("exec", || {
        refused(&user(Kinds::NONE).uid(5), Cause::IdUnmapped, "5");
        let stranger = new(Kind::User).map_ids(range(500_000), range(500_000));
        refused(&stranger, Cause::OutsideUnmapped, "line \"0 500000 10\"");
    });
}

#[test]
fn no_new_privs_where_newuidmap_is_needed() {
    as_user("exec setpriv --no-new-privs", || refused(&by_helper(), Cause::NoNewPrivs, "newgidmap"));
}

#[test]
fn newuidmap_is_missing() {
    as_user("exec env PATH=/nowhere", || refused(&by_helper(), Cause::HelperMissing, "newgidmap"));
}

#[test]
fn newuidmap_is_not_setuid() {
    let script = "cp $(command -v newuidmap) $(command -v newgidmap) $SCRATCH; PATH=$SCRATCH:$PATH; exec";
    as_user(script, || refused(&by_helper(), Cause::HelperPowerless, "mode 0755"));
}

#[test]
fn a_user_without_a_name() {
    if !is_root() {
        return left_out("a_user_without_a_name: only root can grant ids to a user whose name nobody knows");
    }
    let script = "
echo 54321:500000:10 >$SCRATCH/subid
for file in subuid subgid; do mount --bind $SCRATCH/subid /etc/$file; done
cp \"$1\" $SCRATCH/test
shift
exec setpriv --reuid 54321 --regid 54321 --clear-groups $SCRATCH/test";
    as_root(script, || refused(&by_helper(), Cause::NamelessUser, "user name"));
}

#[test]
fn ids_that_nobody_granted() {
    as_user("exec", || {
        refused(&new(Kind::User).map_ids(range(9_000_000), granted()), Cause::NotGranted, "9000000");
    });
}

#[test]
fn a_map_that_somebody_else_has_written() {
    // As by a host that writes the maps of all its children: here it comes in between at the right moment.
    let script = "
cat >$SCRATCH/newgidmap <<END
#!/bin/sh
echo deny >/proc/\\$1/setgroups && echo \"0 $(id -g) 1\" >/proc/\\$1/gid_map && exec $(command -v newgidmap) \"\\$@\"
END
chmod +x $SCRATCH/newgidmap
PATH=$SCRATCH:$PATH
exec";
    as_user(script, || {
        refused(&by_helper(), Cause::MapWritten, "newgidmap");
        assert_eq!(refusal(&by_helper()).step(), "gid_map");
    });
}

#[test]
fn a_map_that_is_too_long() {
    let lines = |count: u32| (0..count).map(|n| IdRange { inside: 2 * n, outside: 3 * n, count: 1 });
    let error = IdMap::new(lines(341)).unwrap_err();
    assert_eq!(error.cause(), Cause::MapTooLong);
    assert!(error.object().contains("341 lines"), "{error}");
    let long = lines(300).map(|line| IdRange { outside: line.outside + 4_000_000_000, ..line });
    let error = IdMap::new(long).unwrap_err();
    assert_eq!(error.cause(), Cause::MapTooLong);
    assert!(error.object().contains("bytes"), "{error}");
}

#[test]
fn setgroups_is_denied() {
    as_inner_root("exec", || refused(&Spec::new().groups([0]), Cause::SetgroupsDenied, "[0]"));
}

#[test]
fn setgroups_is_denied_where_the_process_goes() {
    let target = sleeper(&user(Kinds::NONE));
    let spec = Spec::new().join_process(target.id(), Kind::User).groups([0]);
    refused(&spec, Cause::SetgroupsDenied, "[0]");
}

#[test]
fn no_right_to_change_ids() {
    as_user("exec", || {
        refused(&Spec::new().uid(0), Cause::NoIdPrivilege, "0");
        refused(&Spec::new().groups([5]), Cause::NoIdPrivilege, "[5]");
    });
}

#[test]
fn memory_that_may_not_be_dumped() {
    // A program file that its user may not read.
    let script = "cp \"$1\" $SCRATCH/test; chmod 111 $SCRATCH/test; shift; exec $SCRATCH/test";
    as_user(script, || refused(&user(Kinds::NONE), Cause::NotDumpable, "/proc/self/"));
}

#[test]
fn no_right_to_hand_on_user_0() {
    as_inner_root("exec setpriv --bounding-set=-setfcap", || {
        refused(&user(Kinds::NONE), Cause::NoSetfcap, "uid_map");
        let by_parent = || IdMap::new([IdRange { inside: 7, outside: 0, count: 1 }]).unwrap();
        refused(&new(Kind::User).map_ids(by_parent(), by_parent()), Cause::NoSetfcap, "uid_map");
    });
}

/// Puts other programs in front of newuidmap and newgidmap.
fn with_helpers(script: &str) -> String {
    format!(
        "for name in newuidmap newgidmap; do
    real=$(command -v $name)
    printf '#!/bin/sh\nreal=%s\n%s\n' $real '{script}' >$SCRATCH/$name
    chmod +x $SCRATCH/$name
done
PATH=$SCRATCH:$PATH; exec"
    )
}

#[test]
fn newuidmap_that_does_not_come_to_its_end_is_given_up() {
    as_user(&with_helpers("exec sleep 600"), || {
        let began = Instant::now();
        refused(&by_helper().timeout(Duration::from_millis(200)), Cause::TimedOut, "newgidmap");
        let token = Cancel::new();
        let spec = by_helper().cancel_by(&token);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                std::thread::sleep(Duration::from_millis(100));
                token.cancel();
            });
            assert_eq!(refusal(&spec).cause(), Cause::Cancelled);
        });
        assert!(began.elapsed() < Duration::from_secs(60), "{:?}", began.elapsed());
    });
}

#[test]
fn a_newer_newuidmap_is_told_of_the_process_by_descriptor() {
    // As shadow 4.14 has it; the one that is installed may be older, and is told a number then.
    let newer = r#"
test $# -gt 0 || { echo "usage: newuidmap [<pid>|fd:<pidfd>] <uid> <loweruid> <count>" >&2; exit 1; }
test $1 = fd:3 || { echo "a number: $1" >&2; exit 1; }
shift
cd -P /proc/self/fd/3 || exit 1
pid=$(pwd -P)
exec $real ${pid#/proc/} "$@""#;
    as_user(&with_helpers(newer), || {
        let spec = by_helper().hostname("inside").unshare(Kind::Uts);
        for _ in 0..2 {
            let held = spec.spawn_held(&Command::new("true")).unwrap_or_else(|error| panic!("{error}"));
            let map = fs::read_to_string(format!("/proc/{}/uid_map", held.id())).unwrap();
            assert_eq!(map.split_whitespace().collect::<Vec<_>>(), ["0", "500000", "10"]);
        }
    });
}
