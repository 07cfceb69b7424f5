"""setns (row A2): whether a process can join a namespace of each kind by an open descriptor.

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
# An ordinary user has the right to join the others only after joining the user namespace that owns them.
ORDER = sorted((info.kind for info in nsiso.kinds()), key=lambda kind: kind != Kind.USER)


@example.ending
def owner(flags: Kind, parent: socket.socket, child: socket.socket) -> int:
    """Give the uts namespace that is joined a host name, and stay."""
    example.settle_in(flags)
    example.attempt("sethostname", socket.sethostname, NAME)
    example.ready_and_wait(parent, child)
    return example.OK


@example.ending
def join(files: dict[Kind, BinaryIO], target: int, checked: bool) -> int:
    """Join them all; this is not the main process, which must stay where it is to compare."""
    for kind in ORDER:
        try:
            nsiso.setns(files[kind], Kind.NET if kind == Kind.UTS else Kind.UTS)
            raise example.ClaimError(f"a wrong nstype is EINVAL for {example.names(kind)}")
        except OSError as error:
            example.check(
                error.errno == errno.EINVAL, f"a wrong nstype is EINVAL, not {error.errno}: {error}"
            )
        nsiso.setns(files[kind], kind if checked else 0)

    # Who joins a pid namespace stays where it is; its children are in there.
    joined = nsiso.links()
    example.check(
        not example.differing(nsiso.links(target), joined | {"pid": joined["pid_for_children"]}),
        "the joined namespaces are those of the descriptors",
    )
    name = example.run("hostname")
    example.check(name == NAME, "the host name is that of the joined uts namespace")
    if not checked:
        example.say("inside", f"setns(fd, a wrong nstype): {os.strerror(errno.EINVAL)}, for each kind")
    word = "its own nstype" if checked else "0"
    example.say(
        "inside", f'setns(fd, {word}): joined {example.names(Kind(sum(ORDER)))}, the host name is "{name}"'
    )
    return example.OK


def main() -> str:
    """Let one child make namespaces and two others join them."""
    flags = example.flags_for(Kind(sum(ORDER)))
    before = example.run("hostname")
    example.say("did", "nsiso.setns(fd, nstype) into the namespaces of another child, of each kind")
    example.say("outside", f'the host name is "{before}"')

    ends = socket.socketpair()
    target = nsiso.clone(owner, flags, (flags, *ends))
    with ends[0], contextlib.ExitStack() as files:
        if example.is_ready(*ends):
            opened = {
                info.kind: files.enter_context(Path(f"/proc/{target}/ns/{info.name}").open("rb"))
                for info in nsiso.kinds()
            }
            for checked in (False, True):
                example.wait_for(nsiso.clone(join, 0, (opened, target, checked)))
    example.wait_for(target)

    after = example.run("hostname")
    example.say("after", f'the host name is "{after}"')
    example.check(before == after, "the host name outside stays")
    return "each kind is joined by descriptor; a wrong nstype is EINVAL, 0 does not check"


example.main(main)
