"""How a function is called in namespaces: a copy of this process calls it and answers through a pipe."""

import contextlib
import errno
import functools
import math
import os
import pickle
import select
import signal
import sys
import time
from typing import TYPE_CHECKING, Any, Callable, NoReturn, Optional, TypeVar, overload

from . import _nsiso
from ._answer import NOT_PICKLED, RAISED, RESULT, VERBS, answer, shown, taken_apart
from ._cancel import Cancel
from ._child import flush
from ._errors import Error
from ._spec import Spec

if TYPE_CHECKING:
    from typing_extensions import ParamSpec, Self

    P = ParamSpec("P")

T = TypeVar("T")

_PLAIN = Spec()
# How much is read at a time.
_CHUNK = 1 << 20
# How long one sleep lasts where there is no pidfd to wait on (before Linux 5.3).
_WITHOUT_PIDFD = 0.01
# poll(2) takes milliseconds, as C's int.
_LONGEST_SLEEP = 2_000_000.0
# Descriptors of the calls that are under way, which no function shall find. A number is here only while it is
# open: nobody else's can then be among them when the process is copied.
_under_way: set[int] = set()


class NoResult(RuntimeError):
    """A function's process ended without a result, or has one that cannot be brought here.

    Attributes:
        returncode: how the process ended, as :mod:`subprocess` tells it: its exit status, or minus the signal
            that killed it. ``None`` if nobody knows: others have reaped it, and the kernel keeps no status.
    """

    returncode: Optional[int]

    def __init__(self, message: str, returncode: Optional[int]) -> None:
        super().__init__(message)
        self.returncode = returncode

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickles with both."""
        return NoResult, (str(self), self.returncode)


class _RemoteTraceback(Exception):
    """Where an exception comes from, as text: the frames themselves stay in the function's process."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text

    def __str__(self) -> str:
        return f'\n"""\n{self.text}"""'


