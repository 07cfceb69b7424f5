"""What a function's process writes of what its caller had to write, and with which status it ends."""

import contextlib
import io
import os
import sys


def flush() -> None:
    """Write out what stands in the standard streams' buffers, so that no copy of this process has it too."""
    for stream in (sys.stdout, sys.stderr):
        # Closed, replaced by None or refused by a full pipe's other end: not this call's concern.
        with contextlib.suppress(Exception):
            stream.flush()


def forget_pending(null: int) -> None:
    """In a copy: drop what other threads have put into those buffers since. It is the caller's to write.

    *null* is a descriptor of the null device.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            with contextlib.suppress(OSError, ValueError):
                _flush_into(null, stream)


def _flush_into(null: int, stream: io.TextIOWrapper) -> None:
    number = stream.fileno()
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
