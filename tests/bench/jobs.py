"""What is spawned in the bench, from which languages, against whom, and what is promised?"""

from __future__ import annotations

from typing import NamedTuple

RUST, C, PYTHON = "Rust", "C", "Python"
BOTH = (RUST, C)
ALL = (RUST, C, PYTHON)

# What the others cost depends on who was called just before, so they are called after the rest of each round.
APART = {"fork", "nix", "go", "unshare", "fresh"}

# Options as floor/job.c has them.
SIX = "user,mnt,pid,uts,ipc,cgroup,hostname=nsiso,proc"
CONTAINER = "user,mnt,pid,uts,ipc,net"
IDS = "ids=12345"
# Followed by the path of a time namespace.
JOIN_TIME = "join_time="

# What comes before ";" is held ready and joined.
READY = "mnt,uts,ipc,pid,net,cgroup,proc;"
READY_NET = "net;mnt,uts,ipc,pid,cgroup,proc"

HOST = 10
GIB = 1024
LARGEST = 8 * GIB


class Job(NamedTuple):
    """A thing to do, in what is measured together.

    A goal "<=1.05" is that nsiso takes at most so many times as long as that side, ">=1.3" that it is at
    least so many times faster (for threads: gets so many times as much done); "" promises nothing.

    Attributes:
        name: as the report calls it.
        options: what is set up, as floor/job.c reads it.
        goals: by language, and there by side.
        mib: how much memory the host has touched. A very large one is kept for few rounds.
        threads: whether two threads do it at a time, on all CPUs.
    """

    name: str
    options: str
    goals: dict[str, dict[str, str]]
    mib: int = 0
    threads: bool = False

    @property
    def brief(self) -> bool:
        """Whether it should be over soon, as it leaves others little memory."""
        return self.mib >= LARGEST

    def sides(self, language: str) -> list[str]:
        """Who does it, nsiso first."""
        return ["nsiso", *self.goals[language]]


class Growth(NamedTuple):
    """A promise of how little more a job costs in a large host, against how much more the floor does."""

    name: str
    small: str
    large: str
    goal: str


def _same(languages: tuple[str, ...], **goals: str) -> dict[str, dict[str, str]]:
    return dict.fromkeys(languages, goals)


def _in_a_large_host(mib: int, faster: str) -> Job:
    name = f"six kinds from a host of {mib // GIB} GiB"
    goals = {**_same(BOTH, floor="<=1.10", fork=faster), **_same((PYTHON,), floor="<=1.35", fork=faster)}
    return Job(name, SIX, goals, mib)


def _with_a_reaper(mib: int, size: str) -> Job:
    goals = {**_same(BOTH, floor="<=1.6"), **_same((PYTHON,), floor="<=2.0")}
    return Job(f"six kinds behind a reaper, from a host of {size}", f"{SIX},init", goals, mib)


JOBS = [
    Job("no namespaces", "", _same(BOTH, floor="<=1.10", posix_spawn="<=0.80", fork="")),
    Job("six kinds, /proc, host name", SIX, _same(BOTH, floor="<=1.05", fork="")),
    _in_a_large_host(GIB, ">=40"),
    _in_a_large_host(LARGEST, ">=250"),
    _with_a_reaper(HOST, "10 MiB"),
    _with_a_reaper(LARGEST, "8 GiB"),
    Job("other uid, gid and groups", IDS, _same(ALL, floor="")),
    Job("other uid, gid and groups, from a host of 1 GiB", IDS, _same(ALL, floor=""), GIB),
    Job("a joined time namespace", JOIN_TIME, _same(ALL, floor="")),
    Job("a joined time namespace, from a host of 1 GiB", JOIN_TIME, _same(ALL, floor=""), GIB),
    Job("six kinds by two threads", SIX, _same(BOTH, floor=">=0.95"), threads=True),
    Job(
        "into a ready set of six kinds",
        READY,
        {**_same(BOTH, floor="<=1.10", exposed=""), PYTHON: {"floor": ""}},
    ),
    Job(
        "a ready set of six kinds in place of a new one",
        READY,
        {**_same(BOTH, floor="", fresh="<=0.12"), **_same((PYTHON,), floor="", fresh="<=0.30")},
    ),
    Job(
        "five new kinds, and a ready net in place of a new one",
        READY_NET,
        {**_same(BOTH, floor="", fresh="<=0.40"), **_same((PYTHON,), floor="", fresh="<=0.50")},
    ),
    # The end of a net namespace takes time from whoever comes after it.
    Job(
        "container's kinds, /proc, lo up",
        f"{CONTAINER},proc",
        {**_same(BOTH, floor="<=1.05"), **_same((PYTHON,), floor="<=1.25")},
    ),
    Job(
        "container's kinds, /proc, lo down",
        f"{CONTAINER},proc,loopback_down",
        {**_same(BOTH, floor="", nix=">=1.3"), **_same((PYTHON,), floor="", unshare=">=2.5")},
    ),
    Job("container's kinds, lo down", f"{CONTAINER},loopback_down", _same(BOTH, floor="", go=">=1.35")),
]

GROWTH = [
    Growth(
        "six kinds behind a reaper: 8 GiB over 10 MiB",
        _with_a_reaper(HOST, "10 MiB").name,
        _with_a_reaper(LARGEST, "8 GiB").name,
        "<=1.15",
    )
]
