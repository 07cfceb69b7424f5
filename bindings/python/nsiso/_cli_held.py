"""What the shell's enter and hold do: run a command in what is there already, keep what is made."""

import contextlib
import errno
import json
import os
import signal
import sys
from collections.abc import Sequence
from typing import Any, Optional

from ._errors import refusal
from ._hold import Held, hold
from ._inspect import links
from ._kind import NONE, Kind, kinds_of, text
from ._namespace import Namespace
from ._popen import Popen
from ._registry import Registry, RegistryEntry
from ._shell import ended, table
from ._spec import Spec

ENTER = """Targets, any number of them:
  PID         a process: all its namespaces, or those of --kinds
  PID:KINDS   those of its namespaces
  PATH        the namespace that a path leads to: /run/netns/blue, /proc/1234/ns/net
  NAME        what is kept under a name: see nsiso hold --name; root's net namespaces are those of ip netns

What you are in already is left out, and an order is found that your rights allow. Without a
command your shell is run.

exit status: as nsiso run has it

examples:
  nsiso enter 1234 -- sh
  nsiso enter 1234 --kinds net,uts -- ip address
  nsiso enter 1234 --like root,cwd,environment,cgroup,ids -- sh
  nsiso enter blue -- ip address
"""
HOLD = """With --name, what is made is kept under that name until it is removed, whatever becomes of you.
Otherwise it is held while a command runs, outside of it, or until the end of stdin, and others
find it below /proc/PID/fd meanwhile. The command has all of these paths in $NSISO_HELD, and that of
one kind in $NSISO_HELD_NET and its like. What is held is told on stdout, or beside a command on stderr.

exit status: as nsiso run has it, of the command; without one 0, or 125 and one line on stderr

examples:
  nsiso hold --unshare user,net --map-root --name blue
  nsiso enter blue -- ip address
  nsiso hold --list
  nsiso hold --remove blue
  nsiso hold --unshare user,net,uts --map-root -- sh -c 'nsiso enter $NSISO_HELD -- ip address'
"""
# What a spec says of a process has no meaning where there is none.
OF_A_PROCESS = {
    "cwd",
    "umask",
    "uid",
    "gid",
    "groups",
    "new_session",
    "process_group",
    "controlling_terminal",
    "rlimits",
    "oom_score_adj",
    "no_new_privs",
    "init",
    "kill_with_parent",
    "terminal",
    "capabilities",
    "cgroup",
    "memory_limit",
    "pids_limit",
    "cpu_limit",
    "like",
}
_VARIABLE = "NSISO_HELD"
_HELD = ("kind", "inode", "path", "init")
_KEPT = ("name", "kind", "inode", "holder")
_BLOCK = 1 << 16


def spec_inside(given: dict[str, Any], targets: list[str]) -> Spec:
    """What joins the targets, beside what the options say.

    :raises TypeError, ValueError: the options make no sense.
    """
    kinds = kinds_of("kinds", given.pop("kinds", ""))
    directory = given.pop("registry", None)
    # What is new is not joined as well, unless it is named.
    new = kinds_of("unshare", given.get("unshare", ""))
    joins = given.pop("join", [])
    for target in targets:
        joins += _joins(target, kinds, new, directory)
    pid, words = given.pop("like", (None, None))
    if words is not None:
        pids = [join[0] for join in joins if isinstance(join, tuple)]
        if pid is None and not pids:
            raise ValueError("like: none of the targets is a process")
        given["like"] = (pid or pids[0], words)
    return Spec(join=joins, **given)


def _joins(target: str, kinds: Kind, new: Kind, directory: Optional[str]) -> list[Any]:
    """What a spec is to join for a target."""
    pid, _, own = target.partition(":")
    if pid.isdecimal():
        return [(int(pid), kinds_of("kinds", own) or kinds or _kinds_of(int(pid)) & ~new)]
    if "/" in target:
        return [Namespace.open(target)]
    registry = Registry(directory)
    entries = _entries(registry, target, kinds)
    return [registry.open(entry.name, entry.kind) for entry in entries if kinds or not entry.kind & new]


