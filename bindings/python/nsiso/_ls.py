"""What ``python -m nsiso ls`` does: a table of namespaces, their tree, changes, a picture."""

import argparse
import contextlib
import io
import json
import pwd
import select
import signal
import sys
import time
from pathlib import Path
from typing import Any, Callable, Optional, Union

from ._errors import Error, one_line
from ._export import incomplete_data, namespace_data
from ._kind import kinds_of, text
from ._listing import COLUMNS, DEFAULT, Listing
from ._records import HOWS, NamespaceInfo
from ._relations import Moved
from ._shell import SET_UP_FAILED
from ._snapshot import Snapshot, snapshot
from ._terminal import harmless

NOTHING = 1
_CLOCK = "%H:%M:%S"

USAGE = "nsiso ls [option ...] [INODE ...]"
MORE = f"""columns:
  {", ".join(COLUMNS)}
  by default {", ".join(DEFAULT)}; -o +HOSTNAME adds one

HELD is what holds a namespace beside its processes. USER is that of the process with the lowest number, OWNER
who made the namespace. Words that others wrote are shown without what could act on a terminal. Colours
and cut lines are for terminals only; NO_COLOR is respected.

exit status:
  0    listed; what could not be seen is told on stderr, a line for each reason
  1    there is nothing to list: no such INODE or process, or nothing that the filters leave
  2    wrong use
  125  it cannot be done: no /proc, FILE cannot be written
  130  Ctrl-C, but for --watch, which ends by it with 0

examples:
  nsiso ls --kind net --holders
  nsiso ls --tree
  nsiso ls --pid 1234
  nsiso ls --held-by mount,descriptor -o INODE,KIND,HELD
  nsiso ls --watch --kind user
  nsiso ls --svg machine.svg
"""

Check = Callable[[NamespaceInfo], bool]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what it takes."""
    add = parser.add_argument
    add("inodes", nargs="*", type=int, metavar="INODE", help="only these")
    add("-o", "--columns", metavar="LIST", default="", help="which columns, with commas between them")
    add("--kind", metavar="KINDS", help="only these kinds: user,net")
    add("--pid", type=int, metavar="PID", help="only those that this process is in")
    add("--user", metavar="USER", help="only those that this user, by name or number, owns")
    add(
        "--held-by",
        metavar="HOW|PID",
        help=f"only those that a process holds in whatever way, or that are held by {', '.join(HOWS)}",
    )
    add(
        "--depth",
        choices=("processes", "threads", "descriptors", "all"),
        default="all",
        help="how far to look: less is faster (default: all)",
    )
    add(
        "--json",
        action="store_true",
        help="as data; with --watch a line for each namespace that is present, and then for each change",
    )
    add(
        "--tree",
        nargs="?",
        const="owner",
        choices=("parent", "owner", "process"),
        help="below what each lies in, below who owns it (default), or below where its process came from",
    )
    add("--holders", action="store_true", help="a line for each thing that holds a namespace")
    add(
        "--watch",
        nargs="?",
        const=1.0,
        type=_seconds,
        metavar="SECONDS",
        help="go on, and tell what appeared (+), is gone (-) and moved (>)",
    )
    add("--svg", metavar="FILE", help="draw a picture of the machine instead; - is stdout")
    add("--dot", metavar="FILE", help="the same for graphviz")
    add("-q", "--quiet", action="store_true", help="do not tell what could not be seen")


def run(parser: argparse.ArgumentParser, given: dict[str, Any]) -> int:
    """List, and return the exit status."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        # Where not all characters can be written, as many as can.
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        return _List(parser, argparse.Namespace(**given)).run()
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    except Error as error:
        print(f"nsiso: {one_line(error)}", file=sys.stderr)
    except BrokenPipeError:
        raise
    except OSError as error:
        print(f"nsiso: {error.filename}: {error.strerror}", file=sys.stderr)
    return SET_UP_FAILED


