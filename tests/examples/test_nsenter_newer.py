"""Does the example that replaces nsenter(1) have what is newer than the installed one, by 2.42's manual?"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import nsiso
import pytest
from entering import AS_ROOT, MARK, OURS, Places, places, run

FAILURE = 1
KEPT = ["--preserve-credentials"]
UNIFIED = [
    path for path in ("/sys/fs/cgroup", "/sys/fs/cgroup/unified") if Path(path, "cgroup.procs").exists()
]

# Two user namespaces, one in the other, and a mnt namespace that the outer one owns.
NESTED = "unshare -Ur sleep 600 & exec sleep 600"
# A socket that stays in the net namespace in which it was made.
LEFT_BEHIND = """
import os, socket, time, nsiso
socket = socket.socket()
print(socket.fileno(), os.readlink("/proc/self/ns/net"), flush=True)
nsiso.unshare(nsiso.Kind.NET)
print(os.readlink("/proc/self/ns/net"), flush=True)
time.sleep(600)
"""


@pytest.fixture(scope="module")
def there() -> Iterator[Places]:
    """What there is to be entered."""
    with places() as all_of_them:
        yield all_of_them


def output(*words: str) -> str:
    """What a program prints that is not refused."""
    done = run(OURS, *words)
    assert done.returncode == 0, done
    return done.stdout.strip()


def refused(*words: str) -> str:
    """Why the namespaces cannot be entered."""
    done = run(OURS, *words)
    assert done.returncode == FAILURE and done.stderr.startswith("nsenter: ") and not done.stdout, done
    return done.stderr


def link(pid: int | str, name: str) -> str:
    """Which namespace a process is in."""
    return os.readlink(f"/proc/{pid}/ns/{name}")


@contextlib.contextmanager
def running(*words: str, **options: object) -> Iterator[nsiso.Popen[str]]:
    """A process, for a while."""
    with nsiso.Popen(list(words), text=True, stdout=subprocess.PIPE, **options) as process:  # type: ignore[call-overload]
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize("option", ["-e", "--env"])
def test_the_environment(there: Places, option: str) -> None:
    """It is the target's, all of it; the program is sought where its PATH says, and so is the shell."""
    target = ["-t", str(there.near), option]
    assert output(*target, "sh", "-c", f"echo ${MARK}") == "the target's"
    inside = ["-t", str(there.apart), option, "-a", *KEPT]
    assert sorted(output(*inside, "env").splitlines()) == [
        f"{MARK}=the target's",
        f"PATH={os.environ['PATH']}",
    ]
    with running("sleep", "600", env={"SHELL": "/bin/echo"}) as process:
        assert run(OURS, "-t", str(process.pid), option).returncode == 0
        assert run(OURS, "-t", str(process.pid), option, "true", env={"PATH": "/nonexistent"}).returncode == 0
    refused(option, "true")


def test_the_user_namespace_around(there: Places) -> None:
    """Around --user's, or around the owner of another one."""
    with running("sh", "-c", NESTED, unshare="user,mnt", map_root=True) as outer:
        children = Path(f"/proc/{outer.pid}/task/{outer.pid}/children")
        deadline = time.monotonic() + 30
        while not (inner := children.read_text().split()) or link(inner[0], "user") == link(
            outer.pid, "user"
        ):
            assert time.monotonic() < deadline
        pid = inner[0]
        try:
            assert link(pid, "mnt") == link(outer.pid, "mnt")
            # All of it has kinds that are the caller's own, and so not an ordinary user's to enter.
            every = ["-a"] if AS_ROOT else []
            for words in (["-m"], ["-U"], ["-U", "-m"], every, [], [f"--mount=/proc/{pid}/ns/mnt"]):
                target = [] if words and "=" in words[0] else ["-t", pid]
                entered = output(*target, *words, *KEPT, "--user-parent", "readlink", "/proc/self/ns/user")
                assert entered == link(outer.pid, "user"), words
            entered = output("-t", pid, "-m", "--user-parent", *KEPT, "readlink", "/proc/self/ns/mnt")
            assert entered == link(pid, "mnt")
        finally:
            os.kill(int(pid), 9)
    refused("--user-parent", "true")
    # Nobody may look further out than the first.
    refused("-t", str(there.near), "-U", "--user-parent", "true")


@pytest.mark.parametrize("option", ["-N", "--net-socket"])
def test_the_net_namespace_of_a_socket(there: Places, option: str) -> None:
    """Of the target's socket: not that in which it is now."""
    with running(sys.executable, "-c", LEFT_BEHIND, unshare="user,net", map_root=True) as process:
        assert process.stdout is not None
        fd, left = process.stdout.readline().split()
        assert process.stdout.readline().strip() == link(process.pid, "net") != left
        target = ["-t", str(process.pid), "-U", *KEPT]
        assert output(*target, option, fd, "readlink", "/proc/self/ns/net") == left
        assert output(*target, option, fd, "-n", "readlink", "/proc/self/ns/net") == left
        for bad in ("999", "0", "-1", "one"):
            refused(*target, option, bad, "true")
    refused("-N", "0", "true")
    refused("-t", str(there.near), "-N", "0", "true")


