"""How do the rounds of all sides compare? Makes a Markdown table of what the programs told (see rounds.h).

report.py PINNED FREE SEEN: what they told on one CPU, on any CPU and in the check.
"""

from __future__ import annotations

import os
import statistics
import sys
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

from jobs import ALL, GROWTH, Growth

OURS, FLOOR = "nsiso", "floor"
HEAD = (
    "| job | from | nsiso µs | against | its µs | ratio | the floor's | rounds' ratios "
    "| free: nsiso µs, ratio | goal | |"
)
EXPLANATION = """\
Both sides in one process on one CPU, call by call in turn (peers of another way: round by round); medians of
the rounds' medians. A ratio is nsiso's time over the other's, the median round's, or "times as fast" the
other way round; "the floor's" is the same for the floor in nsiso's place. "free" is the same on all CPUs; two
threads are measured there alone, in microseconds a job."""
PEERS = """\
What the sides are, and where they do less:

- floor: `clone3` with `CLONE_VM`, `CLONE_VFORK` and a pidfd, signals blocked meanwhile and the handlers
  cleared, the same steps, `execve`, `waitid`. Behind a reaper: the same without a reaper. Other ids and a
  joined time namespace cannot be had in memory that is shared with the caller (`dumpable` belongs to the
  memory, `setns` answers EUSERS), so the floor executes a static helper of 1 KiB first, which changes the ids
  or joins, and then executes the program.
  Into a ready set of namespaces: the helper joins them by a pidfd of their pid 1, and starts the program as
  its sibling. A ready net alone the child joins itself.
- exposed: into a ready set without the helper. The caller joins the pid namespace for its children, and the
  child the others. Until it executes, whoever is in that pid namespace and may trace it can write to the
  caller's memory, which it shares.
- fresh: nsiso itself, with what is ready made new each time.
- fork: the floor's steps in a copy of the caller.
- posix_spawn: libc's. It gives no pidfd.
- nix: `nix::sched::clone` and `execve`. Blocks no signals, has no pidfd, leaves `lo` down.
- go: `os.StartProcess` with `SysProcAttr`, in a process of its own, so in a host of its own size. Mounts no
  /proc and leaves `lo` down, and closes no descriptors in the child.
- unshare: `subprocess.Popen` of unshare(1), which forks once more. Leaves `lo` down.
- libc, and floor for moves in place: setns(2) there, the body, setns(2) back, both descriptors kept; from
  Python by ctypes.
- nsenter: the installed one, as a whole process like nsiso's side of these rows: examples/c/nsenter, linked
  statically.
- lsns: likewise; both say the same, byte for byte.
- floor for mount tables: the text read and taken apart in place, in memory that is kept; of slaves listmount
  and statmount with all strings but `propagate_from`, nothing kept. nsiso from C also asks for each record.
- libmount: `mnt_new_table_from_file`. text: the floor for other tables, in the namespace of slaves.
- floor for a snapshot: one `openat` and eight `readlinkat` for each process, and a table that counts them.
  It knows no owners and makes no records. lsns: the whole process, seldom run. os.readlink: the loop that a
  script would have.
- pyroute2: `pushns` with a path, `popns`. It opens the way back each time; "by descriptor" not the way
  there."""


class Job(NamedTuple):
    """What was measured, and from which language."""

    name: str
    language: str


class Pair(NamedTuple):
    """nsiso and another side, medians over the rounds, and their ratio round by round."""

    ours: float
    theirs: float
    ratios: list[float]

    @property
    def ratio(self) -> float:
        """The median round's."""
        return statistics.median(self.ratios)


