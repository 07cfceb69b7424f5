"""ipc (row I1): whether queues, semaphores and shared memory are seen only on their own side.

Run: python ipc.py
"""

from __future__ import annotations

import ctypes
import errno
import json
import os
import re
import signal
import socket
from collections.abc import Callable

import example
import nsiso
from nsiso import Kind

MAKE = ("ipcmk", "-Q", "-M", "4096", "-S", "1")
# By the option of ipcs and of ipcrm
MADE = {"q": "Message queue id", "m": "Shared memory id", "s": "Semaphore id"}
QUEUE_NAME = f"/nsiso-example-{os.getpid()}".encode()
IPC_CREAT, IPC_EXCL, IPC_NOWAIT = 0o1000, 0o2000, 0o4000
Keys = dict[str, str]  # ids start again in every namespace, the keys of ipcmk are random


class Message(ctypes.Structure):
    """The kernel's struct msgbuf."""

    _fields_ = (("type", ctypes.c_long), ("text", ctypes.c_char * 8))


def list_keys(option: str) -> dict[str, str]:
    """Map ids to keys; the lines of ipcs begin "0xKEY ID"."""
    found = re.findall(r"^(0x\S+)\s+(\d+)", example.run("ipcs", f"-{option}"), re.MULTILINE)
    return {number: key for key, number in found}


def count_shown(only: Keys | None = None) -> int:
    """Count how many of these objects ipcs shows; without objects, how many it shows at all."""
    shown = ((option, key) for option in MADE for key in list_keys(option).values())
    return sum(only is None or only[option] == key for option, key in shown)


def make_objects(ids: dict[str, str]) -> Keys:
    """Make one object of each sort with the real program, and find their keys in the lists of ipcs."""
    made = example.run(*MAKE)
    for option, text in MADE.items():
        found = re.search(rf"^{text}: (\d+)$", made, re.MULTILINE)
        if found:
            ids[option] = found[1]
    example.check(ids.keys() == MADE.keys(), "ipcmk tells the ids")
    return {option: list_keys(option)[number] for option, number in ids.items()}


def is_absent(open_it: Callable[[], int]) -> bool:
    """Tell whether there is nothing to open."""
    try:
        open_it()
    except FileNotFoundError:
        return True
    return False


def is_empty(queue: int) -> bool:
    """Try to receive from a System V queue."""
    message = Message()
    try:
        example.libc("msgrcv", queue, ctypes.byref(message), len(message.text), 0, IPC_NOWAIT)
    except OSError as error:
        return error.errno == errno.ENOMSG
    return False


def mq_open(flags: int) -> int:
    """Open the POSIX queue of this example."""
    return example.libc("mq_open", QUEUE_NAME, flags, 0o600, None)


def mq_messages(queue: int) -> int:
    """Count the messages in a POSIX queue."""
    attributes = (ctypes.c_long * 8)()  # struct mq_attr: flags, maxmsg, msgsize, curmsgs
    example.libc("mq_getattr", queue, attributes)
    return int(attributes[3])


@example.ending
def inside(flags: Kind, outer: Keys, parent: socket.socket, child: socket.socket) -> int:
    """Look for the objects of the outside, and make own ones."""
    example.settle_in(flags)
    shown = count_shown()
    example.say("inside", f"ipcs shows {shown} objects")
    example.check(shown == 0, "nothing made outside is shown inside")
    own = make_objects({})
    example.say("inside", f"{' '.join(MAKE)} made three more here")

    key = {option: int(text, 16) for option, text in outer.items()}
    absent = (
        is_absent(lambda: example.libc("msgget", key["q"], 0))
        and is_absent(lambda: example.libc("shmget", key["m"], 0, 0))
        and is_absent(lambda: example.libc("semget", key["s"], 0, 0))
        and is_absent(lambda: mq_open(os.O_RDONLY))
    )
    example.check(absent, "the keys and the queue name of the outside find nothing inside")
    queue = example.libc("msgget", key["q"], IPC_CREAT | IPC_EXCL | 0o600)
    named = mq_open(os.O_RDWR | os.O_CREAT | os.O_EXCL)
    example.check(
        is_empty(queue) and mq_messages(named) == 0,
        "the same keys and the same queue name are other objects inside",
    )
    example.say("inside", "the outer keys and the outer /name find nothing here, and make new queues, empty")
    child.sendall(json.dumps(own).encode() + b"\n")
    example.ready_and_wait(parent, child)
    return example.OK


def compare(outer: Keys, inner: Keys) -> None:
    """Look outside while the inside has objects of its own: all of the one, none of the other."""
    own, foreign = count_shown(outer), count_shown(inner)
    example.say(
        "outside", f"meanwhile ipcs shows {own} of the own objects and {foreign} of those made inside"
    )
    example.check(own == len(outer) and foreign == 0, "outside shows its own objects only")


def demonstrate(flags: Kind, ids: dict[str, str]) -> Keys:
    """Make objects outside, which the caller removes by their ids, and look from both sides."""
    outer = make_objects(ids)
    message = Message(1, b"outside")
    queue = int(ids["q"])
    example.libc("msgsnd", queue, ctypes.byref(message), len(message.text), IPC_NOWAIT)
    named = mq_open(os.O_RDWR | os.O_CREAT | os.O_EXCL)
    example.libc("mq_send", named, message.text, len(message.text), 0)
    example.say(
        "outside", f"{' '.join(MAKE)} made three objects, mq_open a fourth; a message is in each queue"
    )

    ends = socket.socketpair()
    child = nsiso.clone(inside, flags, (flags, outer, *ends))
    with ends[0]:
        ends[1].close()
        with ends[0].makefile("rb") as stream:
            line = stream.readline()
            if line:
                compare(outer, json.loads(line))
                stream.read(1)
    example.wait_for(child)
    kept = mq_messages(named) == 1 and not is_empty(queue)
    example.check(kept, "both messages are still in their queues outside")
    return outer


def main() -> str:
    """Show both sides, and remove everything whatever happens."""
    flags = example.flags_for(Kind.IPC)
    # These objects outlive the process, so it must not be killed before they are removed.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM, signal.SIGHUP})
    example.say("did", f"ipcmk and mq_open outside, and in a child with Kind.IPC{example.and_user(flags)}")
    ids: dict[str, str] = {}
    try:
        outer = demonstrate(flags, ids)
    finally:
        for option, number in ids.items():
            example.run("ipcrm", f"-{option}", number)
        is_absent(lambda: example.libc("mq_unlink", QUEUE_NAME))
    left = count_shown(outer)
    example.say("after", f"{left} of the objects are left after ipcrm and mq_unlink")
    example.check(left == 0, "ipcrm removed what ipcmk made")
    return "System V objects and POSIX queues are seen only on their own side"


example.main(main)
