"""pid (row P1): which number the first process of a new pid namespace has for itself.

Run: python pid.py
"""

import os

import example
import nsiso
from nsiso import Kind


@example.ending
def inside(output: int) -> int:
    """Become the shell, with its output where the parent reads it."""
    os.dup2(output, 1)
    os.execvp("sh", ["sh", "-c", "echo $$"])


def main() -> str:
    """Compare the number outside with what the shell says."""
    flags = example.flags_for(Kind.PID)
    example.say("did", f"in a child with Kind.PID{example.and_user(flags)}: sh -c 'echo $$'")
    reader, writer = os.pipe()
    child = nsiso.clone(inside, flags, (writer,))
    os.close(writer)
    with os.fdopen(reader) as stream:
        printed = stream.read().strip()
    example.say("outside", f"the child is process {child}")
    example.say("inside", f'the shell printed "{printed}"')
    example.wait_for(child)
    try:
        os.kill(child, 0)
        raise example.ClaimError(f"process {child} has ended")
    except ProcessLookupError as error:
        example.say("after", f"no process {child}: {error.strerror}")
    example.check(printed == "1" and child != 1, "the shell is process 1 inside")
    return "one process, one number outside, and 1 inside"


example.main(main)
