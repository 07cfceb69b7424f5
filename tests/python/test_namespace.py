"""Is a Namespace the one that was meant, does it tell the truth, and does it close as a file does?"""

import copy
import fcntl
import os
import pickle
import socket
import subprocess
import threading
from pathlib import Path
from typing import Any, Callable

import nsiso
import pytest
from nsiso import Kind, Namespace, Spec
from spawning import ROOT, apart, descriptors, here, inode, running, said, sleeper, spec

NAMES = ("mnt", "uts", "ipc", "pid", "net", "user", "cgroup", "time")


def test_every_way_leads_to_the_same_namespace() -> None:
    """By process, number, pidfd, path, descriptor: as the kernel's links say."""
    new = {"net", "uts", "user"}
    with running(Spec("net,uts,user", map_root=True)) as child:
        pidfd = os.pidfd_open(child.pid)
        fds = descriptors()
        for name in NAMES:
            link = f"/proc/{child.pid}/ns/{name}"
            with open(link) as file, os.fdopen(os.dup(pidfd)) as by_pidfd:
                ways = [
                    Namespace.of(child, name),
                    Namespace.of(child.pid, Kind[name.upper()]),
                    Namespace.of(by_pidfd, name),
                    Namespace.open(link),
                    Namespace.open(Path(link)),
                    Namespace.open(os.fsencode(link)),
                    Namespace.from_fd(file),
                    Namespace.from_fd(file.fileno()),
                ]
            own = Namespace.current(name)
            for way in ways:
                assert way == ways[0] and hash(way) == hash(ways[0]) and way.id == ways[0].id
                assert (way.kind, way.inode, way.device) == (
                    Kind[name.upper()],
                    inode(link),
                    os.stat(link).st_dev,
                )
                assert os.fstat(way.fileno()).st_ino == inode(link) and not os.get_inheritable(way.fileno())
                assert repr(way) == f"<Namespace {os.readlink(link)}>"
                assert (way == own) == (name not in new) and way != object()
            assert len({*ways, own}) == 1 + (name in new)
            del ways, way, own
        assert descriptors() == fds
        os.close(pidfd)


def test_a_thread_has_its_own() -> None:
    """A number may be a thread's."""
    assert Namespace.of(threading.get_native_id(), "net") == Namespace.current("net")


def test_a_process_of_others_has_a_number() -> None:
    """An object that knows no more than that."""
    with subprocess.Popen(["sleep", "600"]) as child:
        assert Namespace.of(child, "uts") == Namespace.current("uts")
        child.kill()


def test_owner_parent_and_level_are_those_of_the_tree() -> None:
    """With one's own above."""
    with running(Spec("user,pid,uts", map_root=True)) as child:
        user, pid, uts = (Namespace.of(child, name) for name in ("user", "pid", "uts"))
        assert uts.user_ns() == pid.user_ns() == user
        assert user.parent() == user.user_ns() == Namespace.current("user")
        assert pid.parent() == Namespace.current("pid")
        assert (user.level(), pid.level(), Namespace.current("pid").level()) == (1, 1, 0)
        assert user.owner_uid == uts.owner_uid == os.geteuid()
        assert pid.pid_inside(child.pid) == 1 and pid.pid_outside(1) == child.pid
        with pytest.raises(ProcessLookupError):
            pid.pid_inside(os.getpid())
        with pytest.raises(ProcessLookupError):
            pid.pid_outside(4_000_000)
        with pytest.raises(nsiso.Error, match="do not lie in each other"):
            uts.parent()
        with pytest.raises(nsiso.Error, match="no pid namespace"):
            uts.pid_inside(1)
    with pytest.raises(PermissionError):
        Namespace.current("user").parent()


def test_a_saved_one_is_found_again() -> None:
    """In this process and in another; not once it is gone."""
    with running(spec("uts")) as child:
        uts = Namespace.of(child, "uts")
        saved = uts.save()
        assert isinstance(saved, bytes) and len(saved) == 36
        assert Namespace.restore(saved) == uts == Namespace.restore(bytearray(saved))
        told = nsiso.call(lambda: Namespace.restore(saved).inode)
        assert told == uts.inode
    del uts
    with pytest.raises(OSError, match="ESTALE"):
        Namespace.restore(saved)
    with pytest.raises(nsiso.Error, match="never saved"):
        Namespace.restore(b"nsi")


