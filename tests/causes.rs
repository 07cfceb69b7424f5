//! Is each cause of a refusal told apart? Provoked in earnest: each test that needs it runs itself again, in
//! namespaces of its own or as an ordinary user, and on the machine itself nothing is changed.

#![allow(clippy::unwrap_used, clippy::panic)] // A test that cannot go on has failed.

use nsiso::{Answer, Cause, Command, Error, IdMap, IdRange, Kind, Kinds, Offset, Process, Spec};
use std::fs::{self, File};
use std::io::Write;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::PathBuf;

const PYTHON: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/target/venv/bin/python");

fn is_root() -> bool {
    fs::metadata("/proc/self").unwrap().uid() == 0
}

/// Runs the test of this name again behind `words`, and there does `check`.
fn again(words: &[&str], test: &str, check: impl Fn()) {
    if std::env::var_os("NSISO_INNER").is_some_and(|inner| inner == *test) {
        check();
        return;
    }
    let scratch = Scratch::new(test);
    let mut command = std::process::Command::new(words[0]);
    command.args(&words[1..]).arg(std::env::current_exe().unwrap());
    command.args(["--exact", test, "--nocapture"]).env("NSISO_INNER", test).env("SCRATCH", &scratch.0);
    let output = command.output().unwrap();
    let told = [output.stdout, output.stderr].concat();
    let told = String::from_utf8_lossy(&told);
    assert!(output.status.success() && told.contains("1 passed"), "{words:?}: {}\n{told}", output.status);
}

/// Behind a script that prepares things as root of new user and mount namespaces, and executes its arguments.
fn as_inner_root(script: &str, test: &str, check: impl Fn()) {
    let unshare = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-euc", script, "sh"];
    again(&unshare, test, check);
}

/// Behind a script that an ordinary user executes, for whom root stands back.
fn as_user(script: &str, test: &str, check: impl Fn()) {
    let user = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/as_user");
    let words = [user, "sh", "-euc", script, "sh"];
    again(if is_root() { &words } else { &words[1..] }, test, check);
}

