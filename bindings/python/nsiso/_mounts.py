"""What a process sees mounted: its mount table, and the tree that it makes."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, Optional, Union

from . import _nsiso
from ._inspect import Pid, number

Route = Literal["fastest", "mountinfo", "statmount"]
Tag = tuple[str, Union[int, str, None]]

_ROUTES = ("fastest", "mountinfo", "statmount")


class MountInfo(NamedTuple):
    r"""One mount: the fields of its line in ``/proc/PID/mountinfo``. Cannot change.

    Names are decoded as :func:`os.fsdecode` does, so that they can be opened, whatever bytes they are; what
    the kernel writes as a backslash and three octal digits is as it was before.

    Attributes:
        id: its number; the kernel gives it again after an unmount.
        parent_id: the number of the mount that it is mounted on, which may be outside what the process sees.
        major: the device's major number; 0 where there is no block device.
        minor: the device's minor number.
        root: which directory or file of the file system is mounted; of nsfs a link's text.
        point: where it is mounted, seen from the process's root directory.
        options: the mount's own options, ``"rw,relatime"``.
        tags: the optional fields, which tell of propagation: ``(("shared", 5), ("unbindable", None))``. The
            value of one that nsiso does not know is text.
        fstype: the file system's type.
        source: what was named as its source; may be empty.
        super_options: the file system's options, ``"rw,size=4k"``. In ``raw`` a comma that is part of a value
            is ``\054``.
        raw: the line as the kernel wrote it, without the newline.
    """

    id: int
    parent_id: int
    major: int
    minor: int
    root: str
    point: str
    options: str
    tags: tuple[Tag, ...]
    fstype: str
    source: str
    super_options: str
    raw: bytes

    @property
    def shared(self) -> Optional[int]:
        """The peer group that it shares mounts and unmounts with."""
        return self._group("shared")

    @property
    def master(self) -> Optional[int]:
        """The peer group whose mounts and unmounts it gets."""
        return self._group("master")

    @property
    def propagate_from(self) -> Optional[int]:
        """The nearest peer group that the process sees, of those whose slave it is by way of others."""
        return self._group("propagate_from")

    @property
    def unbindable(self) -> bool:
        """Whether it cannot be bind mounted."""
        return ("unbindable", None) in self.tags

    def _group(self, name: str) -> Optional[int]:
        return next((value for tag, value in self.tags if tag == name and isinstance(value, int)), None)

    def __str__(self) -> str:
        return self.raw.decode(errors="backslashreplace")


@dataclass(frozen=True, eq=False)
class MountNode:
    """A mount in its place in a :class:`MountTree`.

    Attributes:
        mount: what is mounted.
        parent: what it is mounted on, or ``None``.
        over_mounted: whether no path leads into it any more: another mount is on the same point or on one
            further up.
        children: what is mounted on it, in the table's order.
    """

    mount: MountInfo
    parent: "Optional[MountNode]" = field(repr=False)
    over_mounted: bool
    children: "tuple[MountNode, ...]" = field(default=(), repr=False)

    def walk(self) -> "Iterator[MountNode]":
        """Go through it and all that is below it, each before its children."""
        ahead = [self]
        while ahead:
            node = ahead.pop()
            yield node
            ahead.extend(reversed(node.children))


@dataclass(frozen=True, eq=False)
class MountTree:
    """What is mounted on what, and who shares mounts with whom. Cannot change.

    Attributes:
        nodes: the mounts, in the table's order.
        roots: those that are mounted on none of the table: one, that of the root directory, unless that is no
            mount's own (in a chroot).
    """

    nodes: tuple[MountNode, ...] = field(repr=False)
    roots: tuple[MountNode, ...]

    def __iter__(self) -> Iterator[MountNode]:
        """Go through all, each before its children."""
        for root in self.roots:
            yield from root.walk()

    def __len__(self) -> int:
        return len(self.nodes)

    def peers(self, group: int) -> tuple[MountInfo, ...]:
        """Tell which mounts are members of a peer group; other namespaces may have more."""
        return tuple(node.mount for node in self.nodes if node.mount.shared == group)

    def slaves(self, group: int) -> tuple[MountInfo, ...]:
        """Tell which mounts get what is mounted below the members of a peer group, and give them nothing."""
        return tuple(node.mount for node in self.nodes if node.mount.master == group)


class MountTable(list[MountInfo]):
    """The mounts that a process sees, in the kernel's order: a list.

    Attributes:
        changed_while_read: whether mounts came and went each time that it was read, so that some may be
            missing or stale.
    """

    def __init__(self, mounts: Iterable[MountInfo] = (), changed_while_read: bool = False) -> None:
        super().__init__(mounts)
        self.changed_while_read = changed_while_read

    def tree(self) -> MountTree:
        """Find out what is mounted on what, and what is over-mounted.

        :raises Error: EPROTO, a ``raw`` that is no line of mountinfo.
        """
        parents, over_mounted = _nsiso.mount_tree(b"".join(mount.raw + b"\n" for mount in self))
        nodes: list[MountNode] = [MountNode(*row) for row in zip(self, [None] * len(self), over_mounted)]
        children: list[list[MountNode]] = [[] for _ in nodes]
        for node, parent in zip(nodes, parents):
            if parent is not None:
                object.__setattr__(node, "parent", nodes[parent])
                children[parent].append(node)
        for node, below in zip(nodes, children):
            object.__setattr__(node, "children", tuple(below))
        roots = tuple(node for node, parent in zip(nodes, parents) if parent is None)
        return MountTree(tuple(nodes), roots)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickles as what it is made of."""
        return MountTable, (list(self), self.changed_while_read)


def mountinfo(pid: Pid = "self", *, route: Route = "fastest") -> MountTable:
    """Read what a process sees mounted: ``/proc/PID/mountinfo``, taken apart.

    :param pid: a process or thread as the mounted ``/proc`` counts; ``"self"`` or 0 is the calling thread.
    :param route: how. ``"mountinfo"`` reads the text, ``"statmount"`` asks mount by mount (Linux 6.15), which
        costs less where mounts are slaves of large peer groups; ``"fastest"`` sees which. They tell the same,
        but for the option ``mand`` of file systems, without a meaning since Linux 5.15.
    :raises Error: ESRCH no such process, or it has ended; EACCES the caller may not trace it, where ``/proc``
        is mounted so; ENOENT no ``/proc``; EPROTO a line that is not of the documented form. With
        ``"statmount"`` also where the kernel does not tell by that what the process sees.

    As one table, also where mounts come and go meanwhile: then it is read again, some times (see
    :class:`MountTable`). Other threads run on. See proc(5), mount_namespaces(7).
    """
    if route not in _ROUTES:
        raise ValueError(f"route must be one of {', '.join(_ROUTES)}, not {route!r}")
    rows, changed = _nsiso.mounts(number(pid), _ROUTES.index(route))
    return MountTable(map(MountInfo._make, rows), changed)