def test_it_closes_as_a_file_does() -> None:
    """At the end of a with, twice, and by being collected; then it is good for nothing."""
    fds = descriptors()
    with Namespace.current("uts") as uts:
        assert not uts.closed
        name, number, same = repr(uts), hash(uts), Namespace.current("uts")
        assert descriptors() == fds + 2
    assert uts.closed and descriptors() == fds + 1
    uts.close()
    uses: list[Callable[[Namespace], Any]] = [
        lambda one: one.kind,
        lambda one: one.device,
        lambda one: one.inode,
        lambda one: one.id,
        lambda one: one.owner_uid,
        Namespace.user_ns,
        Namespace.parent,
        Namespace.level,
        Namespace.save,
        Namespace.fileno,
        Namespace.visit,
        Namespace.socket,
        Namespace.__enter__,
        lambda one: one.pid_inside(1),
        lambda one: one.pid_outside(1),
        lambda one: one.call(os.getpid),
        lambda one: nsiso.setns(one),
        lambda one: nsiso.run(["true"], spec=Spec(join=one)),
        Namespace.from_fd,
    ]
    for use in uses:
        with pytest.raises(ValueError, match="I/O operation on closed namespace"):
            use(uts)
    assert repr(uts) == name.replace(">", ", closed>") and hash(uts) == number
    assert uts in [uts] and uts not in [same] and same not in [uts]
    del same
    assert descriptors() == fds


def test_it_is_not_copied() -> None:
    """Its descriptor has one owner."""
    own = Namespace.current("uts")
    for copied in (copy.copy, copy.deepcopy, pickle.dumps):
        with pytest.raises(TypeError, match="cannot pickle or copy a Namespace"):
            copied(own)
    with pytest.raises(TypeError, match="made by"):
        Namespace()


def test_a_class_of_ones_own() -> None:
    """What it opens is of that class."""

    class Mine(Namespace):
        __slots__ = ()

    own = Mine.current("user")
    assert type(own) is Mine and own == Namespace.current("user") and repr(own).startswith("<Mine user:[")
    with running(Spec("user", map_root=True)) as child:
        assert type(Mine.of(child, "user").parent()) is Mine


# What a type checker would not let pass.
UNTYPED: Any = Namespace


class Fileno:
    """Says what its descriptor is."""

    def __init__(self, number: Any) -> None:
        self.number = number

    def fileno(self) -> Any:
        """Tell."""
        return self.number


@pytest.mark.parametrize(
    ("call", "expected", "words"),
    [
        (lambda: UNTYPED.of(os.getpid(), "uts,net"), ValueError, "exactly one"),
        (lambda: UNTYPED.of(os.getpid(), ""), ValueError, "exactly one"),
        (lambda: UNTYPED.of(os.getpid(), "disk"), ValueError, "disk"),
        (lambda: UNTYPED.of(os.getpid(), 1), ValueError, "no kind"),
        (lambda: UNTYPED.of(os.getpid(), None), TypeError, "kind"),
        (lambda: UNTYPED.of(0, "uts"), ValueError, "process"),
        (lambda: UNTYPED.of(-1, "uts"), ValueError, "process"),
        (lambda: UNTYPED.of(2**40, "uts"), ValueError, "process"),
        (lambda: UNTYPED.of("self", "uts"), TypeError, "process"),
        (lambda: UNTYPED.of(None, "uts"), TypeError, "process"),
        (lambda: UNTYPED.of(True, "uts"), TypeError, "process"),
        (lambda: UNTYPED.of(2**31 - 1, "uts"), ProcessLookupError, "ended"),
        (lambda: UNTYPED.of(Fileno(-1), "uts"), OSError, "EBADF"),
        (lambda: UNTYPED.of(Fileno(0), "uts"), OSError, "EBADF"),
        (lambda: UNTYPED.of(Fileno("3"), "uts"), TypeError, "fileno"),
        (lambda: UNTYPED.current("uts,net"), ValueError, "exactly one"),
        (lambda: UNTYPED.open("/dev/null"), OSError, "no namespace"),
        (lambda: UNTYPED.open("/no/such/file"), FileNotFoundError, "ENOENT"),
        (lambda: UNTYPED.open("a\0b"), ValueError, "null byte"),
        (lambda: UNTYPED.open(3), TypeError, "path"),
        (lambda: UNTYPED.from_fd(-1), OSError, "EBADF"),
        (lambda: UNTYPED.from_fd(777), OSError, "EBADF"),
        (lambda: UNTYPED.from_fd(0), OSError, "no namespace"),
        (lambda: UNTYPED.from_fd("3"), TypeError, "str"),
        (lambda: UNTYPED.from_fd(2**40), OverflowError, "out of range"),
        (lambda: UNTYPED.of_socket(0), OSError, "no socket"),
        (lambda: UNTYPED.of_socket(-1), OSError, "EBADF"),
        (lambda: UNTYPED.of_socket(None), TypeError, "NoneType"),
        (lambda: UNTYPED.restore(b""), OSError, "never saved"),
        (lambda: UNTYPED.restore("text"), TypeError, "str"),
        (lambda: UNTYPED.current("uts").pid_inside("1"), TypeError, "str"),
        (lambda: UNTYPED.current("uts").call(None), TypeError, "callable"),
        (lambda: UNTYPED.current("uts").socket(), OSError, "no net namespace"),
    ],
)
def test_what_cannot_be_meant_is_refused(
    call: Callable[[], Any], expected: type[BaseException], words: str
) -> None:
    """With the words that say what is wrong, and nothing is left open."""
    with open(os.devnull) as null:
        # Neither a namespace, nor a socket, nor a pidfd, wherever the tests run.
        saved = os.dup(0)
        os.dup2(null.fileno(), 0)
    fds = descriptors()
    try:
        with pytest.raises(expected, match=words):
            call()
        assert descriptors() == fds
    finally:
        os.dup2(saved, 0)
        os.close(saved)


