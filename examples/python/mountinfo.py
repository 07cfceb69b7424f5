"""mountinfo (row M3): what a process sees mounted, in eleven fields.

Run: python mountinfo.py [PID]; without a PID it shows its own
"""

from __future__ import annotations

import os
import re
import sys

import example
import nsiso

FIELDS = (
    "mount id",
    "parent id",
    "major:minor",
    "root",
    "mount point",
    "mount options",
    "optional fields",
    "separator",
    "filesystem type",
    "source",
    "super options",
)


def escaped(name: str) -> str:
    """Write a name as the kernel does."""
    return re.sub(r"[ \t\n\\]", lambda found: f"\\{ord(found[0]):03o}", name)


def fields(mount: nsiso.MountInfo) -> tuple[str, ...]:
    """Give the eleven."""
    tags = (name if value is None else f"{name}:{value}" for name, value in mount.tags)
    device = f"{mount.major}:{mount.minor}"
    # Escapes in the other fields stay out of this: the kernel has its own for each file system's options.
    start = (str(mount.id), str(mount.parent_id), device, escaped(mount.root), escaped(mount.point))
    return (*start, mount.options, " ".join(tags), "-", mount.fstype, mount.source, mount.super_options)


def main() -> str:
    """Show the fields of each line, and put them together again."""
    pid = int(sys.argv[1]) if len(sys.argv) > 1 else os.getpid()
    for _ in range(100):
        with open(f"/proc/{pid}/mountinfo", "rb") as file:
            text = file.read()
        mounts = nsiso.mountinfo(pid)
        # Others may mount and unmount meanwhile.
        if b"".join(mount.raw + b"\n" for mount in mounts) == text:
            break
    else:
        raise AssertionError("the table is not the kernel's text")
    who = sys.argv[1] if len(sys.argv) > 1 else "this process"
    example.say("did", f"asked nsiso.mountinfo for the {len(mounts)} mounts of {who}")

    for mount in mounts:
        told = fields(mount)
        shown = ", ".join(f"{name} {value or 'none'}" for name, value in zip(FIELDS, told))
        example.say("outside", shown.encode(errors="backslashreplace").decode())
        line = " ".join(value for name, value in zip(FIELDS, told) if value or name == "source")
        plain = not any("\\" in escaped(text) or "#" in text for text in told[8:])
        example.check(not plain or os.fsencode(line) == mount.raw, f"{mount.point} is what its line says")
    hidden = sum(node.over_mounted for node in mounts.tree())
    example.say("outside", f"no path leads into {hidden} of them: others are mounted over them")
    return "put together again, the eleven fields of each mount are the kernel's line"


example.main(main)
