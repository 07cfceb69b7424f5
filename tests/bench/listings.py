"""What does the drop-in for lsns cost as a whole process, against the installed one, among many processes?

    listings.py COMMANDS check                        do both sides say the same? Fails if not
    listings.py COMMANDS measure ROUNDS MILLISECONDS  see rounds.h

COMMANDS is where it is, linked statically. All happens in a pid namespace of its own, where nothing changes
meanwhile.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys

from commands import Job, measure, sides

PROCESSES = 1000
# Each has its own namespaces of these kinds.
SETS = 40
FLAGS = 0x20000 | 0x4000000 | 0x8000000 | 0x40000000
INSIDE = "inside"

JOBS = [
    Job("lsns: all namespaces of 1,000 processes", "lsns", "", "mnt,uts,ipc,net", ">=4"),
    Job(
        "lsns: as JSON, all columns but two", "lsns", "-J -o +PATH,PPID,UID,PNS,ONS", "mnt,uts,ipc,net", ">=4"
    ),
    Job("lsns: those of a process", "lsns", "-p 2", "mnt,uts,ipc,net", ">=4"),
]


def populate() -> None:
    """Have so many processes, in sets; they end with this one, which is pid 1."""
    ready, said = os.pipe()
    for _ in range(SETS):
        if os.fork() == 0:
            unshare(FLAGS)
            for _ in range(PROCESSES // SETS - 1):
                if os.fork() == 0:
                    idle()
            os.write(said, b"x")
            idle()
        os.read(ready, 1)
    os.close(ready)
    os.close(said)


def unshare(flags: int) -> None:
    """unshare(2), which Python has since 3.12."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(flags) != 0:
        raise OSError(ctypes.get_errno(), "unshare")


def idle() -> None:
    """Wait for ever."""
    while True:
        signal.pause()


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


def main(commands: str, verb: str, *rest: str) -> None:
    """Check or measure all jobs, on a machine of its own."""
    if not rest or rest[-1] != INSIDE:
        apart = ["unshare", "--pid", "--mount", "--propagation", "private", "--fork", "--kill-child"]
        words = [sys.executable, __file__, commands, verb, *rest, INSIDE]
        os.execvp(apart[0], [*apart, "--mount-proc", *words])
    populate()
    count = sum(name.isdigit() for name in os.listdir("/proc"))
    if count < PROCESSES:
        raise SystemExit(f"listings.py: only {count} processes")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for job in JOBS:
        if verb == "check":
            check(job, commands, job.words.split())
        else:
            measure(job, commands, job.words.split(), int(rest[0]), float(rest[1]), nowhere)


if __name__ == "__main__":
    main(*sys.argv[1:])
