"""Which columns a listing of namespaces has, and what stands in them."""

import collections
from collections.abc import Iterable, Iterator
from typing import IO, Any, Callable, NamedTuple, Optional

from ._errors import Error
from ._export import Cell as Data
from ._export import readable
from ._inspect import Description, describe
from ._kind import text
from ._records import Holder, NamespaceInfo
from ._snapshot import Relation, Snapshot
from ._terminal import Cell, harmless, is_coloured, lines, room

COLOURS = {
    "mnt": "33",
    "uts": "36",
    "ipc": "35",
    "pid": "32",
    "net": "34",
    "user": "31",
    "cgroup": "96",
    "time": "90",
}
_ABOVE = ("parent", "owner")
_MANY = {
    "thread": "threads",
    "for_children": "threads' children",
    "descriptor": "descriptors",
    "socket": "sockets",
    "in_flight": "in flight",
    "mount": "mounts",
}


class Column(NamedTuple):
    """A column: how a listing finds what stands there; ``None`` is nothing."""

    value: "Callable[[Listing, NamespaceInfo], Any]"
    is_number: bool = False
    is_inside: bool = False


class Listing:
    """What is told of a snapshot's namespaces, each process being asked once."""

    def __init__(self, snapshot: Snapshot, columns: list[str]) -> None:
        self.snapshot = snapshot
        self.columns = columns
        self._described: dict[int, Optional[Description]] = {}

    def lines(
        self, drawn: Iterable[tuple[str, NamespaceInfo]], stream: IO[str], *, holders: bool
    ) -> Iterator[str]:
        """Give the lines of the table, as the stream can show them."""
        seen = list(drawn)
        columns = [COLUMNS[name] for name in self.columns]
        rows = [[Cell(name) for name in self.columns]]
        for arms, namespace in seen:
            row = [self._cell(column, namespace) for column in columns]
            row[0] = row[0]._replace(text=arms + row[0].text)
            rows.append(row)
        is_tree = any(arms for arms, _ in seen)
        right = [column.is_number and not (is_tree and place == 0) for place, column in enumerate(columns)]
        columns_there, coloured = room(stream), is_coloured(stream)
        head, *told = lines(rows, right=right, columns=columns_there, coloured=coloured)
        yield head
        for line, (_, namespace) in zip(told, seen):
            yield line
            if holders:
                for holder in namespace.holders:
                    yield f"    {self._holder(holder)}"

    def in_tree(self, seen: list[NamespaceInfo], by: Relation) -> Iterator[tuple[str, NamespaceInfo]]:
        """Put namespaces into a tree, with those above them."""
        tree = self.snapshot.tree(by)
        above = {below: namespace for _, namespace in tree for below in tree.below(namespace)}
        only = set(seen)
        for namespace in seen:
            at = above.get(namespace)
            while at is not None and at not in only:
                only.add(at)
                at = above.get(at)
        return tree._drawn(only)

    def about(self, namespace: NamespaceInfo) -> str:
        """A few words on a namespace: whose it is, and its first process or what else holds it."""
        owner = f" of {namespace.owner_user}" if namespace.owner_user is not None else ""
        pid = self.pid(namespace)
        if pid is not None:
            return f"{owner}: process {pid} {self.command(namespace) or ''}".rstrip()
        held = self.held(namespace)
        return f"{owner}: {held}" if held else owner

    def first_data(self, namespace: NamespaceInfo) -> dict[str, Data]:
        """What is told as data of the first process in a namespace."""
        command, user = self.command(namespace), self.user(namespace)
        return {"pid": self.pid(namespace), "user": readable(user), "command": readable(command)}

    def pid(self, namespace: NamespaceInfo) -> Optional[int]:
        """The lowest number of a process in it."""
        pids = namespace.processes
        return pids[0] if pids else None

    def first(self, namespace: NamespaceInfo) -> Optional[Description]:
        """The process with that number, as it is now."""
        pid = self.pid(namespace)
        return None if pid is None else self._describe(pid)

    def user(self, namespace: NamespaceInfo) -> Optional[str]:
        """Whose process that is."""
        first = self.first(namespace)
        return None if first is None else self.snapshot._user(first.uid)

    def command(self, namespace: NamespaceInfo) -> Optional[str]:
        """Its words, or its name in brackets where it has none."""
        pid = self.pid(namespace)
        return None if pid is None else self._command(pid)

    def held(self, namespace: NamespaceInfo) -> str:
        """What holds it beside its processes, in few words; the namespaces below it if that is all."""
        others = [holder for holder in namespace.holders if holder.how != "process"]
        told = [holder for holder in others if holder.how not in _ABOVE]
        if not told and not namespace.process_count:
            told = others
        groups: dict[str, list[Holder]] = collections.defaultdict(list)
        for holder in told:
            groups[holder.how].append(holder)
        return ", ".join(self._group(some) for some in groups.values())

    def _group(self, some: list[Holder]) -> str:
        how = some[0].how
        if len(some) == 1 or how == "kernel":
            return str(some[0])
        if how in _ABOVE:
            return f"{how} of {len(some)}"
        if how == "mount":
            return f"{some[0]} and {len(some) - 1} more"
        pids = {holder.pid for holder in some}
        whose = f"process {some[0].pid}" if len(pids) == 1 else f"{len(pids)} processes"
        return f"{len(some)} {_MANY[how]} of {whose}"

    def _holder(self, holder: Holder) -> str:
        if holder.pid is None:
            return harmless(str(holder))
        described = self._describe(holder.pid)
        user = "" if described is None else f"{self.snapshot._user(described.uid)} "
        return harmless(f"{holder}: {user}{self._command(holder.pid) or ''}")

    def _command(self, pid: int) -> Optional[str]:
        described = self._describe(pid)
        if described is not None and any(described.command):
            return " ".join(described.command)
        process = self.snapshot.of(pid)
        name = described.name if described is not None else process.name if process else None
        return None if name is None else f"[{name}]"

    def _describe(self, pid: int) -> Optional[Description]:
        if pid not in self._described:
            try:
                self._described[pid] = describe(pid)
            except Error:
                # It has ended meanwhile.
                self._described[pid] = None
        return self._described[pid]

    def _cell(self, column: Column, namespace: NamespaceInfo) -> Cell:
        value = column.value(self, namespace)
        words = "" if value is None else harmless(str(value))
        return Cell(words, COLOURS[text(namespace.kind)] if column is COLUMNS["KIND"] else "")


