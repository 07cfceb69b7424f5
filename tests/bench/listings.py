"""What does the drop-in for lsns cost as a whole process, against the installed one?

    listings.py COMMANDS check                        do both sides say the same? Fails if not
    listings.py COMMANDS measure ROUNDS MILLISECONDS  see rounds.h

To be run among many processes (floor/population.c). COMMANDS is where it is, linked statically.
"""

from __future__ import annotations

import os
import subprocess
import sys

from commands import Job, measure, sides

JOBS = [
    Job("lsns: all namespaces of {} processes", "lsns", "", "", ">=4"),
    Job(
        "lsns: of {} processes as JSON, with more columns", "lsns", "-J -o +PATH,PPID,UID,PNS,ONS", "", ">=4"
    ),
    Job("lsns: those of one of {} processes", "lsns", "-p 2", "", ">=4"),
]


def check(job: Job, commands: str, words: list[str]) -> None:
    """Compare what the sides say."""
    said = {}
    for side, program in sides(job, commands).items():
        done = subprocess.run(["lsns", *words], executable=program, capture_output=True, check=True)
        said[side] = done.stdout
    lines = next(iter(said.values())).count(b"\n")
    if len(set(said.values())) > 1 or lines < 2:
        raise SystemExit(f"listings.py: {job.name}: the sides do not say the same")
    print(f"seen\t{job.name}\tcommand\tthe same {lines} lines", flush=True)


def main(commands: str, verb: str, *effort: str) -> None:
    """Check or measure all jobs."""
    processes = len(os.listdir("/proc/")) // 1000 * 1000
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for job in JOBS:
        named = job._replace(name=job.name.format(processes))
        if verb == "check":
            check(named, commands, job.words.split())
        else:
            measure(named, commands, job.words.split(), int(effort[0]), float(effort[1]), nowhere)


if __name__ == "__main__":
    main(*sys.argv[1:])
