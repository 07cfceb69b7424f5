"""pidfd: whether one thread of many may join the mount namespace of a process by its pidfd.

The kernel would write the target's root and working directory into the fs_struct that all threads share, and
move only the calling thread's mount namespace: so nsiso.setns refuses it until the thread has called
unshare(CLONE_FS).

Run: python pidfd.py
"""

import errno
import os
import socket
import threading

import example
import nsiso
from nsiso import Kind

JOINED = Kind.MNT | Kind.UTS
CLONE_FS = 0x200


@example.ending
def target(parent: socket.socket, child: socket.socket) -> int:
    """Stay, to be joined."""
    example.ready_and_wait(parent, child)
    return example.OK


def join(pidfd: int, complaints: list[str]) -> None:
    """Join in a thread beside the main one."""
    try:
        nsiso.setns(pidfd, JOINED)
        complaints.append("one thread of two joined")
    except nsiso.Error as error:
        if error.errno != errno.EINVAL:
            complaints.append(f"refused for another reason: {error}")
        example.say("inside", f"nsiso.setns(pidfd, mnt and uts) in one thread of two: {error.cause}")
    nsiso.unshare(CLONE_FS)
    nsiso.setns(pidfd, JOINED)
    example.say("inside", "the same after nsiso.unshare(CLONE_FS) on that thread: joined")
    if nsiso.same("self", os.getpid(), Kind.MNT):
        complaints.append("the thread is still in the main thread's mount namespace")


@example.ending
def host(flags: Kind) -> int:
    """Have a child, and a thread that joins it."""
    example.settle_in(flags)
    os.chdir("/proc/self/ns")
    ends = socket.socketpair()
    child = nsiso.clone(target, JOINED, ends)
    complaints: list[str] = []
    with ends[0]:
        if example.is_ready(*ends):
            pidfd = os.pidfd_open(child)
            thread = threading.Thread(target=join, args=(pidfd, complaints))
            thread.start()
            thread.join()
            os.close(pidfd)
    example.wait_for(child)
    example.check(not complaints, "; ".join(complaints))
    cwd = os.getcwd()
    example.say("inside", f"the main thread's working directory is still {cwd}")
    example.check(cwd.endswith("/ns"), "the main thread stays where it was")
    return example.OK


def main() -> str:
    """Do all of it in a child, which an ordinary user puts into a user namespace first."""
    flags = example.flags_for(JOINED) & Kind.USER
    before = os.getcwd()
    example.say("did", "joined a process's mount namespace by pidfd, from one thread of two")
    example.say("outside", f"the working directory is {before}")
    example.wait_for(nsiso.clone(host, flags, (flags,)))
    example.say("after", f"the working directory is {os.getcwd()}")
    example.check(before == os.getcwd(), "the caller stays where it was")
    return "refused while threads share root and directory, allowed afterwards"


example.main(main)
