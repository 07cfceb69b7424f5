"""Does a snapshot tell what /proc, lsns and ip-netns(8) tell, as either user, and what it could not see?"""

import dataclasses
import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Callable

import nsiso
import pytest
from nsiso import Kind, Namespace, NamespaceInfo, Snapshot, Spec, snapshot
from spawning import ROOT, apart, descriptors, field, here, inode, running, spec

NAMES = [info.name for info in nsiso.kinds()]
ALL = ",".join(NAMES)


@contextmanager
def program(code: str, **options: Any) -> Iterator["nsiso.Popen[str]"]:
    """A Python program in another process that has done what its first lines say, and waits."""
    lines = f"import os, socket, threading, time, nsiso\n{code}\nprint('ready', flush=True)\ntime.sleep(600)"
    command = [sys.executable, "-c", lines]
    with nsiso.Popen(command, stdout=subprocess.PIPE, text=True, **options) as child:
        try:
            assert child.stdout is not None and child.stdout.readline() == "ready\n"
            yield child
        finally:
            child.kill()


def at(taken: Snapshot, link: str) -> NamespaceInfo:
    """What a snapshot has of the namespace that a link under /proc leads to."""
    kind, _, number = os.readlink(link).partition(":")
    found = taken.find(kind, int(number.strip("[]")))
    assert found is not None
    return found


def links(pid: int) -> "dict[str, str]":
    """What readlink says of a process; nothing of one that is gone, or another user's."""
    try:
        return {name: os.readlink(f"/proc/{pid}/ns/{name}") for name in NAMES}
    except OSError:
        return {}


def held(namespace: NamespaceInfo, how: str) -> "list[nsiso.Holder]":
    """What holds it in one way."""
    return [holder for holder in namespace.holders if holder.how == how]


def test_it_says_what_readlink_says() -> None:
    """Of every process that stays where it is; and whoever is not in it is told as missing, or ended."""
    with running(Spec(ALL, map_root=True)) as child:
        before = {int(name): links(int(name)) for name in os.listdir("/proc") if name.isdigit()}
        taken = snapshot()
        stayed = {pid: there for pid, there in before.items() if there and there == links(pid)}
        assert child.pid in stayed and os.getpid() in stayed
        for pid, there in stayed.items():
            process = taken.of(pid)
            assert process is not None
            assert [str(one) for one in process.namespaces.values()] == list(there.values())
            for name in NAMES:
                one = process.namespace(name)
                assert one is not None and pid in one.processes and one.kind == Kind[name.upper()]
        missing = {pid for one in taken.incomplete for pid in one.pids}
        for pid, there in before.items():
            if not there and Path(f"/proc/{pid}").exists() and field(pid, "State")[0] != "Z":
                assert taken.of(pid) is not None or pid in missing or not Path(f"/proc/{pid}").exists()


def test_it_says_what_lsns_says() -> None:
    """Of the namespaces of a child, which nobody else is in."""
    options = ["--json", "--output", "NS,TYPE,NPROCS,PID", "--task"]
    with running(Spec(ALL, map_root=True)) as child:
        # It fails when a process ends that it looks at.
        for _ in range(100):
            command = ["lsns", *options, str(child.pid)]
            told = subprocess.run(command, capture_output=True, text=True, check=False)
            if told.returncode == 0:
                break
        taken = snapshot()
        rows = json.loads(told.stdout)["namespaces"]
        assert len(rows) == len(NAMES)
        for row in rows:
            found = taken[int(row["ns"])]
            assert found in taken[row["type"]]
            assert (len(found.processes), found.processes[0]) == (int(row["nprocs"]), int(row["pid"]))


@apart
def test_a_net_namespace_of_ip() -> None:
    """Is held by its mount, by whose path it is found."""
    subprocess.run(["mount", "-t", "tmpfs", "none", "/run"], check=True)
    subprocess.run(["ip", "netns", "add", "blue"], check=True, env={"PATH": "/usr/sbin:/sbin:/usr/bin:/bin"})
    taken = snapshot("descriptors")
    blue = taken[inode("/run/netns/blue")]
    assert blue.processes == () and blue.process_count == 0
    (mount,) = held(blue, "mount")
    assert mount.path == "/run/netns/blue" and mount.namespace is at(taken, "/proc/self/ns/mnt")
    assert str(mount) == "mount /run/netns/blue"
    with blue.open() as opened:
        assert opened == Namespace.open("/run/netns/blue")
    shallow = snapshot()
    with pytest.raises(KeyError):
        shallow[blue.inode]


