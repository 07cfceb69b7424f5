"""Who runs the bench's programs, and in which order? Tells on stdout what they told.

measure.py check|pinned|free LIBRARIES PROGRAMS SPAWN CALLS MOUNTS SCAN

LIBRARIES is where libfloor.so, libnix_peer.so, libmount_peer.so, pyroute2 and the programs in C that call
nsiso are, with the commands in commands/static; PROGRAMS where tiny, witness, population, helper and go are;
SPAWN, CALLS, MOUNTS and SCAN are those in Rust. `check` fails when two sides of a job do different things.
`pinned` runs all on one CPU, as a child on another one costs more than what is compared.
"""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import nsiso
from jobs import APART, JOBS, JOIN_TIME, PYTHON, RUST, C, Job

HERE = Path(__file__).parent
# One environment on all machines, as large as usual, since a spawn copies it.
ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/", "LANG": "C.UTF-8"} | {
    f"FILLER_{letter}": "." * 32 for letter in "ABCDEFGHIJKLMNOPQ"
}
# A descriptor more than the usual three, else one could not tell whether it is passed.
TRAP = 3
NET_TEARDOWN = 1.0
# Whom a snapshot is taken of.
POPULATIONS = "1000", "5000", "20000"
SETS = "10"


class Effort(NamedTuple):
    """How many rounds, and for about how long each side runs in one."""

    rounds: str
    milliseconds: str


CALLS = {"pinned": Effort("21", "12"), "free": Effort("5", "6")}
SPAWNS = {"pinned": Effort("21", "12"), "free": Effort("7", "6")}
BRIEF = Effort("7", "12")
THREADS = Effort("11", "200")


class Programs(NamedTuple):
    """Where everything is."""

    libraries: str
    programs: str
    spawn: str
    calls: str
    mounts: str
    scan: str

    def host(self, language: str) -> list[str]:
        """Give the program of this language that spawns."""
        return {
            RUST: [self.spawn],
            C: [f"{self.libraries}/spawn"],
            PYTHON: [sys.executable, str(HERE / "spawn.py")],
        }[language]

    def callers(self) -> list[list[str]]:
        """Give the programs that make calls in place, call whole commands, or read."""
        commands = [f"{self.libraries}/commands/static", f"{self.programs}/tiny"]
        few, many, most = ([f"{self.programs}/population", size, SETS] for size in POPULATIONS)
        scans = ([*population, self.scan, self.libraries] for population in (few, many, most))
        return [
            [self.calls, self.libraries],
            [f"{self.libraries}/calls"],
            [sys.executable, str(HERE / "calls.py"), f"{self.libraries}/pyroute2"],
            [sys.executable, str(HERE / "commands.py"), *commands],
            [self.mounts, self.libraries],
            [f"{self.libraries}/mounts"],
            *scans,
            [*many, sys.executable, str(HERE / "snapshot.py"), self.libraries],
            [*few, sys.executable, str(HERE / "listings.py"), commands[0]],
        ]


def _run(command: list[str]) -> str:
    """Run a program on no terminal, which would be set up for as well; give what it told."""
    result = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        env=ENVIRONMENT,
        pass_fds=(TRAP,),
        check=False,
    )
    if result.returncode != 0:
        raise SystemExit(f"tests/bench: {' '.join(command)}: {result.returncode}\n{result.stderr}")
    return result.stdout


def _options(job: Job) -> list[str]:
    return job.options.replace(";", ",").split(",")


def _wanted(job: Job) -> str:
    given = [option.partition("=")[0] for option in _options(job)]
    new = [kind.name for kind in nsiso.kinds() if kind.name in given]
    if "join_time" in given:
        new.append("time")
    return f"new: {' '.join(new) or 'nothing'};"


def check(programs: Programs, job: Job, language: str, options: str) -> None:
    """Let each side start the witness, and compare what it saw with what the job and the others say."""
    record = Path(programs.programs) / "seen"
    links = [os.readlink(f"/proc/self/ns/{kind.name}") for kind in nsiso.kinds()]
    witness = [f"{programs.programs}/witness", str(record), *links, os.uname().nodename]
    seen = {}
    for side in job.sides(language):
        # For whoever the witness is then.
        record.touch()
        record.chmod(0o666)
        _run([*programs.host(language), programs.libraries, options, "0", "check", side, "--", *witness])
        seen[side] = record.read_text().strip()
        record.unlink()
    told = seen["nsiso"]
    if job.options.endswith(",init") or "pid" in job.options.partition(";")[0]:
        # Without a reaper, and in a new set, the program is pid 1; in one that is held others were before it.
        seen = {side: re.sub("; number [0-9];", "; number 1;", line) for side, line in seen.items()}
    if not told.startswith(_wanted(job)) or len(set(seen.values())) > 1:
        lines = "\n".join(f"  {side}: {line}" for side, line in seen.items())
        raise SystemExit(f"tests/bench: {job.name} ({language}): not all do this ({_wanted(job)})\n{lines}")
    print(f"seen\t{job.name}\t{language}\t{told}", flush=True)


def measure(programs: Programs, job: Job, language: str, options: str, how: str) -> None:
    """Let one job be timed, and say so in the words of rounds.h."""
    sides = job.sides(language)
    names = (
        [side for side in sides if side not in APART] + ["apart"] + [side for side in sides if side in APART]
    )
    verb, effort = ("threads", THREADS) if job.threads else ("measure", BRIEF if job.brief else SPAWNS[how])
    words = [
        programs.libraries,
        options,
        str(job.mib),
        verb,
        *effort,
        *names,
        "--",
        f"{programs.programs}/tiny",
    ]
    for line in _run([*programs.host(language), *words]).splitlines():
        number, side, microseconds = line.split("\t")
        goal = job.goals[language].get(side, "")
        print("time", job.name, language, number, side, microseconds, goal, sep="\t", flush=True)
    if "net" in _options(job):
        time.sleep(NET_TEARDOWN)


@contextlib.contextmanager
def _time_namespace() -> Iterator[str]:
    """Hold one; its path."""
    with nsiso.Popen(["sleep", "infinity"], unshare="time", kill_with_parent=True) as holder:
        try:
            yield f"/proc/{holder.pid}/ns/time"
        finally:
            holder.kill()


def main(how: str, programs: Programs) -> None:
    """Check or measure everything."""
    if how == "pinned":
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    os.dup2(os.open(os.devnull, os.O_RDONLY), TRAP)
    for caller in programs.callers():
        words = ["check"] if how == "check" else ["measure", *CALLS[how]]
        sys.stdout.write(_run([*caller, *words]))
        sys.stdout.flush()
    with _time_namespace() as path:
        for job in JOBS:
            options = job.options.replace(JOIN_TIME, JOIN_TIME + path)
            for language in job.goals:
                if how == "check":
                    check(programs, job, language, options)
                elif not (job.threads and how == "pinned"):
                    measure(programs, job, language, options, how)


if __name__ == "__main__":
    main(sys.argv[1], Programs(*sys.argv[2:]))