def test_the_control_group(there: Places) -> None:
    """It is the target's, before and without a new process; no descriptor of it is left to the program."""
    target = ["-t", str(there.below), "-c"]
    refused("--join-cgroup", "true")
    if not UNIFIED:
        assert "version 2" in refused(*target, "true")
        return
    if not AS_ROOT:
        # Nothing is delegated to this user.
        refused(*target, "true")
        return
    group = Path(UNIFIED[-1], f"nsiso-{os.getpid()}")
    group.mkdir()
    try:
        (group / "cgroup.procs").write_text(str(there.below))
        for words in ([], ["-a"], ["-p"], ["-p", "-F"], ["-S5", "-G5"], ["-C", "-m", "-p"]):
            mine = output("-t", str(there.below), "--join-cgroup", *words, "grep", "^0:", "/proc/self/cgroup")
            # Its cgroup namespace began before.
            assert mine == f"0::/{group.name}"
            assert output(*target, *words, "sh", "-c", "echo /proc/self/fd/*").count("/fd/") <= 4
        assert run(OURS, *target, "-p", "sh", "-c", "exit 4").returncode == 4
    finally:
        Path(UNIFIED[-1], "cgroup.procs").write_text(str(there.below))
        group.rmdir()


def test_a_process_that_cannot_be_mistaken(there: Places) -> None:
    """By the inode of its pidfd."""
    pidfd = os.pidfd_open(there.apart)
    inode = os.fstat(pidfd).st_ino
    os.close(pidfd)
    words = ["-U", "-u", *KEPT, "uname", "-n"]
    assert output("-t", f"{there.apart}:{inode}", *words) == "apart"
    assert "another" in refused("-t", f"{there.apart}:{inode + 1}", *words)
    assert "another" in refused("-t", f"{there.apart}:0", "true")
    for bad in (":", f"{there.apart}:", f":{inode}", f"{there.apart}:x", f"{there.gone}:{inode}"):
        refused("-t", bad, *words)


def test_a_namespace_by_its_number(there: Places) -> None:
    """That which the kernel gives only once."""
    with nsiso.Namespace.of(there.apart, "uts") as uts, nsiso.Namespace.of(there.apart, "user") as user:
        if not uts.id:
            assert "6.18" in refused("--uts=:1", "true")
            return
        assert output(f"--uts=:{uts.id}", f"-U:{user.id}", *KEPT, "uname", "-n") == "apart"
        # Not of this kind.
        refused(f"--net=:{uts.id}", "true")
    for bad in (":", ":0", ":x", ":-1", ":99999999999999", ":99999999999999999999"):
        refused(f"--uts={bad}", "true")


def test_ids_that_follow(there: Places) -> None:
    """The target's, as they are numbered where the program is."""
    assert output("-t", str(there.apart), "-U", *KEPT, "-S", "follow", "id", "-u") == "0"
    assert output("-t", str(there.near), "-S", "follow", "id", "-u") == str(os.geteuid())
    refused("-S", "follow", "true")
    refused("-G", "follow", "true")
    if AS_ROOT:
        with running("sleep", "600", uid=5, gid=6, groups=[7]) as process:
            assert output("-t", str(process.pid), "-Sfollow", "id", "-u") == "5"
            ids = output("-t", str(process.pid), "-Sfollow", "-Gfollow", "sh", "-c", "id -u; id -g; id -G")
            assert ids.split() == ["5", "6", "6"]
        ranges = [(0, 1000, 10)]
        with running("sleep", "600", unshare="user", uid_map=ranges, gid_map=ranges, uid=3, gid=4) as process:
            words = ["-t", str(process.pid), "-U", "--setuid=follow", "--setgid=follow"]
            assert output(*words, "sh", "-c", "id -u; id -g").split() == ["3", "4"]


def test_capabilities_are_kept(there: Places) -> None:
    """Those that the user namespace gave, also by somebody who is not its root."""
    if AS_ROOT:
        maps: dict[str, object] = {"uid_map": [(0, 0, 100)], "gid_map": [(0, 0, 100)]}
        become = ["-S5", "-G5"]
    else:
        maps, become = {"map_current": True}, KEPT
    with running("sleep", "600", unshare="user", **maps) as process:
        words = ["-t", str(process.pid), "-U", *become]
        report = ["sh", "-c", "grep -E 'Cap(Eff|Prm|Amb)' /proc/self/status; id -u"]
        without, kept = output(*words, *report), output(*words, "--keep-caps", *report)
    assert int(without.split()[1], 16) == 0
    permitted, effective, ambient = (int(kept.split()[place], 16) for place in (1, 3, 5))
    assert permitted == effective == ambient != 0
    assert kept.split()[-1] == without.split()[-1] == ("5" if AS_ROOT else str(os.geteuid()))
    # Without a user namespace there is nothing to keep.
    assert output("--keep-caps", "true") == ""
