"""What a snapshot did not see, how its namespaces are related, and what changed since an earlier one."""

from collections.abc import Container, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, Optional

from ._records import NamespaceInfo, ProcessInfo

if TYPE_CHECKING:
    from ._snapshot import Snapshot


@dataclass(frozen=True)
class Incomplete:
    """Something that a snapshot could not read, in one way and for one reason; ``str`` is a line.

    Attributes:
        what: what is missing: for instance ``"namespaces"``, ``"descriptors"``, ``"owners"``.
        errno: the kernel's errno; 0 where nothing was refused but is not to be seen from here.
        cause: why: a short phrase that stays the same from release to release.
        remedy: what to do about it.
        pids: of which processes; empty where it is not of a process.
        count: how many things are missing, as far as that is known.
        message: all of it in one line.
    """

    what: str
    errno: int
    cause: str
    remedy: str
    pids: tuple[int, ...]
    count: int
    message: str = field(repr=False)

    def __str__(self) -> str:
        return self.message


class Moved(NamedTuple):
    """A process that is in another namespace than before."""

    process: ProcessInfo
    before: NamespaceInfo
    after: NamespaceInfo

    def __str__(self) -> str:
        return f"{self.process}: {self.before} -> {self.after}"


@dataclass(frozen=True)
class Difference:
    """What changed between two snapshots: false if nothing did; ``str`` is a line for each.

    Attributes:
        appeared: namespaces that only the later has.
        gone: namespaces that only the earlier has.
        moved: processes that both have, and that are elsewhere.
    """

    appeared: tuple[NamespaceInfo, ...]
    gone: tuple[NamespaceInfo, ...]
    moved: tuple[Moved, ...]

    def __bool__(self) -> bool:
        return bool(self.appeared or self.gone or self.moved)

    def __str__(self) -> str:
        lines = [f"+ {namespace}" for namespace in self.appeared]
        lines += [f"- {namespace}" for namespace in self.gone]
        return "\n".join([*lines, *(f"> {moved}" for moved in self.moved)])


class Tree:
    """Namespaces in a tree; iterating it gives each with its depth, parents first; ``str`` draws it."""

    __slots__ = ("_below", "_roots", "_snapshot")

    def __init__(self, snapshot: "Snapshot", roots: list[int], below: list[list[int]]) -> None:
        self._snapshot = snapshot
        self._roots = roots
        self._below = below

    @property
    def roots(self) -> tuple[NamespaceInfo, ...]:
        """Those that are below no other."""
        return self._snapshot._all(self._roots)

    def below(self, namespace: NamespaceInfo) -> tuple[NamespaceInfo, ...]:
        """Give those directly below this one, which is of the same snapshot."""
        if namespace._snapshot is not self._snapshot:
            raise ValueError("the namespace is of another snapshot")
        return self._snapshot._all(self._below[namespace._place])

    def __iter__(self) -> Iterator[tuple[int, NamespaceInfo]]:
        to_go = [(0, root) for root in reversed(self.roots)]
        while to_go:
            depth, namespace = to_go.pop()
            yield depth, namespace
            to_go += [(depth + 1, below) for below in reversed(self.below(namespace))]

    def _drawn(self, only: Optional[Container[NamespaceInfo]] = None) -> Iterator[tuple[str, NamespaceInfo]]:
        """Go through it, or through those of it that are in *only*, with the lines that lead to each."""

        def kept(some: tuple[NamespaceInfo, ...]) -> list[NamespaceInfo]:
            return [one for one in some if only is None or one in only]

        to_go = [("", "", root) for root in reversed(kept(self.roots))]
        while to_go:
            line, indent, namespace = to_go.pop()
            yield line, namespace
            below = kept(self.below(namespace))
            arms = [(f"{indent}├─", f"{indent}│ ", one) for one in below[:-1]]
            arms += [(f"{indent}└─", f"{indent}  ", one) for one in below[-1:]]
            to_go += reversed(arms)

    def __str__(self) -> str:
        return "\n".join(f"{line}{namespace}" for line, namespace in self._drawn())