def test_what_else_holds_one() -> None:
    """A descriptor, a socket, a thread, its children to be, and those that it owns or contains."""
    make = "uts = nsiso.Namespace.current('uts'); s = socket.socket(); nsiso.unshare(nsiso.Kind.NET)"
    away = (
        "ready = threading.Event()\n"
        "def go():\n nsiso.unshare(nsiso.Kind.UTS | nsiso.Kind.TIME); ready.set(); time.sleep(600)\n"
        "threading.Thread(target=go).start(); ready.wait()"
    )
    own = spec("uts,net,pid")
    with program(f"{make}\n{away}", spec=own) as child:
        taken = snapshot("descriptors", lineage=True)
        process = taken.of(child.pid)
        assert process is not None and process.parent == os.getpid()
        uts = at(taken, f"/proc/{child.pid}/ns/uts")
        (descriptor,) = held(uts, "descriptor")
        assert os.readlink(f"/proc/{child.pid}/fd/{descriptor.fd}") == str(uts)
        threads = os.listdir(f"/proc/{child.pid}/task")
        (tid,) = (int(tid) for tid in threads if inode(f"/proc/{child.pid}/task/{tid}/ns/uts") != uts.inode)
        (thread,) = held(at(taken, f"/proc/{child.pid}/task/{tid}/ns/uts"), "thread")
        assert (thread.pid, thread.tid) == (child.pid, tid)
        # The socket is of the net namespace that the process came from.
        sockets = [one for one in taken["net"] if any(s.pid == child.pid for s in held(one, "socket"))]
        assert len(sockets) == 1 and sockets[0] not in process.namespaces.values()
        (later,) = (one for one in taken["time"] if any(s.tid == tid for s in held(one, "for_children")))
        assert str(later) == os.readlink(f"/proc/{child.pid}/task/{tid}/ns/time_for_children")
        user = at(taken, f"/proc/{child.pid}/ns/user")
        assert uts.user_ns is user and uts in user.owned
        assert uts in [holder.namespace for holder in held(user, "owner")]
        pid = at(taken, f"/proc/{child.pid}/ns/pid")
        assert pid.parent is not None and pid in [one.namespace for one in held(pid.parent, "parent")]
        assert "".join(str(holder)[0] for one in taken for holder in one.holders)


def test_relatives_are_those_of_the_namespaces_themselves() -> None:
    """Parent, owner, level, number: as an open Namespace tells them."""
    with running(Spec("user,pid,net", map_root=True)) as child:
        taken = snapshot()
        for name in ("user", "pid", "net"):
            info = at(taken, f"/proc/{child.pid}/ns/{name}")
            with Namespace.of(child, name) as namespace, namespace.user_ns() as owner, info.open() as opened:
                assert opened == namespace and info.id == namespace.id
                assert info.owner_uid == namespace.owner_uid == os.geteuid()
                assert info.user_ns is taken.find("user", owner.inode)
                if name != "net":
                    with namespace.parent() as parent:
                        assert info.parent is taken.find(name, parent.inode)
                    assert info.level == namespace.level() == 1 and info in (info.parent or info).children
                else:
                    assert info.parent is None and info.level is None and info.children == ()
            assert info.owner_user is not None and str(info) == os.readlink(f"/proc/{child.pid}/ns/{name}")
        gone = at(taken, f"/proc/{child.pid}/ns/net")
        child.kill()
        child.wait()
        with pytest.raises(nsiso.Error, match="ESTALE"):
            while True:
                # The kernel takes a net namespace apart after its last process has ended.
                gone.open().close()


