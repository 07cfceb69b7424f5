"""uts (row U1): whether the host name and the NIS domain name set inside stay inside.

Run: python uts.py
"""

import socket
from pathlib import Path

import example
import nsiso
from nsiso import Kind

HOST, DOMAIN = "inside-host", "inside.domain"


def show_names(key: str) -> tuple[str, str]:
    """Read and show both names."""
    host = example.run("hostname")
    # Not every machine has the domainname program, and os.uname() does not tell the domain.
    domain = Path("/proc/sys/kernel/domainname").read_text().strip()
    example.say(key, f'host name "{host}", NIS domain name "{domain}"')
    return host, domain


@example.ending
def inside(flags: Kind) -> int:
    """Set both names and read them back."""
    example.settle_in(flags)
    example.attempt("sethostname", socket.sethostname, HOST)
    example.attempt("setdomainname", example.libc, "setdomainname", DOMAIN, len(DOMAIN))
    example.check(show_names("inside") == (HOST, DOMAIN), "the names that were set are read inside")
    return example.OK


def main() -> str:
    """Read both names outside before and after."""
    flags = example.flags_for(Kind.UTS)
    example.say("did", f"in a child with Kind.UTS{example.and_user(flags)}: sethostname and setdomainname")
    before = show_names("outside")
    example.wait_for(nsiso.clone(inside, flags, (flags,)))
    example.check(show_names("after") == before, "both names outside stay")
    return "both names changed inside and are what they were outside"


example.main(main)
