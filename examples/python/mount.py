"""mount (row M1): whether a mount inside touches anything outside, even where / is shared.

Run: python mount.py
"""

import socket
from pathlib import Path

import example
import nsiso
from nsiso import Kind

MOUNTINFO = Path("/proc/self/mountinfo")
DIRECTORY = Path("/tmp")


def summary(mountinfo: bytes) -> str:
    """Count the mounts and tell the propagation of /: the optional fields of its last line."""
    propagation = "private"
    lines = [line.split() for line in mountinfo.splitlines()]
    for fields in lines:
        if fields[4] == b"/":
            tag = fields[6].split(b":")[0]
            propagation = {b"shared": "shared", b"master": "slave"}.get(tag, "private")
    return f"{len(lines)} mounts, / is {propagation}"


@example.ending
def inside(flags: Kind, parent: socket.socket, child: socket.socket) -> int:
    """Mount, wait for the outside to look, and unmount."""
    example.settle_in(flags)
    example.make_mounts_private()
    before = DIRECTORY.stat().st_dev
    example.attempt("mount a tmpfs", example.libc, "mount", "none", str(DIRECTORY), "tmpfs", 0, None)
    example.check(DIRECTORY.stat().st_dev != before, "the tmpfs is to be seen inside")
    example.say("inside", f"tmpfs mounted on {DIRECTORY}: {summary(MOUNTINFO.read_bytes())}")
    example.ready_and_wait(parent, child)
    example.libc("umount2", str(DIRECTORY), 0)
    example.say("inside", f"unmounted again: {summary(MOUNTINFO.read_bytes())}")
    return example.OK


def main() -> str:
    """Read the mountinfo outside before, during and after."""
    flags = example.flags_for(Kind.MNT)
    before = MOUNTINFO.read_bytes()
    example.say(
        "did", f"in a child with Kind.MNT{example.and_user(flags)}: all mounts private, mount, umount"
    )
    example.say("outside", summary(before))

    ends = socket.socketpair()
    child = nsiso.clone(inside, flags, (flags, *ends))
    with ends[0]:
        example.is_ready(*ends)
        during = MOUNTINFO.read_bytes()
    example.wait_for(child)
    after = MOUNTINFO.read_bytes()

    counts = f"{len(during.splitlines())} mounts during, {len(after.splitlines())} after"
    example.say("after", f"{counts}; mountinfo has {len(after)} bytes")
    claim = "mountinfo outside is byte for byte the same before, during and after"
    example.check(before == during == after, claim)
    return claim


example.main(main)
