"""How a start or a call is called off from another thread."""

import contextlib
import threading
from collections.abc import Iterator
from typing import Any, Callable

from . import _nsiso


class Cancel:
    """Calls off, from another thread, the starts and calls that were given it.

        token = nsiso.Cancel()
        threading.Timer(5, token.cancel).start()
        nsiso.call(work, spec=spec, cancel=token)

    What is being set up is undone then, and a function that :func:`nsiso.call` runs is killed: both raise
    :class:`nsiso.Error` with ECANCELED. A command that runs already runs on. Once is for ever: what is
    started later with this token is called off at once. Any number of threads may use one; in a forked copy
    of the process it calls off nothing.
    """

    def __init__(self) -> None:
        self._core = _nsiso.Cancel()
        self._lock = threading.Lock()
        self._ends: set[Callable[[], Any]] = set()

    def cancel(self) -> None:
        """Call off."""
        self._core.cancel()
        with self._lock:
            ends = list(self._ends)
        for end in ends:
            end()

    @property
    def is_cancelled(self) -> bool:
        """Whether it has called off."""
        return self._core.is_cancelled

    @contextlib.contextmanager
    def _watches(self, end: Callable[[], Any]) -> Iterator[None]:
        """Have *end* called when it calls off meanwhile, or has done so before."""
        with self._lock:
            self._ends.add(end)
        try:
            if self.is_cancelled:
                end()
            yield
        finally:
            with self._lock:
                self._ends.discard(end)
