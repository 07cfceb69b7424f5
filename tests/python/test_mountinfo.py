"""Does mountinfo() say what /proc/PID/mountinfo says, of any name, and does the tree say where paths lead?"""

from __future__ import annotations

import ctypes
import os
import pickle
import subprocess
import threading
from pathlib import Path
from typing import Callable, TypeVar

import nsiso
import pytest
from nsiso import Error, MountInfo, MountTable, Spec

T = TypeVar("T")

LIBC = ctypes.CDLL(None, use_errno=True)
MS_BIND, MS_UNBINDABLE, MS_SLAVE, MS_SHARED = 1 << 12, 1 << 17, 1 << 19, 1 << 20
NAMES = [b"a b", b"tab\there", b"new\nline", b"back\\slash", b"h#sh", b"\\040", b"\xff\xfe", "grün".encode()]
NO_STATMOUNT = "statmount does not tell"


def apart(fn: Callable[[], T]) -> T:
    """Call a function where it may mount, and nobody else sees it."""
    return nsiso.call(fn, spec=Spec("user,mnt", map_root=True))


def mount(source: bytes, target: bytes, fstype: bytes = b"tmpfs", flags: int = 0) -> None:
    """mount(2)."""
    assert LIBC.mount(source, target, fstype, flags, None) == 0, os.strerror(ctypes.get_errno())


def tmpfs(target: bytes, source: bytes = b"none") -> None:
    """Make a directory and mount one there."""
    os.makedirs(target, exist_ok=True)
    mount(source, target)


def lines(mounts: list[MountInfo]) -> bytes:
    """Give the text that the table is of."""
    return b"".join(mount.raw + b"\n" for mount in mounts)


def same_by_statmount(pid: int = 0) -> bool:
    """Whether both routes tell the same; true also where the kernel has but one."""
    try:
        return nsiso.mountinfo(pid, route="statmount") == nsiso.mountinfo(pid, route="mountinfo")
    except Error as error:
        return NO_STATMOUNT in error.cause


def test_the_table_is_the_kernels_text() -> None:
    """Of this thread, of this process by its number, and of another one."""
    with subprocess.Popen(["sleep", "60"]) as other:
        for pid, path in (("self", "thread-self"), (os.getpid(), "self"), (other.pid, str(other.pid))):
            for _ in range(100):
                text = Path("/proc", path, "mountinfo").read_bytes()
                mounts = nsiso.mountinfo(pid)  # type: ignore[arg-type]
                if lines(mounts) == text:
                    break
            assert lines(mounts) == text and isinstance(mounts, list) and not mounts.changed_while_read
        other.kill()


def test_the_fields_of_a_line() -> None:
    """By name, in the kernel's order, typed."""
    for mount in nsiso.mountinfo():
        words = mount.raw.split(b" ")
        dash = words.index(b"-")
        assert [mount.id, mount.parent_id] == [int(words[0]), int(words[1])]
        assert f"{mount.major}:{mount.minor}".encode() == words[2]
        if b"\\" not in mount.raw:
            names = (mount.root, mount.point, mount.options)
            assert [os.fsencode(name) for name in names] == words[3:6]
            tags = [name if value is None else f"{name}:{value}" for name, value in mount.tags]
            assert [tag.encode() for tag in tags] == words[6:dash]
            names = (mount.fstype, mount.source, mount.super_options)
            assert [os.fsencode(name) for name in names] == words[dash + 1 :]
        assert str(mount) == os.fsdecode(mount.raw)
        with pytest.raises(AttributeError):
            mount.id = 1  # type: ignore[misc]
        assert hash(mount) == hash(pickle.loads(pickle.dumps(mount)))


def test_names_of_any_bytes() -> None:
    """They come back as os.fsencode gives them, by both routes."""

    def check() -> list[tuple[str, str]]:
        tmpfs(b"/mnt")
        before = len(nsiso.mountinfo())
        for name in NAMES:
            tmpfs(b"/mnt/" + name, name)
        assert same_by_statmount()
        return [(mount.point, mount.source) for mount in nsiso.mountinfo()[before:]]

    told = apart(check)
    assert [os.fsencode(point) for point, _ in told] == [b"/mnt/" + name for name in NAMES]
    assert [os.fsencode(source) for _, source in told] == NAMES