def test_particulars() -> None:
    """What a namespace is like inside, if that was asked for; nothing is left open."""
    offsets = [("boottime", (7, 0)), ("monotonic", (1, 5))]
    box = Spec("user,uts,net,time", map_root=True, hostname="box", domainname="dom", time_offsets=offsets)
    with running(box) as child:
        assert at(snapshot(), f"/proc/{child.pid}/ns/uts").hostname is None
        fds = descriptors()
        taken = snapshot(particulars=True)
        assert descriptors() == fds
        user, net, time = (at(taken, f"/proc/{child.pid}/ns/{name}") for name in ("user", "net", "time"))
        assert user.uid_map == ((0, os.geteuid(), 1),) and user.gid_map == ((0, os.getegid(), 1),)
        assert net.interfaces == ("lo",) and net.hostname is None
        assert time.particulars.boottime == (7, 0) and time.particulars.monotonic == (1, 5)
        uts = at(taken, f"/proc/{child.pid}/ns/uts")
        # Who may not go there cannot ask.
        expected = ("box", "dom") if ROOT else (None, None)
        assert (uts.hostname, uts.particulars.domainname) == expected
        assert at(taken, "/proc/self/ns/uts").hostname == os.uname().nodename
        row = next(row for row in taken.rows() if row["inode"] == user.inode)
        assert row["uid_map"] == f"0:{os.geteuid()}:1"
        row = next(row for row in taken.rows() if row["inode"] == time.inode)
        assert (row["boottime"], row["monotonic"]) == (7, 1.000000005)


