"""What this kernel, this caller and this sandbox allow, and why not the rest."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Optional, Union

from . import _nsiso
from ._errors import Error
from ._kind import Kind, text


@dataclass(frozen=True)
class FeatureInfo:
    """Something beside a kind of namespace that a kernel, a user or a sandbox may refuse.

    Attributes:
        name: of an option in most cases, as Rust and C call it: here ``rlimit`` is ``rlimits``,
            ``loopback_down`` is ``loopback=False``, ``join_process`` and ``join_path`` are ``join``.
        about: what one gets by it, in a few words.
        needs: the new namespaces without which it has no meaning.
    """

    name: str
    about: str
    needs: Kind


@dataclass(frozen=True)
class Answer:
    """Whether something can be had here and now.

    ``allowed``: it can, as the caller is or (then ``with_user`` is true) together with a new user namespace.
    Otherwise the rest is that of the :class:`Error` that a start with it raises, and else ``None``.

    Attributes:
        name: the kind's or the feature's.
        kind: for a kind of namespace; ``None`` for a feature.
        allowed: whether it can be had.
        with_user: whether only together with a new user namespace.
        cause: why not: a short phrase that stays the same from release to release.
        remedy: what to do about it; empty when the cause is unknown.
        step: what was being done.
        object: what it was done to; may be empty.
        errno: the kernel's errno.
        message: all of it in one line.
    """

    name: str
    kind: Optional[Kind]
    allowed: bool
    with_user: bool
    cause: Optional[str] = None
    remedy: Optional[str] = None
    step: Optional[str] = None
    object: Optional[str] = None
    errno: Optional[int] = None
    message: Optional[str] = None

    @property
    def error(self) -> Optional[Error]:
        """The error that a start raises, or ``None``; a new one each time, so that it can be raised."""
        if self.errno is None:
            return None
        words = (self.message, self.step, self.object, self.cause, self.remedy)
        return Error(self.errno, *(word or "" for word in words))

    def __str__(self) -> str:
        if self.allowed:
            return "with a new user namespace" if self.with_user else "yes"
        return f"no: {self.message}"


@dataclass(frozen=True, eq=False)
class Probe(Mapping[Union[Kind, str], Answer]):
    """What :func:`probe` found: the answers by :class:`Kind` and by the name of a feature. Cannot change.

    Attributes:
        kinds: the kinds' answers alone.
        features: the features' answers alone.
    """

    kinds: Mapping[Kind, Answer]
    features: Mapping[str, Answer]

    def __post_init__(self) -> None:
        """Keep copies that nobody can write to."""
        object.__setattr__(self, "kinds", MappingProxyType(dict(self.kinds)))
        object.__setattr__(self, "features", MappingProxyType(dict(self.features)))

    def __getitem__(self, key: Union[Kind, str]) -> Answer:
        """Look a kind or a feature up."""
        return self.features[key] if isinstance(key, str) else self.kinds[key]

    def __iter__(self) -> Iterator[Union[Kind, str]]:
        """Go through the kinds, and then the features."""
        yield from self.kinds
        yield from self.features

    def __len__(self) -> int:
        return len(self.kinds) + len(self.features)

    def __str__(self) -> str:
        return "\n".join(f"{answer.name:18}{answer}" for answer in self.values())

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickles as what it is made of."""
        return Probe, (dict(self.kinds), dict(self.features))


def features() -> tuple[FeatureInfo, ...]:
    """Tell about which features :func:`probe` has an answer."""
    return tuple(FeatureInfo(name, about, Kind(needs)) for name, about, needs in _nsiso.features())


def probe() -> Probe:
    """Try each kind of namespace and each feature in a throw-away child, started as by :class:`Popen`.

    ``probe()[Kind.NET]`` answers for a new net namespace, with ``lo`` up as a spec has it;
    ``probe()["map_auto"]`` for a feature, together with the namespaces that it needs. The answers are the
    present ones: limits, profiles and the caller's capabilities may change. Takes some milliseconds, and more
    where the caller is large: a memory of its own costs a copy of it.

    :raises Error: EAGAIN, ENOMEM, EMFILE or ENFILE, something is short, and nothing can be said.
    """
    kinds, features = _nsiso.probe()
    return Probe(
        {Kind(flag): _answer(text(flag), Kind(flag), *row) for flag, row in kinds},
        {name: _answer(name, None, *row) for name, row in features},
    )


def _answer(
    name: str,
    kind: Optional[Kind],
    allowed: bool,
    with_user: bool,
    story: Optional[tuple[int, str, str, str, str, str]],
) -> Answer:
    if story is None:
        return Answer(name, kind, allowed, with_user)
    errno, message, step, thing, cause, remedy = story
    return Answer(name, kind, allowed, with_user, cause, remedy, step, thing, errno, message)
