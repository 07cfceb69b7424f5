"""Does a host with busy threads create, join and list namespaces, and stay what it was?

Of user, mnt and time namespaces, none of which a thread of many can enter itself. The threads do what numpy's
do: work in native code with the interpreter lock released.
"""

import ctypes
import hashlib
import os
import signal
import threading
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Callable

import nsiso
import pytest
from nsiso import Kind, Spec
from spawning import PATIENCE, children, descriptors, said, script

KINDS = Kind.USER | Kind.MNT | Kind.TIME
NAMES = ("user", "mnt", "time")
TURNS = 12

BOX = Spec(KINDS, map_root=True, time_offsets={"boottime": 86_400})


@contextmanager
def native_threads() -> Iterator[list[int]]:
    """Threads in native code, each of which counts its turns: they allocate, hash, pack and call libc."""
    stop = threading.Event()
    block = os.urandom(1 << 18)
    libc = ctypes.CDLL(None)
    libc.malloc.restype = libc.memset.restype = ctypes.c_void_p
    libc.memset.argtypes = (ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t)
    libc.free.argtypes = (ctypes.c_void_p,)

    def churn() -> None:
        memory = libc.malloc(1 << 20)
        libc.memset(memory, 7, 1 << 20)
        libc.free(memory)

    works: list[Callable[[], object]] = [
        lambda: hashlib.sha256(block).digest(),
        lambda: zlib.crc32(zlib.compress(block, 1)),
        lambda: [bytes(bytearray(1 << 16)) for _ in range(20)],
        churn,
        churn,
    ]
    turns = [0] * len(works)

    def work(number: int) -> None:
        while not stop.is_set():
            works[number]()
            turns[number] += 1

    threads = [threading.Thread(target=work, args=(number,)) for number in range(len(works))]
    for thread in threads:
        thread.start()
    try:
        yield turns
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def state() -> dict[str, Any]:
    """What a host is, that starting something might change: of the process, and of each of its threads."""
    get_dumpable = 3
    umask = os.umask(0o22)
    os.umask(umask)
    wakeup = signal.set_wakeup_fd(-1)
    signal.set_wakeup_fd(wakeup)
    wanted = ("SigBlk", "SigIgn", "SigCgt", "Cap", "Uid", "Gid", "Groups", "NoNewPrivs", "Seccomp:")
    tasks = Path("/proc/self/task")
    threads = {
        task.name: (
            [line for line in (task / "status").read_text().splitlines() if line.startswith(wanted)],
            [os.readlink(link) for link in sorted((task / "ns").iterdir())],
            os.readlink(task / "cwd"),
            os.readlink(task / "root"),
        )
        for task in sorted(tasks.iterdir())
    }
    return {
        "threads": threads,
        "own": nsiso.links(),
        "cwd": os.getcwd(),
        "umask": umask,
        "dumpable": ctypes.CDLL(None).prctl(get_dumpable, 0, 0, 0, 0),
        "owner of /proc/self": os.stat("/proc/self/mem").st_uid,
        "mask": signal.pthread_sigmask(signal.SIG_BLOCK, []),
        "SIGCHLD": signal.getsignal(signal.SIGCHLD),
        "wakeup": wakeup,
        "mounts": Path("/proc/self/mountinfo").read_text(),
        "clocks": Path("/proc/self/timens_offsets").read_text(),
    }