def _kinds_of(pid: int) -> Kind:
    """Those of a process, as this kernel has them."""
    kinds = NONE
    try:
        for link in links(pid).values():
            kinds |= link.kind
    except OverflowError:
        raise ValueError(f"no process has the number {pid}") from None
    return kinds


def _entries(registry: Registry, name: str, kinds: Kind = NONE) -> list[RegistryEntry]:
    """What is kept under a name, of these kinds if some are named.

    :raises FileNotFoundError: there is nothing, or not of each of them.
    """
    entries = [entry for entry in registry.list() if entry.name == name]
    missing = kinds
    for entry in entries:
        missing &= ~entry.kind
    if missing or not entries:
        what = f"{text(missing)} {name}".lstrip()
        cause = f"the registry {registry.directory} has no such name"
        remedy = "see nsiso hold --list; a path has a slash in it, and a command stands behind --"
        raise refusal(errno.ENOENT, "open", what, cause, remedy)
    return [entry for entry in entries if not kinds or entry.kind & kinds]


def keep(spec: Spec, name: str, directory: Optional[str]) -> list[RegistryEntry]:
    """Make what a spec says and keep all of it under a name, or nothing."""
    registry = Registry(directory)
    kept: list[str] = []
    with hold(spec) as held:
        if held.init is not None:
            cause = "a pid namespace ends with its process 1, which ends with this program"
            raise refusal(
                errno.EINVAL,
                "hold",
                f"pid as {name}",
                cause,
                "leave pid out, or hold it while a command runs",
            )
        try:
            for kind in held:
                with held[kind] as namespace:
                    registry.add(name, namespace)
                kept.append(kind)
        except BaseException:
            for kind in kept:
                with contextlib.suppress(OSError):
                    registry.remove(name, kind)
            raise
        return _entries(registry, name, held.kinds)


def let_go(name: str, kinds: Kind, directory: Optional[str]) -> None:
    """Remove what is kept under a name."""
    registry = Registry(directory)
    for entry in _entries(registry, name, kinds):
        registry.remove(entry.name, entry.kind)


def hold_meanwhile(spec: Spec, command: list[str], as_data: bool) -> int:
    """Hold what a spec says until a command, or stdin, has ended; the exit status."""
    with hold(spec) as held, contextlib.ExitStack() as stack:
        opened = [stack.enter_context(held[kind]) for kind in held]
        rows = [_row(namespace, held) for namespace in opened]
        if command:
            tell(_HELD, rows, as_data, sys.stderr)
            paths = {f"{_VARIABLE}_{row['kind'].upper()}": row["path"] for row in rows}
            # The command is outside, and what it was given by its caller is its own.
            every = {_VARIABLE: " ".join(paths.values())}
            return ended(Popen(command, close_fds=False, env={**os.environ, **every, **paths}))
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        tell(_HELD, rows, as_data, sys.stdout)
        with contextlib.suppress(OSError):
            while os.read(0, _BLOCK):
                pass
    return 0


def _row(namespace: Namespace, held: Held) -> dict[str, Any]:
    """One of them, and the path that others find it at."""
    return {
        "kind": text(namespace.kind),
        "inode": namespace.inode,
        "path": f"/proc/{os.getpid()}/fd/{namespace.fileno()}",
        "init": held.init if namespace.kind == Kind.PID else None,
    }


def tell_entries(entries: list[RegistryEntry], as_data: bool) -> None:
    """Print what a registry has."""
    rows = [{**vars(entry), "kind": text(entry.kind)} for entry in entries]
    tell(_KEPT, rows, as_data, sys.stdout)


def tell(columns: Sequence[str], rows: list[dict[str, Any]], as_data: bool, where: Any) -> None:
    """Print rows as a table or as data."""
    heads = tuple(map(str.upper, columns))
    lines = [tuple(_printable(row[column]) for column in columns) for row in rows]
    print(json.dumps(rows, indent=2) if as_data else table([heads, *lines]), file=where, flush=True)


def _printable(value: Any) -> str:
    """A name may be any bytes, and a table has one line for each."""
    if value is None:
        return "-"
    word = str(value)
    return word if word.isprintable() else word.encode("unicode_escape").decode()
