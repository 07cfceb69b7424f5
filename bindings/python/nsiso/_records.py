"""What a snapshot tells of one namespace, of one process, and of what holds a namespace."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal, Optional, get_args

from . import _nsiso
from ._kind import Kind, text
from ._namespace import Namespace, one_kind

if TYPE_CHECKING:
    from ._snapshot import Snapshot
    from ._types import KindsLike

How = Literal[
    "process",
    "thread",
    "for_children",
    "descriptor",
    "socket",
    "in_flight",
    "mount",
    "parent",
    "owner",
    "kernel",
]
HOWS: tuple[How, ...] = get_args(How)
# By the bit, without the price of making one each time; in the order in which a process's are told.
KINDS = {row[0]: Kind(row[0]) for row in _nsiso.kinds()}


# As ``Spec(uid_map=…)`` takes them: the first number inside, the first one outside, how many.
Ranges = tuple[tuple[int, int, int], ...]


@dataclass(frozen=True)
class Particulars:
    """What a namespace is like inside: ``None`` for other kinds, and for what may not be read.

    Attributes:
        uid_map: user: who is who, as ``Spec(uid_map=…)`` takes it, the outside numbers as the caller's own
            user namespace has them; without ranges until it is written. Read by way of a process in it.
        gid_map: user: the same for groups.
        setgroups: user: whether setgroups(2) is allowed there.
        hostname: uts: the host name.
        domainname: uts: the NIS domain name.
        monotonic: time: seconds and nanoseconds by which this clock is set forward. By way of a process.
        boottime: time: the same of the clock that counts from the machine's start.
        interfaces: net: the names of its interfaces.
        nsid: net: its number in the caller's own net namespace, as ``ip netns list-id`` tells it.
        mounts: mnt: how many mounts it has, seen from any root (Linux 6.12).
    """

    uid_map: Optional[Ranges] = None
    gid_map: Optional[Ranges] = None
    setgroups: Optional[bool] = None
    hostname: Optional[str] = None
    domainname: Optional[str] = None
    monotonic: Optional[tuple[int, int]] = None
    boottime: Optional[tuple[int, int]] = None
    interfaces: Optional[tuple[str, ...]] = None
    nsid: Optional[int] = None
    mounts: Optional[int] = None


@dataclass(frozen=True)
class Holder:
    """One reason why a namespace is there; ``str(holder)`` is a phrase.

    Attributes:
        how: ``"process"``, it is in there; ``"thread"``, it is, and its process is not; ``"for_children"``,
            the thread's next children will be; ``"descriptor"``, a process has it open; ``"socket"``, a
            process has a socket in it, and is in another one; ``"in_flight"``, a descriptor of it waits in
            a socket; ``"mount"``, it is mounted; ``"parent"`` and ``"owner"``, it is that of another
            namespace; ``"kernel"``, the kernel lists it, and nothing else was found.
        pid: the process.
        tid: the thread.
        fd: the descriptor, or the socket's.
        namespace: the one that it is the parent or the owner of, or the mnt namespace that it is mounted in.
        path: where it is mounted, as the processes there see it.
    """

    how: How
    pid: Optional[int] = None
    tid: Optional[int] = None
    fd: Optional[int] = None
    namespace: "Optional[NamespaceInfo]" = None
    path: Optional[str] = None

    def __str__(self) -> str:
        return {
            "process": f"process {self.pid}",
            "thread": f"thread {self.tid} of process {self.pid}",
            "for_children": f"children of thread {self.tid} of process {self.pid}",
            "descriptor": f"descriptor {self.fd} of process {self.pid}",
            "socket": f"socket {self.fd} of process {self.pid}",
            "in_flight": f"in flight in socket {self.fd} of process {self.pid}",
            "mount": f"mount {self.path}",
            "parent": f"parent of {self.namespace}",
            "owner": f"owner of {self.namespace}",
            "kernel": "the kernel's list",
        }[self.how]


class NamespaceInfo:
    """A namespace as a snapshot found it; ``str(info)`` is as readlink(1) shows it, ``uts:[4026531838]``.

    It cannot be changed and holds nothing open: :meth:`open` does. A snapshot has one object for each, so
    that ``==`` and ``is`` are the same; for those of another snapshot see :meth:`Snapshot.since`.
    """

    __slots__ = ("_place", "_row", "_snapshot")

    _snapshot: "Snapshot"
    _place: int
    _row: "_nsiso._NamespaceRow"

    def __init__(self) -> None:
        raise TypeError("a NamespaceInfo is made by nsiso.snapshot")

    @classmethod
    def _of(cls, snapshot: "Snapshot", place: int, row: "_nsiso._NamespaceRow") -> "NamespaceInfo":
        info = cls.__new__(cls)
        info._snapshot, info._place, info._row = snapshot, place, row
        return info

    @property
    def kind(self) -> Kind:
        """What it isolates."""
        return KINDS[self._row[0]]

    @property
    def inode(self) -> int:
        """Its inode while the snapshot was taken: another one gets the number soon after nobody holds it."""
        return self._row[1]

    @property
    def id(self) -> Optional[int]:
        """Its number that is never given again before the machine starts anew.

        ``None`` before Linux 6.18, for mnt before 6.11.
        """
        return self._row[2]

    @property
    def owner_uid(self) -> Optional[int]:
        """Who made it, or of other kinds who made the user namespace that owns it.

        As the caller's own user namespace numbers users; 65534 for one that has no number there. ``None``:
        the caller may not know.
        """
        return self._row[3]

    @property
    def owner_user(self) -> Optional[str]:
        """The name of that user; the number where it has none."""
        return None if self.owner_uid is None else self._snapshot._user(self.owner_uid)

    @property
    def user_ns(self) -> "Optional[NamespaceInfo]":
        """The user namespace that owns it; of a user namespace, the one that it lies in.

        ``None`` of the first one, and where that is outside the caller's own.
        """
        return self._snapshot._at(self._row[4])

    @property
    def parent(self) -> "Optional[NamespaceInfo]":
        """The one that this pid or user namespace lies in; ``None`` as above, and for other kinds."""
        return self._snapshot._at(self._row[5])

    @property
    def level(self) -> Optional[int]:
        """How many levels below the caller's own this pid or user namespace lies; ``None`` if it does not."""
        return self._row[6]

    @property
    def children(self) -> "tuple[NamespaceInfo, ...]":
        """Those that lie in it."""
        return self._snapshot._all(self._snapshot._core.children(self._place))

    @property
    def owned(self) -> "tuple[NamespaceInfo, ...]":
        """Those that this user namespace owns."""
        return self._snapshot._all(self._snapshot._core.owned(self._place))

    @property
    def processes(self) -> tuple[int, ...]:
        """The numbers of the processes in it, the lowest first."""
        return self._snapshot._core.members(self._place)

    @property
    def process_count(self) -> int:
        """How many these are, without listing them."""
        return self._snapshot._core.member_count(self._place)

    @property
    def holders(self) -> tuple[Holder, ...]:
        """What holds it, as far as the depth went: its processes first, and last those that it is above."""
        return tuple(
            Holder(how, pid, tid, fd, self._snapshot._at(place), None if path is None else os.fsdecode(path))
            for how, pid, tid, fd, place, path in self._snapshot._core.holders(self._place)
        )

    @property
    def particulars(self) -> Particulars:
        """What it is like inside, if the snapshot was asked for that: else all of it is ``None``."""
        row = self._snapshot._core.particulars(self._place)
        if row is None:
            return Particulars()
        uid_map, gid_map, setgroups, hostname, domainname, monotonic, boottime, interfaces, nsid, mounts = row
        return Particulars(
            None if uid_map is None else tuple(uid_map),
            None if gid_map is None else tuple(gid_map),
            setgroups,
            None if hostname is None else os.fsdecode(hostname),
            None if domainname is None else os.fsdecode(domainname),
            monotonic,
            boottime,
            None if interfaces is None else tuple(map(os.fsdecode, interfaces)),
            nsid,
            mounts,
        )

    @property
    def hostname(self) -> Optional[str]:
        """The host name of a uts namespace, of its :attr:`particulars`."""
        return self.particulars.hostname

    @property
    def uid_map(self) -> Optional[Ranges]:
        """The users of a user namespace, of its :attr:`particulars`."""
        return self.particulars.uid_map

    @property
    def gid_map(self) -> Optional[Ranges]:
        """The groups of a user namespace, of its :attr:`particulars`."""
        return self.particulars.gid_map

    @property
    def interfaces(self) -> Optional[tuple[str, ...]]:
        """The interfaces of a net namespace, of its :attr:`particulars`."""
        return self.particulars.interfaces

    def open(self) -> Namespace:
        """Open it: by what held it when the snapshot was taken, whoever still does.

        :raises Error: ESTALE, nobody does whom the caller may ask; never another one that has got its inode
            since.
        """
        return Namespace._of_core(self._snapshot._core.open(self._place))

    def __str__(self) -> str:
        return f"{text(self.kind)}:[{self.inode}]"

    def __repr__(self) -> str:
        return f"<NamespaceInfo {self}>"


