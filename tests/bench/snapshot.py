"""What does a snapshot cost from Python, against the least code in C and against os.readlink for each link?

    snapshot.py LIBRARIES check                        do all sides see the same? Fails if not
    snapshot.py LIBRARIES measure ROUNDS MILLISECONDS  see rounds.h

To be run among many processes (floor/population.c). LIBRARIES is where libfloor.so is. "Into records" is with
every namespace's processes listed; the other sides count them.
"""

from __future__ import annotations

import collections
import ctypes
import os
import sys
import time
from pathlib import Path
from typing import Callable

import nsiso
from rounds import Take, calls_in_a_round, take_round

FROM = "Python"
KINDS = [kind.name for kind in nsiso.kinds()]

# How many namespaces, and how many links led to them.
Seen = tuple[int, int]
Look = Callable[[], Seen]


def _records() -> Seen:
    found = nsiso.snapshot()
    return len(found.namespaces), sum(len(namespace.processes) for namespace in found.namespaces)


def _process_records() -> Seen:
    """One for each process, with the names and parents of all."""
    found = nsiso.snapshot(lineage=True)
    links = 0
    for process in found.processes:
        links += len(process.namespaces)
    return len(found.namespaces), links


def _by_floor(library: str) -> Look:
    scan = ctypes.CDLL(library).floor_scan
    counts = ctypes.c_uint32(), ctypes.c_uint32()
    where = [ctypes.byref(count) for count in counts]

    def look() -> Seen:
        if scan(*where) != 0:
            raise OSError("floor_scan failed")
        return counts[0].value, counts[1].value

    return look


def _by_readlink() -> Seen:
    members: dict[str, list[str]] = collections.defaultdict(list)
    for pid in os.listdir("/proc"):
        if pid.isdigit():
            for kind in KINDS:
                try:
                    members[os.readlink(f"/proc/{pid}/ns/{kind}")].append(pid)
                except OSError:
                    continue
    return len(members), sum(map(len, members.values()))


def _timed(look: Look) -> Take:
    def take() -> float:
        start = time.perf_counter_ns()
        look()
        return (time.perf_counter_ns() - start) / 1e3

    return take


def main(words: list[str]) -> None:
    """Check or measure."""
    libraries, verb, *effort = words
    population = len(os.listdir("/proc/")) // 1000 * 1000
    floor = _by_floor(str(Path(libraries) / "libfloor.so"))
    jobs: dict[str, tuple[dict[str, Look], dict[str, str]]] = {
        "into records": (
            {"nsiso": _records, "floor": floor, "os.readlink": _by_readlink},
            {"floor": "<=1.35", "os.readlink": ">=1.15"},
        ),
        "into a record for each process, with its parent": (
            {"nsiso": _process_records, "floor": floor, "os.readlink": _by_readlink},
            {},
        ),
    }
    for name, (sides, goals) in jobs.items():
        job = f"a snapshot of {population} processes {name}"
        if verb == "check":
            seen = {side: look() for side, look in sides.items()}
            if len(set(seen.values())) > 1:
                raise SystemExit(f"snapshot.py: {job}: not all see the same: {seen}")
            print(f"seen\t{job}\t{FROM}\t{seen['nsiso'][0]} namespaces", flush=True)
            continue
        takes = {side: _timed(look) for side, look in sides.items()}
        calls = calls_in_a_round(float(effort[1]), takes)
        for number in range(int(effort[0])):
            for side, microseconds in take_round(takes, calls).items():
                goal = goals.get(side, "")
                print(f"time\t{job}\t{FROM}\t{number}\t{side}\t{microseconds:.3f}\t{goal}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
