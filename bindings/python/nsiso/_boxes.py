"""Which processes and namespaces stand in which box of a snapshot's picture, as containers stand in a host.

A box has chips, one for each namespace that whoever is in it has and whoever is around it has not: of a kind
that has no chip on a box, the next one around it counts. Processes of a box are in exactly the namespaces
that are found so. Boxes stand in each other as user and pid namespaces do, and where one namespace is shared
by several boxes, there is one around them. Namespaces without processes have boxes of their own.
"""

import collections
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Optional

from ._kind import Kind
from ._records import KINDS, NamespaceInfo, ProcessInfo

if TYPE_CHECKING:
    from ._snapshot import Snapshot

_NESTED = Kind.USER | Kind.PID
# Who is split off first where boxes would have to overlap: what says most about who belongs together.
_WEIGHT = (Kind.PID, Kind.USER, Kind.NET, Kind.MNT, Kind.IPC, Kind.UTS, Kind.CGROUP, Kind.TIME)


@dataclass
class Box:
    """A box: its chips, its processes by number, and the boxes in it.

    Attributes:
        held: what holds it if it has no processes.
        name: its host name, if that is another than around it.
    """

    chips: list[NamespaceInfo]
    processes: list[ProcessInfo] = field(default_factory=list)
    inner: "list[Box]" = field(default_factory=list)
    held: str = ""
    name: Optional[str] = None
    is_host: bool = False

    @property
    def first(self) -> int:
        """The lowest number of a process in it or below; what has none comes last."""
        pids = [process.pid for process in self.processes[:1]]
        return min([*pids, *(box.first for box in self.inner)], default=2**31)

    def walk(self) -> "Iterator[Box]":
        """Itself and all below."""
        yield self
        for box in self.inner:
            yield from box.walk()

    def chip(self, kind: Kind) -> Optional[NamespaceInfo]:
        """Its chip of a kind."""
        return next((chip for chip in self.chips if chip.kind == kind), None)

    @property
    def title(self) -> str:
        """What it is called: by its host name, its first process, or what holds it."""
        if self.is_host:
            return f"host {self.name}" if self.name else "host"
        if self.held or self.name:
            return self.held or self.name or ""
        if self.processes:
            first = self.processes[0]
            return first.name if first.name is not None else f"process {first.pid}"
        return "shared"

    @property
    def caption(self) -> str:
        """Whose it is, if it has a user namespace of its own."""
        user = self.chip(Kind.USER)
        if user is None or self.is_host or user.owner_uid is None:
            return ""
        words = f"of user {user.owner_user}"
        if user.uid_map:
            inside, outside, _ = user.uid_map[0]
            words += f": user {inside} inside is {outside} outside"
        return words


@dataclass
class _Group:
    """Processes that are in the same namespaces."""

    places: dict[Kind, NamespaceInfo]
    processes: list[ProcessInfo]


Around = Mapping[Kind, NamespaceInfo]


def host(snapshot: "Snapshot") -> Box:
    """Give the box of the whole machine, as far as it was seen."""
    groups = _groups(snapshot)
    first = min(groups, key=_outwards).places if groups else {}
    made = _Arranged()
    box = Box([first[kind] for kind in KINDS.values() if kind in first], is_host=True)
    made.drawn.update(box.chips)
    box.processes, box.inner = made.arrange(groups, first, frozenset(box.chips))
    box.processes.sort(key=lambda process: (_is_kernels(snapshot, process), process.pid))
    _add_held(snapshot, box, made.drawn)
    _name(box, None)
    for each in box.walk():
        each.inner.sort(key=lambda inner: (inner.first, inner.title))
    return box


def _outwards(group: _Group) -> tuple[bool, int, int, int, int]:
    """Whose namespaces the others are seen from: those of pid 1, or furthest out, and with most in them."""
    lowest = group.processes[0].pid
    above = sum(len(list(_above(one))) for one in group.places.values())
    members = sum(one.process_count for one in group.places.values())
    return lowest != 1, -len(group.places), above, -members, lowest


