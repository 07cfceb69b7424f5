"""Namespaces that are made before they are wanted."""

import operator
from typing import TYPE_CHECKING, SupportsIndex, Union

from ._hold import Held, spec_of

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from . import _nsiso
    from ._kind import Kind
    from ._spec import Spec
    from ._types import SpecOptions


class Pool:
    """At most so many sets of namespaces as :func:`nsiso.hold` makes them, ready to be taken.

        pool = nsiso.Pool("net", 8)
        pool.refill()  # where there is time
        with pool.take() as held:
            nsiso.run(["ip", "link"], join=held, unshare="mnt,uts")

    Nothing happens behind its host's back: it has no thread and no timer. A set is given out once; whether
    it may be used again, only its taker can say (:meth:`give_back`). When the pool goes, the sets in it do;
    those that were taken are their takers'. May be used by many threads at once.

    :param spec: what is made: a spec, or what is new as :class:`Spec` takes it.
    :param size: how many sets at most, from 1 to 4096. Each has a descriptor for each of its kinds.
    :param options: those of :class:`Spec`, in place of what *spec* says about them.
    :raises Error: EINVAL, a size out of range, or a spec without namespaces.
    """

    __slots__ = ("__weakref__", "_core")

    _core: "_nsiso.Pool"

    def __init__(
        self, spec: "Union[Spec, Kind, int, str]", size: SupportsIndex, **options: "Unpack[SpecOptions]"
    ) -> None:
        """Make an empty one."""
        self._core = spec_of(spec, {**options})._core().pool(max(operator.index(size), 0))

    @property
    def ready(self) -> int:
        """How many sets are ready now."""
        return self._core.ready

    @property
    def size(self) -> int:
        """How many there are at most."""
        return self._core.size

    def refill(self) -> int:
        """Make what is missing, and throw away sets whose pid 1 has ended.

        :returns: how many were made.
        :raises Error: as :func:`nsiso.hold`; what was made before stays.
        """
        return self._core.refill()

    def take(self) -> Held:
        """Take a set that is ready; where there is none, one that is made now, at the price of making.

        :raises Error: as :func:`nsiso.hold`.
        """
        return Held._of_core(self._core.take())

    def give_back(self, held: Held) -> None:
        """Put a set back, to be taken again as it is.

        That is with the host name, mounts, interfaces, queues and processes that were left in it. Who does
        not want that closes it instead. It is closed by this, also on failure.

        :raises Error: EBUSY, something else holds it as well; EINVAL, it is of other kinds; ESRCH, its pid 1
            has ended; ENOSPC, the pool is full.
        """
        self._core.give_back(held._core)

    def __repr__(self) -> str:
        """Tell how full it is."""
        return f"<{type(self).__name__} {self.ready} of {self.size}>"
