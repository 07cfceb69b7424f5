"""user_root (row S2): what an ordinary user may do who is root inside, and what not.

The same things are tried outside and inside: so one sees which rights the namespaces have given.

Run: python user_root.py
"""

from __future__ import annotations

import os
import socket
from pathlib import Path

import example
import nsiso
from nsiso import Kind

ORDINARY_ID = 12345
PR_SET_DUMPABLE = 4
MOUNTINFO = Path("/proc/self/mountinfo")

# $1 is a host name, $2 and $3 are descriptors.
# Nothing of it would do harm if it were allowed: signal 0 is none, c 1 3 is /dev/null.
TRY_ALL = """
export LC_ALL=C
may= may_not=
try() {
    what=$1
    shift
    words=$("$@" 2>&1) && may="$may, $what" && return
    case $words in
    *permitted* | *denied* | *'must be '*) may_not="$may_not, $what" ;;
    *) echo "$what: $words" >&2; exit 1 ;;
    esac
}
try 'set the host name' hostname "$1"
try 'mount a tmpfs' mount -t tmpfs none /tmp
try 'join the uts namespace outside' nsenter --uts=/proc/self/fd/$2 true
try 'join the mnt namespace outside' nsenter --mount=/proc/self/fd/$3 true
try 'signal process 1' kill -0 1
try 'read /etc/shadow' cat /etc/shadow
try 'make a device' mknod /tmp/nsiso-example-$$ c 1 3
may=${may#, } may_not=${may_not#, }
echo "user $(id -u) on $(hostname)"
echo "may: ${may:-nothing}"
echo "may not: ${may_not:-nothing}"
"""
OF_NAMESPACES = "set the host name, mount a tmpfs"
OF_THE_MACHINE = (
    "join the uts namespace outside, join the mnt namespace outside,"
    " signal process 1, read /etc/shadow, make a device"
)


def try_all(key: str, spec: nsiso.Spec | None, name: str, expected: list[str]) -> None:
    """Run it, show what came of it, and compare that with what is expected."""
    # Open descriptors: inside, the links in /proc of a process outside could not be followed at all.
    with open("/proc/self/ns/uts") as uts, open("/proc/self/ns/mnt") as mnt:
        outer = (uts.fileno(), mnt.fileno())
        args = ["sh", "-c", TRY_ALL, "sh", name, *map(str, outer)]
        lines = example.output_of(args, spec=spec, pass_fds=outer).splitlines()
    for line in lines:
        example.say(key, line)
    example.check(lines == expected, "outside all is refused, inside what is not the namespaces' own")


def show() -> None:
    """Try everything on both sides."""
    capabilities = example.read_status(Path("/proc/self"), "CapEff")
    if int(capabilities, 16) != 0:
        raise example.RefusedError(
            f"user {os.geteuid()} has capabilities ({capabilities}): this is no ordinary user"
        )
    spec = example.spec_for(Kind.USER | Kind.UTS | Kind.MNT)
    name, mounts = socket.gethostname(), MOUNTINFO.read_bytes()
    example.say("did", "tried seven things outside, and as root in new user, uts and mnt namespaces")
    refused = f"may not: {OF_NAMESPACES}, {OF_THE_MACHINE}"
    try_all("outside", None, name, [f"user {os.geteuid()} on {name}", "may: nothing", refused])
    inside = ["user 0 on inside", f"may: {OF_NAMESPACES}", f"may not: {OF_THE_MACHINE}"]
    try_all("inside", spec, "inside", inside)
    after = MOUNTINFO.read_bytes()
    example.say("after", f"the host name is {socket.gethostname()}; {len(after.splitlines())} mounts")
    example.check(socket.gethostname() == name and after == mounts, "host name and mounts outside stay")


@example.ending
def show_as_ordinary_user() -> int:
    """Give up, in a child, what root has."""
    example.attempt("setgroups", os.setgroups, [])
    os.setresgid(ORDINARY_ID, ORDINARY_ID, ORDINARY_ID)
    os.setresuid(ORDINARY_ID, ORDINARY_ID, ORDINARY_ID)
    # Having changed its ids, the process would find that its files in /proc, uid_map among them, are root's.
    example.libc("prctl", PR_SET_DUMPABLE, 1, 0, 0, 0)
    show()
    return example.OK


def main() -> str:
    """Begin as an ordinary user."""
    if os.geteuid() == 0:
        # Root could do all of it before.
        example.wait_for(nsiso.clone(show_as_ordinary_user, 0))
    else:
        show()
    return "root inside, with no right outside that was not there before"


example.main(main)
