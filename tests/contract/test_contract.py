"""Do nsiso's clone, setns and unshare answer as libc's do, and have they the same effect?"""

from __future__ import annotations

import ctypes
import errno
import functools
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from .abi import KINDS, LIBC, LINKS, SIGCHLD
from .conftest import Runner
from .table import CASES, Answer, Case

Result = dict[str, Any]
PARAMETERS = [
    pytest.param(case, language, id=f"{language}-{case.id}")
    for case in CASES
    for language in ("c", "python")
    if case.exists_in(language)
]


@pytest.fixture(scope="session")
def perform(runner: Runner, programs: Path) -> Callable[[Case, str, str], Result]:
    """Perform a case through one side of one language; libc's answer is asked for once."""

    @functools.cache
    def perform(case: Case, language: str, side: str) -> Result:
        arguments = {"case": case.id, "language": language, "side": side, "program": str(programs / "driver")}
        value: Result = runner.run("observe:observe", case.caller, **arguments).value
        return value

    return perform


def test_every_case_has_its_own_name() -> None:
    """No case hides another."""
    assert len({case.id for case in CASES}) == len(CASES)


@pytest.mark.parametrize(("case", "language"), PARAMETERS)
def test_case(case: Case, language: str, perform: Callable[[Case, str, str], Result]) -> None:
    """As libc answers, or as the table says, so does nsiso; and only what the answer names has changed."""
    skip_if_the_kernel_has_not(case)
    # ctypes cannot give libc's clone a function that is safe in a raw child: C's reference serves both.
    reference = perform(case, "c" if case.call == "clone" else language, "libc")
    assert answer_of(reference) == Answer(case.errno, case.changes), "the table is wrong about libc"

    result = perform(case, language, "nsiso")
    expected = case.answer(language)
    if expected is None:
        assert comparable(result) == comparable(reference)
    else:
        assert answer_of(result) == expected
        if case.call == "clone" and expected.errno == "0":
            assert ending_of(result) == ("pid", case.flags & 0x7F or python_default(language), 42 << 8)
    assert_nothing_else_changed(result)
    if case.call == "setns":
        assert_joined(result)
        assert_joined(reference)
    if language == "python" and result["errno"] != "0":
        assert_right_exception(result)


def skip_if_the_kernel_has_not(case: Case) -> None:
    """Skip what this kernel is too old for."""
    kinds = case.flags | case.target | KINDS.get(case.fd.partition(":")[2], 0)
    for kind, flag in KINDS.items():
        if kinds & flag and not os.path.exists(f"/proc/self/ns/{kind}"):
            pytest.skip(f"this kernel has no {kind} namespaces")
    if case.fd.startswith("pidfd") and not setns_takes_pidfds():
        pytest.skip("this kernel's setns takes no pidfd (before Linux 5.8)")


@functools.cache
def setns_takes_pidfds() -> bool:
    """Ask with a process that has ended: a kernel that takes pidfds looks for it, others say EINVAL."""
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    try:
        fd = os.pidfd_open(pid)
    except OSError:
        return False
    finally:
        os.waitpid(pid, 0)
    LIBC.setns(fd, KINDS["uts"])
    os.close(fd)
    return ctypes.get_errno() == errno.ESRCH


def answer_of(result: Result) -> Answer:
    """What was seen, in the table's form."""
    return Answer(result["errno"], tuple(name for name in LINKS if name in result["changed"]))


def comparable(result: Result) -> Result:
    """What must be the same for libc and nsiso: not the new namespaces, pids and exception classes."""
    same = {name: value for name, value in result.items() if name not in ("joined", "pid", "error")}
    return same | {"changed": sorted(result["changed"])}


def ending_of(result: Result) -> tuple[str, int, int]:
    """What clone returned, the child's exit signal and its wait status."""
    return result["ret"], result["signal"], result["status"]


def python_default(language: str) -> int:
    """The exit signal when the flags have none."""
    return SIGCHLD if language == "python" else 0


def assert_nothing_else_changed(result: Result) -> None:
    """Other threads, descriptors and the family are as before."""
    assert result["others"] == "same", "another thread's namespaces, or those of clone's caller, changed"
    assert result["fds"] == "same"
    assert result["left"] == "none", "the caller has a child that the call left behind"


def assert_joined(result: Result) -> None:
    """Whatever setns changed is now the target's."""
    for name, link in result["changed"].items():
        assert link == result["joined"][name]


def assert_right_exception(result: Result) -> None:
    """nsiso.Error, and also the subclass of OSError that Python has for the errno."""
    builtin = type(OSError(getattr(errno, result["errno"]), "")).__name__
    assert {"Error", builtin} <= set(result["error"].split(","))
