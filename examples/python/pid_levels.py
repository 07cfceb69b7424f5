"""pid_levels (row P3): who sees whom, where pid namespaces lie beside and in each other.

Each of these processes is this program, with its name as its argument, and starts those to its right.
Brackets are a new pid namespace, with a /proc of its own:

    [parent --+-- A -- [A-child -- [A-grandchild]]
              +-- B -- [B-child -- [B-grandchild]]]

Run: python pid_levels.py
"""

from __future__ import annotations

import contextlib
import os
import socket
import sys
from pathlib import Path
from typing import Any

import example
import nsiso
from nsiso import Kind

# What the parent sees, and on how many levels each has a number.
LEVELS = {"parent": 1, "A": 1, "A-child": 2, "A-grandchild": 3, "B": 1, "B-child": 2, "B-grandchild": 3}
NEXT = {"A": "A-child", "A-child": "A-grandchild", "B": "B-child", "B-child": "B-grandchild"}
PROC = Path("/proc")
# By name, as one /proc shows it: the numbers there and in the namespaces below that the process is in.
Sight = dict[str, list[int]]


def start_as(name: str, **options: Any) -> nsiso.Popen[str]:
    """Start this program under another name."""
    return example.start([sys.executable, __file__, name], **options)


def start_below_as(name: str) -> nsiso.Popen[str]:
    """Start it in a new pid namespace, below the caller's."""
    return start_as(name, spec=example.spec_for(Kind.PID | Kind.MNT, proc=True))


def read_proc(who: str, proc: Path) -> Sight:
    """Read and show what is in a /proc, wherever it is mounted."""
    processes = sorted(
        (path for path in proc.iterdir() if path.name.isdigit()), key=lambda path: int(path.name)
    )
    sight = {example.read_status(path, "Name"): example.read_status(path, "NSpid") for path in processes}
    example.check(len(sight) == len(processes), "each name is there once")
    shown = ", ".join(f"{name} ({numbers})" for name, numbers in sight.items())
    example.say("inside", f"{who} sees {shown}")
    return {name: [int(number) for number in numbers.split()] for name, numbers in sight.items()}


def compare() -> None:
    """Look at the parent's own /proc, and through /proc/PID/root at those of the namespaces below."""
    everybody = read_proc("parent", PROC)
    example.check(
        {name: len(numbers) for name, numbers in everybody.items()} == LEVELS and everybody["parent"] == [1],
        "the parent is process 1, and sees itself and all that come of it",
    )
    for name, numbers in everybody.items():
        depth = LEVELS[name] - 1
        if depth == 0:
            continue
        own = read_proc(name, PROC / str(numbers[0]) / "root/proc")
        # Of its own branch everybody from its own level on, without the numbers further up.
        expected = {
            other: numbers[depth:]
            for other, numbers in everybody.items()
            if other[0] == name[0] and LEVELS[other] > depth
        }
        claim = "it is process 1 and sees nobody but those it has started"
        example.check(own == expected and own[name] == [1], claim)


def parent() -> int:
    """Start both branches, wait until all of them are there, and look."""
    with contextlib.ExitStack() as branches:
        for name in ("A", "B"):
            ends = socket.socketpair()
            branches.enter_context(start_as(name, stdin=ends[1]))
            # Closed first: so the branch comes to its end.
            branches.enter_context(ends[0])
            example.check(example.is_ready(*ends), "the last of the branch is ready")
        compare()
    return example.OK


def stay() -> int:
    """Say, as the last of a branch, that it is there, and stay until the parent closes its end."""
    with socket.socket(fileno=os.dup(0)) as end:
        end.sendall(b"r")
        end.recv(1)
    return example.OK


@example.ending
def act_as(name: str) -> int:
    """Be one of the processes below the first."""
    (PROC / "self/comm").write_text(name)
    if name == "parent":
        return parent()
    return start_below_as(NEXT[name]).wait() if name in NEXT else stay()


def main() -> str:
    """Start the parent in namespaces of its own."""
    example.say(
        "did", "in new pid and mnt namespaces A and B each start a child in new ones, and it one more"
    )
    process = start_below_as("parent")
    example.say("outside", f"the parent is process {process.pid}")
    if process.wait() != example.OK:
        raise example.ChildError(process.returncode)
    try:
        os.kill(process.pid, 0)
        raise example.ClaimError(f"process {process.pid} has ended")
    except ProcessLookupError as error:
        example.say("after", f"no process {process.pid}: {error.strerror}")
    return "each child is process 1 of its own and does not see the other; the parent sees all"


if len(sys.argv) > 1:
    sys.exit(act_as(sys.argv[1]))
example.main(main)
