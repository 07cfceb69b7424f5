"""What the examples share that leave something in namespaces of each kind, and find it in a later process.

The first life is a process in new namespaces; the second is another one, which joins them when it has ended.
"""

import contextlib
import errno
import os
import subprocess
from collections.abc import Mapping
from typing import Any

import example
import nsiso
from nsiso import Kind, Namespace, Spec

NAME = "first-life"
BOOTTIME_SHIFT = 86_400
# What the first life leaves in each namespace, beside the host name and the clock that the spec sets.
LEAVE = f"""
    ipcmk --queue >/dev/null && ip link set lo name {NAME} &&
    mount -t tmpfs none /tmp && echo {NAME} >/tmp/word || exit
    echo ready; read -r end
"""
# What the second finds of it, a line for each kind.
FIND = """
    cat /proc/self/uid_map
    hostname
    ipcs -q | grep -c 0x
    ip -o link | cut -d: -f2
    cat /tmp/word
    tail -1 /proc/self/timens_offsets
    cut -d: -f3 /proc/self/cgroup | sort -u
"""
# The user namespace owns the others, and comes first.
KINDS = ("user", "uts", "ipc", "net", "mnt", "time", "cgroup")
WORDS = {
    "user": "map {}",
    "uts": 'host name "{}"',
    "ipc": "{} message queue",
    "net": 'interface "{}"',
    "mnt": 'file with "{}"',
    "time": "offset {}",
    "cgroup": 'root "{}"',
}
EVERY = Kind(sum(info.kind for info in nsiso.kinds()))


def first_life(held: contextlib.ExitStack) -> dict[str, Namespace]:
    """Let a process leave something in new namespaces, hold them, and let it end."""
    spec = example.spec_for(EVERY, hostname=NAME, loopback=False, time_offsets={"boottime": BOOTTIME_SHIFT})
    with example.start(
        ["sh", "-c", LEAVE], spec=spec, env=example.ENGLISH, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        example.check(process.stdout.readline() == "ready\n", "the first process leaves something")
        held_ones = {
            info.name: held.enter_context(Namespace.of(process, info.kind)) for info in nsiso.kinds()
        }
        process.communicate("end\n")
    example.check(process.returncode == 0, "the first process has ended")
    return held_ones


def second_life(joins: Mapping[str, Any], inodes: Mapping[str, int]) -> None:
    """Join them, and look for what is still there; then show that the pid namespace takes nobody any more."""
    spec = Spec(join=[joins[kind] for kind in KINDS])
    links = [f"/proc/self/ns/{kind}" for kind in KINDS]
    read = example.output_of(["readlink", *links], spec=spec).split()
    expected = [f"{kind}:[{inodes[kind]}]" for kind in KINDS]
    example.check(read == expected, "the second process is in the namespaces of the first")
    lines = example.output_of(["sh", "-c", FIND], spec=spec, env=example.ENGLISH).splitlines()
    found = dict(zip(KINDS, (" ".join(line.split()) for line in lines)))
    for kind, words in WORDS.items():
        example.say("inside", f"{kind}: {words.format(found[kind])}")
    left = {
        "user": f"0 {os.geteuid()} 1",
        "uts": NAME,
        "ipc": "1",
        "net": NAME,
        "mnt": NAME,
        "time": f"boottime {BOOTTIME_SHIFT} 0",
        "cgroup": "/",
    }
    example.check(found == left, "the second process finds what the first has left")
    try:
        with example.start(["true"], spec=Spec(join=[joins["user"], joins["pid"]])):
            raise example.ClaimError("a pid namespace whose process 1 has ended takes no other")
    except nsiso.Error as error:
        example.check(error.errno == errno.ENOMEM, f"ENOMEM, not: {error}")


def tell_of_pid(pid: Namespace) -> None:
    """A pid namespace ends with its process 1, and is a name from then on."""
    words = "takes no process after its number 1 has ended"
    example.say("inside", f"pid: still {pid.level()} level below, and {words}")
