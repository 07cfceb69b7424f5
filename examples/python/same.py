"""same (row V3): whether two processes share a namespace.

Parent and child are compared, after a fork and after NEWUTS.

Run: python same.py
"""

import os
import socket
from pathlib import Path

import example
import nsiso
from nsiso import Kind


@example.ending
def inside(parent: socket.socket, child: socket.socket) -> int:
    """Stay while the parent compares."""
    example.ready_and_wait(parent, child)
    return example.OK


def same_file(a: int, b: int, name: str) -> bool:
    """Tell what sharing means: both links lead to the same device and inode."""
    return Path(f"/proc/{a}/ns/{name}").samefile(f"/proc/{b}/ns/{name}")


def compare(key: str, who: str, flags: Kind) -> None:
    """Clone a child with these flags and ask of each kind whether parent and child share it."""
    ends = socket.socketpair()
    child = nsiso.clone(inside, flags, ends)
    shared = different = example.NOTHING
    with ends[0]:
        ready = example.is_ready(*ends)
        for name in nsiso.links():
            kind = next((info.kind for info in nsiso.kinds() if info.name == name), example.NOTHING)
            if not ready or not kind:
                continue
            answer = nsiso.same(os.getpid(), child, kind)
            example.check(
                answer == same_file(os.getpid(), child, name),
                "nsiso.same says what device and inode of the links say",
            )
            if answer:
                shared |= kind
            else:
                different |= kind
    example.wait_for(child)
    example.say(key, f"{who} shares {example.names(shared)}; differs in {example.names(different)}")
    example.check(different == flags, "exactly the kinds of the flags differ")


def main() -> str:
    """Compare with a child like from fork, with one in a new namespace, and with another like the first."""
    flags = example.flags_for(Kind.UTS)
    example.say(
        "did",
        f"nsiso.same(parent, child), with a child of Kind.UTS{example.and_user(flags)}",
    )
    compare("outside", "a child like from fork", example.NOTHING)
    compare("inside", "a child with a new uts", flags)
    compare("after", "another child", example.NOTHING)
    return "a namespace is shared exactly when both links name the same device and inode"


example.main(main)