class Times:
    """The medians that one run of all programs told: by job and side, a number a round."""

    def __init__(self, path: Path) -> None:
        self.rounds: dict[Job, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
        self.goals: dict[tuple[Job, str], str] = {}
        for line in path.read_text().splitlines():
            _, name, language, _, side, microseconds, goal = line.split("\t")
            self.rounds[Job(name, language)][side].append(float(microseconds))
            self.goals[Job(name, language), side] = goal

    def pair(self, job: Job, side: str, our: str = OURS) -> Pair:
        """Compare one side with nsiso, or with another one; a side without rounds is an error."""
        ours, theirs = self.rounds[job][our], self.rounds[job][side]
        ratios = [one / other for one, other in zip(ours, theirs)]
        if not ratios or len(ours) != len(theirs):
            raise SystemExit(f"report.py: {job.name}: {len(ours)} rounds of {our}, {len(theirs)} of {side}")
        return Pair(statistics.median(ours), statistics.median(theirs), ratios)


def _number(number: float) -> str:
    return f"{number:.0f}" if number >= 100 else f"{number:.3g}"


def _met(goal: str, ratio: float) -> bool:
    relation, bound = goal[:2], float(goal[2:])
    return ratio <= bound if relation == "<=" else 1 / ratio >= bound


def _told(ratio: float, goal: str) -> str:
    """Tell it as the goal does: how many times as long nsiso takes, or how many times as fast it is."""
    is_faster = goal.startswith(">=") or (not goal and ratio < 1 / 10)
    return f"{_number(1 / ratio)} times as fast" if is_faster else f"{ratio:.3f}"


class Row(NamedTuple):
    """A line of the table."""

    job: Job
    ours: str
    side: str
    theirs: str
    ratio: str
    floors: str
    spread: str
    free: str
    goal: str
    met: str

    def __str__(self) -> str:
        return f"| {' | '.join([*self.job, *self[1:]])} |"


def _judged(goal: str, ratio: float) -> tuple[str, str]:
    words = {"": "", "<=": f"≤ {goal[2:]}", ">=": f"≥ {goal[2:]} times as fast"}[goal[:2]]
    return (words, "met" if _met(goal, ratio) else "missed") if goal else ("", "")


def _row(job: Job, side: str, pinned: Times, free: Times) -> Row:
    goal = free.goals[job, side]
    unpinned = free.pair(job, side)
    told_free = f"{_number(unpinned.ours)}, {_told(unpinned.ratio, goal)}"
    if job not in pinned.rounds:
        # What two threads do cannot be seen on one CPU.
        judged = _judged(goal, unpinned.ratio)
        return Row(job, "", side, "", "", "", _spread(unpinned, goal), told_free, *judged)
    pair = pinned.pair(job, side)
    limit = (
        ""
        if side == FLOOR or FLOOR not in pinned.rounds[job]
        else _told(pinned.pair(job, side, FLOOR).ratio, goal)
    )
    told = _told(pair.ratio, goal)
    numbers = _number(pair.ours), side, _number(pair.theirs), told, limit, _spread(pair, goal)
    return Row(job, *numbers, told_free, *_judged(goal, pair.ratio))


def _spread(pair: Pair, goal: str) -> str:
    return f"{_told(min(pair.ratios), goal)} … {_told(max(pair.ratios), goal)}"


def _growth(growth: Growth, language: str, pinned: Times, free: Times) -> Row:
    """How much more a job costs in the large host, over how much more the floor costs there."""
    small, large = Job(growth.small, language), Job(growth.large, language)

    def grown(times: Times) -> tuple[float, float]:
        before, after = times.pair(small, FLOOR), times.pair(large, FLOOR)
        return after.ours / before.ours, after.theirs / before.theirs

    ours, theirs = grown(pinned)
    unpinned = grown(free)
    judged = _judged(growth.goal, ours / theirs)
    name = Job(growth.name, language)
    told = f"{unpinned[0]:.2f} times, {unpinned[0] / unpinned[1]:.3f}"
    return Row(
        name, f"{ours:.2f} times", FLOOR, f"{theirs:.2f} times", f"{ours / theirs:.3f}", "", "", told, *judged
    )


def _rows(pinned: Times, free: Times) -> list[Row]:
    rows = [
        _row(job, side, pinned, free) for job, sides in free.rounds.items() for side in sides if side != OURS
    ]
    rows += [_growth(growth, language, pinned, free) for growth in GROWTH for language in ALL]
    return rows


def _seen(path: Path) -> list[str]:
    """What was seen, and in which jobs."""
    jobs: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for line in path.read_text().splitlines():
        _, name, language, what = line.split("\t")
        jobs[what][name].append(language)
    lines = []
    for what, names in jobs.items():
        told = (f"{name} ({', '.join(languages)})" for name, languages in names.items())
        lines.append(f"- {'; '.join(told)}: {what}")
    return lines


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return os.uname().machine


def main(pinned: Path, free: Path, seen: Path) -> None:
    """Print the report."""
    rows = _rows(Times(pinned), Times(free))
    goals = [row for row in rows if row.goal]
    print("# nsiso against the kernel's floor, and against its peers\n")
    machine = f"Linux {os.uname().release}, {os.cpu_count()} CPUs, {_processor()}"
    # A run on a busy machine should be seen to be one.
    print(f"{machine}, load average {os.getloadavg()[1]:.1f}.\n\n{EXPLANATION}\n")
    print(HEAD)
    print("|" + "---|" * (HEAD.count("|") - 1))
    print("\n".join(map(str, rows)))
    print(f"\nGoals met: {sum(row.met == 'met' for row in goals)} of {len(goals)}.")
    print(f"\n{PEERS}\n\nSeen inside, the same on all sides of a job:\n")
    print("\n".join(_seen(seen)))


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
