"""What do the tests of Spec and Popen share? Namespaces that they may make, ways to look at children."""

import ctypes
import errno
import functools
import gc
import os
import platform
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Callable

import nsiso
from nsiso import Kind, Spec

ROOT = os.geteuid() == 0
PATIENCE = 60  # seconds that anything may take
# An ordinary user makes other namespaces by way of a user namespace.
OWN: dict[str, Any] = {} if ROOT else {"map_root": True}


def spec(kinds: str = "", **options: Any) -> Spec:
    """A spec that the caller may use."""
    if not ROOT:
        options = {**OWN, **options}
        kinds += ",user"
    return Spec(kinds, **options)


@contextmanager
def running(spec: Spec, *args: str, **options: Any) -> Iterator["nsiso.Popen[bytes]"]:
    """A child that has executed and waits, to be looked at from outside."""
    command = args or ("sleep", "600")
    with nsiso.Popen(command, spec=spec, **options) as child:
        try:
            yield child
        finally:
            child.kill()


def said(spec: Spec, line: str, **options: Any) -> str:
    """What a line of shell says inside."""
    output: str = nsiso.check_output(["sh", "-c", line], spec=spec, text=True, **options)
    return output.strip()


def field(pid: int, name: str) -> str:
    """A field of /proc/PID/status."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(line for line in lines if line.startswith(f"{name}:")).partition(":")[2].strip()


def differing(child: "nsiso.Popen[Any]") -> Kind:
    """The kinds of namespace that a child does not share with this thread, as the kernel shows it."""
    own = nsiso.links()
    kinds = (link.kind for name, link in child.namespaces.items() if not name.endswith("_for_children"))
    names = {link.kind: name for name, link in own.items() if not name.endswith("_for_children")}
    different = Kind(0)
    for kind in kinds:
        if child.namespaces[names[kind]] != own[names[kind]]:
            different |= kind
    return different


def children() -> set[int]:
    """The processes that this one has made and not waited for."""
    me = str(os.getpid())
    return {int(path.name) for path in Path("/proc").glob("[0-9]*") if _parent(path) == me}


def _parent(process: Path) -> str:
    try:
        return (process / "stat").read_text().rpartition(")")[2].split()[1]
    except OSError:
        return ""


def descriptors() -> int:
    """How many descriptors this process has open, beside the one that counts them."""
    # Those of objects that nobody holds any more are not counted, whenever they would have gone.
    gc.collect()
    return len(os.listdir("/proc/self/fd")) - 1


def until(condition: Callable[[], object], what: str = "") -> None:
    """Wait for what comes by itself, on a machine that may be busy."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, what
        time.sleep(0.002)


def settle() -> None:
    """Wait until nothing is left of what was let go of before: each start reaps."""
    until(lambda: nsiso.run(["true"]).returncode == 0 and not children(), "children of earlier tests")
    until(lambda: len(os.listdir("/proc/self/task")) == threading.active_count(), "ended threads")


def script(code: str, *, timeout: float = 60) -> "subprocess.CompletedProcess[str]":
    """Run code in an interpreter of its own, whose threads and handlers are nobody else's."""
    here = str(Path(__file__).parent)
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", f"import sys; sys.path.insert(0, {here!r})\n{code}"],
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


def stall() -> None:
    """From now on, a child of this thread that makes a session of its own hangs there until it is killed.

    A seccomp filter leaves the answer to a listener who never gives one.
    """
    setsid = {"x86_64": 112, "aarch64": 157}[platform.machine()]
    new_listener, notify = 8, 0x7FC0_0000
    assert _filter(setsid, notify, new_listener) > 0


def take_away(*calls: int) -> None:
    """From now on, these system calls are such as the kernel does not have."""
    refuse = 0x0005_0000
    for number in calls:
        _filter(number, refuse | errno.ENOSYS, 0)


def _filter(number: int, verdict: int, flags: int) -> int:
    """Load a seccomp filter for one system call: what the kernel gives back for it."""
    seccomp = {"x86_64": 317, "aarch64": 277}[platform.machine()]
    load, equal, answer, allow = 0x20, 0x15, 0x06, 0x7FFF_0000
    lines = [(load, 0, 0, 0), (equal, 0, 1, number), (answer, 0, 0, verdict), (answer, 0, 0, allow)]
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *line) for line in lines))
    program = struct.pack("HxxxxxxP", len(lines), ctypes.addressof(code))
    libc = ctypes.CDLL(None, use_errno=True)
    set_no_new_privs, filter_mode = 38, 1
    assert libc.prctl(set_no_new_privs, 1, 0, 0, 0) == 0
    loaded: int = libc.syscall(seccomp, filter_mode, flags, program)
    assert loaded >= 0, os.strerror(ctypes.get_errno())
    return loaded


def apart(check: Callable[[], None]) -> Callable[[], None]:
    """Make a test run in a copy of this process, in namespaces of its own of which it is root."""

    @functools.wraps(check)
    def test() -> None:
        nsiso.call(check, spec=spec("uts,ipc,net,cgroup,mnt"), timeout=100)

    return test


def mounting(check: Callable[[], None]) -> Callable[[], None]:
    """Make a test run in a copy of this process that may mount, with mounts of its own and an empty /run."""

    def begin() -> None:
        subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=755", "none", "/run"], check=True)
        check()

    @functools.wraps(check)
    def test() -> None:
        # Linux 6.18 tells by numbers of the CPU's which of two mount namespaces is the newer.
        cpus = os.sched_getaffinity(0)
        os.sched_setaffinity(0, {min(cpus)})
        try:
            nsiso.call(begin, spec=spec("mnt"), timeout=100)
        finally:
            os.sched_setaffinity(0, cpus)

    return test


def ordinary(check: Callable[[Path], None]) -> Callable[[], None]:
    """Make a test run in a copy of this process that is an ordinary user's, with a directory of its own."""

    def begin() -> None:
        if ROOT:
            os.setgroups([])
            os.setresgid(12345, 12345, 12345)
            os.setresuid(12345, 12345, 12345)
            set_dumpable = 4
            assert ctypes.CDLL(None).prctl(set_dumpable, 1, 0, 0, 0) == 0
        with tempfile.TemporaryDirectory() as scratch:
            try:
                check(Path(scratch).resolve())
            finally:
                # Or what a failure leaves would live on.
                for lock in Path(scratch).glob("*/.lock"):
                    registry = nsiso.Registry(lock.parent)
                    for entry in registry.list():
                        registry.remove(entry.name, entry.kind)

    def test() -> None:
        nsiso.call(begin, timeout=100)

    # Without its signature, in which pytest would look for a fixture.
    test.__name__, test.__doc__ = check.__name__, check.__doc__
    return test


@contextmanager
def sleeper(kinds: str) -> Iterator["nsiso.Popen[bytes]"]:
    """A process in new namespaces of these kinds, for a test that is root of its own."""
    with running(Spec(kinds)) as child:
        yield child


def inode(link: str) -> int:
    """The inode that a link under /proc leads to."""
    return os.stat(link).st_ino


def here(kind: str) -> int:
    """The inode of the namespace that this thread is in."""
    return inode(f"/proc/thread-self/ns/{kind}")
