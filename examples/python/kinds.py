"""kinds (row V1): which kinds of namespace there are, and which of them this caller may create here.

Run: python kinds.py
"""

import example
import nsiso
from nsiso import Kind


@example.ending
def inside(outside: example.View, kind: Kind) -> int:
    """Look whether the own link of this kind is a new one."""
    return example.OK if example.differing(outside, nsiso.links()) & kind else example.FAILED


def can_make(kind: Kind, together_with: Kind = example.NOTHING) -> bool:
    """Ask the kernel itself: a child is cloned into a new one and looks at its own link."""
    try:
        example.wait_for(nsiso.clone(inside, kind | together_with, (nsiso.links(), kind)))
    except (OSError, example.ChildError):
        return False
    return True


def main() -> str:
    """Show the table, and try what it says."""
    probe = nsiso.probe()
    before = nsiso.links()
    example.say("did", "read the table of kinds and the probe, then tried each kind with nsiso.clone")
    example.say("outside", f"{'kind':7} {'flag':16} {'since':7} {'allowed':9} isolates")
    made = wrong = example.NOTHING
    for info in nsiso.kinds():
        answer = probe[info.kind]
        allowed = "no" if not answer.allowed else "with user" if answer.with_user else "yes"
        row = f"{info.name:7} {info.flag_name:16} {info.first_kernel:7} {allowed:9} {info.isolates}"
        example.say("outside", row)
        if not answer.allowed:
            example.say("outside", f"{'':7} {answer.cause}; {answer.remedy}")

        truth = "yes" if can_make(info.kind) else "with user" if can_make(info.kind, Kind.USER) else "no"
        if truth != "no":
            made |= info.kind
        if truth != allowed:
            wrong |= info.kind

    if any(answer.with_user for answer in probe.kinds.values()):
        example.say("outside", "with user: in the same call as a new user namespace")
    moved = example.differing(before, nsiso.links())
    example.say("inside", f"children saw a new namespace of: {example.names(made)}")
    example.say("after", f"changed for the caller itself: {example.names(moved)}")
    example.check(not wrong, f"the probe was wrong about: {example.names(wrong)}")
    example.check(not moved, "the caller stays where it is")
    return "for every kind the kernel did what the probe had said"


example.main(main)
