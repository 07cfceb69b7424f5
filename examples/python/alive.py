"""alive (row V4): whether an open descriptor keeps a namespace of each kind after its last process has ended.

Run: python alive.py
"""

import contextlib
import errno
import subprocess

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


def second_life(spaces: dict[str, Namespace]) -> dict[str, str]:
    """Join them by their descriptors; what is still there, by kind."""
    spec = Spec(join=[spaces[kind] for kind in KINDS])
    links = [f"/proc/self/ns/{kind}" for kind in KINDS]
    read = example.output_of(["readlink", *links], spec=spec).split()
    expected = [f"{kind}:[{spaces[kind].inode}]" for kind in KINDS]
    example.check(read == expected, "the second process is in the namespaces of the first")
    found = example.output_of(["sh", "-c", FIND], spec=spec, env=example.ENGLISH)
    return dict(zip(KINDS, (" ".join(line.split()) for line in found.splitlines())))


def main() -> str:
    """Two lives in the same namespaces, and nobody in between."""
    expected = {
        "uts": NAME,
        "ipc": "1",
        "net": NAME,
        "mnt": NAME,
        "time": f"boottime {BOOTTIME_SHIFT} 0",
        "user": f"0 {example.OUTSIDE_UID} 1",
        "cgroup": "/",
    }
    words = {
        "uts": 'host name "{}"',
        "ipc": "{} message queue",
        "net": 'interface "{}"',
        "mnt": 'file with "{}"',
        "time": "offset {}",
        "user": "map {}",
        "cgroup": 'root "{}"',
    }
    example.say("did", "Namespace.of(process, kind), the process ends, Spec(join=namespaces) for another")
    with contextlib.ExitStack() as held:
        spaces = first_life(held)
        found = second_life(spaces)
        for kind in KINDS:
            example.say("inside", f"{kind}: {words[kind].format(found[kind])}")
        example.check(found == expected, "the second process finds what the first has left")
        try:
            with example.start(["true"], spec=Spec(join=[spaces["user"], spaces["pid"]])):
                raise example.ClaimError("a pid namespace whose process 1 has ended takes no other")
        except nsiso.Error as error:
            example.check(error.errno == errno.ENOMEM, f"ENOMEM, not: {error}")
        level = spaces["pid"].level()
        example.say(
            "inside", f"pid: still {level} level below, and takes no process after its number 1 has ended"
        )
    return "a descriptor keeps each kind of namespace; a later process joins it, but for pid"


example.main(main)