def _ranges(lines: Optional[Iterable[tuple[int, int, int]]]) -> Optional[str]:
    return None if lines is None else ",".join(":".join(map(str, line)) for line in lines)


def _clock(offset: Optional[tuple[int, int]]) -> Optional[str]:
    return None if offset is None else f"{offset[0] + offset[1] / 1e9:g}"


def _inode(namespace: Optional[NamespaceInfo]) -> Optional[int]:
    return None if namespace is None else namespace.inode


def _plain(name: str) -> Callable[[Listing, NamespaceInfo], Any]:
    return lambda _, namespace: getattr(namespace, name)


def _interfaces(_: Listing, namespace: NamespaceInfo) -> Optional[str]:
    names = namespace.interfaces
    return None if names is None else ",".join(names)


def _parent(listing: Listing, namespace: NamespaceInfo) -> Optional[int]:
    first = listing.first(namespace)
    return None if first is None else first.parent


def _name(listing: Listing, namespace: NamespaceInfo) -> Optional[str]:
    first = listing.first(namespace)
    return None if first is None else first.name


COLUMNS = {
    "INODE": Column(_plain("inode"), is_number=True),
    "KIND": Column(lambda _, namespace: text(namespace.kind)),
    "PROCS": Column(_plain("process_count"), is_number=True),
    "PID": Column(Listing.pid, is_number=True),
    "PPID": Column(_parent, is_number=True),
    "USER": Column(Listing.user),
    "OWNER": Column(_plain("owner_user")),
    "UID": Column(_plain("owner_uid"), is_number=True),
    "HELD": Column(Listing.held),
    "NAME": Column(_name),
    "ID": Column(_plain("id"), is_number=True),
    "USERNS": Column(lambda _, namespace: _inode(namespace.user_ns), is_number=True),
    "PARENT": Column(lambda _, namespace: _inode(namespace.parent), is_number=True),
    "LEVEL": Column(_plain("level"), is_number=True),
    "HOSTNAME": Column(_plain("hostname"), is_inside=True),
    "DOMAINNAME": Column(lambda _, namespace: namespace.particulars.domainname, is_inside=True),
    "UIDMAP": Column(lambda _, namespace: _ranges(namespace.uid_map), is_inside=True),
    "GIDMAP": Column(lambda _, namespace: _ranges(namespace.gid_map), is_inside=True),
    "INTERFACES": Column(_interfaces, is_inside=True),
    "NSID": Column(lambda _, namespace: namespace.particulars.nsid, is_number=True, is_inside=True),
    "MOUNTS": Column(lambda _, namespace: namespace.particulars.mounts, is_number=True, is_inside=True),
    "BOOTTIME": Column(lambda _, namespace: _clock(namespace.particulars.boottime), is_inside=True),
    "MONOTONIC": Column(lambda _, namespace: _clock(namespace.particulars.monotonic), is_inside=True),
    "COMMAND": Column(Listing.command),
}
DEFAULT = ["INODE", "KIND", "PROCS", "PID", "USER", "OWNER", "HELD", "COMMAND"]
