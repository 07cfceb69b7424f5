"""clone (row A1): whether clone() runs a function in several new namespaces at once.

Run: python clone.py
"""

import example
import nsiso
from nsiso import Kind

ANSWER = 42


@example.ending
def inside(text: str, outside: example.View, expected: Kind) -> int:
    """Compare the own view with that of the outside."""
    new = example.differing(outside, nsiso.links())
    example.say("inside", f'arg says "{text}"; new here: {example.names(new)}')
    example.check(new == expected, "exactly the kinds of the flags are new")
    return ANSWER


def main() -> str:
    """Clone a function into three new namespaces, and look whether the caller stayed where it was."""
    flags = example.flags_for(Kind.MNT | Kind.UTS | Kind.IPC)
    before = nsiso.links()
    text = "greetings from outside"
    example.say(
        "did", f"nsiso.clone(function, Kind.MNT | Kind.UTS | Kind.IPC{example.and_user(flags)}, args)"
    )
    example.say("outside", f'arg is "{text}"')
    returned = example.wait_for(nsiso.clone(inside, flags, (text, before, flags)))

    moved = example.differing(before, nsiso.links())
    example.say("after", f"the function returned {returned}; changed for the caller: {example.names(moved)}")
    example.check(returned == ANSWER, "the return value arrives")
    example.check(not moved, "the caller stays where it is")
    return "arg and return value arrive, and exactly the kinds of the flags are new"


example.main(main)
