"""What the core is told of a command: subprocess's arguments as words, paths and descriptors."""

import contextlib
import os
from collections.abc import Iterable
from typing import Any, Optional

from ._types import Path

_ID_MAX = 2**32 - 1


def words_of(args: Any, shell: bool, executable: Optional[Path]) -> list[Any]:
    """The command's words, the shell's in front of them if it is to run them."""
    if isinstance(args, (str, bytes)):
        words: list[Any] = [args]
    elif isinstance(args, os.PathLike):
        if shell:
            raise TypeError("path-like args is not allowed when shell is true")
        words = [args]
    else:
        words = list(args)
    return [executable or "/bin/sh", "-c", *words] if shell else words


def order(
    given: dict[str, Any], words: list[Any], program: Any, kill_on_drop: bool, cancel: Any
) -> dict[str, Any]:
    """What the core is told of a command."""
    umask, group = given["umask"], given.get("process_group", -1)
    return {
        "args": list(map(_text, words)),
        "paths": _paths(_text(program), given["env"]),
        "env": None if given["env"] is None else list(_variables(given["env"])),
        "cwd": None if given["cwd"] is None else _text(given["cwd"]),
        "fds": _descriptors(given),
        "become": {
            "umask": umask & 0o777 if umask >= 0 else None,
            "uid": _id(given["uid"]),
            "gid": _id(given["gid"]),
            "groups": _groups(given["gids"]),
            "new_session": bool(given["start_new_session"]),
            "process_group": group if group >= 0 else None,
        },
        "kill_on_drop": kill_on_drop,
        "cancel": cancel,
    }


def _id(number: Optional[int]) -> Optional[int]:
    if number is not None and number > _ID_MAX:
        raise OverflowError(f"user or group {number} is beyond {_ID_MAX}")
    return number


def _groups(numbers: Optional[list[int]]) -> Optional[list[int]]:
    if numbers is not None and max(numbers, default=0) > _ID_MAX:
        raise ValueError("invalid group id")
    return numbers


def _text(text: Path) -> bytes:
    encoded = os.fsencode(text)
    if b"\0" in encoded:
        raise ValueError("embedded null byte")
    return encoded


def _paths(program: bytes, env: Any) -> list[bytes]:
    """Where the program may be: in the directories of the child's own PATH."""
    if b"/" in program:
        return [program]
    # The empty directory is the current one, as for execvp(3).
    return [os.path.join(os.fsencode(directory), program) for directory in os.get_exec_path(env)]  # noqa: PTH118


def _variables(env: Any) -> Iterable[tuple[bytes, bytes]]:
    for key, value in env.items():
        name = _text(key)
        if b"=" in name:
            raise ValueError("illegal environment variable name")
        yield name, _text(value)


def _descriptors(given: dict[str, Any]) -> list[tuple[int, int]]:
    """What the command finds where: those that it keeps, then its first three, which may cover kept ones."""
    kept = given["pass_fds"] if given["close_fds"] else _inheritable()
    numbers = sorted(set(map(int, kept)))
    if numbers and numbers[0] < 0:
        raise ValueError("bad value(s) in fds_to_keep")
    ends = ((given["p2cread"], 0), (given["c2pwrite"], 1), (given["errwrite"], 2))
    return [(number, number) for number in numbers] + [(end, number) for end, number in ends if end != -1]


def _inheritable() -> Iterable[int]:
    """Descriptors beyond the first three that stay open when a program is executed."""
    with os.scandir("/proc/self/fd") as entries:
        for number in [int(entry.name) for entry in entries]:
            with contextlib.suppress(OSError):
                if number > 2 and os.get_inheritable(number):
                    yield number