class _List:
    """One listing, as it was asked for."""

    def __init__(self, parser: argparse.ArgumentParser, asked: argparse.Namespace) -> None:
        self.asked = asked
        try:
            self.kinds = None if asked.kind is None else kinds_of("--kind", asked.kind)
            self.columns = _columns(asked.columns)
            self.user = None if asked.user is None else _uid(asked.user)
            self.held_by = None if asked.held_by is None else _held_by(asked.held_by)
        except ValueError as error:
            parser.error(str(error))
        if self.kinds is not None and not self.kinds:
            parser.error("--kind: there is none")
        draws = asked.svg is not None or asked.dot is not None
        if draws and (self._filters() or asked.json or asked.tree or asked.watch):
            parser.error("--svg and --dot show all there is: they go with --depth and --kind only")
        if asked.watch is not None and (asked.tree or asked.holders):
            parser.error("--watch tells changes: it goes with neither --tree nor --holders")

    def run(self) -> int:
        """Take a snapshot, show it, and go on if that was asked for."""
        found = self._take()
        if self.asked.svg is not None or self.asked.dot is not None:
            self._draw(found)
            return 0
        if self.asked.pid is not None and found.of(self.asked.pid) is None:
            print(f"nsiso: process {self.asked.pid} is not there, or not to be seen", file=sys.stderr)
            return NOTHING
        seen = self._matching(found)
        if self.asked.watch is not None:
            return self._watch(found, seen)
        for inode in self.asked.inodes:
            if not any(namespace.inode == inode for namespace in seen):
                print(f"nsiso: no namespace {inode} was found", file=sys.stderr)
        self._show(found, seen)
        return 0 if seen else NOTHING

    def _take(self, *, again: bool = False) -> Snapshot:
        draws = self.asked.svg is not None or self.asked.dot is not None
        inside = draws or any(COLUMNS[name].is_inside for name in self.columns)
        found = snapshot(self.asked.depth, kinds=self.kinds, lineage=True, particulars=inside)
        if not (self.asked.quiet or again):
            for missing in found.incomplete:
                print(f"nsiso: not seen: {missing}", file=sys.stderr)
        return found

    def _filters(self) -> list[Check]:
        asked, checks = self.asked, list[Check]()
        if asked.inodes:
            checks.append(lambda namespace: namespace.inode in asked.inodes)
        if asked.pid is not None:
            checks.append(lambda namespace: asked.pid in namespace.processes)
        if self.user is not None:
            checks.append(lambda namespace: namespace.owner_uid == self.user)
        if self.held_by is not None:
            checks.append(self._is_held)
        return checks

    def _is_held(self, namespace: NamespaceInfo) -> bool:
        if isinstance(self.held_by, int):
            return any(holder.pid == self.held_by for holder in namespace.holders)
        return any(holder.how in (self.held_by or ()) for holder in namespace.holders)

    def _matching(self, found: Snapshot) -> list[NamespaceInfo]:
        checks = self._filters()
        return [one for one in found.namespaces if all(check(one) for check in checks)]

    def _show(self, found: Snapshot, seen: list[NamespaceInfo]) -> None:
        listing = Listing(found, self.columns)
        if self.asked.json:
            data = {
                "depth": found.depth,
                "namespaces": [{**namespace_data(found, one), **listing.first_data(one)} for one in seen],
                "incomplete": incomplete_data(found.incomplete),
            }
            print(json.dumps(data, indent=2), flush=True)
            return
        if not seen:
            return
        drawn = [("", one) for one in seen]
        if self.asked.tree:
            drawn = list(listing.in_tree(seen, self.asked.tree))
        for line in listing.lines(drawn, sys.stdout, holders=self.asked.holders):
            print(line)
        sys.stdout.flush()

    def _draw(self, found: Snapshot) -> None:
        from ._picture import dot, svg  # noqa: PLC0415

        for name, draw in ((self.asked.svg, svg), (self.asked.dot, dot)):
            if name == "-":
                print(draw(found), end="", flush=True)
            elif name is not None:
                Path(name).write_text(draw(found), encoding="utf-8")

    def _watch(self, found: Snapshot, seen: list[NamespaceInfo]) -> int:
        with contextlib.suppress(KeyboardInterrupt):
            if self.asked.json:
                for one in seen:
                    self._print(time.strftime(_CLOCK), "", _data("present", one))
                sys.stdout.flush()
            else:
                self._show(found, seen)
            while True:
                if _reader_leaves_within(self.asked.watch):
                    raise BrokenPipeError
                later = self._take(again=True)
                self._tell(found, later)
                found = later
        return 0

    def _tell(self, before: Snapshot, after: Snapshot) -> None:
        changed = after.since(before)
        was, is_now = set(self._matching(before)), set(self._matching(after))
        now = time.strftime(_CLOCK)
        for sign, change, some, matching, listing in (
            ("+", "appeared", changed.appeared, is_now, Listing(after, self.columns)),
            ("-", "gone", changed.gone, was, Listing(before, self.columns)),
        ):
            for one in some:
                if one not in matching:
                    continue
                # Of a namespace that is gone, so are its processes.
                about = listing.about(one) if change == "appeared" else ""
                self._print(now, f"{sign} {one}{about}", _data(change, one))
        for moved in changed.moved:
            if moved.before in was or moved.after in is_now:
                self._print(now, f"> {moved}", _moved_data(moved))
        sys.stdout.flush()

    def _print(self, now: str, line: str, data: dict[str, Any]) -> None:
        print(json.dumps({"time": now, **data}) if self.asked.json else f"{now} {harmless(line)}")


def _data(change: str, one: NamespaceInfo) -> dict[str, Any]:
    return {"change": change, "kind": text(one.kind), "inode": one.inode, "id": one.id}


def _moved_data(moved: Moved) -> dict[str, Any]:
    return {
        "change": "moved",
        "kind": text(moved.after.kind),
        "pid": moved.process.pid,
        "before": moved.before.inode,
        "after": moved.after.inode,
    }


def _columns(asked: str) -> list[str]:
    added = asked.startswith("+")
    names = [name.strip().upper() for name in asked.removeprefix("+").split(",") if name.strip()]
    for name in names:
        if name not in COLUMNS:
            raise ValueError(f"--columns: there is no {name}: there are {', '.join(COLUMNS)}")
    if added or not names:
        # What may be cut stays last.
        return [*DEFAULT[:-1], *(name for name in names if name not in DEFAULT), DEFAULT[-1]]
    return names


def _uid(user: str) -> int:
    if user.isdigit():
        return int(user)
    try:
        return pwd.getpwnam(user).pw_uid
    except KeyError:
        raise ValueError(f"--user: there is no user {user!r}") from None


def _held_by(words: str) -> Union[int, tuple[str, ...]]:
    if words.isdigit():
        return int(words)
    asked = tuple(words.replace("-", "_").split(","))
    for word in asked:
        if word not in HOWS:
            raise ValueError(
                f"--held-by: nothing is held by {word!r}: a process's number, or {', '.join(HOWS)}"
            )
    return asked


def _seconds(word: str) -> Optional[float]:
    seconds = float(word)
    if not 0 < seconds < 1e6:
        raise argparse.ArgumentTypeError(f"{word} is no time to wait")
    return seconds


def _reader_leaves_within(seconds: float) -> bool:
    """Wait so long, or until nobody reads what is written."""
    try:
        output = sys.stdout.fileno()
    except (OSError, ValueError):
        time.sleep(seconds)
        return False
    poll = select.poll()
    # For nothing but what is always told: that the other end is gone.
    poll.register(output, 0)
    return bool(poll.poll(seconds * 1000))
