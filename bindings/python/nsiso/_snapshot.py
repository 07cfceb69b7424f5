"""Which namespaces there are on the machine, who is in each, and what holds it: one reading of /proc."""

import pwd
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, Optional, Union, overload

from . import _nsiso
from ._export import rows, to_json
from ._kind import Kind, kinds_of
from ._namespace import one_kind
from ._options import one_of, switch, whole
from ._records import KINDS, NamespaceInfo, ProcessInfo
from ._relations import Difference, Incomplete, Moved, Tree

if TYPE_CHECKING:
    from ._types import KindsLike

Depth = Literal["processes", "threads", "descriptors", "all"]
Relation = Literal["parent", "owner", "process"]

_checked_depth = one_of("processes", "threads", "descriptors", "all")
_checked_relation = one_of("parent", "owner", "process")
_ALL = sum(KINDS.values())
_PID_MAX = 2**31 - 1


def snapshot(
    depth: Depth = "processes",
    *,
    kinds: "Optional[KindsLike]" = None,
    lineage: bool = False,
    intrusive: bool = False,
    particulars: bool = False,
) -> "Snapshot":
    """Read which namespaces there are, who is in each, and what holds it.

        found = nsiso.snapshot("descriptors")
        for namespace in found["net"]:
            print(namespace, namespace.process_count, *namespace.holders)
        for missing in found.incomplete:
            print("not seen:", missing)

    What may not be read, or came or went meanwhile, is no error: see :attr:`Snapshot.incomplete`.

    :param depth: how far to look, each as far as those before, and at a higher price. ``"processes"``, and
        the namespaces that own or contain theirs; ``"threads"`` that are elsewhere than their process, and
        where children will be; ``"descriptors"`` and sockets of all processes, and what is mounted in the
        caller's mount namespace; ``"all"``: mounts in others too, and what the kernel itself lists.
    :param kinds: only these, and the namespaces that own or contain them; ``None`` is all.
    :param lineage: with each process's name, parent and time of birth: half as much again.
    :param intrusive: opens copies of descriptors that wait in sockets, by reading messages without taking
        them.
    :param particulars: with what each namespace is like inside: :attr:`NamespaceInfo.particulars`. Reading
        that opens each, and the calling thread visits those of uts and net, where it may.
    :raises FileNotFoundError: ``/proc`` is not mounted.
    :raises Error: EMFILE, ENFILE or ENOMEM, no room for one descriptor more.

    Other threads run meanwhile. Numbers of processes are those of the mounted ``/proc``. Privilege: who may
    trace a process sees where it is; CAP_SYS_PTRACE for those of others.
    """
    asked = Kind(_ALL) if kinds is None else kinds_of("kinds", kinds)
    if not asked:
        raise ValueError("kinds must be at least one kind of namespace")
    depth = _checked_depth("depth", depth)
    with_lineage = switch("lineage", lineage)
    with_particulars = switch("particulars", particulars)
    core = _nsiso.snapshot(depth, asked, with_lineage, switch("intrusive", intrusive), with_particulars)
    return Snapshot._of_core(core, depth, asked, with_lineage, with_particulars)