def _name(box: Box, around: Optional[str]) -> None:
    uts = box.chip(Kind.UTS)
    own = uts.hostname if uts is not None else None
    box.name = own if own != around else None
    for inner in box.inner:
        _name(inner, own or around)


def _is_kernels(snapshot: "Snapshot", process: ProcessInfo) -> bool:
    """Whether it is one of the kernel's threads, which are on each machine."""
    daemon = snapshot.of(2)
    return daemon is not None and daemon.name == "kthreadd" and 2 in (process.pid, process.parent)


def _groups(snapshot: "Snapshot") -> list[_Group]:
    found: dict[tuple[Optional[int], ...], list[ProcessInfo]] = collections.defaultdict(list)
    for process in snapshot.processes:
        found[tuple(process._row[4])].append(process)
    groups = [_Group(dict(processes[0].namespaces), processes) for processes in found.values()]
    # A zombie is in few namespaces any more: it stands with somebody who is in the same.
    groups.sort(key=lambda group: (-len(group.places), group.processes[0].pid))
    kept: list[_Group] = []
    for group in groups:
        places = group.places.items()
        like = (other for other in kept if len(other.places) > len(places) and places <= other.places.items())
        into = next(like, None)
        if into is None:
            kept.append(group)
        else:
            into.processes += group.processes
    return kept


class _Arranged:
    """How groups are put into boxes."""

    def __init__(self) -> None:
        self.drawn: set[NamespaceInfo] = set()

    def arrange(
        self, groups: list[_Group], around: Around, shown: frozenset[NamespaceInfo]
    ) -> tuple[list[ProcessInfo], list[Box]]:
        """Put groups into a box: those that are in exactly what is around them, and boxes for the others.

        :param around: the namespaces that hold there; *shown*: all that are on this box and those around it.
        """
        direct = [group for group in groups if not _own(group, around)]
        rest = [group for group in groups if _own(group, around)]
        processes = sorted(
            (process for group in direct for process in group.processes), key=lambda process: process.pid
        )
        boxes = [self._box(some, around, shown) for some in _together(rest, around, shown)]
        return processes, [box for more in boxes for box in more]

    def _box(self, groups: list[_Group], around: Around, shown: frozenset[NamespaceInfo]) -> list[Box]:
        """Make the boxes of groups that have to do with each other."""
        needed = [_needed(group, around, shown) for group in groups]
        common = frozenset.intersection(*needed)
        outermost = _outermost(common)
        if outermost:
            return [self._around(groups, outermost, around, shown)]
        if len(groups) == 1:
            return [self._around(groups, common, around, shown)]
        for leader in groups:
            if all(_may_be_in(group, leader, around, shown) for group in groups):
                return [self._around(groups, _own(leader, around), around, shown)]
        if common:
            return [self._around(groups, common, around, shown)]
        counts = collections.Counter(one for some in needed for one in some)
        most = max(counts, key=lambda one: (counts[one], -_WEIGHT.index(one.kind), -one.inode))
        chosen = [group for group, some in zip(groups, needed) if most in some]
        others = [group for group, some in zip(groups, needed) if most not in some]
        boxes = self._box(chosen, around, shown)
        for some in _together(others, around, shown):
            boxes += self._box(some, around, shown)
        return boxes

    def _around(
        self,
        groups: list[_Group],
        chips: frozenset[NamespaceInfo],
        around: Around,
        shown: frozenset[NamespaceInfo],
    ) -> Box:
        in_order = sorted(chips, key=lambda chip: list(KINDS.values()).index(chip.kind))
        self.drawn.update(chips)
        inside = {**around, **{chip.kind: chip for chip in in_order}}
        processes, inner = self.arrange(groups, inside, shown | chips)
        return Box(in_order, processes, inner)


def _own(group: _Group, around: Around) -> frozenset[NamespaceInfo]:
    """What a group has that is not around it."""
    return frozenset(one for kind, one in group.places.items() if around.get(kind) is not one)


def _needed(group: _Group, around: Around, shown: frozenset[NamespaceInfo]) -> frozenset[NamespaceInfo]:
    """The same with those that its user and pid namespaces lie in, as far as these are not shown."""
    own = set(_own(group, around))
    for one in tuple(own):
        if one.kind & _NESTED:
            own.update(above for above in _above(one) if above not in shown)
    return frozenset(own)


