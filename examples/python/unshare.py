"""unshare (row A3): whether a process can leave into new namespaces of some kinds only.

Run: python unshare.py
"""

import example
import nsiso
from nsiso import Kind


@example.ending
def leave(flags: Kind) -> int:
    """Compare the own view before and after."""
    before = nsiso.links()
    nsiso.unshare(flags)
    changed = example.differing(before, nsiso.links())
    example.say("inside", f"the same process, now in new ones of: {example.names(changed)}")
    example.check(changed == flags, "exactly the kinds of the flags changed")
    return example.OK


def main() -> str:
    """Let a child leave, and stay to compare."""
    flags = example.flags_for(Kind.MNT | Kind.UTS | Kind.IPC)
    before = nsiso.links()
    example.say(
        "did", f"a child called nsiso.unshare(Kind.MNT | Kind.UTS | Kind.IPC{example.and_user(flags)})"
    )
    example.say("outside", f"this process has {len(before)} links to namespaces")

    # In a child, because unshare() has no way back and the comparison needs one who stayed.
    example.wait_for(nsiso.clone(leave, 0, (flags,)))

    moved = example.differing(before, nsiso.links())
    example.say("after", f"changed for this process: {example.names(moved)}")
    example.check(not moved, "the caller stays where it is")
    return "the child left into new namespaces of exactly these kinds"


example.main(main)
