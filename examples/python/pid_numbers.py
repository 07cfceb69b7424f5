"""pid_numbers (row P2): which number one process has outside and inside, and whom ps shows there.

Run: python pid_numbers.py
"""

import os
import subprocess
from pathlib import Path

import example
from nsiso import Kind

# The shell closes its output, and stays until its input ends. -ww: whole lines, whatever COLUMNS says.
SHELL = ("sh", "-c", "echo $$; ps -efww; exec >&-; read -r _")


def compare(child: int, said: str) -> None:
    """Compare the shell's number outside and all its numbers with what it and ps said inside."""
    processes = len(example.run("ps", "-ef").splitlines()) - 1
    arguments = example.run("ps", "-ww", "-o", "args=", "-p", str(child))
    numbers = example.read_status(Path(f"/proc/{child}"), "NSpid")
    example.say("outside", f"the shell is process {child}; ps -ef shows {processes} processes")

    # $$; then, below a heading, UID PID PPID … CMD of the shell and of ps.
    own, _, *shown = said.splitlines()
    found = [tuple(map(int, line.split()[1:3])) for line in shown]
    example.say(
        "inside",
        f"the shell is process {own}; ps -ef shows {len(found)} processes:"
        f" {found[0][0]} and its child {found[-1][0]}",
    )
    example.say("outside", f"NSpid of process {child} is {numbers}")
    example.check(
        len(found) == 2
        and found[0] == (int(own), 0)
        and found[1][1] == int(own)
        and shown[0].endswith(arguments),
        "ps inside shows the shell, as ps outside does, and itself, and nobody else",
    )
    example.check(
        own == "1" and child != 1 and numbers == f"{child} {own}",
        "NSpid is the number outside, and then the number 1 inside",
    )


def main() -> str:
    """Look at one process from both sides."""
    spec = example.spec_for(Kind.PID | Kind.MNT, proc=True)
    example.say("did", "in new pid and mnt namespaces with a /proc of their own: sh -c 'echo $$; ps -ef'")
    with example.start(SHELL, spec=spec, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        compare(process.pid, process.stdout.read())
    try:
        os.kill(process.pid, 0)
        raise example.ClaimError(f"process {process.pid} has ended")
    except ProcessLookupError as error:
        example.say("after", f"no process {process.pid}: {error.strerror}")
    return "one process, a number outside and another inside, both in NSpid; ps inside shows its own"


example.main(main)