/// Behind a filter that refuses the system calls of these numbers with this errno, as in a container.
fn filtered(calls: &[libc::c_long], errno: i32, test: &str, check: impl Fn()) {
    const FILTER: &str = "
import ctypes, os, struct, sys
errno, calls = int(sys.argv[1]), [int(call) for call in sys.argv[2].split(',')]
code = struct.pack('HBBI', 0x20, 0, 0, 0)
for call in calls:
    code += struct.pack('HBBI', 0x15, 0, 1, call) + struct.pack('HBBI', 0x06, 0, 0, 0x50000 | errno)
code += struct.pack('HBBI', 0x06, 0, 0, 0x7fff0000)
text = ctypes.create_string_buffer(code, len(code))
program = struct.pack('HxxxxxxP', len(code) // 8, ctypes.addressof(text))
libc = ctypes.CDLL(None, use_errno=True)
assert libc.prctl(38, 1, 0, 0, 0) == 0
assert libc.prctl(22, 2, program, 0, 0) == 0, os.strerror(ctypes.get_errno())
os.execv(sys.argv[3], sys.argv[3:])
";
    let calls: Vec<_> = calls.iter().map(libc::c_long::to_string).collect();
    again(&[PYTHON, "-c", FILTER, &errno.to_string(), &calls.join(",")], test, check);
}

/// A directory that anybody may write to, gone with the test.
struct Scratch(PathBuf);

impl Scratch {
    fn new(test: &str) -> Scratch {
        let path = PathBuf::from(format!("/tmp/nsiso-causes-{}-{test}", std::process::id()));
        fs::create_dir(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o777)).unwrap();
        Scratch(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn new(kinds: impl Into<Kinds>) -> Spec {
    Spec::new().unshare(kinds)
}

/// With a map of the caller's own id.
fn user(kinds: impl Into<Kinds>) -> Spec {
    new(kinds.into() | Kind::User).map_root()
}

fn refusal(spec: &Spec) -> Error {
    match spec.spawn(&Command::new("true")) {
        Err(error) => error,
        Ok(process) => panic!("not refused, but {:?}", process.wait()),
    }
}

/// Refused with this cause, and what it names.
fn refused(spec: &Spec, cause: Cause, words: &str) {
    let error = refusal(spec);
    assert_eq!(error.cause(), cause, "{error}");
    assert!(error.object().contains(words), "{error}");
}

fn sleeper(spec: &Spec) -> Process {
    spec.spawn(&Command::new("sleep").arg("600")).unwrap_or_else(|error| panic!("{error}")).kill_on_drop(true)
}

fn no(kind: Kind) -> Cause {
    match nsiso::probe().unwrap().kind(kind) {
        Answer::No(cause) => cause,
        answer => panic!("{kind}: {answer:?}"),
    }
}

/// Past the test harness, which hides what a test that succeeds has to say.
fn left_out(why: &str) {
    writeln!(std::io::stderr(), "{why}").unwrap();
}

fn open(path: &str) -> OwnedFd {
    File::open(path).unwrap().into()
}

/// Ids that tests/as_user grants.
fn granted() -> IdMap {
    range(500_000)
}

fn range(outside: u32) -> IdMap {
    IdMap::new([IdRange { inside: 0, outside, count: 10 }]).unwrap()
}

#[test]
fn no_privilege_and_no_user_namespace() {
    let script = "exec setpriv --bounding-set=-all \"$@\"";
    as_inner_root(script, "no_privilege_and_no_user_namespace", || {
        refused(&new(Kind::Net), Cause::NoPrivilege, "net");
        assert_eq!(nsiso::unshare(Kind::Uts).unwrap_err().cause(), Cause::NoPrivilege);
        assert_eq!(nsiso::probe().unwrap().kind(Kind::Net), Answer::WithUser);
    });
}

#[test]
fn a_limit_of_none() {
    let script = "echo 0 >/proc/sys/user/max_uts_namespaces; exec \"$@\"";
    as_inner_root(script, "a_limit_of_none", || {
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
    let script = "cd /proc/sys/user; echo 1 >max_ipc_namespaces; echo 9 >max_uts_namespaces; exec \"$@\"";
    as_inner_root(script, "a_limit_that_is_used_up", || {
        let _one = sleeper(&new(Kind::Ipc));
        refused(&new(Kind::Uts | Kind::Ipc), Cause::Limit, "/proc/sys/user/max_ipc_namespaces is 1");
    });
}

#[test]
fn a_limit_of_an_outer_user_namespace() {
    let script = "echo 0 >/proc/sys/user/max_uts_namespaces; exec unshare --user --map-root-user \"$@\"";
    as_inner_root(script, "a_limit_of_an_outer_user_namespace", || {
        refused(&new(Kind::Uts), Cause::LimitFurtherOut, "");
        assert_eq!(no(Kind::Uts), Cause::LimitFurtherOut);
    });
}

#[test]
fn a_limit_of_a_user_namespace_that_is_joined() {
    as_inner_root("exec \"$@\"", "a_limit_of_a_user_namespace_that_is_joined", || {
        let target = sleeper(&user(Kinds::NONE));
        let join = Spec::new().join_process(target.id(), Kind::User);
        let line = "echo 0 >/proc/sys/user/max_uts_namespaces";
        assert!(join.spawn(&Command::new("sh").args(["-c", line])).unwrap().wait().unwrap().success());
        refused(&join.unshare(Kind::Uts), Cause::LimitFurtherOut, "uts");
    });
}

/// Behind so many levels of what `by` makes.
fn nested(by: &str, levels: usize, test: &str, check: impl Fn()) {
    let step = "[ $levels = 0 ] && exec \"$@\"; levels=$((levels - 1)); exec $BY sh -euc \"$STEP\" sh \"$@\"";
    let script = format!("export levels={levels} BY='{by}' STEP='{step}'; exec sh -euc \"$STEP\" sh \"$@\"");
    as_inner_root(&script, test, check);
}

#[test]
fn pid_namespaces_nested_too_deep() {
    nested("unshare --pid --fork --kill-child", 32, "pid_namespaces_nested_too_deep", || {
        refused(&new(Kind::Pid), Cause::Nesting, "pid");
        assert_eq!(no(Kind::Pid), Cause::Nesting);
    });
}

#[test]
fn user_namespaces_nested_too_deep() {
    nested("unshare --user --map-root-user", 32, "user_namespaces_nested_too_deep", || {
        refused(&user(Kinds::NONE), Cause::LimitFurtherOut, "user");
    });
}

#[test]
fn a_net_namespace_that_is_still_there() {
    let script = "echo 1 >/proc/sys/user/max_net_namespaces; exec \"$@\"";
    as_inner_root(script, "a_net_namespace_that_is_still_there", || {
        let _one = sleeper(&new(Kind::Net));
        let began = std::time::Instant::now();
        refused(&new(Kind::Net), Cause::NetTeardown, "/proc/sys/user/max_net_namespaces is 1");
        assert!(
            began.elapsed() >= std::time::Duration::from_millis(100),
            "it waits for the kernel to clean up"
        );
    });
}

const PLAIN_ROOT: &str =
    "mount -t tmpfs none /mnt; mkdir -p /mnt/root/proc; mount --rbind /proc /mnt/root/proc; exec \"$@\"";

#[test]
fn a_chroot_into_a_directory() {
    as_inner_root(PLAIN_ROOT, "a_chroot_into_a_directory", || {
        std::os::unix::fs::chroot("/mnt/root").unwrap();
        refused(&user(Kind::Uts), Cause::Chroot, "user");
        assert_eq!(no(Kind::User), Cause::Chroot);
        refused(&new(Kind::Mnt), Cause::RootNotMount, "/");
    });
}

#[test]
fn a_chroot_into_a_mount() {
    as_inner_root("mount --rbind / /mnt; exec \"$@\"", "a_chroot_into_a_mount", || {
        std::os::unix::fs::chroot("/mnt").unwrap();
        refused(&user(Kind::Uts), Cause::Chroot, "user");
    });
}

#[test]
fn ids_that_are_not_mapped() {
    again(&["unshare", "--user"], "ids_that_are_not_mapped", || {
        refused(&user(Kind::Uts), Cause::Unmapped, "user");
        assert_eq!(no(Kind::User), Cause::Unmapped);
    });
}

#[test]
fn ids_that_the_map_does_not_have() {
    as_inner_root("exec \"$@\"", "ids_that_the_map_does_not_have", || {
        refused(&user(Kinds::NONE).uid(5), Cause::IdUnmapped, "5");
        let stranger = new(Kind::User).map_ids(range(500_000), range(500_000));
        refused(&stranger, Cause::OutsideUnmapped, "line \"0 500000 10\"");
    });
}

#[test]
fn no_new_privs_where_newuidmap_is_needed() {
    let script = "exec setpriv --no-new-privs \"$@\"";
    as_user(script, "no_new_privs_where_newuidmap_is_needed", || {
        refused(&new(Kind::User).map_ids(granted(), granted()), Cause::NoNewPrivs, "newgidmap");
    });
}

#[test]
fn newuidmap_is_missing() {
    as_user("exec env PATH=/nowhere \"$@\"", "newuidmap_is_missing", || {
        refused(&new(Kind::User).map_ids(granted(), granted()), Cause::HelperMissing, "newgidmap");
    });
}

#[test]
fn newuidmap_is_not_setuid() {
    let script = "cp \"$(command -v newuidmap)\" \"$(command -v newgidmap)\" $SCRATCH; PATH=$SCRATCH:$PATH; exec \"$@\"";
    as_user(script, "newuidmap_is_not_setuid", || {
        refused(&new(Kind::User).map_ids(granted(), granted()), Cause::HelperPowerless, "mode 0755");
    });
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
exec setpriv --reuid 54321 --regid 54321 --clear-groups $SCRATCH/test \"$@\"";
    let words = ["unshare", "--mount", "--propagation", "private", "sh", "-euc", script, "sh"];
    again(&words, "a_user_without_a_name", || {
        refused(&new(Kind::User).map_ids(granted(), granted()), Cause::NamelessUser, "user name");
    });
}

#[test]
fn ids_that_nobody_granted() {
    as_user("exec \"$@\"", "ids_that_nobody_granted", || {
        refused(&new(Kind::User).map_ids(range(9_000_000), granted()), Cause::NotGranted, "9000000");
    });
}

#[test]
fn a_map_that_somebody_else_has_written() {
    // Of a host that writes the maps of all its children, this is the shortest picture.
    let script = "
cat >$SCRATCH/newgidmap <<END
#!/bin/sh
echo deny >/proc/\\$1/setgroups && echo \"0 $(id -g) 1\" >/proc/\\$1/gid_map && exec $(command -v newgidmap) \"\\$@\"
END
chmod +x $SCRATCH/newgidmap
PATH=$SCRATCH:$PATH
exec \"$@\"";
    as_user(script, "a_map_that_somebody_else_has_written", || {
        let spec = new(Kind::User).map_ids(granted(), granted());
        refused(&spec, Cause::MapWritten, "newgidmap");
        assert_eq!(refusal(&spec).step(), "gid_map");
    });
}

#[test]
fn a_map_that_is_too_long() {
    let lines = |count: u32| (0..count).map(|n| IdRange { inside: 2 * n, outside: 3 * n, count: 1 });
    assert_eq!(IdMap::new(lines(341)).unwrap_err().cause(), Cause::MapTooLong);
    let long = lines(300).map(|line| IdRange { outside: line.outside + 4_000_000_000, ..line });
    let error = IdMap::new(long).unwrap_err();
    assert_eq!(error.cause(), Cause::MapTooLong);
    assert!(error.object().contains("bytes"), "{error}");
}

#[test]
fn setgroups_is_denied() {
    as_inner_root("exec \"$@\"", "setgroups_is_denied", || {
        refused(&Spec::new().groups([0]), Cause::SetgroupsDenied, "");
    });
}

#[test]
fn no_right_to_change_ids() {
    as_user("exec \"$@\"", "no_right_to_change_ids", || {
        refused(&Spec::new().uid(0), Cause::NoIdPrivilege, "0");
        refused(&Spec::new().groups([5]), Cause::NoIdPrivilege, "[5]");
    });
}

#[test]
fn memory_that_may_not_be_dumped() {
    // A program file that its user may not read.
    let script = "cp \"$1\" $SCRATCH/test; chmod 111 $SCRATCH/test; shift; exec $SCRATCH/test \"$@\"";
    as_user(script, "memory_that_may_not_be_dumped", || {
        refused(&user(Kinds::NONE), Cause::NotDumpable, "/proc/self/");
    });
}

#[test]
fn no_right_to_hand_on_user_0() {
    let script = "exec setpriv --bounding-set=-setfcap \"$@\"";
    as_inner_root(script, "no_right_to_hand_on_user_0", || {
        refused(&user(Kinds::NONE), Cause::NoSetfcap, "uid_map");
        let map = || IdMap::single(7, 0);
        refused(&new(Kind::User).map_ids(map(), map()), Cause::NoSetfcap, "uid_map");
    });
}

/// With a proc of their own, which the scripts may change.
fn with_own_proc(script: &str, test: &str, check: impl Fn()) {
    let words = [
        "unshare",
        "--user",
        "--map-root-user",
        "--mount",
        "--pid",
        "--fork",
        "--kill-child",
        "--mount-proc",
    ];
    again(&[&words[..], &["sh", "-euc", script, "sh"]].concat(), test, check);
}

fn with_proc(spec: Spec) -> Spec {
    spec.unshare(Kind::User | Kind::Pid | Kind::Mnt).proc()
}

#[test]
fn proc_is_covered() {
    let script = "mount --bind /dev/null /proc/version; exec \"$@\"";
    as_inner_root(script, "proc_is_covered", || {
        refused(&with_proc(Spec::new().map_root()), Cause::MaskedProc, "/proc/version is covered");
    });
}

#[test]
fn proc_is_read_only() {
    let script = "mount -o remount,bind,ro /proc; exec \"$@\"";
    with_own_proc(script, "proc_is_read_only", || {
        refused(&with_proc(Spec::new()), Cause::MaskedProc, "/proc is read-only");
        let error = refusal(&user(Kinds::NONE));
        assert_eq!((error.step(), error.cause()), ("write", Cause::MaskedProc), "{error}");
    });
}

#[test]
fn proc_counts_no_times() {
    if !is_root() {
        return left_out("proc_counts_no_times: how a mount counts times is locked for all but root");
    }
    let script = "mount -o remount,bind,noatime /proc; exec \"$@\"";
    let words = ["unshare", "--mount", "--propagation", "private", "sh", "-euc", script, "sh"];
    again(&words, "proc_counts_no_times", || {
        refused(&with_proc(Spec::new()), Cause::MaskedProc, "without relatime");
    });
}

#[test]
fn proc_is_not_mounted() {
    // umount(8) wants to read /proc.
    let script = format!(
        "
mount -t tmpfs none /mnt
mkdir /mnt/proc /mnt/old
for path in /*; do
    case $path in /proc | /mnt) continue ;; esac
    if [ -L $path ]; then cp -P $path /mnt; continue; fi
    if [ -d $path ]; then mkdir /mnt$path; mount --rbind $path /mnt$path; fi
done
cd /mnt
pivot_root . old
{PYTHON} -c 'import ctypes; assert ctypes.CDLL(None).umount2(b\"/old\", 2) == 0'
cd /
exec \"$@\""
    );
    as_inner_root(&script, "proc_is_not_mounted", || {
        assert!(fs::metadata("/proc/self").is_err());
        refused(&with_proc(Spec::new()), Cause::MaskedProc, "/proc is not mounted");
        refused(&user(Kinds::NONE), Cause::MaskedProc, "/proc is not mounted");
    });
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
fn children_whose_init_is_gone() {
    as_inner_root("exec \"$@\"", "children_whose_init_is_gone", || {
        nsiso::unshare(Kind::Pid).unwrap();
        let again = nsiso::unshare(Kind::Pid).unwrap_err();
        assert_eq!((again.errno(), again.cause()), (libc::EINVAL, Cause::ChildrenElsewhere));
        assert!(Spec::new().spawn(&Command::new("true")).unwrap().wait().unwrap().success());
        refused(&Spec::new(), Cause::InitGone, "");
    });
}

#[test]
fn a_process_of_many_threads() {
    let (users, times) = std::thread::spawn(|| {
        let setns = nsiso::setns(open("/proc/self/ns/time"), 0);
        (nsiso::unshare(Kind::User).unwrap_err(), setns.unwrap_err())
    })
    .join()
    .unwrap();
    assert_eq!((users.errno(), users.cause()), (libc::EINVAL, Cause::Threads));
    assert_eq!((times.errno(), times.cause()), (libc::EUSERS, Cause::Threads));
}

/// The user namespace that this process is in, as an error names it.
fn own_users() -> String {
    fs::read_link("/proc/self/ns/user").unwrap().to_str().unwrap().to_owned()
}

#[test]
fn a_namespace_of_a_foreign_user_namespace() {
    let target = sleeper(&user(Kinds::NONE));
    // What the target shares with us is not its user namespace's.
    let path = |name: &str| format!("/proc/{}/ns/{name}", target.id());
    let spec = Spec::new().join_path(path("user")).join_path(path("uts"));
    refused(&spec, Cause::ForeignOwner, &format!("uts is owned by {}", own_users()));
    refused(&spec, Cause::ForeignOwner, "made by user 0");
}

#[test]
fn a_namespace_that_is_not_the_users() {
    as_user("exec \"$@\"", "a_namespace_that_is_not_the_users", || {
        let target = sleeper(&user(Kind::Ipc));
        let all = Kind::User | Kind::Ipc | Kind::Time;
        let words = format!("time is owned by {}, made by user 0", own_users());
        refused(&Spec::new().join_process(target.id(), all), Cause::NotOwner, &words);
        refused(&Spec::new().join_process(target.id(), Kind::Ipc), Cause::NotOwner, "ipc");
        let own = nsiso::setns(open("/proc/self/ns/uts"), 0).unwrap_err();
        assert_eq!(own.cause(), Cause::NotOwner, "{own}");
        refused(&Spec::new().join_process(1, Kind::Uts), Cause::NotOwner, "");
        refused(&Spec::new().join_process(1, Kind::User | Kind::Uts), Cause::NotTraceable, "");
    });
}

#[test]
fn a_namespace_of_an_outer_user_namespace() {
    let script = "exec 9</proc/self/ns/uts; exec unshare --user --map-root-user \"$@\"";
    as_inner_root(script, "a_namespace_of_an_outer_user_namespace", || {
        let further_out = "uts is owned by a user namespace outside the caller's";
        refused(&Spec::new().join_borrowed_fd(9, Kinds::NONE), Cause::ForeignOwner, further_out);
    });
}

#[test]
fn a_pid_namespace_further_out() {
    let script = "exec 9</proc/self/ns/pid; exec unshare --pid --fork --kill-child \"$@\"";
    with_own_proc(script, "a_pid_namespace_further_out", || {
        refused(&Spec::new().join_borrowed_fd(9, Kinds::NONE), Cause::NotDescendant, "fd 9");
    });
}

#[test]
fn an_offset_out_of_range() {
    let offset = Offset { seconds: -1_000_000_000, nanoseconds: 0 };
    refused(&user(Kind::Time).boottime_offset(offset), Cause::OffsetOutOfRange, "timens_offsets");
}

#[test]
fn a_filter_refuses_clone3() {
    filtered(&[libc::SYS_clone3], libc::ENOSYS, "a_filter_refuses_clone3", || {
        // Everything that has another road works.
        let kinds = Kind::User | Kind::Mnt | Kind::Pid | Kind::Net | Kind::Time;
        assert!(user(kinds).spawn(&Command::new("true")).unwrap().wait().unwrap().success());
        // A sibling in a new time namespace has none; to make one for real is unsafe.
        let flags = (libc::CLONE_PARENT | libc::CLONE_NEWTIME | libc::CLONE_NEWUSER) as u32;
        for errno in [libc::ENOSYS, libc::EPERM] {
            assert_eq!(nsiso::creation_error("clone", flags, errno).cause(), Cause::Clone3Refused);
        }
    });
}

#[test]
fn a_filter_refuses_what_the_kernel_would_do() {
    filtered(&[libc::SYS_mount], libc::EPERM, "a_filter_refuses_what_the_kernel_would_do", || {
        refused(&user(Kind::Mnt), Cause::Filter, "propagation");
    });
}

#[test]
fn a_filter_refuses_the_namespaces_themselves() {
    let calls = [libc::SYS_unshare, libc::SYS_setns];
    filtered(&calls, libc::EPERM, "a_filter_refuses_the_namespaces_themselves", || {
        assert_eq!(nsiso::unshare(Kind::Uts).unwrap_err().cause(), Cause::Filter);
        assert_eq!(nsiso::setns(open("/proc/self/ns/uts"), 0).unwrap_err().cause(), Cause::Filter);
        assert_eq!(no(Kind::User), Cause::Filter);
        refused(&user(Kind::Time), Cause::Filter, "time");
    });
}
