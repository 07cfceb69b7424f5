"""Is a namespace kept at a path and under a name, by mounts and by processes, and is nothing left of it?"""

import dataclasses
import fcntl
import os
import threading
import time
from pathlib import Path
from typing import Any, Callable

import nsiso
import pytest
from nsiso import Kind, Namespace, Registry, RegistryEntry, Spec
from spawning import children, descriptors, mounting, ordinary, running, said

NAMES = [info.name for info in nsiso.kinds()]
ALL = ",".join(NAMES)
# The end of a name that is no text.
BYTES = b"n\xffme"


def mounted(below: str) -> dict[str, str]:
    """The namespaces that are mounted below a directory, by path, as mountinfo has them."""
    lines = [line.split() for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    return {words[4]: words[3] for words in lines if "nsfs" in words and words[4].startswith(below)}


@mounting
def test_every_kind_is_kept_at_a_path() -> None:
    """After its last process and descriptor are gone; it is joined by the path, and released."""
    fds = descriptors()
    with running(Spec(ALL, map_root=True, hostname="kept")) as child:
        links = {f"/run/{name}": os.readlink(f"/proc/{child.pid}/ns/{name}") for name in NAMES}
        for name in NAMES:
            with Namespace.of(child, name) as namespace:
                namespace.persist(Path(f"/run/{name}"))
                with pytest.raises(FileExistsError, match="EEXIST"):
                    namespace.persist(os.fsencode(f"/run/{name}"))
    del child
    assert mounted("/run") == links and descriptors() == fds
    joined = [f"/run/{name}" for name in NAMES if name != "pid"]
    joined.sort(key=lambda path: path != "/run/user")
    told = said(Spec(join=joined), "hostname; cd /proc/self/ns; readlink " + " ".join(NAMES))
    # Nobody is born any more in a pid namespace whose first process has ended.
    assert told.split()[0] == "kept"
    assert set(links.values()) - set(told.split()) == {links["/run/pid"]}
    for path, link in links.items():
        assert repr(Namespace.open(path)) == f"<Namespace {link}>"
        Namespace.release(path)
        assert not os.path.exists(path)
        with pytest.raises(FileNotFoundError):
            Namespace.release(path)
    assert mounted("/run") == {} and descriptors() == fds


@mounting
def test_a_path_that_cannot_be_had() -> None:
    """Says why, and nothing is left there."""
    own = Namespace.current("uts")
    with pytest.raises(FileNotFoundError, match="directory"):
        own.persist("/run/no/it")
    with pytest.raises(nsiso.Error, match="EINVAL"):
        own.persist("/")
    with pytest.raises(nsiso.Error, match="EINVAL"):
        Namespace.current("mnt").persist("/run/it")
    with pytest.raises(nsiso.Error, match="EINVAL"):
        Namespace.release("/proc/self/ns/uts")
    own.close()
    with pytest.raises(ValueError, match="I/O operation on closed namespace"):
        own.persist("/run/it")
    assert os.listdir("/run") == []


def kept_in(registry: Registry, by_process: bool) -> None:
    """All kinds are added, found, opened, joined and removed again."""
    fds = descriptors()
    name = os.fsdecode(BYTES)
    with running(Spec(ALL, map_root=True, hostname="kept")) as child:
        inodes = {kind: os.stat(f"/proc/{child.pid}/ns/{kind}").st_ino for kind in NAMES}
        for kind in NAMES:
            with Namespace.of(child, kind) as namespace:
                registry.add(BYTES, namespace)
                with pytest.raises(FileExistsError):
                    registry.add(name, namespace)
    del child
    entries = registry.list()
    # Its own children are kept by their pidfds until they are reaped.
    assert descriptors() == fds + (len(entries) if by_process else 0)
    assert [(entry.name, entry.kind, entry.inode) for entry in entries] == [
        (name, Kind[kind.upper()], inodes[kind]) for kind in NAMES
    ]
    for entry in entries:
        assert (entry.holder is not None) == by_process
        with registry.open(entry.name, entry.kind) as one:
            assert (one.kind, one.inode) == (entry.kind, entry.inode)
    with registry.open(BYTES, "user") as user, registry.open(name, Kind.UTS) as uts:
        assert said(Spec(join=[user, uts]), "hostname") == "kept"
    for entry in entries:
        registry.remove(entry.name, entry.kind)
        assert entry.holder is None or not os.path.exists(f"/proc/{entry.holder}")
        for gone in (registry.remove, registry.open):
            with pytest.raises(FileNotFoundError):
                gone(BYTES, entry.kind)
    assert registry.list() == [] and descriptors() == fds and not children()


@mounting
def test_a_registry_of_mounts() -> None:
    """The default of whoever may mount; ip's net namespaces are among them."""
    registry = Registry()
    assert registry.directory == "/run/nsiso" and repr(registry) == "Registry('/run/nsiso')"
    kept_in(registry, by_process=False)
    registry.add("net", Namespace.current("net"))
    assert mounted("/run/netns") == {"/run/netns/net": os.readlink("/proc/self/ns/net")}
    assert Registry(Path("/run/nsiso")).open("net", "net") == Namespace.current("net")
    registry.remove("net", "net")
    # What holds a mount namespace must not be mounted in it.
    registry.add("own", Namespace.current("mnt"))
    [entry] = registry.list()
    assert entry == RegistryEntry("own", Kind.MNT, Namespace.current("mnt").inode, entry.holder)
    assert entry.holder is not None
    with pytest.raises(dataclasses.FrozenInstanceError):
        entry.name = "other"  # type: ignore[misc]
    registry.remove("own", "mnt")
    assert mounted("/run") == {}


@ordinary
def test_a_registry_of_processes(scratch: Path) -> None:
    """The default of an ordinary user, below XDG_RUNTIME_DIR; and one in a directory."""
    os.environ["XDG_RUNTIME_DIR"] = str(scratch)
    default = Registry()
    assert default.directory == str(scratch / "nsiso")
    assert os.stat(default.directory).st_mode & 0o777 == 0o700
    kept_in(default, by_process=True)
    kept_in(Registry(os.fsencode(scratch / "other")), by_process=True)
    with pytest.raises(PermissionError, match="CAP_SYS_ADMIN"):
        Namespace.current("uts").persist(scratch / "it")
    assert not (scratch / "it").exists()
    with pytest.raises(PermissionError, match="EPERM"):
        Registry("/etc")
    del os.environ["XDG_RUNTIME_DIR"]
    with pytest.raises(FileNotFoundError, match="XDG_RUNTIME_DIR"):
        Registry()


@ordinary
def test_what_is_added_outlives_the_program(scratch: Path) -> None:
    """And another one finds it there."""
    registry = Registry(scratch / "reg")
    nsiso.call(lambda: Registry(registry.directory).add("name", Namespace.current("uts")))
    [entry] = registry.list()
    assert entry.holder is not None and Path(f"/proc/{entry.holder}/comm").read_text() == "nsiso-holder\n"
    assert registry.open("name", "uts") == Namespace.current("uts")
    registry.remove("name", "uts")


@ordinary
def test_other_threads_run_while_one_waits(scratch: Path) -> None:
    """For another program that changes the registry."""
    registry = Registry(scratch / "reg")
    registry.add("one", Namespace.current("uts"))
    own = Namespace.current("ipc")
    calls: list[Callable[[], Any]] = [
        registry.list,
        lambda: registry.open("one", "uts"),
        lambda: registry.add("two", own),
        lambda: registry.remove("two", "ipc"),
        lambda: registry.remove("one", "uts"),
    ]
    lock = Path(registry.directory, ".lock")
    for call in calls:
        with lock.open("r+") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            thread = threading.Thread(target=call)
            thread.start()
            while not any(
                "->" in line and f":{os.fstat(file.fileno()).st_ino} " in line
                for line in Path("/proc/locks").read_text().splitlines()
            ):
                assert thread.is_alive()
                time.sleep(0.001)
        thread.join()
    assert registry.list() == []


# What a type checker would not let pass.
UNTYPED: Any = Registry


@ordinary
def test_what_cannot_be_meant_is_refused(scratch: Path) -> None:
    """With the words that say what is wrong; nothing is left open or made."""
    registry: Any = Registry(scratch / "reg")
    own = Namespace.current("uts")
    closed = Namespace.current("uts")
    closed.close()
    fds = descriptors()
    cases: list[tuple[Callable[[], Any], type[BaseException], str]] = [
        (lambda: UNTYPED(3), TypeError, "directory"),
        (lambda: UNTYPED("a\0b"), ValueError, "null byte"),
        (lambda: UNTYPED(scratch / "no/such"), FileNotFoundError, "ENOENT"),
        (lambda: UNTYPED("/dev/null"), OSError, "ENOTDIR|EPERM"),
        (lambda: registry.add("a", "uts"), TypeError, "Namespace"),
        (lambda: registry.add("a", own.fileno()), TypeError, "Namespace"),
        (lambda: registry.add("a", closed), ValueError, "closed namespace"),
        (lambda: registry.add(None, own), TypeError, "name"),
        (lambda: registry.add(3, own), TypeError, "name"),
        (lambda: registry.add("a\0b", own), ValueError, "null byte"),
        *(
            (lambda name=name: registry.add(name, own), OSError, "EINVAL")
            for name in ("", ".", "a/b", "x" * 201)
        ),
        (lambda: registry.open("a/b", "uts"), OSError, "EINVAL"),
        (lambda: registry.open("a", "uts"), FileNotFoundError, "ENOENT"),
        (lambda: registry.open("a", "uts,net"), ValueError, "exactly one"),
        (lambda: registry.open("a", "disk"), ValueError, "disk"),
        (lambda: registry.open("a", None), TypeError, "kind"),
        (lambda: registry.open(None, "uts"), TypeError, "name"),
        (lambda: registry.remove("a", "uts"), FileNotFoundError, "ENOENT"),
        (lambda: registry.remove("..", "uts"), OSError, "EINVAL"),
        (lambda: registry.remove("a", 1), ValueError, "no kind"),
        (lambda: Namespace.release("a\0b"), ValueError, "null byte"),
        (lambda: own.persist("a\0b"), ValueError, "null byte"),
        (lambda: Namespace.release(scratch / "nothing"), FileNotFoundError, "ENOENT"),
    ]
    for call, expected, words in cases:
        with pytest.raises(expected, match=words):
            call()
    assert descriptors() == fds and registry.list() == []


def test_a_path_must_be_one() -> None:
    """And is not looked at otherwise."""
    untyped: Any = Namespace
    calls: list[Callable[[], Any]] = [
        lambda: untyped.release(3),
        lambda: untyped.current("uts").persist(None),
    ]
    for call in calls:
        with pytest.raises(TypeError, match="path"):
            call()