def test_it_serves_where_a_descriptor_does() -> None:
    """A spec joins it, one or several; also after the processes have ended, while it is held."""
    with running(Spec("user,uts,net", map_root=True, hostname="held")) as child:
        user, uts, net = (Namespace.of(child, name) for name in ("user", "uts", "net"))
    assert said(Spec(join=[user, uts]), "hostname") == "held"
    joined = said(Spec(join=[user, uts, net]), "readlink /proc/self/ns/net /proc/self/ns/uts")
    assert [f"<Namespace {name}>" for name in joined.split()] == [repr(net), repr(uts)]
    assert Spec(join=user) == Spec(join=Namespace.from_fd(user))

    def join() -> tuple[str, int]:
        nsiso.setns(user, Kind.USER)
        nsiso.setns(uts, Kind.UTS)
        with pytest.raises(nsiso.Error):
            nsiso.setns(net, Kind.UTS)
        nsiso.setns(net)
        return socket.gethostname(), here("net")

    assert nsiso.call(join) == ("held", net.inode)


@apart
def test_a_socket_is_of_the_namespace_it_was_made_in() -> None:
    """As the kernel says of it; here it is used as any other."""
    home = here("net")
    with sleeper("net") as child, Namespace.of(child, "net") as net:
        with net.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as made:
            assert Namespace.of_socket(made) == net == Namespace.of_socket(made.fileno())
            assert (made.family, made.type, made.gettimeout()) == (socket.AF_INET, socket.SOCK_DGRAM, 0)
            assert not made.get_inheritable()
            of_kernel = fcntl.ioctl(made, 0x894C)  # SIOCGSKNS
            assert os.fstat(of_kernel).st_ino == net.inode
            os.close(of_kernel)
        with net.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            listener.listen()
            # Nobody listens there in this one, where lo may be down.
            with socket.socket() as other, pytest.raises(OSError):
                other.connect(listener.getsockname())
            with net.socket() as client:
                client.connect(listener.getsockname())
        with pytest.raises(nsiso.Error, match="EINVAL"):
            net.socket(socket.AF_INET, 99)
        assert here("net") == home


def test_without_privilege_nobody_goes() -> None:
    """An ordinary user is told so, and stays."""
    home = here("net")

    def refuse() -> None:
        if ROOT:
            os.setresgid(12345, 12345, 12345)
            os.setresuid(12345, 12345, 12345)
        net = Namespace.current("net")
        for use in (net.visit().__enter__, net.socket, lambda: net.call(os.getpid)):
            with pytest.raises(PermissionError):
                use()
        assert here("net") == home

    nsiso.call(refuse)
