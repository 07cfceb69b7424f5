"""kept (row V5): whether a bind mount keeps a namespace of each kind with neither process nor descriptor.

Run: python kept.py
"""

import contextlib
import os
from pathlib import Path

import example
import lives
import nsiso
from nsiso import Kind, Namespace

DIRECTORY = Path("/tmp")


def settle() -> None:
    """Go where mounting is allowed and nobody outside sees it: an empty directory in mounts of its own."""
    # Linux 6.18 tells by numbers of each CPU's which of two mount namespaces is the newer.
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    flags = example.flags_for(Kind.MNT)
    example.attempt("nsiso.unshare", nsiso.unshare, flags)
    example.settle_in(flags)
    example.make_mounts_private()
    example.attempt("mount a tmpfs", example.libc, "mount", "none", str(DIRECTORY), "tmpfs", 0, None)


def mounts() -> set[str]:
    """The namespaces that are mounted below the directory, as mountinfo has them."""
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    return {line.split()[4] for line in lines if f" {DIRECTORY}/" in line and " - nsfs " in line}


def holders(inodes: dict[str, int]) -> list[Path]:
    """What leads to them: processes in them that may be looked at, and descriptors of this one."""
    links = [link for kind in inodes for link in Path("/proc").glob(f"[0-9]*/ns/{kind}")]
    found = []
    for link in [*links, *Path("/proc/self/fd").iterdir()]:
        with contextlib.suppress(OSError):
            if link.stat().st_ino in inodes.values():
                found.append(link)
    return found


def main() -> str:
    """Two lives in the same namespaces, and nobody and nothing but mounts in between."""
    settle()
    example.say(
        "did",
        "Namespace.persist(path), the process ends, close(), Spec(join=paths), Namespace.release(path)",
    )
    paths = {info.name: DIRECTORY / info.name for info in nsiso.kinds()}
    with contextlib.ExitStack() as held:
        spaces = lives.first_life(held)
        for kind, space in spaces.items():
            space.persist(paths[kind])
        inodes = {kind: space.inode for kind, space in spaces.items()}
    example.check(
        holders(inodes) == [] and mounts() == {str(path) for path in paths.values()}, "mounts alone"
    )
    example.say(
        "outside",
        f"{len(mounts())} mounts in mountinfo; no process is in them, and no descriptor leads to them",
    )
    lives.second_life(paths, inodes)
    with Namespace.open(paths["pid"]) as pid:
        lives.tell_of_pid(pid)
    for path in paths.values():
        Namespace.release(path)
    example.check(not mounts() and not list(DIRECTORY.iterdir()), "nothing is left at the paths")
    example.say("after", "released: no mounts, no files")
    return "a mount keeps each kind of namespace; a later process joins it by its path, but for pid"


example.main(main)
