"""links (row V2): which namespaces a process is in.

Run: python links.py [PID]; without a PID it shows its own
"""

import os
import sys
from pathlib import Path

import example
import nsiso


def main() -> str:
    """Show the links from the library and compare each with the file itself."""
    pid = int(sys.argv[1]) if len(sys.argv) > 1 else os.getpid()
    try:
        links = nsiso.links(pid)
    except PermissionError as error:
        raise example.RefusedError(str(error)) from error
    who = sys.argv[1] if len(sys.argv) > 1 else "this process"
    example.say("did", f"asked nsiso.links for the links of {who}")

    directory = Path("/proc", str(pid), "ns")
    for name, link in links.items():
        example.say("outside", f"{name:18} {link}")
        file = (directory / name).stat()
        example.check((directory / name).readlink() == Path(str(link)), f"{name} is what readlink says")
        example.check(
            (file.st_dev, file.st_ino) == (link.device, link.inode), f"{name} leads where stat says"
        )
    # pid_for_children is listed and yet leads nowhere between unshare and the first fork.
    listed = {path.name for path in directory.iterdir() if path.exists()}
    example.check(listed == set(links), "there are as many links as in the directory")
    return "name, device and inode of every link are what readlink and stat say"


example.main(main)
