"""Namespaces that are held without a process, and those that the caller itself enters."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Optional, Union

from ._cancel import Cancel
from ._kind import Kind, kinds_of, text
from ._namespace import Namespace
from ._spec import Spec

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self, Unpack

    from . import _nsiso
    from ._types import JoinLike, SpecOptions


class Held(Mapping[str, Namespace]):
    """Namespaces that are held open together: what :func:`hold` has made.

        with nsiso.hold("user,net,uts", map_root=True, hostname="box") as held:
            held["net"].socket()
            nsiso.run(["hostname"], join=held)

    A mapping: ``held["net"]`` is a :class:`Namespace` of its own, another descriptor. No process is in them,
    but pid 1 of a pid namespace is a tiny program of the library's: it ends, and with it everything in the
    pid namespace, when this object is closed, at the end of a ``with``, when the object goes, or when
    this process ends. The others live on as long as somebody is in them or has them open. May be used by many
    threads at once; a closed one raises ``ValueError``.
    """

    __slots__ = ("__weakref__", "_core")

    _core: "_nsiso.Held"

    def __init__(self) -> None:
        raise TypeError("Held is made by nsiso.hold")

    @classmethod
    def _of_core(cls, core: "_nsiso.Held") -> "Self":
        held = cls.__new__(cls)
        held._core = core
        return held

    @property
    def kinds(self) -> Kind:
        """Of which kinds they are."""
        return Kind(self._core.kinds)

    @property
    def init(self) -> Optional[int]:
        """The number of pid 1, as the caller's pid namespace counts; ``None`` without a pid namespace."""
        return self._core.init

    @property
    def closed(self) -> bool:
        """Whether it is closed."""
        return self._core.closed

    def close(self) -> None:
        """Let go of them."""
        self._core.close()

    def __getitem__(self, kind: Any) -> Namespace:
        """Open one of them, by :class:`Kind` or by name."""
        one = self._one(kind)
        if one is None:
            raise KeyError(kind)
        return Namespace._of_core(self._core.get(one))

    def __contains__(self, kind: object) -> bool:
        """Whether one is of this kind."""
        return self._one(kind) is not None

    def _one(self, kind: Any) -> Optional[Kind]:
        held = self.kinds
        try:
            one = kinds_of("kind", kind)
        except (TypeError, ValueError):
            return None
        return one if one & held and text(one) in text(held).split(",") else None

    def __iter__(self) -> Iterator[str]:
        """Their kinds' names."""
        return iter(text(self.kinds).split(","))

    def __len__(self) -> int:
        """How many they are."""
        return len(list(iter(self)))

    def __enter__(self) -> "Self":
        """Close at the end."""
        if self.closed:
            raise ValueError("I/O operation on closed namespaces")
        return self

    def __exit__(
        self,
        kind: Optional[type[BaseException]],
        value: Optional[BaseException],
        trace: "Optional[TracebackType]",
    ) -> None:
        """Let go of them."""
        self.close()

    def __repr__(self) -> str:
        """Tell what is held."""
        what = "closed" if self.closed else ",".join(self)
        return f"<{type(self).__name__} {what}>"

    def __reduce__(self) -> Any:
        """Refuse: descriptors cannot be written down."""
        raise TypeError(f"cannot pickle or copy {type(self).__name__!r} object")


def hold(
    spec: "Union[Spec, Kind, int, str, None]" = None,
    *,
    cancel: Optional[Cancel] = None,
    **options: "Unpack[SpecOptions]",
) -> Held:
    """Make a spec's namespaces and hold them without a process; those that it joins are among them.

    Any number of specs can join what is held, ``join=held``, one after the other or at once: at the price of
    a join in place of the price of making. The caller stays where it is, also one with threads.

    :param spec: what to make: a spec, or what is new as :class:`Spec` takes it.
    :param cancel: lets another thread call it off.
    :param options: those of :class:`Spec`, in place of what *spec* says about them. What is said of a process
        has no meaning here.
    :raises Error: as :class:`Popen`; EINVAL, there is nothing to hold.
    """
    return Held._of_core(spec_of(spec, {**options})._core().hold(None if cancel is None else cancel._core))


def spec_of(spec: "Union[Spec, Kind, int, str, None]", options: dict[str, Any]) -> Spec:
    """What is meant: a spec, or what is new, with these options in place of its own."""
    if isinstance(spec, Spec):
        return spec.replace(**options) if options else spec
    return Spec(**options) if spec is None else Spec(spec, **options)


def enter(join: "Union[JoinLike, Sequence[JoinLike]]") -> None:
    """Move the calling thread into namespaces that are there; of a pid namespace, its children from now on.

    All of them are entered or none. What the thread is in already is left out, and an order is found that its
    rights allow. There is no way back out of a user namespace: see :meth:`Namespace.visit` for a while.

    :param join: as of :class:`Spec`.
    :raises Error: nothing has changed, unless ``object`` ends in what was entered and could not be left
        again. EINVAL, a process with threads and user or mnt among the kinds, or a pid namespace that is
        not below the caller's; EUSERS, a process with threads, and time; ``PermissionError``, no power over
        one of them, whose owner is named; ``ProcessLookupError``, the process has ended.

    Thread-safe: changes the calling thread only. Privilege: as :func:`setns`.
    """
    Spec(join=join)._core().enter()