def _above(namespace: NamespaceInfo) -> Iterator[NamespaceInfo]:
    above = namespace.parent
    while above is not None:
        yield above
        above = above.parent


def _together(
    groups: list[_Group], around: Around, shown: frozenset[NamespaceInfo]
) -> Iterator[list[_Group]]:
    """Those that have to do with each other, by whatever chain of others."""
    by_namespace: dict[NamespaceInfo, list[int]] = collections.defaultdict(list)
    needed = [_needed(group, around, shown) for group in groups]
    for place, some in enumerate(needed):
        for one in some:
            by_namespace[one].append(place)
    seen: set[int] = set()
    for start in range(len(groups)):
        to_go, found = [start], set[int]()
        while to_go:
            place = to_go.pop()
            if place in seen:
                continue
            seen.add(place)
            found.add(place)
            for one in needed[place]:
                to_go += by_namespace.pop(one, [])
        if found:
            yield [groups[place] for place in sorted(found)]


def _outermost(some: Iterable[NamespaceInfo]) -> frozenset[NamespaceInfo]:
    """Of which kinds there are several, those that the others lie in."""
    by_kind: dict[Kind, list[NamespaceInfo]] = collections.defaultdict(list)
    for one in some:
        by_kind[one.kind].append(one)
    several = (found for found in by_kind.values() if len(found) > 1)
    return frozenset(min(found, key=lambda one: len(list(_above(one)))) for found in several)


def _may_be_in(group: _Group, leader: _Group, around: Around, shown: frozenset[NamespaceInfo]) -> bool:
    """Whether a group belongs into the box of another one: it has all of that, or comes from there."""
    own = _own(leader, around)
    if group is leader or own <= _needed(group, around, shown):
        return True
    comes_from_there = False
    for kind in (Kind.USER, Kind.PID):
        one, other = group.places.get(kind), leader.places.get(kind)
        if one is other or one is None or other is None:
            continue
        if other not in _above(one):
            return False
        comes_from_there |= other in own
    return comes_from_there


def _add_held(snapshot: "Snapshot", host: Box, drawn: set[NamespaceInfo]) -> None:
    """Add the boxes of namespaces that no process is in: by what holds them, in the box of whose they are."""
    found: dict[tuple[int, Optional[NamespaceInfo], str], list[NamespaceInfo]] = {}
    boxes = {chip: box for box in reversed(list(host.walk())) for chip in box.chips}
    for namespace in snapshot.namespaces:
        if namespace in drawn:
            continue
        # The user namespace furthest out that is not drawn either: what that owns belongs together.
        top, above = None, namespace.parent or namespace.user_ns
        if namespace.kind == Kind.USER:
            top = namespace
        while above is not None and above not in boxes:
            top, above = above if above.kind == Kind.USER else top, above.parent or above.user_ns
        box = host if above is None else boxes[above]
        found.setdefault((id(box), top, _held(snapshot, namespace)), []).append(namespace)
    within = {id(box): box for box in host.walk()}
    for (number, _, held), chips in found.items():
        within[number].inner.append(Box(chips, held=held))


def _held(snapshot: "Snapshot", namespace: NamespaceInfo) -> str:
    """What holds it, in the same words for all that are held together."""
    holders = [holder for holder in namespace.holders if holder.how != "process"]
    others = [holder for holder in holders if holder.how not in ("parent", "owner")]
    for holder in others:
        if holder.how == "mount":
            return f"mounted at {holder.path}"
    if others:
        pids = sorted({holder.pid for holder in others if holder.pid is not None})
        if not pids:
            return str(others[0])
        process = snapshot.of(pids[0])
        name = f"{process.name} " if process is not None and process.name else ""
        more = f" and {len(pids) - 1} more" if len(pids) > 1 else ""
        return f"held by {name}{pids[0]}{more}"
    # As what lies in it.
    below = next((holder.namespace for holder in holders if holder.namespace is not None), None)
    return "held by nobody that was seen" if below is None else _held(snapshot, below)
