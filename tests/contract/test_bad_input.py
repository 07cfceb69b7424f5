"""Does Python's nsiso refuse bad input clearly, end its children as it says, and leave nothing behind?"""

from __future__ import annotations

import errno
import re
from typing import Any

import pytest

from .abi import CLONE_VFORK, KINDS, SIGCHLD
from .conftest import Runner

CALLERS = ["root", "ordinary"]
EINVAL, EBADF = errno.EINVAL, errno.EBADF

# A call, the exception that it must raise, and the errno of an OSError.
REFUSED: list[tuple[str, str, int | None]] = [
    ("nsiso.unshare('uts')", "TypeError", None),
    ("nsiso.unshare(None)", "TypeError", None),
    ("nsiso.unshare(1.5)", "TypeError", None),
    ("nsiso.unshare()", "TypeError", None),
    ("nsiso.unshare(2**40)", "OverflowError", None),
    ("nsiso.unshare(-2**40)", "OverflowError", None),
    ("nsiso.unshare(1)", "Error", EINVAL),
    ("nsiso.unshare(-1)", "Error", EINVAL),
    ("nsiso.unshare(nsiso.Kind.USER | 1)", "Error", EINVAL),
    ("nsiso.unshare(CLONE_PIDFD)", "Error", EINVAL),
    ("nsiso.setns('3')", "TypeError", None),
    ("nsiso.setns(b'3')", "TypeError", None),
    ("nsiso.setns(None)", "TypeError", None),
    ("nsiso.setns(1.5)", "TypeError", None),
    ("nsiso.setns()", "TypeError", None),
    ("nsiso.setns(2**40)", "OverflowError", None),
    ("nsiso.setns(-2**40)", "OverflowError", None),
    ("nsiso.setns(0, 'uts')", "TypeError", None),
    ("nsiso.setns(0, 2**40)", "OverflowError", None),
    ("nsiso.setns(0, 1)", "Error", EINVAL),
    ("nsiso.setns(-1)", "Error", EBADF),
    ("nsiso.setns(-1, nsiso.Kind.UTS)", "Error", EBADF),
    ("nsiso.setns(900, nsiso.Kind.UTS)", "Error", EBADF),
    ("nsiso.setns(RaisingFileno())", "RuntimeError", None),
    ("nsiso.setns(TextFileno())", "TypeError", None),
    ("nsiso.setns(object())", "TypeError", None),
    ("nsiso.setns(closed_file())", "ValueError", None),
    ("nsiso.setns(closed_namespace())", "ValueError", None),
    ("nsiso.setns(GoodFileno(900))", "Error", EBADF),
    ("nsiso.clone(None)", "TypeError", None),
    ("nsiso.clone(5)", "TypeError", None),
    ("nsiso.clone('print')", "TypeError", None),
    ("nsiso.clone()", "TypeError", None),
    ("nsiso.clone(print, 'uts')", "TypeError", None),
    ("nsiso.clone(print, None)", "TypeError", None),
    ("nsiso.clone(print, 2**40)", "OverflowError", None),
    ("nsiso.clone(print, -2**40)", "OverflowError", None),
    ("nsiso.clone(print, 0, 5)", "TypeError", None),
    ("nsiso.clone(print, CLONE_VM)", "Error", EINVAL),
    ("nsiso.clone(print, CLONE_VM | CLONE_VFORK)", "Error", EINVAL),
    ("nsiso.clone(print, CLONE_THREAD)", "Error", EINVAL),
    ("nsiso.clone(print, CLONE_SIGHAND)", "Error", EINVAL),
    ("nsiso.clone(print, CLONE_VM | CLONE_SIGHAND | CLONE_THREAD)", "Error", EINVAL),
    ("nsiso.clone(print, CLONE_SETTLS)", "Error", EINVAL),
    ("nsiso.clone(print, CLONE_PIDFD)", "Error", EINVAL),
    ("nsiso.clone(print, CLONE_PARENT_SETTID)", "Error", EINVAL),
    ("nsiso.clone(print, CLONE_CHILD_SETTID)", "Error", EINVAL),
    ("nsiso.clone(print, CLONE_CHILD_CLEARTID)", "Error", EINVAL),
    ("nsiso.clone(print, nsiso.Kind.USER | CLONE_FS)", "Error", EINVAL),
]


@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize(("expression", "exception", "number"), REFUSED, ids=[row[0] for row in REFUSED])
def test_refused(runner: Runner, expression: str, exception: str, number: int | None, caller: str) -> None:
    """The exception says what is wrong; nothing changed and no process was made."""
    result = runner.run("bad_input:evaluate", caller, expression=expression).value
    assert exception in result["raised"], result
    assert result["errno"] == number
    assert result["text"]
    assert result["unchanged"] and not result["child"]
    if number is None:
        assert not result["forked"], "a process was made before the input was looked at"


@pytest.mark.parametrize("caller", CALLERS)
def test_setns_takes_an_object(runner: Runner, caller: str) -> None:
    """An object with fileno() serves as the descriptor."""
    assert runner.run("bad_input:setns_takes_an_object", caller).value is True