@overload
def call(
    fn: Callable[..., T],
    /,
    *args: Any,
    spec: Optional[Spec],
    timeout: Optional[float] = ...,
    cancel: Optional[Cancel] = ...,
    **kwargs: Any,
) -> T: ...
@overload
def call(
    fn: Callable[..., T],
    /,
    *args: Any,
    timeout: Optional[float],
    cancel: Optional[Cancel] = ...,
    **kwargs: Any,
) -> T: ...
@overload
def call(fn: Callable[..., T], /, *args: Any, cancel: Optional[Cancel], **kwargs: Any) -> T: ...
@overload
def call(fn: "Callable[P, T]", /, *args: "P.args", **kwargs: "P.kwargs") -> T: ...
def call(  # type: ignore[misc]  # A function that has a spec of its own is not for it.
    fn: Callable[..., Any],
    /,
    *args: Any,
    spec: Optional[Spec] = None,
    timeout: Optional[float] = None,
    cancel: Optional[Cancel] = None,
    **kwargs: Any,
) -> Any:
    """Call ``fn(*args, **kwargs)`` in a process of its own, in namespaces, and return its result.

        box = nsiso.Spec("user,uts", map_root=True, hostname="box")
        assert nsiso.call(socket.gethostname, spec=box) == "box"

    The process is a copy of this one, made as ``os.fork`` makes one: the function finds everything as it is
    here (so it may be a lambda, and its arguments need not be pickled), and what it changes stays there. The
    handlers of ``os.register_at_fork`` run. Its result, or the exception that it raises, is pickled and comes
    back, of any size. Nothing of this process changes: no namespace, directory, mask or signal handler.

    :param fn: the function. One that has parameters *spec*, *timeout* or *cancel* of its own can be wrapped
        (:func:`functools.partial`).
    :param spec: the namespaces to make or to join, and what the process becomes. Without it: a process apart,
        in the namespaces of this one. In a new ``pid`` the function is process 1 (with ``init`` process 2),
        and the clocks of a new ``time`` are the function's at once.
    :param timeout: seconds for all of it. Then the process is killed and reaped.
    :param cancel: lets another thread call it off, with the same end.
    :returns: what the function returns.

    :raises BaseException: what the function raises, but for ``SystemExit``; its ``__cause__`` has the text of
        the traceback there. The ``__cause__`` that it had there is in that text only, and attributes that it
        does not pickle are lost.
    :raises Error: a step of the set-up was refused; the function was not called. ``TimeoutError``, which is
        an :class:`Error` too, after *timeout* or the spec's *setup_timeout*: ``step`` is ``"call"`` if the
        function had been called. ``Error`` with ECANCELED when *cancel* has called it off.
    :raises NoResult: the process ended without a result: it was killed, or the function ended it
        (``sys.exit``, ``os._exit``, exec). Or the result or exception cannot be pickled, or not unpickled
        here.
    :raises OSError: no descriptors are left.
    :raises TypeError, ValueError: *fn* cannot be called, *spec* is none, *timeout* is no number.

    Whatever a signal's handler raises meanwhile, as Ctrl-C does, ends the call: the process is killed and
    reaped first. What the function itself has started is not, unless ``pid`` is new. A process that has
    become another user's, whom this one may not kill, is left to run.

    Threads: any number of them may call at once; the interpreter lock is released but for the fork. Of this
    process's threads only the calling one exists in the copy. There the locks of libc's allocator, of the
    interpreter, of :mod:`logging` with its files and of ``sys.stdout`` and ``sys.stderr`` are put in order; a
    lock of another sort that another thread held at that moment stays locked for ever, as after any fork:
    give such calls a *timeout*. An event loop does not run on meanwhile: use ``asyncio.to_thread``.

    The copy has all of this process's open descriptors. What stood in the buffers of ``sys.stdout`` and
    ``sys.stderr`` is written once, by this process; those of other files are the function's to leave alone.
    The process ends by ``os._exit``, after those two were flushed: handlers of :mod:`atexit` are not called,
    threads that the function started are not waited for. This process may get one SIGCHLD more than it has
    children.

    The result is unpickled here: an isolated function that is taken over from within can have anything done
    by this process. For code that is not trusted run a command, and take bytes from it.

    Linux: any; for the rest see :class:`Spec`. Privilege: the spec's. The cost grows with the memory of this
    process.
    """
    if not callable(fn):
        raise TypeError(f"fn must be callable, not {type(fn).__name__}")
    if spec is not None and not isinstance(spec, Spec):
        raise TypeError(f"spec must be a nsiso.Spec, not {type(spec).__name__}")
    spec = _PLAIN if spec is None else spec
    clock = _Clock(timeout)
    setup = [seconds for seconds in (clock.left(), spec.setup_timeout) if seconds is not None]
    sys.audit("os.fork")
    # What is buffered now would be written by both.
    flush()
    with _Descriptors() as descriptors:
        (null,) = descriptors.keep(os.open(os.devnull, os.O_WRONLY))
        reader, writer = descriptors.keep(*os.pipe())

        def run() -> NoReturn:
            others = _under_way - {writer}
            # In the copy, for calls within the function.
            _under_way.intersection_update({writer})
            answer(functools.partial(fn, *args, **kwargs), writer, null, others)

        core = None if cancel is None else cancel._core
        running = _Running(spec._core().spawn_function(run, min(setup, default=None), core), clock)
        watches = contextlib.nullcontext() if cancel is None else cancel._watches(running.kill)
        try:
            with watches:
                descriptors.close(writer)
                said = running.read(reader, fn)
                returncode = running.wait()
        finally:
            running.end()
    if said is None and cancel is not None and cancel.is_cancelled:
        raise _called_off(fn)
    if said is None:
        raise NoResult(f"call ({_name(fn)}): {_ended(returncode)} without a result", returncode)
    return _result(fn, *said, returncode)


class _Clock:
    """How much of a timeout is left."""

    def __init__(self, timeout: Optional[float]) -> None:
        if timeout is not None and math.isnan(timeout):
            raise ValueError("timeout must be a number of seconds")
        self.timeout = timeout
        self._end = math.inf if timeout is None else time.monotonic() + timeout

    def left(self) -> Optional[float]:
        """Seconds; ``None`` is for ever."""
        return None if self._end == math.inf else max(0.0, self._end - time.monotonic())


class _Descriptors:
    """What a call has open."""

    def __init__(self) -> None:
        self._open: set[int] = set()

    def __enter__(self) -> "Self":
        return self

    def __exit__(self, *exception: object) -> None:
        for number in tuple(self._open):
            self.close(number)

    def keep(self, *numbers: int) -> tuple[int, ...]:
        """Take care of them."""
        self._open.update(numbers)
        _under_way.update(numbers)
        return numbers

    def close(self, number: int) -> None:
        """Close one now."""
        self._open.discard(number)
        _under_way.discard(number)
        os.close(number)