def test_propagation() -> None:
    """Peer groups, and what cannot be bound."""

    def check() -> MountTable:
        tmpfs(b"/mnt")
        tmpfs(b"/mnt/a")
        mount(b"", b"/mnt/a", b"", MS_SHARED)
        os.mkdir("/mnt/b")
        mount(b"/mnt/a", b"/mnt/b", b"", MS_BIND)
        mount(b"", b"/mnt/b", b"", MS_SLAVE)
        tmpfs(b"/mnt/c")
        mount(b"", b"/mnt/c", b"", MS_UNBINDABLE)
        assert same_by_statmount()
        return nsiso.mountinfo()

    table = apart(check)
    assert isinstance(table, MountTable)  # came through a pickle
    a, b, c = table[-3:]
    assert a.shared and a.tags == (("shared", a.shared),) and a.master is None and not a.unbindable
    assert b.master == a.shared and b.shared is None and b.propagate_from is None
    assert c.tags == (("unbindable", None),) and c.unbindable
    tree = table.tree()
    assert tree.peers(a.shared) == (a,) and tree.slaves(a.shared) == (b,) and tree.peers(2**40) == ()


def test_the_tree_says_where_paths_lead() -> None:
    """The kernel's own word for it: a directory's device, which is another one on each tmpfs."""

    def check() -> None:
        for name in (b"/mnt", b"/mnt/x/y", b"/mnt/x", b"/mnt/z", b"/mnt/z", b"/mnt/x/y"):
            tmpfs(name)
        tree = nsiso.mountinfo().tree()
        for node in tree.nodes[-6:]:
            device = os.stat(node.mount.point).st_dev
            leads_there = device == os.makedev(node.mount.major, node.mount.minor)
            assert node.over_mounted != leads_there, node
        assert [node.over_mounted for node in tree.nodes[-6:]] == [False, True, False, True, False, False]
        top, y, x, z, zz, yy = tree.nodes[-6:]
        assert (y.parent, x.parent, z.parent, zz.parent, yy.parent) == (top, top, top, z, x)
        assert set(top.children) == {y, x, z} and z.children == (zz,)
        assert [node.mount.id for node in top.walk()] == [
            node.mount.id for node in (top, y, x, yy, z, zz)
        ] and len(list(tree)) == len(tree)
        assert [root.parent for root in tree.roots] == [None]

    apart(check)


def test_a_table_may_be_filtered() -> None:
    """A tree is of what is in the table then."""
    table = nsiso.mountinfo()
    proc = MountTable(mount for mount in table if mount.fstype == "proc")
    assert len(proc.tree()) == len(proc) == len(proc.tree().roots)
    assert MountTable().tree().roots == ()
    with pytest.raises(Error) as caught:
        MountTable([proc[0]._replace(raw=b"no line")]).tree()
    assert caught.value.object == 'line 1: "no line"'


def test_a_process_that_has_ended() -> None:
    """Also one that nobody has reaped yet."""
    other = subprocess.Popen(["sleep", "60"])
    other.kill()
    os.waitid(os.P_PID, other.pid, os.WEXITED | os.WNOWAIT)
    for _ in range(2):
        with pytest.raises(ProcessLookupError) as caught:
            nsiso.mountinfo(other.pid)
        assert isinstance(caught.value, Error) and caught.value.cause == "the process has ended"
        other.wait()


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"pid": -1}, ValueError),
        ({"pid": "me"}, TypeError),
        ({"pid": None}, TypeError),
        ({"pid": 2**40}, OverflowError),
        ({"route": "slowest"}, ValueError),
        ({"route": None}, ValueError),
    ],
)
def test_what_cannot_be_meant(arguments: dict[str, object], error: type[Exception]) -> None:
    """Is told as such."""
    with pytest.raises(error):
        nsiso.mountinfo(**arguments)  # type: ignore[arg-type]


def test_a_thread_has_a_table_of_its_own() -> None:
    """One that has left the others' mount namespace reads its own."""

    def check() -> tuple[int, int]:
        counts: list[int] = []

        def run() -> None:
            nsiso.unshare(nsiso.Kind.MNT)
            tmpfs(b"/mnt")
            counts.append(len(nsiso.mountinfo()))

        thread = threading.Thread(target=run)
        thread.start()
        thread.join()
        return counts[0], len(nsiso.mountinfo())

    inside, outside = apart(check)
    assert inside == outside + 1
