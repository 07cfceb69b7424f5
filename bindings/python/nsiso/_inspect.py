"""What is there: kinds, a process's links, and who a process is."""

import os
from dataclasses import dataclass
from typing import Literal, Union

from . import _nsiso
from ._kind import Kind

Pid = Union[int, Literal["self"]]


@dataclass(frozen=True)
class KindInfo:
    """One row of the table of kinds."""

    kind: Kind
    name: str
    flag_name: str
    first_kernel: str
    isolates: str


@dataclass(frozen=True)
class Link:
    """One link under ``/proc/PID/ns``; two name the same namespace when device and inode are equal.

    That holds while both processes live: the kernel gives an inode's number to another one soon after.
    """

    name: str
    kind: Kind
    device: int
    inode: int

    def __str__(self) -> str:
        return f"{_NAMES[self.kind]}:[{self.inode}]"


@dataclass(frozen=True)
class Description:
    """Who a process is, as far as ``/proc`` tells anybody.

    Attributes:
        pid: its number, as the mounted ``/proc`` counts.
        numbers: its number in each pid namespace that it is in, from that of ``/proc`` to its own.
        parent: the number of its parent; 0 if that is not to be seen here.
        uid: its effective user, as the caller's own user namespace numbers them.
        name: as the kernel shows it.
        command: its words; empty of a kernel's thread and of a zombie.
    """

    pid: int
    numbers: tuple[int, ...]
    parent: int
    uid: int
    name: str
    command: tuple[str, ...]


def kinds() -> tuple[KindInfo, ...]:
    """Tell which kinds of namespace Linux has, in the order in which it got them."""
    return _KINDS


def links(pid: Pid = "self") -> dict[str, Link]:
    """Read the links under ``/proc/PID/ns``, by name, sorted.

    :param pid: a process or thread as the mounted ``/proc`` counts; ``"self"`` or 0 is the calling thread.
    :raises Error: ESRCH no such process, EACCES the caller may not trace it, ENOENT no ``/proc``.

    Links that lead nowhere are left out: a kind this kernel does not have, most of a zombie's.
    """
    rows = _nsiso.links(number(pid))
    return {name: Link(name, Kind(kind), device, inode) for name, kind, device, inode in rows}


def same(a: Pid, b: Pid, kind: Kind) -> bool:
    """Tell whether two processes share their namespace of this kind: the same device and inode.

    :raises Error: as :func:`links`.
    :raises ValueError: *kind* is not exactly one kind.
    """
    return _nsiso.same(number(a), number(b), kind)


def describe(pid: Pid) -> Description:
    """Tell who a process or thread is.

    :param pid: its number as the mounted ``/proc`` counts; ``"self"`` or 0 is the calling process.
    :raises ProcessLookupError: there is none.
    :raises FileNotFoundError: ``/proc`` is not mounted.
    """
    own = number(pid) or os.getpid()
    numbers, parent, uid, name, command = _nsiso.describe(own)
    words = command.removesuffix(b"\0").split(b"\0") if command else []
    return Description(own, tuple(numbers), parent, uid, os.fsdecode(name), tuple(map(os.fsdecode, words)))


def number(pid: Pid) -> int:
    """Read whose process is meant: 0 for the calling thread."""
    if pid == "self":
        return 0
    if not isinstance(pid, int):
        raise TypeError(f'pid must be an integer or "self", not {pid!r}')
    if pid < 0:
        raise ValueError(f"pid cannot be negative: {pid}")
    return pid


_KINDS = tuple(KindInfo(Kind(row[0]), *row[1:]) for row in _nsiso.kinds())
_NAMES = {info.kind: info.name for info in _KINDS}
