"""How do the rounds of both sides compare? Makes a Markdown table of what the programs told (see rounds.h).

report.py PINNED FREE SEEN CPU: what they told on one CPU, on any CPU and in the check; that CPU's number.
"""

from __future__ import annotations

import os
import statistics
import sys
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

OURS = "nsiso"
HEAD = "| job | from | nsiso µs | against | its µs | ratio | rounds' ratios | goal | not pinned: µs, ratio |"


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

    def pair(self, job: Job, side: str) -> Pair:
        """Compare one side with nsiso; a side without rounds is an error."""
        ours, theirs = self.rounds[job][OURS], self.rounds[job][side]
        ratios = [one / other for one, other in zip(ours, theirs)]
        if not ratios or len(ours) != len(theirs):
            raise SystemExit(f"report.py: {job.name}: {len(ours)} rounds of nsiso, {len(theirs)} of {side}")
        return Pair(statistics.median(ours), statistics.median(theirs), ratios)


def _number(microseconds: float) -> str:
    return f"{microseconds:.0f}" if microseconds >= 100 else f"{microseconds:.3g}"


def _goal(goal: str, ratio: float) -> str:
    if not goal:
        return ""
    return f"≤ {goal} ({'met' if ratio <= float(goal) else 'missed'})"


def _rows(pinned: Times, free: Times) -> list[str]:
    rows = []
    for job, sides in pinned.rounds.items():
        for side in sides:
            if side == OURS:
                continue
            pair, unpinned = pinned.pair(job, side), free.pair(job, side)
            cells = [
                job.name,
                job.language,
                _number(pair.ours),
                side,
                _number(pair.theirs),
                f"{pair.ratio:.2f}",
                f"{min(pair.ratios):.2f} … {max(pair.ratios):.2f}",
                _goal(pinned.goals[job, side], pair.ratio),
                f"{_number(unpinned.ours)}, {unpinned.ratio:.2f}",
            ]
            rows.append(f"| {' | '.join(cells)} |")
    return rows


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return os.uname().machine


def main(pinned: Path, free: Path, seen: Path, cpu: str) -> None:
    """Print the report."""
    times = Times(pinned)
    rounds = max(len(numbers) for sides in times.rounds.values() for numbers in sides.values())
    print("# nsiso against the kernel's floor\n")
    print(f"Linux {os.uname().release}, {os.cpu_count()} CPUs, {_processor()}. Both sides in one process")
    print(f"on CPU {cpu}, call by call in turn; medians of {rounds} rounds' medians. A ratio is the median")
    print("of the rounds' ratios; below 1 nsiso is faster.\n")
    print(HEAD)
    print("|" + "---|" * (HEAD.count("|") - 1))
    print("\n".join(_rows(times, Times(free))))
    print("\nSeen inside, the same on all sides of a job:\n")
    for line in seen.read_text().splitlines():
        _, name, language, what = line.split("\t")
        print(f"- {name} ({language}): {what}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]), sys.argv[4])
