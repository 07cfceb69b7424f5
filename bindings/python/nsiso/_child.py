"""What a function's process writes of what its caller had to write, and with which status it ends."""

import contextlib
import io
import os
import sys
from collections.abc import Iterator


def flush() -> None:
    """Write out what stands in the standard streams' buffers, so that no copy of this process has it too."""
    for stream in (sys.stdout, sys.stderr):
        # Closed, replaced by None or refused by a full pipe's other end: not this call's concern.
        with contextlib.suppress(Exception):
            stream.flush()


def take_over_streams(null: int) -> None:
    """In a copy: make the standard streams and those of logging this process's own.

    Another thread may have held the lock of one, and does not exist here; what it has put into them since
    :func:`flush` is the caller's to write. *null* is a descriptor of the null device.
    """
    for stream in _streams():
        if isinstance(stream, io.TextIOWrapper):
            # Closed or detached, it is nobody's any more.
            with contextlib.suppress(OSError, ValueError):
                _take_over(stream, null)


def _streams() -> Iterator[object]:
    yield sys.stdout
    yield sys.stderr
    for reference in getattr(sys.modules.get("logging"), "_handlerList", ()):
        yield getattr(reference(), "stream", None)


def _take_over(stream: io.TextIOWrapper, null: int) -> None:
    number = stream.fileno()
    if type(stream.buffer) is io.BufferedWriter:
        # Begun anew: an empty buffer, and a lock that nobody holds.
        io.BufferedWriter.__init__(stream.buffer, stream.buffer.raw)
    # Above that buffer is text that was not encoded yet.
    inheritable = os.get_inheritable(number)
    kept = os.dup(number)
    try:
        os.dup2(null, number)
        stream.flush()
    finally:
        os.dup2(kept, number, inheritable)
        os.close(kept)


def exit_status(end: SystemExit) -> int:
    """Tell what the interpreter itself makes of ``sys.exit``'s argument."""
    if end.code is None:
        return 0
    if isinstance(end.code, int):
        return end.code & 0xFF
    print(end.code, file=sys.stderr)
    return 1
