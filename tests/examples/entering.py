"""How do the tests of nsenter run it, next to the installed one, and what is there to be entered?"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import nsiso

ROOT = Path(__file__).resolve().parents[2]
OURS = str(ROOT / "target/examples/nsenter")
AS_ROOT = os.geteuid() == 0
MARK = "MARK"
# A directory that is nobody's working directory by chance.
HERE = "/usr"

# What a program finds: its namespaces, directories, ids, capabilities and environment.
REPORT = f"""
for kind in cgroup ipc mnt net pid pid_for_children time time_for_children user uts; do
    readlink /proc/self/ns/$kind
done
readlink /proc/self/cwd; pwd; stat -c '%d %i' . /
id -u; id -g; id -G; grep -E '^(Uid|Gid|Groups|Cap...):' /proc/self/status
echo "${MARK} $PATH $#"
"""
PROGRAM = ["/bin/sh", "-c", REPORT, "sh", "one argument", ""]


class Seen(NamedTuple):
    """What becomes of a call: its status, what the program found, and whether anybody complained."""

    status: int
    output: str
    complains: bool


def installed() -> str:
    """The one that the system has."""
    path = shutil.which("nsenter", path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
    assert path is not None, "nsenter (util-linux) is missing"
    return path


def run(program: str, *words: str, **options: Any) -> subprocess.CompletedProcess[str]:
    """One of the two, from one environment and directory."""
    options = {"cwd": HERE, "env": {"PATH": os.environ["PATH"], MARK: "the caller's"}, **options}
    if "stdin" not in options:
        options.setdefault("input", "")
    return subprocess.run(
        [program, *words], capture_output=True, text=True, check=False, timeout=60, **options
    )


def seen(program: str, *words: str, **options: Any) -> Seen:
    """What becomes of a call of one of them."""
    done = run(program, *words, **options)
    return Seen(done.returncode, done.stdout, bool(done.stderr))


def same(*words: str, **options: Any) -> Seen:
    """What becomes of a call, the same with both, each of which names itself if it complains."""
    ours, theirs = seen(OURS, *words, **options), seen(installed(), *words, **options)
    assert ours == theirs, (words, run(OURS, *words, **options), run(installed(), *words, **options))
    return ours


class Places(NamedTuple):
    """What can be entered.

    Attributes:
        near: a process in the caller's namespaces.
        apart: one in others of all kinds, in /usr/lib, with an environment of its own.
        below: one in others of all kinds but user; of root alone, elsewhere the same as `apart`.
        rooted: one with another root directory, in others of the kinds user and mnt.
        root: that directory; it has a shell and what the report needs but /proc.
        gone: a number that no process has.
    """

    near: int
    apart: int
    below: int
    rooted: int
    root: str
    gone: int

    def words(self, line: str) -> list[str]:
        """The words of a line, with these in their places."""
        return [word.format(**self._asdict()) for word in line.split()]


def _hold(stack: contextlib.ExitStack, *words: str, **options: Any) -> int:
    """A process that lasts as long as the stack."""
    process = stack.enter_context(nsiso.Popen(list(words), **options))
    stack.callback(process.kill)
    return process.pid


@contextlib.contextmanager
def places() -> Iterator[Places]:
    """All of them, for as long as they are needed."""
    busybox = shutil.which("busybox")
    assert busybox is not None, "busybox is missing"
    with contextlib.ExitStack() as stack:
        root = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="nsiso-root-")))
        root.chmod(0o755)
        (root / "bin").mkdir()
        shutil.copy(busybox, root / "bin/busybox")
        for applet in ("sh", "readlink", "stat", "id", "grep"):
            (root / "bin" / applet).symlink_to("busybox")
        env = {"PATH": os.environ["PATH"], MARK: "the target's"}
        kinds = "mnt,uts,ipc,net,pid,cgroup,time"
        stay = ("sleep", "600")
        apart = _hold(
            stack,
            *stay,
            unshare=f"user,{kinds}",
            map_root=True,
            proc=True,
            hostname="apart",
            cwd="/usr/lib",
            env=env,
        )
        yield Places(
            near=_hold(stack, *stay, cwd="/etc", env=env),
            apart=apart,
            below=_hold(stack, *stay, unshare=kinds, proc=True, env=env) if AS_ROOT else apart,
            rooted=_hold(
                stack,
                busybox,
                "chroot",
                str(root),
                "/bin/busybox",
                *stay,
                unshare="user,mnt",
                map_root=True,
                env=env,
            ),
            root=str(root),
            gone=int(Path("/proc/sys/kernel/pid_max").read_text()) - 1,
        )