@pytest.fixture
def host() -> Iterator[list[int]]:
    """Threads at work, signals that are all but as they begin, and a check that nothing of it has changed."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    handler = signal.signal(signal.SIGCHLD, lambda number, frame: None)
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
    wakeup = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    try:
        with native_threads() as turns:
            before = state()
            counts = descriptors(), children()
            yield turns
            after = state()
            assert {key for key in before if before[key] != after[key]} == set()
            assert (descriptors(), children()) == counts
            assert before["dumpable"] == 1 and before["SIGCHLD"] not in (signal.SIG_DFL, None)
            assert before["mask"] == {signal.SIGUSR1} and before["wakeup"] == writer
            assert len(before["threads"]) > len(turns)
    finally:
        signal.set_wakeup_fd(wakeup)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        signal.signal(signal.SIGCHLD, handler)
        os.close(reader)
        os.close(writer)


def witness(pid: int) -> dict[str, str]:
    """The namespaces that the kernel says a process is in."""
    return {name: os.readlink(f"/proc/{pid}/ns/{name}") for name in NAMES}


def listed(pid: int) -> dict[str, str]:
    """The namespaces that we say it is in."""
    links = nsiso.links(pid)
    return {name: f"{name}:[{links[name].inode}]" for name in NAMES}


def while_all_go_on(host: list[int]) -> Iterator[int]:
    """So many turns, and more until every thread has had one: on a busy machine that takes longer."""
    before = list(host)
    end = time.monotonic() + PATIENCE
    turn = 0
    while turn < TURNS or not all(now > then for now, then in zip(host, before)):
        assert turn < TURNS or time.monotonic() < end, "a thread has stood still"
        yield turn
        turn += 1


def test_namespaces_are_created_joined_and_listed(host: list[int]) -> None:
    """In turn, many times, while every thread goes on."""
    own = witness(os.getpid())
    for turn in while_all_go_on(host):
        with nsiso.Popen(["sleep", "600"], spec=BOX) as first:
            created = witness(first.pid)
            assert listed(first.pid) == created
            assert all(created[name] != own[name] for name in NAMES)
            target: Any = (first.pid, first)[turn % 2]
            joining = Spec(join=(target, KINDS))
            with nsiso.Popen(["sleep", "600"], spec=joining) as second:
                assert witness(second.pid) == listed(second.pid) == created
                assert nsiso.same(first.pid, second.pid, Kind.TIME)
                assert not nsiso.same(first.pid, os.getpid(), Kind.USER)
                second.kill()
            uptime = float(said(joining, "cat /proc/uptime").split()[0])
            assert uptime > 86_400 + float(Path("/proc/uptime").read_text().split()[0]) - 5
            assert nsiso.call(witness, os.getpid()) == own
            first.kill()
        assert listed(os.getpid()) == witness(os.getpid()) == own


def test_functions_are_called_in_new_and_in_joined_ones(host: list[int]) -> None:
    """A copy of this host, which has a libc of its own to work with."""

    def inside() -> tuple[dict[str, str], int, int]:
        packed = zlib.compress(bytes(1 << 20))
        return {name: os.readlink(f"/proc/self/ns/{name}") for name in NAMES}, os.getuid(), len(packed)

    own = witness(os.getpid())
    expected = len(zlib.compress(bytes(1 << 20)))
    for _ in range(TURNS):
        with nsiso.Popen(["sleep", "600"], spec=BOX) as first:
            there, uid, length = nsiso.call(inside, spec=Spec(join=(first, KINDS)), timeout=60)
            assert (there, uid, length) == (witness(first.pid), 0, expected)
            new, uid, length = nsiso.call(inside, spec=BOX, timeout=60)
            assert (uid, length) == (0, expected)
            assert all(new[name] not in (own[name], there[name]) for name in NAMES)
            first.kill()


def test_what_is_refused_changes_nothing_either(host: list[int]) -> None:
    """A start that fails in its set-up, or at its end, is undone."""
    for _ in while_all_go_on(host):
        with pytest.raises(FileNotFoundError):
            nsiso.Popen(["no-such-program"], spec=BOX)
        with pytest.raises(FileNotFoundError):
            nsiso.Popen(["true"], spec=BOX.replace(cwd="/no/such/place"))
        with pytest.raises(nsiso.Error):
            nsiso.Popen(["true"], spec=BOX.replace(time_offsets={"boottime": -(10**9)}))


def test_a_host_that_cannot_be_dumped_stays_so() -> None:
    """And one that can be traced stays so, also when the child becomes another user."""
    done = script(
        """
import ctypes, nsiso
get_dumpable, set_dumpable = 3, 4
prctl = ctypes.CDLL(None).prctl
box = nsiso.Spec("user,mnt,time", map_root=True, uid=0, gid=0)
for dumpable in (1, 0):
    prctl(set_dumpable, dumpable, 0, 0, 0)
    try:
        print(nsiso.run(["true"], spec=box).returncode, end=" ")
    except nsiso.Error as refused:
        print(refused.step, end=" ")
    print(prctl(get_dumpable, 0, 0, 0, 0))
"""
    )
    assert done.stderr == "" and [line.split()[1] for line in done.stdout.splitlines()] == ["1", "0"], done
    assert done.stdout.splitlines()[0] == "0 1"
