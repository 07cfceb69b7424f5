"""What a function's process answers, and how it comes to that: the half of a call that is in the copy."""

import os
import pickle
import signal
import struct
import traceback
from collections.abc import Collection
from typing import Callable, NoReturn, Optional

from ._child import exit_status, flush, take_over_streams

# What an answer is, the bytes of the text and the bytes of the pickle that follow.
_HEAD = struct.Struct("=BQQ")
RESULT, RAISED, NOT_PICKLED = range(3)
VERBS = ("returned", "raised")


def answer(fn: Callable[[], object], writer: int, null: int, others: Collection[int]) -> NoReturn:
    """Call, answer and end, whatever happens: nothing of the caller's may go on here.

    *writer* is where the answer goes, *null* the null device; *others* is to be closed.
    """
    status = 1
    try:
        own = os.getpid()
        _leave_the_caller(null, others)
        try:
            message, done = _called(fn), 0
        except SystemExit as end:
            message, done = [], exit_status(end)
        flush()
        # A copy that the function has made of this process has nothing to answer.
        if os.getpid() == own:
            for part in message:
                _write(writer, part)
        status = done
    finally:
        os._exit(status)


def _leave_the_caller(null: int, others: Collection[int]) -> None:
    """Let go of what the caller, its event loop and its other calls go on with."""
    signal.set_wakeup_fd(-1)
    take_over_streams(null)
    for number in others:
        os.close(number)


def _called(fn: Callable[[], object]) -> list[bytes]:
    """Make the answer."""
    what, text = RESULT, ""
    try:
        value = fn()
    except SystemExit:
        raise
    except BaseException as error:
        what, text, value = RAISED, _traceback(error), error
    try:
        pickled = pickle.dumps(value, pickle.HIGHEST_PROTOCOL)
    except Exception as refused:
        kind = f"{type(value).__module__}.{type(value).__qualname__}"
        complaint = f"what it {VERBS[what]}, {kind}, cannot be pickled: {shown(refused)}"
        what, text, pickled = NOT_PICKLED, text or _traceback(refused), complaint.encode(errors="replace")
    words = text.encode(errors="replace")
    return [_HEAD.pack(what, len(words), len(pickled)) + words, pickled]


def _traceback(error: BaseException) -> str:
    """Tell it as the interpreter would, without this file's own frame."""
    frames = error.__traceback__ and error.__traceback__.tb_next
    return "".join(traceback.format_exception(type(error), error, frames))


def _write(writer: int, data: bytes) -> None:
    left = memoryview(data)
    while left:
        left = left[os.write(writer, left) :]


def taken_apart(data: bytearray) -> Optional[tuple[int, str, memoryview]]:
    """Tell what an answer is, its text and its pickle; ``None`` for a part of one."""
    if len(data) < _HEAD.size:
        return None
    what, text, pickled = _HEAD.unpack_from(data)
    middle = _HEAD.size + text
    if len(data) < middle + pickled:
        return None
    return what, data[_HEAD.size : middle].decode(), memoryview(data)[middle:]


def shown(error: BaseException) -> str:
    """Tell it in one line."""
    return f"{type(error).__name__}: {error}"
