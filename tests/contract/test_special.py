"""Do the C functions keep the promises beyond libc's: stacks, pointers, nsiso_fork, the trap, no clone3?"""

from __future__ import annotations

import errno
import re
from pathlib import Path

import pytest

from .conftest import HERE, run_program


def checks_of(program: str) -> list[str]:
    """The names in a C program's table of checks."""
    return re.findall(r"CASE\((\w+)\)", (HERE / f"{program}.c").read_text())


@pytest.mark.parametrize("caller", ["root", "ordinary"])
@pytest.mark.parametrize("check", checks_of("stack"))
def test_stack(programs: Path, check: str, caller: str) -> None:
    """Given, copied and provided stacks work, and provided ones are taken back."""
    run_program(programs, "stack", check, caller=caller)


@pytest.mark.parametrize("caller", ["root", "ordinary"])
@pytest.mark.parametrize("check", checks_of("pointers"))
def test_pointers(programs: Path, check: str, caller: str) -> None:
    """Flags with pointers work in the _with form only; nsiso_fork returns twice."""
    run_program(programs, "pointers", check, caller=caller)


@pytest.mark.parametrize("check", checks_of("trap"))
def test_trap(programs: Path, check: str) -> None:
    """No thread's root and cwd are moved behind its back."""
    # An ordinary user would have to join the user namespace too, which no thread of many can do.
    run_program(programs, "trap", check, caller="root")


def test_trap_as_an_ordinary_user(programs: Path) -> None:
    """A single thread joins what it created."""
    run_program(programs, "trap", "nsiso_allows_it_beside_user_in_a_single_thread", caller="ordinary")


CLONE3_CHECKS = [
    (check, threads, caller)
    for check in checks_of("clone3")
    for threads in ("single", "several")
    for caller in ("root", "ordinary")
    # For a pid namespace an ordinary user needs a user namespace, which no thread of many can unshare.
    if (check, threads, caller) != ("a_refusal_uses_up_no_pid_namespace", "several", "ordinary")
]


@pytest.mark.parametrize("number", ["ENOSYS", "EPERM", "EINVAL", "E2BIG"])
@pytest.mark.parametrize(("check", "threads", "caller"), CLONE3_CHECKS)
def test_clone3_refused(programs: Path, check: str, number: str, threads: str, caller: str) -> None:
    """A new time namespace needs no clone3."""
    run_program(programs, "clone3", check, str(getattr(errno, number)), threads, caller=caller)
