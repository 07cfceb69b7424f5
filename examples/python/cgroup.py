"""cgroup (row C1): how a process in a new cgroup namespace sees its own cgroup.

Run: python cgroup.py
"""

from pathlib import Path

import example
import nsiso
from nsiso import Kind

OWN = Path("/proc/self/cgroup")


def show_cgroups(key: str) -> int:
    """Show the "hierarchy:controllers:path" lines whose path is not /, and return how many."""
    lines = OWN.read_text().splitlines()
    below_root = [line for line in lines if line.split(":", 2)[2] != "/"]
    for line in below_root:
        example.say(key, line)
    example.say(key, f"{len(lines) - len(below_root)} of {len(lines)} hierarchies: /")
    return len(below_root)


@example.ending
def inside(flags: Kind) -> int:
    """Look at the own cgroup in every hierarchy."""
    example.settle_in(flags)
    example.check(show_cgroups("inside") == 0, "every own cgroup reads / inside")
    return example.OK


def main() -> str:
    """Read the own cgroup outside before and after."""
    flags = example.flags_for(Kind.CGROUP)
    example.say("did", f"read {OWN} in a child with Kind.CGROUP{example.and_user(flags)}")
    before = OWN.read_text()
    below_root = show_cgroups("outside")
    example.wait_for(nsiso.clone(inside, flags, (flags,)))
    same = OWN.read_text() == before
    example.say("after", "unchanged" if same else "changed")
    example.check(same, "the own cgroup outside stays")
    if below_root:
        return "the own cgroup reads / inside, and its full path outside"
    return "the own cgroup reads / inside, as it already did outside"


example.main(main)