class _Running:
    """A function's process. An exception's traceback may keep this; then no descriptor of it stays open."""

    def __init__(self, process: _nsiso.Process, clock: _Clock) -> None:
        self._process = process
        self._clock = clock

    def read(self, reader: int, fn: Callable[..., Any]) -> Optional[tuple[int, str, memoryview]]:
        """Tell what it answers: what that is, its text, its pickle. ``None`` if it ends before."""
        os.set_blocking(reader, False)
        poll = select.poll()
        poll.register(reader, select.POLLIN)
        if self._process.pidfd is not None:
            poll.register(self._process.pidfd, select.POLLIN)
        data = bytearray()
        is_open = True
        while True:
            left = self._clock.left()
            if left == 0:
                raise _late(fn, self._clock)
            # First: what an ended process has said is in the pipe. The pipe's end says nothing, for another
            # thread's fork may have kept it open, and the function may have closed it.
            has_ended = self._has_ended()
            chunk = _chunk(reader) if is_open else None
            if chunk:
                data += chunk
                answer = taken_apart(data)
                if answer is not None:
                    return answer
            elif has_ended:
                return None
            elif chunk is None:
                poll.poll(self._milliseconds(left))
            else:
                poll.unregister(reader)
                is_open = False

    def wait(self) -> Optional[int]:
        """Tell how it ended, which it is about to do. ``None`` if nobody knows, or it has not."""
        try:
            return self._process.wait(self._clock.left())
        except ChildProcessError:
            return None

    def kill(self) -> None:
        """Kill it, from any thread."""
        with contextlib.suppress(AttributeError, ProcessLookupError, PermissionError):
            self._process.send_signal(signal.SIGKILL)

    def end(self) -> None:
        """Kill it unless it has ended, and reap it."""
        try:
            if self._process.poll() is None:
                self._process.send_signal(signal.SIGKILL)
                self._process.wait()
        except (ChildProcessError, ProcessLookupError, PermissionError):
            # Others have reaped it; or it may not be killed, and then not be waited for either.
            return
        finally:
            del self._process

    def _has_ended(self) -> bool:
        try:
            return self._process.poll() is not None
        except ChildProcessError:
            return True

    def _milliseconds(self, left: Optional[float]) -> float:
        if self._process.pidfd is None:
            left = _WITHOUT_PIDFD if left is None else min(left, _WITHOUT_PIDFD)
        return _LONGEST_SLEEP if left is None else min(math.ceil(left * 1000), _LONGEST_SLEEP)


def _chunk(reader: int) -> Optional[bytes]:
    """Read what is there: ``None`` for nothing yet, nothing for the end."""
    try:
        return os.read(reader, _CHUNK)
    except BlockingIOError:
        return None


def _result(
    fn: Callable[..., Any], what: int, text: str, pickled: memoryview, returncode: Optional[int]
) -> Any:
    """Return what the function has returned, or raise what it has raised."""
    if what == NOT_PICKLED:
        complaint = f"call ({_name(fn)}): {pickled.tobytes().decode()}"
        raise NoResult(complaint, returncode) from _RemoteTraceback(text)
    try:
        value = pickle.loads(pickled)
        if what == RAISED and not isinstance(value, BaseException):
            raise TypeError(f"{type(value).__name__} is no exception")
    except Exception as refused:
        complaint = f"call ({_name(fn)}): what it {VERBS[what]} cannot be unpickled: {shown(refused)}"
        raise NoResult(complaint, returncode) from (_RemoteTraceback(text) if text else refused)
    if what == RESULT:
        return value
    try:
        raise value from _RemoteTraceback(text)
    finally:
        # Its traceback has this frame.
        del value


def _late(fn: Callable[..., Any], clock: _Clock) -> Error:
    cause, remedy = f"the function took longer than {clock.timeout:g} s", "give it a longer timeout"
    words = ("call", _name(fn), cause, remedy)
    return Error(errno.ETIMEDOUT, f"call ({_name(fn)}): ETIMEDOUT, because {cause}: {remedy}", *words)


def _called_off(fn: Callable[..., Any]) -> Error:
    cause, remedy = "it was called off", "call it again"
    words = ("call", _name(fn), cause, remedy)
    return Error(errno.ECANCELED, f"call ({_name(fn)}): ECANCELED, because {cause}: {remedy}", *words)


def _ended(returncode: Optional[int]) -> str:
    if returncode is None:
        return "its process was reaped by others, and ended"
    if returncode >= 0:
        return f"its process ended with exit status {returncode}"
    try:
        name = signal.Signals(-returncode).name
    except ValueError:
        name = f"signal {-returncode}"
    return f"its process was killed by {name}"


def _name(fn: Callable[..., Any]) -> str:
    return getattr(fn, "__qualname__", None) or type(fn).__qualname__
