"""What does a documented call cost from Python, or a visit, against os.fork, libc by ctypes and pyroute2?

    calls.py PEERS check                        do both sides do the same? Fails if not
    calls.py PEERS measure ROUNDS MILLISECONDS  see rounds.h

PEERS is where pyroute2 is. Each job has a process of its own: calls that move their caller move only that.
"""

from __future__ import annotations

import ctypes
import functools
import importlib
import mmap
import os
import socket
import sys
import time
from dataclasses import dataclass, field
from typing import Any, Callable

import nsiso
from rounds import Take, calls_in_a_round, take_round

FROM = "Python"
LIBC = ctypes.CDLL(None, use_errno=True)
OWN_NET = "/proc/self/ns/net"

# While checking, whoever is in new namespaces writes its links here, in memory that all children share.
CHECKING = "check" in sys.argv[2:3]
PAPER = mmap.mmap(-1, mmap.PAGESIZE)

Call = Callable[[], None]


@dataclass(frozen=True)
class Job:
    """What is measured: the sides by name, and what is new for whoever the calls put into namespaces.

    The goals by side are as in rounds.h.
    """

    name: str
    sides: dict[str, Call]
    new: nsiso.Kind
    goals: dict[str, str] = field(default_factory=dict)


def _observe() -> None:
    if CHECKING:
        links = [os.readlink(f"/proc/self/ns/{kind.name}") for kind in nsiso.kinds()]
        PAPER[:] = " ".join(links).encode().ljust(len(PAPER))


def _must(result: int) -> None:
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def _reap(pid: int) -> None:
    _, status = os.waitpid(pid, 0)
    if status != 0:
        raise ChildProcessError(f"process {pid}: wait status {status:#x}")


def _child() -> int:
    _observe()
    return 0


def _fork(kinds: nsiso.Kind) -> Call:
    flags = int(kinds)

    def call() -> None:
        pid = os.fork()
        if pid == 0:
            if flags:
                _must(LIBC.unshare(flags))
            os._exit(_child())
        _reap(pid)

    return call


def _clone(kinds: nsiso.Kind) -> Call:
    return lambda: _reap(nsiso.clone(_child, kinds))


def _libc_setns(fd: int, kind: int) -> None:
    _must(LIBC.setns(fd, kind))


@functools.cache
def _nets() -> tuple[int, int]:
    """Descriptors of a new network namespace and of the caller's."""
    home = os.open(OWN_NET, os.O_RDONLY)
    nsiso.unshare(nsiso.Kind.NET)
    there = os.open(OWN_NET, os.O_RDONLY)
    nsiso.setns(home, nsiso.Kind.NET)
    return there, home


def _body() -> None:
    socket.socket(socket.AF_INET, socket.SOCK_DGRAM).close()
    _observe()


def _visit(setns: Callable[[int, int], object]) -> Call:
    net = int(nsiso.Kind.NET)

    def call() -> None:
        there, home = _nets()
        setns(there, net)
        _body()
        setns(home, net)

    return call


@functools.cache
def _net() -> nsiso.Namespace:
    return nsiso.Namespace.from_fd(_nets()[0])


def _visit_by_nsiso() -> None:
    with _net().visit():
        _body()


@functools.cache
def _pyroute2() -> Any:
    """Import it once it is needed, as that takes long."""
    sys.path.append(sys.argv[1])
    return importlib.import_module("pyroute2.netns")


def _visit_by_pyroute2(target: Callable[[], int | str]) -> Call:
    def call() -> None:
        netns = _pyroute2()
        netns.pushns(target())
        try:
            _body()
        finally:
            netns.popns()

    return call


def _there() -> int:
    return _nets()[0]


# As its documentation has it, a namespace is named; it takes a descriptor as well.
def _path() -> str:
    return f"/proc/self/fd/{_there()}"


NONE, UTS = nsiso.Kind(0), nsiso.Kind.UTS
JOBS = [
    Job("clone of a function, no namespaces", {"nsiso": _clone(NONE), "os.fork": _fork(NONE)}, NONE),
    Job("clone of a function, new uts", {"nsiso": _clone(UTS), "os.fork + ctypes": _fork(UTS)}, UTS),
    Job(
        "setns to a net, a socket there, setns back",
        {"nsiso": _visit(nsiso.setns), "ctypes": _visit(_libc_setns)},
        nsiso.Kind.NET,
    ),
    Job(
        "a visit of a net, a socket there",
        {
            "nsiso": _visit_by_nsiso,
            "floor": _visit(_libc_setns),
            "pyroute2": _visit_by_pyroute2(_path),
            "pyroute2, by descriptor": _visit_by_pyroute2(_there),
        },
        nsiso.Kind.NET,
        {"pyroute2": ">=3.5"},
    ),
]


def _in_a_process(call: Call) -> None:
    pid = os.fork()
    if pid == 0:
        call()
        sys.stdout.flush()
        os._exit(0)
    _reap(pid)


def check(job: Job) -> None:
    """Let each side do the job once, and compare what was seen inside with what the job says."""
    _observe()
    before = PAPER[:].split()
    wanted = [kind.name for kind in nsiso.kinds() if kind.kind in job.new]
    for side, call in job.sides.items():
        PAPER[:] = b" " * len(PAPER)
        _in_a_process(call)
        links = zip(nsiso.kinds(), before, PAPER[:].split())
        new = [kind.name for kind, old, now in links if old != now]
        if new != wanted:
            raise SystemExit(f"calls.py: {job.name}: {side}: new: {new}, not {wanted}")
    print(f"seen\t{job.name}\t{FROM}\tnew: {' '.join(wanted) or 'nothing'}", flush=True)


def _timed(call: Call) -> Take:
    def take() -> float:
        start = time.perf_counter_ns()
        call()
        return (time.perf_counter_ns() - start) / 1e3

    return take


def measure(job: Job, rounds: int, milliseconds: float) -> None:
    """Time the sides call by call in turn."""
    sides = {side: _timed(call) for side, call in job.sides.items()}
    calls = calls_in_a_round(milliseconds, sides)
    for number in range(rounds):
        for side, microseconds in take_round(sides, calls).items():
            goal = job.goals.get(side, "")
            print(f"time\t{job.name}\t{FROM}\t{number}\t{side}\t{microseconds:.3f}\t{goal}")


def main(words: list[str]) -> None:
    """Check or measure all jobs."""
    for job in JOBS:
        if words[1:] == ["check"]:
            check(job)
        elif len(words) == 4 and words[1] == "measure":
            _in_a_process(functools.partial(measure, job, int(words[2]), float(words[3])))
        else:
            raise SystemExit("usage: calls.py PEERS check | calls.py PEERS measure ROUNDS MILLISECONDS")


if __name__ == "__main__":
    main(sys.argv[1:])
