"""What do the commands among the examples cost as whole processes, against those that they replace?

    commands.py COMMANDS PROGRAM check                        do both sides do the same? Fails if not
    commands.py COMMANDS PROGRAM measure ROUNDS MILLISECONDS  see rounds.h

COMMANDS is where they are, linked statically; PROGRAM is the least that they can execute.
"""

from __future__ import annotations

import os
import shutil
import sys
import time
from typing import NamedTuple

import nsiso
from rounds import Take, calls_in_a_round, take_round

FROM = "command"
# Of the process whose namespaces are entered.
NEW = "mnt,uts,ipc,net,pid,cgroup,time"


class Job(NamedTuple):
    """What is measured: a command with such words, and which new namespaces its program is in then.

    In the words is `{target}`. The goal is as in rounds.h.
    """

    name: str
    command: str
    words: str
    new: str
    goal: str


JOBS = [
    Job("nsenter: net, by its file", "nsenter", "--net=/proc/{target}/ns/net", "net", ">=1.4"),
    Job("nsenter: four kinds of a process", "nsenter", "-t {target} -m -u -i -n", "mnt,uts,ipc,net", ">=1.4"),
    Job("nsenter: all kinds of a process", "nsenter", "-t {target} -a", NEW, ">=1.4"),
]


def sides(job: Job, commands: str) -> dict[str, str]:
    """The programs on both sides, ours first."""
    installed = shutil.which(job.command)
    if installed is None:
        raise SystemExit(f"commands.py: {job.command} is missing")
    return {"nsiso": f"{commands}/{job.command}", job.command: installed}


def _run(words: list[str], output: int | None = None) -> None:
    actions = [] if output is None else [(os.POSIX_SPAWN_DUP2, output, 1)]
    pid = os.posix_spawn(words[0], words, os.environ, file_actions=actions)
    _, status = os.waitpid(pid, 0)
    if status != 0:
        raise SystemExit(f"commands.py: {' '.join(words)}: wait status {status:#x}")


def check(job: Job, commands: str, words: list[str]) -> None:
    """Let each side execute a program that tells in which namespaces it is."""
    names = [kind.name for kind in nsiso.kinds()]
    before = [os.readlink(f"/proc/self/ns/{name}") for name in names]
    readlink = [shutil.which("readlink") or "readlink", *(f"/proc/self/ns/{name}" for name in names)]
    for side, program in sides(job, commands).items():
        end, output = os.pipe()
        with open(end) as told:
            _run([program, *words, *readlink], output)
            os.close(output)
            links = told.read().split()
        new = [name for name, old, now in zip(names, before, links) if old != now]
        if len(links) != len(names) or new != [name for name in names if name in job.new.split(",")]:
            raise SystemExit(f"commands.py: {job.name}: {side}: new: {new}, not {job.new}")
    print(f"seen\t{job.name}\t{FROM}\tnew: {job.new.replace(',', ' ')}", flush=True)


def _timed(words: list[str], output: int | None) -> Take:
    def take() -> float:
        start = time.perf_counter_ns()
        _run(words, output)
        return (time.perf_counter_ns() - start) / 1e3

    return take


def measure(
    job: Job, commands: str, words: list[str], rounds: int, milliseconds: float, output: int | None = None
) -> None:
    """Time the sides call by call in turn; what they say goes to a descriptor."""
    timed = {side: _timed([program, *words], output) for side, program in sides(job, commands).items()}
    calls = calls_in_a_round(milliseconds, timed)
    for number in range(rounds):
        for side, microseconds in take_round(timed, calls).items():
            goal = "" if side == "nsiso" else job.goal
            print(f"time\t{job.name}\t{FROM}\t{number}\t{side}\t{microseconds:.3f}\t{goal}", flush=True)


def main(commands: str, program: str, verb: str, *effort: str) -> None:
    """Check or measure all jobs."""
    holder = nsiso.Popen(["sleep", "infinity"], unshare=NEW, kill_with_parent=True)
    with holder:
        try:
            for job in JOBS:
                words = job.words.format(target=holder.pid).split()
                if verb == "check":
                    check(job, commands, words)
                else:
                    measure(job, commands, [*words, program], int(effort[0]), float(effort[1]))
        finally:
            holder.kill()


if __name__ == "__main__":
    main(*sys.argv[1:])
