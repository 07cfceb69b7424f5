"""Which kinds of namespace there are, and how a set of them is written."""

import enum
import operator
from typing import Any

from . import _nsiso


class Kind(enum.IntFlag):
    """Kinds of namespace; the values are the kernel's ``CLONE_NEW*`` (namespaces(7)).

    Sets of them are or-ed together: ``Kind.USER | Kind.NET``. A spec also takes them as text:
    ``"user,net"``.
    """

    TIME = 0x0000_0080
    MNT = 0x0002_0000
    CGROUP = 0x0200_0000
    UTS = 0x0400_0000
    IPC = 0x0800_0000
    USER = 0x1000_0000
    PID = 0x2000_0000
    NET = 0x4000_0000


NS = Kind
NONE = Kind(0)

_NAMES = {row[1]: Kind(row[0]) for row in _nsiso.kinds()}
_FLAG_NAMES = {row[2]: Kind(row[0]) for row in _nsiso.kinds()}
_ALL = sum(_NAMES.values())


def kinds_of(option: str, value: Any) -> Kind:
    """Read a set of kinds: ``Kind`` values, or names with commas between them.

    :raises TypeError: neither of them.
    :raises ValueError: a name or a bit that no kind has.
    """
    if isinstance(value, str):
        kinds = NONE
        for word in filter(None, map(str.strip, value.split(","))):
            kind = _NAMES.get(word) or _FLAG_NAMES.get(word)
            if kind is None:
                raise ValueError(f"{option}: no kind of namespace is called {word!r}: there are {text(_ALL)}")
            kinds |= kind
        return kinds
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        raise TypeError(
            f'{option} must be kinds of namespace, as Kind or as text "user,pid", not {type(value).__name__}'
        )
    bits = operator.index(value)
    if bits & ~_ALL:
        raise ValueError(f"{option}: {bits:#x} has bits that are no kind of namespace")
    return Kind(bits)


def text(kinds: int) -> str:
    """Write a set of kinds as ``kinds_of`` reads it."""
    return ",".join(name for name, kind in _NAMES.items() if kind & kinds)