# What the child's function does, its exit code, and what its standard error says.
ENDINGS = [
    ("raise", 1, r"Traceback [\s\S]*_raise_value_error[\s\S]*ValueError: the function's own error\n$"),
    ("interrupt", 1, r"Traceback [\s\S]*KeyboardInterrupt\n$"),
    ("exit-7", 7, r"^$"),
    ("exit-text", 1, r"^a farewell\n$"),
    ("exit-none", 0, r"^$"),
    ("exit-300", 300 & 0xFF, r"^$"),
    ("os-exit-6", 6, r"^$"),
    ("none", 0, r"^$"),
    ("zero", 0, r"^$"),
    ("nine", 9, r"^$"),
    ("300", 300 & 0xFF, r"^$"),
    ("minus-one", 255, r"^$"),
    ("true", 1, r"^$"),
    ("text", 1, r"Traceback [\s\S]*TypeError[\s\S]*str"),
    ("float", 1, r"Traceback [\s\S]*TypeError[\s\S]*float"),
]
FLAGS = {
    "none": 0,
    "user": KINDS["user"],
    "user+pid": KINDS["user"] | KINDS["pid"] | SIGCHLD,
    "vfork": CLONE_VFORK,
}


@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize("flags", FLAGS.values(), ids=FLAGS)
@pytest.mark.parametrize(("name", "code", "stderr"), ENDINGS, ids=[row[0] for row in ENDINGS])
def test_a_child_ends(runner: Runner, name: str, code: int, stderr: str, flags: int, caller: str) -> None:
    """The exit status and stderr are the function's, and pending output is written once."""
    outcome = runner.run("bad_input:run_function", caller, name=name, flags=flags)
    assert outcome.value == {"code": code, "unchanged": True, "child": False}
    assert re.search(stderr, outcome.stderr), outcome.stderr
    assert outcome.stdout == "pending "


@pytest.mark.parametrize("caller", CALLERS)
def test_a_child_prints(runner: Runner, caller: str) -> None:
    """What a child prints arrives."""
    outcome = runner.run("bad_input:run_function", caller, name="print", flags=KINDS["user"])
    assert outcome.value["code"] == 5
    assert outcome.stdout == "pending said by the child\n"


def test_a_child_gets_its_arguments(runner: Runner) -> None:
    """The third argument is handed on."""
    assert runner.run("bad_input:pass_arguments", "ordinary").value == 42


def spring(runner: Runner, through: str, kinds: tuple[str, ...], private: str = "") -> dict[str, Any]:
    """Perform one setns beside another thread."""
    bits = sum(KINDS[kind] for kind in kinds)
    arguments = {"through": through, "kinds": bits, "private": private}
    value: dict[str, Any] = runner.run("bad_input:spring_the_trap", "root", **arguments).value
    return value


def test_the_pidfd_trap_is_real(runner: Runner) -> None:
    """The kernel's own call, by libc, moves the other thread."""
    result = spring(runner, "libc", ("mnt", "uts"))
    assert result["error"] is None and result["joined"] == ["mnt", "uts"]
    assert result["other_moved"]


def test_the_pidfd_trap_is_refused(runner: Runner) -> None:
    """EINVAL with the reason, and nobody is moved."""
    result = spring(runner, "nsiso", ("mnt", "uts"))
    assert result["error"] == EINVAL
    assert result["joined"] == [] and result["same_links"] and not result["other_moved"]
    # The cause names what the threads share, and the whole text has it and the way out.
    assert re.search(r"\broot\b", result["cause"]) and re.search(
        r"\bcwd\b|working directory", result["cause"]
    )
    assert result["cause"] in result["text"] and result["remedy"] in result["text"] and result["remedy"]


@pytest.mark.parametrize("private", ["main", "other"])
def test_no_trap_where_nothing_is_shared(runner: Runner, private: str) -> None:
    """After unshare(CLONE_FS) on either side the call is allowed."""
    result = spring(runner, "nsiso", ("mnt", "uts"), private)
    assert result["error"] is None and result["joined"] == ["mnt", "uts"]
    assert not result["other_moved"]


def test_no_trap_without_mnt(runner: Runner) -> None:
    """Other kinds move nobody."""
    result = spring(runner, "nsiso", ("uts",))
    assert result["error"] is None and result["joined"] == ["uts"]
    assert not result["other_moved"]


@pytest.mark.parametrize("threads", ["single", "several"])
@pytest.mark.parametrize("number", ["ENOSYS", "EPERM", "EINVAL", "E2BIG"])
@pytest.mark.parametrize(
    ("caller", "kinds"), [("root", ("time",)), ("root", ("time", "uts")), ("ordinary", ("user", "time"))]
)
def test_time_without_clone3(
    runner: Runner, caller: str, kinds: tuple[str, ...], number: str, threads: str
) -> None:
    """A new time namespace needs no clone3."""
    flags = sum(KINDS[kind] for kind in kinds)
    arguments = {"number": getattr(errno, number), "flags": flags, "threads": threads}
    result = runner.run("bad_input:clone_without_clone3", caller, **arguments).value
    assert set(result.pop("changed")) == {*kinds, "time_for_children"}
    assert result == {"right_pid": True, "code": 42, "unchanged": True, "child": False}