def test_what_changed() -> None:
    """Appeared, gone and moved, with a process that is the same."""
    code = "import sys; print('first', flush=True); sys.stdin.readline(); nsiso.unshare(nsiso.Kind.IPC)"
    command = [
        sys.executable,
        "-c",
        f"import nsiso; {code}; print('second', flush=True); sys.stdin.readline()",
    ]
    with nsiso.Popen(
        command, spec=spec("uts"), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdin is not None and child.stdout is not None
        child.stdout.readline()
        first = snapshot(lineage=True)
        was = links(child.pid)
        child.stdin.write("\n")
        child.stdin.flush()
        child.stdout.readline()
        second = snapshot(lineage=True)
        now = links(child.pid)
        changed = second.since(first)
        assert changed and not second.since(second) and str(second.since(second)) == ""
        assert now["ipc"] in map(str, changed.appeared) and was["uts"] not in map(str, changed.appeared)
        (moved,) = (moved for moved in changed.moved if moved.process.pid == child.pid)
        assert (str(moved.before), str(moved.after)) == (was["ipc"], now["ipc"])
        assert f"+ {now['ipc']}" in str(changed).splitlines() and f"{moved}" in str(changed)
        child.stdin.close()
        child.wait()
    third = snapshot(lineage=True)
    gone = third.since(second).gone
    assert {was["uts"], now["ipc"]} <= set(map(str, gone))
    assert all(one.kind == Kind.NET for one in snapshot(kinds="net").since(first).gone)


def test_trees() -> None:
    """Each namespace is there once, below what the relation says."""
    with running(Spec("user,pid,net", map_root=True)) as child:
        taken = snapshot(lineage=True)
        user, net, pid = (at(taken, f"/proc/{child.pid}/ns/{name}") for name in ("user", "net", "pid"))
        by: Any
        for by in ("parent", "owner", "process"):
            tree = taken.tree(by)
            assert sorted(str(one) for _, one in tree) == sorted(map(str, taken))
            assert sum(map(str.isdigit, str(tree))) == sum(map(str.isdigit, "".join(map(str, taken))))
        assert net in taken.tree().below(user) and user.parent is not None
        assert user in taken.tree("parent").below(user.parent) and net in taken.tree("parent").roots
        assert pid in taken.tree("process").below(at(taken, "/proc/self/ns/pid"))
        assert net in taken.tree("process").below(at(taken, "/proc/self/ns/net"))
        with pytest.raises(ValueError, match="lineage"):
            snapshot().tree("process")
        with pytest.raises(ValueError, match="another snapshot"):
            snapshot().tree().below(user)


def as_ordinary(check: Callable[[], None]) -> None:
    """Run a check in a copy of this process that is an ordinary user's."""

    def begin() -> None:
        if ROOT:
            os.setgroups([])
            os.setresgid(12345, 12345, 12345)
            os.setresuid(12345, 12345, 12345)
        check()

    nsiso.call(begin, timeout=100)


def test_an_ordinary_user_is_told_what_is_missing() -> None:
    """The processes of others, by number, with the errno, why, and what to do."""

    def check() -> None:
        others = {int(name) for name in os.listdir("/proc") if name.isdigit() and not links(int(name))}
        taken = snapshot("all")
        assert taken.of(1) is None
        first = next(one for one in taken.incomplete if 1 in one.pids)
        assert (first.what, first.errno) == ("namespaces", 13) and first.count == len(first.pids)
        assert "CAP_SYS_PTRACE" in first.remedy and str(first) == first.message
        assert first.message.startswith(f"namespaces of {first.count} process") and "EACCES" in first.message
        still = {pid for pid in others if Path(f"/proc/{pid}").exists()}
        told = {pid for one in taken.incomplete for pid in one.pids}
        assert {pid for pid in still if taken.of(pid) is None and Path(f"/proc/{pid}").exists()} <= told

    as_ordinary(check)


def test_rows_and_json() -> None:
    """The same as the records, flat and in full."""
    with running(spec("uts")) as child:
        taken = snapshot("all", lineage=True, particulars=True)
        rows, data = taken.rows(), json.loads(taken.to_json())
        assert len(rows) == len(data["namespaces"]) == len(taken) == len(list(taken))
        assert len({tuple(row) for row in rows}) == 1
        assert all(
            value is None or isinstance(value, (str, int, float)) for row in rows for value in row.values()
        )
        assert set(data) == {"depth", "kinds", "namespaces", "processes", "incomplete"}
        assert (data["depth"], data["kinds"]) == ("all", NAMES)
        for one, row, told in zip(taken, rows, data["namespaces"]):
            assert row["inode"] == told["inode"] == one.inode and row["kind"] == told["kind"]
            assert told["processes"] == list(one.processes) and row["processes"] == len(one.processes)
            assert len(told["holders"]) == len(one.holders) - one.process_count
            assert row["user_ns"] == told["user_ns"] == (one.user_ns.inode if one.user_ns else None)
        process = next(process for process in data["processes"] if process["pid"] == child.pid)
        assert (process["name"], process["parent"]) == ("sleep", os.getpid())
        assert process["namespaces"] == {name: inode(f"/proc/{child.pid}/ns/{name}") for name in NAMES}
        assert len(data["incomplete"]) == len(taken.incomplete)
        named = {field.name for field in dataclasses.fields(nsiso.Incomplete)}
        assert all(set(one) == named for one in data["incomplete"])


def test_only_some_kinds() -> None:
    """And those that own them, which can be found but are not listed."""
    taken = snapshot(kinds="net,uts")
    assert {one.kind for one in taken} == {Kind.NET, Kind.UTS} == set(taken.by_kind)
    assert taken.by_kind[Kind.NET] == taken["net"] == taken[Kind.NET]
    assert taken.find("user", here("user")) is not None
    with pytest.raises(KeyError):
        taken["user"]
    assert taken.kinds == Kind.NET | Kind.UTS and taken.depth == "processes"
    process = taken.of(os.getpid())
    assert process is not None and set(process.namespaces) == {Kind.NET, Kind.UTS}
    assert process.namespace("mnt") is None


def test_processes_are_a_sequence() -> None:
    """Made when they are looked at, equal if they are the same."""
    taken = snapshot()
    processes = taken.processes
    assert isinstance(processes, Sequence) and len(processes) == len(taken.pids)
    assert [process.pid for process in processes] == list(taken.pids) == sorted(taken.pids)
    assert processes[-1] == processes[len(processes) - 1] == processes[-1:][0]
    assert len({processes[0], processes[0]}) == 1 and processes[0].name is None
    own = taken.of(os.getpid())
    assert own in processes and own is not None and own.shares(own) == Kind(sum(Kind))
    with pytest.raises(IndexError):
        processes[len(processes)]
    with pytest.raises(ValueError, match="another snapshot"):
        own.shares(snapshot().processes[0])


def test_a_hostile_name_is_told_as_it_is() -> None:
    """And is text in JSON that any reader takes."""
    name = b"\x1b[2J\n<&\xff)"
    code = f"import ctypes; ctypes.CDLL(None).prctl(15, {name!r}, 0, 0, 0)"
    with program(code) as child:
        taken = snapshot(lineage=True)
        process = taken.of(child.pid)
        assert process is not None and process.name is not None
        assert os.fsencode(process.name) == name == os.fsencode(nsiso.describe(child.pid).name)
        data = json.loads(taken.to_json())
        told = next(one["name"] for one in data["processes"] if one["pid"] == child.pid)
        assert told == "\x1b[2J\n<&\\xff)" and told.encode()


def test_many_threads_at_once() -> None:
    """Each gets its own, and nothing is left open."""
    fds = descriptors()
    seen: list[Snapshot] = []
    threads = [threading.Thread(target=lambda: seen.append(snapshot("all"))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(seen) == 4 and all(one.of(os.getpid()) for one in seen)
    assert descriptors() == fds


def test_a_record_cannot_be_changed_or_made() -> None:
    """Nor one that it gives."""
    taken: Any = snapshot("descriptors")
    namespace: Any = taken.namespaces[0]
    process: Any = taken.processes[0]
    for thing, name in ((taken, "depth"), (taken, "new"), (namespace, "kind"), (process, "pid")):
        with pytest.raises(AttributeError):
            setattr(thing, name, 3)
    with pytest.raises(TypeError):
        taken.by_kind[Kind.NET] = ()
    for made in (nsiso.Snapshot, nsiso.NamespaceInfo, nsiso.ProcessInfo):
        with pytest.raises(TypeError, match=r"nsiso\.snapshot"):
            made()
    holder: Any = namespace.holders[0]
    with pytest.raises(dataclasses.FrozenInstanceError):
        holder.pid = 3
    assert "namespaces" in repr(taken) and str(namespace) in repr(namespace)
    assert str(process.pid) in repr(process)


def test_what_cannot_be_meant_is_refused() -> None:
    """With the words that say what is wrong."""
    untyped: Any = snapshot
    taken: Any = snapshot()
    cases: list[tuple[Callable[[], Any], type[BaseException], str]] = [
        (lambda: untyped("deep"), ValueError, "'deep'"),
        (lambda: untyped(3), TypeError, "depth"),
        (lambda: untyped(kinds="disk"), ValueError, "disk"),
        (lambda: untyped(kinds=""), ValueError, "at least one"),
        (lambda: untyped(lineage=1), TypeError, "lineage"),
        (lambda: untyped("all", True), TypeError, "positional"),
        (lambda: taken.find("uts", "x"), TypeError, "inode"),
        (lambda: taken.find("uts,net", 1), ValueError, "exactly one"),
        (lambda: taken.of(-1), ValueError, "pid"),
        (lambda: taken.tree("size"), ValueError, "'size'"),
        (lambda: taken.since(3), TypeError, "Snapshot"),
        (lambda: taken[1], KeyError, "1"),
        (lambda: taken["disk"], ValueError, "disk"),
        (lambda: taken[1.5], TypeError, "inode"),
        (lambda: nsiso.describe(-1), ValueError, "pid"),
        (lambda: nsiso.describe(2**31 - 1), ProcessLookupError, "ESRCH"),
    ]
    for call, expected, words in cases:
        with pytest.raises(expected, match=words):
            call()
    assert taken.find("uts", 1) is None and taken.of(2**31 - 1) is None


def test_describe() -> None:
    """By every number, as /proc has it."""
    own = nsiso.describe("self")
    assert own == nsiso.describe(os.getpid())
    assert (own.pid, own.numbers[0], own.parent, own.uid) == (
        os.getpid(),
        os.getpid(),
        os.getppid(),
        os.geteuid(),
    )
    assert own.command[0] == sys.executable or own.command
    command = ["sh", "-c", "echo; sleep 600; :", ""]
    with nsiso.Popen(command, spec=Spec("user,pid", map_root=True), stdout=subprocess.PIPE) as child:
        # Whoever has said something has executed.
        assert child.stdout is not None and child.stdout.read(1) == b"\n"
        told = nsiso.describe(child.pid)
        assert told.numbers == tuple(map(int, field(child.pid, "NSpid").split())) == (child.pid, 1)
        assert (told.parent, told.uid, told.name) == (os.getpid(), os.geteuid(), "sh")
        assert told.command == tuple(command)
        child.kill()


def test_without_proc() -> None:
    """There is nothing to read, and that is said."""

    def check() -> None:
        with tempfile.TemporaryDirectory() as empty:
            subprocess.run(["mount", "--bind", empty, "/proc"], check=True)
        with pytest.raises(nsiso.Error, match=r"take a snapshot \(/proc\): E"):
            snapshot()

    nsiso.call(check, spec=spec("mnt"), timeout=100)
