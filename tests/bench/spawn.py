"""What does ``nsiso.Popen(…).wait()`` cost from Python, against the floor and ``subprocess`` with unshare(1)?

    spawn.py LIBRARIES OPTIONS MIB check SIDE... -- PROGRAM...
    spawn.py LIBRARIES OPTIONS MIB measure ROUNDS MILLISECONDS SIDE... apart SIDE... -- PROGRAM...

The twin of spawn.c, whose head says what the words mean. The floor's time is what it took in C.
"""

from __future__ import annotations

import ctypes
import fcntl
import subprocess
import sys
import time
from typing import Any

import nsiso
from rounds import Take, calls_in_a_round, take_round

KINDS = [kind.name for kind in nsiso.kinds()]
# lo stays down, and what is mounted is private without being told.
UNSHARE = {
    "mnt": "--mount",
    "uts": "--uts",
    "ipc": "--ipc",
    "net": "--net",
    "cgroup": "--cgroup",
    "pid": "--pid --fork",
    "user": "--user --map-root-user",
    "proc": "--mount-proc",
}


def _given(options: str) -> list[tuple[str, str]]:
    words = (option.partition("=") for option in options.replace(";", ",").split(",") if option)
    return [(name, value) for name, _, value in words]


def _spec(options: str) -> nsiso.Spec:
    """Make the job as nsiso is told."""
    given: dict[str, Any] = {}
    kinds = []
    for name, value in _given(options):
        if name in KINDS:
            kinds.append(name)
        elif name == "hostname":
            given["hostname"] = value
        elif name == "ids":
            given.update(uid=int(value), gid=int(value), groups=[int(value)])
        elif name == "join_time":
            given["join"] = value
        elif name == "loopback_down":
            given["loopback"] = False
        elif name in ("proc", "init"):
            given[name] = True
        else:
            raise SystemExit(f"spawn.py: no such option: {name}")
    return nsiso.Spec(",".join(kinds), map_root="user" in kinds, **given)


def _hold(options: str) -> tuple[nsiso.Spec, str]:
    """Make what is held; give the job as nsiso is told, and the options for the others."""
    first, border, rest = options.partition(";")
    if not border:
        return _spec(options), options
    held = nsiso.hold(_spec(first))
    # By pid 1, or as the only one.
    by = held.init or fcntl.fcntl(next(iter(held.values())), fcntl.F_DUPFD_CLOEXEC, 3)
    return _spec(rest).replace(join=held), f"held={by}/{int(held.kinds)},{rest}"


def _by_nsiso(spec: nsiso.Spec, program: list[str]) -> Take:
    def take() -> float:
        start = time.perf_counter_ns()
        status = nsiso.Popen(program, spec=spec).wait()
        taken = time.perf_counter_ns() - start
        if status != 0:
            raise SystemExit(f"spawn.py: nsiso: the program ended with {status}")
        return taken / 1e3

    return take


def _by_unshare(options: str, program: list[str]) -> Take:
    words = [UNSHARE[name] for name, _ in _given(options) if name != "loopback_down"]
    command = ["unshare", *" ".join(words).split(), *program]

    def take() -> float:
        start = time.perf_counter_ns()
        status = subprocess.Popen(command).wait()
        taken = time.perf_counter_ns() - start
        if status != 0:
            raise SystemExit(f"spawn.py: unshare ended with {status}")
        return taken / 1e3

    return take


def _by_library(floor: ctypes.CDLL, name: str, options: str, program: list[str]) -> Take:
    words = (ctypes.c_char_p * (len(program) + 1))(*map(str.encode, program), None)
    floor.floor_job_new.restype = ctypes.c_void_p
    job = ctypes.c_void_p(floor.floor_job_new(options.encode(), words))
    side = floor[f"side_{name}"]
    side.restype = ctypes.c_int64

    def take() -> float:
        taken: int = side(job)
        if taken < 0:
            raise SystemExit(f"spawn.py: {name} failed")
        return taken / 1e3

    return take


def measure(rounds: int, milliseconds: float, groups: list[dict[str, Take]]) -> None:
    """Time each group's sides call by call in turn, one group after the other in each round."""
    calls = [calls_in_a_round(milliseconds, group) for group in groups]
    for number in range(rounds):
        for group, count in zip(groups, calls):
            for name, microseconds in take_round(group, count).items():
                print(f"{number}\t{name}\t{microseconds:.3f}")


def main(words: list[str]) -> None:
    """Check or measure one job."""
    own, program = words[: words.index("--")], words[words.index("--") + 1 :]
    libraries, options, mib, verb, *rest = own
    floor = ctypes.CDLL(f"{libraries}/libfloor.so")
    spec, told = _hold(options)

    def side(name: str) -> Take:
        if name == "unshare":
            return _by_unshare(options, program)
        if name in ("nsiso", "fresh"):
            return _by_nsiso(spec if name == "nsiso" else _spec(options), program)
        return _by_library(floor, name, told, program)

    floor.floor_grow(ctypes.c_size_t(int(mib)))
    if verb == "check":
        for name in rest:
            side(name)()
        return
    rounds, milliseconds, *names = rest
    border = names.index("apart")
    together = {name: side(name) for name in names[:border]}
    measure(
        int(rounds), float(milliseconds), [together, *({name: side(name)} for name in names[border + 1 :])]
    )


if __name__ == "__main__":
    main(sys.argv[1:])