class Snapshot:
    """One reading of the machine's namespaces: what :func:`snapshot` gives. It holds nothing open.

    ``snapshot["net"]`` and ``snapshot[Kind.NET]`` are the namespaces of a kind, ``snapshot[4026531838]`` is
    the one with this inode; iterating goes through :attr:`namespaces`. It cannot be changed, and many threads
    may read it. In a notebook it shows itself as a picture.

    Attributes:
        depth: how far it looked.
        kinds: of which kinds :attr:`namespaces` are.
        lineage: whether it has the names and parents of processes.
    """

    __slots__ = ("_asked", "_core", "_namespaces", "_particulars", "_users", "depth", "kinds", "lineage")

    depth: Depth
    kinds: Kind
    lineage: bool
    _core: _nsiso.Snapshot

    def __init__(self) -> None:
        raise TypeError("a Snapshot is made by nsiso.snapshot")

    @classmethod
    def _of_core(
        cls, core: _nsiso.Snapshot, depth: Depth, kinds: Kind, lineage: bool, particulars: bool
    ) -> "Snapshot":
        made = cls.__new__(cls)
        rows = core.namespaces()
        fields: dict[str, Any] = {
            "depth": depth,
            "kinds": kinds,
            "lineage": lineage,
            "_particulars": particulars,
            "_core": core,
            "_users": {},
            "_namespaces": [NamespaceInfo._of(made, place, row) for place, row in enumerate(rows)],
        }
        wanted = {bit for bit, kind in KINDS.items() if kind & kinds}
        fields["_asked"] = tuple(one for one in fields["_namespaces"] if one._row[0] in wanted)
        for name, value in fields.items():
            object.__setattr__(made, name, value)
        return made

    _namespaces: list[NamespaceInfo]
    _asked: tuple[NamespaceInfo, ...]
    _particulars: bool
    _users: dict[int, str]

    @property
    def namespaces(self) -> tuple[NamespaceInfo, ...]:
        """Every namespace of the kinds asked for, by kind and inode."""
        return self._asked

    @property
    def by_kind(self) -> Mapping[Kind, tuple[NamespaceInfo, ...]]:
        """The same for each of these kinds."""
        found: dict[Kind, list[NamespaceInfo]] = {kind: [] for kind in KINDS.values() if kind & self.kinds}
        for namespace in self._asked:
            found[namespace.kind].append(namespace)
        return MappingProxyType({kind: tuple(some) for kind, some in found.items()})

    @property
    def processes(self) -> Sequence[ProcessInfo]:
        """Every process that was read, by number; each is made when it is looked at."""
        return _Processes(self)

    @property
    def pids(self) -> tuple[int, ...]:
        """Their numbers alone."""
        return self._core.pids()

    @property
    def incomplete(self) -> tuple[Incomplete, ...]:
        """What could not be read, and why; empty if everything was, as far as the depth goes."""
        return tuple(
            Incomplete(what, errno, cause, remedy, tuple(pids), count, line)
            for what, errno, cause, remedy, pids, count, line in self._core.incomplete()
        )

    def find(self, kind: "KindsLike", inode: int) -> Optional[NamespaceInfo]:
        """Look up a namespace that was seen; ``None`` if none was.

        That may be of a kind that was not asked for, if it owns or contains one that was.
        """
        return self._at(self._core.find(one_kind(kind), whole("inode", inode, most=2**64 - 1)))

    def of(self, pid: int) -> Optional[ProcessInfo]:
        """Look up a process that was read; ``None`` if it was not."""
        row = self._core.of(whole("pid", pid, most=_PID_MAX))
        return None if row is None else ProcessInfo._of(self, row)

    def tree(self, by: Relation = "owner") -> Tree:
        """Put the namespaces into a tree: each is a root, or below one other.

        :param by: ``"parent"``: what it lies in, for pid and user. ``"owner"``: the user namespace that owns
            it. ``"process"``: that of the same kind from which its first process came; needs
            ``lineage=True``.
        """
        by = _checked_relation("by", by)
        if by == "process" and not self.lineage:
            raise ValueError("a tree by process needs snapshot(lineage=True)")
        return Tree(self, *self._core.tree(by))

    def since(self, earlier: "Snapshot") -> Difference:
        """Tell what changed since an earlier snapshot of the same machine.

        A process counts as the same if its number is; with the lineage of both, only if it was born at the
        same time as well.
        """
        if not isinstance(earlier, Snapshot):
            raise TypeError(f"earlier must be a Snapshot, not {type(earlier).__name__}")
        appeared, gone, moved = self._core.since(earlier._core)
        wanted = self.kinds & earlier.kinds
        processes = ((self.of(pid), before, after) for pid, before, after in moved)
        return Difference(
            tuple(one for one in self._all(appeared) if one.kind & wanted),
            tuple(one for one in earlier._all(gone) if one.kind & wanted),
            tuple(
                Moved(process, earlier._namespaces[before], self._namespaces[after])
                for process, before, after in processes
                if process is not None and self._namespaces[after].kind & wanted
            ),
        )

    def rows(self) -> list[dict[str, Union[str, int, float, bool, None]]]:
        """Give a flat dict for each namespace: ``pandas.DataFrame(snapshot.rows())`` is a table.

        ``kind``, ``inode``, ``id``, ``owner_uid``, ``owner_user``, ``user_ns`` and ``parent`` (inodes),
        ``level``, ``processes`` (how many), ``pid`` and ``name`` of the first one, ``holders`` (other than
        processes, as text); and its :attr:`~NamespaceInfo.particulars`, if they were asked for: lists as text
        with commas, lengths of time in seconds.
        """
        return rows(self)

    def to_json(self, indent: Optional[int] = None) -> str:
        r"""Write all of it as JSON: ``depth``, ``kinds``, ``namespaces``, ``processes``, ``incomplete``.

        Relatives are inodes, processes numbers. The holders of a namespace are those other than its
        processes. Bytes that are no text in a name or a path stand there as ``\xff``.
        """
        return to_json(self, indent)

    def _repr_svg_(self) -> str:
        """The picture of it, for notebooks."""
        from ._picture import svg  # noqa: PLC0415

        return svg(self)

    @overload
    def __getitem__(self, key: Union[Kind, str]) -> tuple[NamespaceInfo, ...]: ...  # type: ignore[overload-overlap]

    @overload
    def __getitem__(self, key: int) -> NamespaceInfo: ...

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, (Kind, str)):
            one = one_kind(key)
            if not one & self.kinds:
                raise KeyError(key)
            return tuple(namespace for namespace in self._asked if namespace._row[0] == one)
        inode = whole("inode", key, most=2**64 - 1)
        for namespace in self._namespaces:
            if namespace._row[1] == inode:
                return namespace
        raise KeyError(key)

    def __iter__(self) -> Iterator[NamespaceInfo]:
        return iter(self._asked)

    def __len__(self) -> int:
        return len(self._asked)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"a Snapshot cannot be changed: {name!r}")

    def __repr__(self) -> str:
        missing = ", incomplete" if self.incomplete else ""
        counts = f"{len(self)} namespaces, {self._core.process_count()} processes"
        return f"<Snapshot of {counts}, depth {self.depth!r}{missing}>"

    def _at(self, place: Optional[int]) -> Optional[NamespaceInfo]:
        return None if place is None else self._namespaces[place]

    def _all(self, places: list[int]) -> tuple[NamespaceInfo, ...]:
        return tuple(self._namespaces[place] for place in places)

    def _user(self, uid: int) -> str:
        if uid not in self._users:
            self._users[uid] = user_name(uid)
        return self._users[uid]


class _Processes(Sequence[ProcessInfo]):
    """Made one by one, since there may be very many, and most are not looked at."""

    __slots__ = ("_snapshot",)

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot

    def __len__(self) -> int:
        return self._snapshot._core.process_count()

    @overload
    def __getitem__(self, index: int) -> ProcessInfo: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[ProcessInfo]: ...

    def __getitem__(self, index: Any) -> Any:
        count = len(self)
        if isinstance(index, slice):
            return tuple(self[place] for place in range(*index.indices(count)))
        place = index + count if index < 0 else index
        if not 0 <= place < count:
            raise IndexError(index)
        return ProcessInfo._of(self._snapshot, self._snapshot._core.process(place))

    def __repr__(self) -> str:
        return f"<{len(self)} processes>"


def user_name(uid: int) -> str:
    """Give a user's name; the number where it has none."""
    try:
        return pwd.getpwuid(uid).pw_name
    except (KeyError, OverflowError):
        return str(uid)