class ProcessInfo:
    """A process as a snapshot found it. It cannot be changed."""

    __slots__ = ("_row", "_snapshot")

    _snapshot: "Snapshot"
    _row: "_nsiso._ProcessRow"

    def __init__(self) -> None:
        raise TypeError("a ProcessInfo is made by nsiso.snapshot")

    @classmethod
    def _of(cls, snapshot: "Snapshot", row: "_nsiso._ProcessRow") -> "ProcessInfo":
        info = cls.__new__(cls)
        info._snapshot, info._row = snapshot, row
        return info

    @property
    def pid(self) -> int:
        """Its number, as the mounted ``/proc`` counts."""
        return self._row[0]

    @property
    def name(self) -> Optional[str]:
        """Its name as the kernel shows it, at most 15 bytes; ``None`` without ``lineage=True``."""
        return None if self._row[1] is None else os.fsdecode(self._row[1])

    @property
    def parent(self) -> Optional[int]:
        """The number of its parent, 0 if that is not to be seen here; ``None`` without ``lineage=True``."""
        return self._row[2]

    @property
    def start(self) -> Optional[int]:
        """When it was born, in ticks of the clock (``SC_CLK_TCK``) since the machine started.

        With its number that names it for ever. ``None`` without ``lineage=True``.
        """
        return self._row[3]

    @property
    def namespaces(self) -> Mapping[Kind, NamespaceInfo]:
        """Those that it was in, by kind: all that were asked for, but few of a zombie's."""
        places = zip(KINDS.values(), map(self._snapshot._at, self._row[4]))
        return MappingProxyType({kind: namespace for kind, namespace in places if namespace is not None})

    def namespace(self, kind: "KindsLike") -> Optional[NamespaceInfo]:
        """Tell in which namespace of one kind it was; ``None`` if that was not read."""
        return self._snapshot._at(self._row[4][list(KINDS).index(one_kind(kind))])

    def shares(self, other: "ProcessInfo") -> Kind:
        """Tell of which kinds both are in the same namespace. Both are of one snapshot."""
        if self._snapshot is not other._snapshot:
            raise ValueError("the other process is of another snapshot")
        shared = Kind(0)
        for kind, own, others in zip(KINDS.values(), self._row[4], other._row[4]):
            if own is not None and own == others:
                shared |= kind
        return shared

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ProcessInfo):
            return NotImplemented
        return self._snapshot is other._snapshot and self.pid == other.pid

    def __hash__(self) -> int:
        return hash((id(self._snapshot), self.pid))

    def __str__(self) -> str:
        return f"process {self.pid}" if self.name is None else f"process {self.pid} {self.name!r}"

    def __repr__(self) -> str:
        return f"<ProcessInfo {self}>"
