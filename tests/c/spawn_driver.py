"""How does a test run spawn/driver.c as either user, and look at its child through /proc?"""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

STAGE = Path(os.environ.get("NSISO_STAGE", Path(__file__).resolve().parents[2] / "target/stage"))
STRICT = ["-std=c11", "-Wall", "-Wextra", "-pedantic", "-Werror", "-pthread", "-g"]
SANITIZED = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
CALLERS = ("root", "ordinary")
ROADS = ("shared", "own_memory")
KINDS = ("mnt", "uts", "ipc", "pid", "net", "user", "cgroup", "time")
USER = 12345
PATIENCE = 30  # seconds that anything may take
# Directories that any user may search: else execvp(3) tells of them, and not of a program that is nowhere.
PATH = "/usr/sbin:/usr/bin:/sbin:/bin"


def as_caller(caller: str) -> list[str]:
    """What stands before a program's name so that it runs as this caller."""
    if caller == "root":
        if os.geteuid() != 0:
            pytest.skip("a case of root's: the tests run as an ordinary user")
        return []
    drop = ["setpriv", "--reuid", str(USER), "--regid", str(USER), "--clear-groups", "--"]
    return drop if os.geteuid() == 0 else []


def uid_of(caller: str) -> int:
    """The number of a caller's user, and of its group."""
    return 0 if caller == "root" else USER if os.geteuid() == 0 else os.geteuid()


class Refused(NamedTuple):
    """The driver's "error" line."""

    errno: int
    step: str
    object: str
    cause: str
    children: int


class Ended(NamedTuple):
    """The driver's "ended" line."""

    status: int
    exit_code: int
    signal: int
    core_dumped: int
    has_usage: int
    max_rss: int


class Driver:
    """A running driver.c with its child, looked at through /proc."""

    def __init__(self, command: list[str], fds: tuple[int, ...] = ()) -> None:
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            # None of 0 to 2 may be a terminal, which would bring a session of its own.
            stderr=subprocess.PIPE,
            text=True,
            pass_fds=fds,
            cwd="/",
            umask=0o22,
            env=os.environ | {"PATH": PATH},
        )
        self.answer = self.read()

    def read(self) -> list[str]:
        """The fields of its next line."""
        assert self.process.stdout is not None
        return self.process.stdout.readline().rstrip("\n").split("\t")

    def ask(self, line: str) -> list[str]:
        """Its answer to a line."""
        assert self.process.stdin is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        return self.read()

    @property
    def pid(self) -> int:
        """The child's number."""
        assert self.answer[0] == "pid", self.answer
        return int(self.answer[1])

    def file(self, name: str) -> str:
        """A file of the child's in /proc."""
        return Path(f"/proc/{self.pid}/{name}").read_text()

    def link(self, name: str) -> str:
        """A link of the child's in /proc."""
        return os.readlink(f"/proc/{self.pid}/{name}")

    def status(self, field: str) -> list[str]:
        """The words of a line of the child's status."""
        found = re.search(rf"^{field}:(.*)$", self.file("status"), re.MULTILINE)
        assert found is not None
        return found[1].split()

    def stat(self, index: int) -> int:
        """A number of the child's stat, counted as in proc(5)."""
        return int(self.file("stat").rpartition(")")[2].split()[index - 3])

    def inside(self, kind: str, *command: str) -> str:
        """What a command says in one of the child's namespaces."""
        user = [] if os.geteuid() == 0 else ["--user", "--preserve-credentials"]
        enter = ["nsenter", "--target", str(self.pid), *user, f"--{kind}", *command]
        return subprocess.run(enter, capture_output=True, text=True, check=True).stdout.strip()

    def new_kinds(self) -> set[str]:
        """In which kinds the child and its driver differ."""
        own = {kind: os.readlink(f"/proc/{self.process.pid}/ns/{kind}") for kind in KINDS}
        return {kind for kind in KINDS if self.link(f"ns/{kind}") != own[kind]}

    def __enter__(self) -> Driver:
        return self

    def __exit__(self, *_: object) -> None:
        complaints = self.process.communicate(timeout=PATIENCE)[1]
        assert not complaints
        if self.answer[0] != "error":
            assert self.process.returncode == 0


class Start(NamedTuple):
    """How drivers are started for one test."""

    programs: Path
    caller: str
    road: str

    def command(self, verb: str, options: str, *argv: str) -> list[str]:
        """Options stand between blanks, and "user" means: what this caller needs to make other namespaces."""
        words = options.replace("+user", ",user map_root" if self.caller == "ordinary" else "").split()
        road = ["own_memory"] if self.road == "own_memory" else []
        driver = [*as_caller(self.caller), str(self.programs / "driver"), verb, *words, *road]
        return [*driver, "--", *(argv or ("sleep", "600"))]

    def spawn(self, options: str = "", *argv: str, fds: tuple[int, ...] = ()) -> Driver:
        """A driver whose child runs."""
        return Driver(self.command("spawn", options, *argv), fds)

    def refused(self, verb: str, options: str) -> Refused:
        """A driver that was refused."""
        with Driver(self.command(verb, options, "true")) as driver:
            assert driver.answer[0] == "error", driver.answer
            number, step, what, cause, children = driver.answer[1:]
            return Refused(int(number), step, what, cause, int(children))


def ended(answer: list[str]) -> Ended:
    """The driver's "ended" line, read."""
    assert answer[0] == "ended", answer
    return Ended(*map(int, answer[1:]))


def until(condition: Callable[[], object], what: str) -> None:
    """Wait for what a program, which has just been executed, shows once its start-up is over."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, what
        time.sleep(0.005)
