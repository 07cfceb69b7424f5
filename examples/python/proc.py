"""proc (row M2): how many processes ps shows before and after `mount -t proc` inside.

Run: python proc.py
"""

import os
import socket
from pathlib import Path

import example
import nsiso
from nsiso import Kind

MOUNTINFO = Path("/proc/self/mountinfo")
MS_NOSUID, MS_NODEV, MS_NOEXEC = 2, 4, 8


def processes() -> list[int]:
    """List the process numbers that the real program shows."""
    return [int(number) for number in example.run("ps", "-e", "-o", "pid=").split()]


@example.ending
def inside(flags: Kind, parent: socket.socket, child: socket.socket) -> int:
    """Count before and after the mount, and wait for the outside to look."""
    example.settle_in(flags)
    example.make_mounts_private()
    before = processes()
    harmless = MS_NOSUID | MS_NODEV | MS_NOEXEC
    example.attempt("mount proc", example.libc, "mount", "proc", "/proc", "proc", harmless, None)
    own = processes()
    example.say(
        "inside", f"ps -e shows {len(before)} processes with the old /proc, {len(own)} with the new one"
    )
    example.check(
        len(own) == 2 and own[0] == os.getpid() == 1 and len(before) > 2,
        "after the mount ps shows process 1 and itself and nothing else",
    )
    example.ready_and_wait(parent, child)
    return example.OK


def main() -> str:
    """Count the processes and read the mountinfo outside before, during and after."""
    flags = example.flags_for(Kind.MNT | Kind.PID)
    before = MOUNTINFO.read_bytes()
    example.say(
        "did", f"in a child with Kind.MNT | Kind.PID{example.and_user(flags)}: mount -t proc proc /proc"
    )
    example.say("outside", f"ps -e shows {len(processes())} processes")

    ends = socket.socketpair()
    child = nsiso.clone(inside, flags, (flags, *ends))
    with ends[0]:
        example.is_ready(*ends)
        during = MOUNTINFO.read_bytes()
    example.wait_for(child)

    left = processes()
    example.say("after", f"ps -e shows {len(left)} processes")
    example.check(before == during == MOUNTINFO.read_bytes(), "mountinfo outside is byte for byte the same")
    example.check(os.getpid() in left, "the /proc outside still knows this process by its number")
    return "only the own processes inside; /proc and mountinfo outside untouched"


example.main(main)
