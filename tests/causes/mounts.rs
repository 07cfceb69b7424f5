//! Why can a proc of one's own not be mounted? The other refusals of mounts are beside those of namespaces.

use super::{as_inner_root, as_root, is_root, left_out, refusal, refused, user, with_own_proc, PYTHON};
use super::{Cause, Kind, Kinds, Spec};
use std::fs;

fn with_proc(spec: Spec) -> Spec {
    spec.unshare(Kind::User | Kind::Pid | Kind::Mnt).proc()
}

#[test]
fn proc_is_covered() {
    as_inner_root("mount --bind /dev/null /proc/version; exec", || {
        refused(&with_proc(Spec::new().map_root()), Cause::MaskedProc, "/proc/version is covered");
    });
}

#[test]
fn proc_is_read_only() {
    with_own_proc("mount -o remount,bind,ro /proc; exec", || {
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
    as_root("mount -o remount,bind,noatime /proc; exec", || {
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
exec"
    );
    as_inner_root(&script, || {
        assert!(fs::metadata("/proc/self").is_err());
        refused(&with_proc(Spec::new()), Cause::MaskedProc, "/proc is not mounted");
        refused(&user(Kinds::NONE), Cause::MaskedProc, "/proc is not mounted");
    });
}
