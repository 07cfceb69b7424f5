"""user (row S1): who a process is in a user namespace where no id is mapped.

Run: python user.py
"""

import re
from pathlib import Path

import example
import nsiso
from nsiso import Kind


def show_id(key: str) -> str:
    """Run the real program and show its line."""
    text = example.run("id")
    example.say(key, f"id: {text}")
    return text


@example.ending
def inside(overflow: tuple[int, int]) -> int:
    """Compare the own ids with those for what is not mapped."""
    text = show_id("inside")
    numbers = tuple(int(number) for number in re.findall(r"\b[ug]id=(\d+)", text))
    example.check(numbers == overflow, "uid and gid inside are the ids for what is not mapped")
    return example.OK


def main() -> str:
    """Show the ids outside before and after."""
    flags = example.flags_for(Kind.USER)
    # 65534 almost everywhere, but the administrator may choose another.
    kernel = Path("/proc/sys/kernel")
    overflow = int((kernel / "overflowuid").read_text()), int((kernel / "overflowgid").read_text())
    example.say("did", "ran id in a child with Kind.USER and no id map")
    before = show_id("outside")
    example.wait_for(nsiso.clone(inside, flags, (overflow,)))
    example.check(show_id("after") == before, "the ids outside stay")
    return "without a map everybody is nobody inside, and unchanged outside"


example.main(main)
