"""How a snapshot is written down for other programs: flat rows for tables, and JSON."""

import json
import os
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Optional, Union

from ._kind import Kind, text

if TYPE_CHECKING:
    from ._records import Holder, NamespaceInfo, Particulars, ProcessInfo
    from ._relations import Incomplete
    from ._snapshot import Snapshot

Cell = Union[str, int, float, bool, None]
_NANOSECONDS = 10**9


def rows(snapshot: "Snapshot") -> list[dict[str, Cell]]:
    """Give a flat dict for each namespace."""
    return [_row(snapshot, namespace) for namespace in snapshot.namespaces]


def to_json(snapshot: "Snapshot", indent: Optional[int]) -> str:
    """Write all of it."""
    whole = {
        "depth": snapshot.depth,
        "kinds": _kinds(snapshot.kinds),
        "namespaces": [namespace_data(snapshot, namespace) for namespace in snapshot.namespaces],
        "processes": [_process_data(process) for process in snapshot.processes],
        "incomplete": incomplete_data(snapshot.incomplete),
    }
    return json.dumps(whole, indent=indent)


def namespace_data(snapshot: "Snapshot", namespace: "NamespaceInfo") -> dict[str, Any]:
    """What JSON has of a namespace."""
    data: dict[str, Any] = {
        "kind": text(namespace.kind),
        "inode": namespace.inode,
        "id": namespace.id,
        "owner_uid": namespace.owner_uid,
        "owner_user": readable(namespace.owner_user),
        "user_ns": _inode(namespace.user_ns),
        "parent": _inode(namespace.parent),
        "children": [child.inode for child in namespace.children],
        "owned": [owned.inode for owned in namespace.owned],
        "level": namespace.level,
        "processes": list(namespace.processes),
        "holders": [_holder_data(holder) for holder in namespace.holders if holder.how != "process"],
    }
    if snapshot._particulars:
        inside = asdict(namespace.particulars)
        data |= {**inside, "hostname": readable(inside["hostname"])}
        data["domainname"] = readable(inside["domainname"])
        if inside["interfaces"] is not None:
            data["interfaces"] = list(map(readable, inside["interfaces"]))
    return data


def incomplete_data(incomplete: "tuple[Incomplete, ...]") -> list[dict[str, Any]]:
    """What JSON has of what was not seen."""
    return [{**asdict(one), "pids": list(one.pids)} for one in incomplete]


def readable(words: Optional[str]) -> Optional[str]:
    r"""Without the halves of characters that stand for bytes which are no text: ``\xff`` in their place."""
    return None if words is None else os.fsencode(words).decode("utf-8", "backslashreplace")


def _row(snapshot: "Snapshot", namespace: "NamespaceInfo") -> dict[str, Cell]:
    pids = namespace.processes
    first = snapshot.of(pids[0]) if pids else None
    held = (readable(str(holder)) for holder in namespace.holders if holder.how != "process")
    row: dict[str, Cell] = {
        "kind": text(namespace.kind),
        "inode": namespace.inode,
        "id": namespace.id,
        "owner_uid": namespace.owner_uid,
        "owner_user": readable(namespace.owner_user),
        "user_ns": _inode(namespace.user_ns),
        "parent": _inode(namespace.parent),
        "level": namespace.level,
        "processes": len(pids),
        "pid": first.pid if first else None,
        "name": readable(first.name) if first else None,
        "holders": ", ".join(filter(None, held)),
    }
    if snapshot._particulars:
        row.update(_flat(namespace.particulars))
    return row


def _flat(inside: "Particulars") -> dict[str, Cell]:
    def ranges(lines: Optional[tuple[tuple[int, int, int], ...]]) -> Optional[str]:
        return None if lines is None else ",".join(":".join(map(str, line)) for line in lines)

    def seconds(offset: Optional[tuple[int, int]]) -> Optional[float]:
        return None if offset is None else offset[0] + offset[1] / _NANOSECONDS

    return {
        "uid_map": ranges(inside.uid_map),
        "gid_map": ranges(inside.gid_map),
        "setgroups": inside.setgroups,
        "hostname": readable(inside.hostname),
        "domainname": readable(inside.domainname),
        "monotonic": seconds(inside.monotonic),
        "boottime": seconds(inside.boottime),
        "interfaces": None if inside.interfaces is None else readable(",".join(inside.interfaces)),
        "nsid": inside.nsid,
        "mounts": inside.mounts,
    }


def _process_data(process: "ProcessInfo") -> dict[str, Any]:
    return {
        "pid": process.pid,
        "name": readable(process.name),
        "parent": process.parent,
        "start": process.start,
        "namespaces": {text(kind): one.inode for kind, one in process.namespaces.items()},
    }


def _holder_data(holder: "Holder") -> dict[str, Any]:
    return {
        "how": holder.how,
        "pid": holder.pid,
        "tid": holder.tid,
        "fd": holder.fd,
        "namespace": _inode(holder.namespace),
        "path": readable(holder.path),
    }


def _inode(namespace: "Optional[NamespaceInfo]") -> Optional[int]:
    return None if namespace is None else namespace.inode


def _kinds(kinds: Kind) -> list[str]:
    return text(kinds).split(",")
