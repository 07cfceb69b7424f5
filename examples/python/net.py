"""net (row N1): which network interfaces there are in a new network namespace.

Run: python net.py
"""

import re

import example
import nsiso
from nsiso import Kind


def interfaces() -> list[str]:
    """List the names that the real program shows."""
    return re.findall(r"^\d+: ([^:]+):", example.run("ip", "-o", "link"), re.MULTILINE)


@example.ending
def inside(flags: Kind) -> int:
    """Look at the only interface."""
    example.settle_in(flags)
    links = example.run("ip", "-o", "link").splitlines()
    first = links[0].split("\\")[0] if links else "nothing"
    example.say("inside", f"ip -o link: {first}")
    found = re.match(r"\d+: ([^:]+): <([^>]*)>", first)
    example.check(found is not None, "ip names an interface and its flags")
    if found:
        example.check(len(links) == 1 and found[1] == "lo", "there is no interface but lo")
        example.check("UP" not in found[2], "lo is down")
    return example.OK


def main() -> str:
    """List the interfaces outside before and after."""
    flags = example.flags_for(Kind.NET)
    before = interfaces()
    example.say("did", f"ran ip -o link in a child with Kind.NET{example.and_user(flags)}")
    example.say("outside", f"ip -o link: {len(before)} interfaces")
    example.wait_for(nsiso.clone(inside, flags, (flags,)))
    after = interfaces()
    example.say("after", f"ip -o link: {len(after)} interfaces")
    example.check(before == after, "the interfaces outside stay")
    return "inside there is only lo, and it is down; outside nothing changed"


example.main(main)
