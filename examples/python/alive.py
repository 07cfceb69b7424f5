"""alive (row V4): whether an open descriptor keeps a namespace of each kind after its last process has ended.

Run: python alive.py
"""

import contextlib

import example
import lives


def main() -> str:
    """Two lives in the same namespaces, and nobody in between."""
    example.say("did", "Namespace.of(process, kind), the process ends, Spec(join=namespaces) for another")
    with contextlib.ExitStack() as held:
        spaces = lives.first_life(held)
        lives.second_life(spaces, {kind: space.inode for kind, space in spaces.items()})
        lives.tell_of_pid(spaces["pid"])
    return "a descriptor keeps each kind of namespace; a later process joins it, but for pid"


example.main(main)
