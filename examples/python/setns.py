"""setns (row A2): whether a process can join a namespace by an open descriptor.

Run: python setns.py
"""

import contextlib
import errno
import os
import socket
from pathlib import Path
from typing import BinaryIO

import example
import nsiso
from nsiso import Kind

NAME = "first-life"


@example.ending
def owner(flags: Kind, parent: socket.socket, child: socket.socket) -> int:
    """Give the namespace that is joined a host name, and stay."""
    example.settle_in(flags)
    example.attempt("sethostname", socket.sethostname, NAME)
    example.ready_and_wait(parent, child)
    return example.OK


@example.ending
def join(files: dict[str, BinaryIO], target: int) -> int:
    """Join; this is not the main process, which must stay where it is to compare."""
    try:
        nsiso.setns(files["uts"], Kind.NET)
        raise example.ClaimError("a wrong nstype is EINVAL")
    except OSError as error:
        example.check(error.errno == errno.EINVAL, f"a wrong nstype is EINVAL, not {error.errno}: {error}")
        example.say("inside", f"setns(uts, a wrong nstype): {os.strerror(errno.EINVAL)}")
    # An ordinary user has the right to join only after joining the user namespace that owns the other one.
    if "user" in files:
        nsiso.setns(files["user"], Kind.USER)
    nsiso.setns(files["uts"], 0)
    nsiso.setns(files["uts"], Kind.UTS)

    name = example.run("hostname")
    example.say(
        "inside", f'setns(uts, 0) and setns(uts, the right nstype): joined, the host name is "{name}"'
    )
    example.check(
        name == NAME and nsiso.same(os.getpid(), target, Kind.UTS),
        "the joined namespace is that of the descriptor",
    )
    return example.OK


def main() -> str:
    """Let one child make a namespace and another join it."""
    flags = example.flags_for(Kind.UTS)
    before = example.run("hostname")
    example.say("did", f"nsiso.setns(fd, nstype) into the Kind.UTS{example.and_user(flags)} of another child")
    example.say("outside", f'the host name is "{before}"')

    ends = socket.socketpair()
    target = nsiso.clone(owner, flags, (flags, *ends))
    with ends[0], contextlib.ExitStack() as files:
        if example.is_ready(*ends):
            kinds = ["uts", "user"] if flags & Kind.USER else ["uts"]
            opened = {
                kind: files.enter_context(Path(f"/proc/{target}/ns/{kind}").open("rb")) for kind in kinds
            }
            example.wait_for(nsiso.clone(join, 0, (opened, target)))
    example.wait_for(target)

    after = example.run("hostname")
    example.say("after", f'the host name is "{after}"')
    example.check(before == after, "the host name outside stays")
    return "joined by descriptor; a wrong nstype is EINVAL, 0 does not check"


example.main(main)
