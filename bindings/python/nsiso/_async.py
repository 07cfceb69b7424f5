"""How a command is started under asyncio: an asyncio Process whose child the core makes."""

import asyncio
import contextlib
import os
from asyncio import base_subprocess
from asyncio.log import logger
from asyncio.subprocess import Process, SubprocessStreamProtocol
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, Callable, Optional, Union

from ._cancel import Cancel
from ._inspect import Link, links
from ._popen import Popen, Usage

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from ._types import File, KindsLike, Path, StartOptions

_LIMIT = 2**16
# Seconds between two questions to a child that has no pidfd; as subprocess's own wait with a timeout.
_FIRST_PAUSE, _LONGEST_PAUSE = 0.0005, 0.05
# What asyncio reports of a child whose status others have taken.
_UNKNOWN = 255
# As asyncio: its streams are of bytes.
_FIXED: dict[str, Any] = {
    "universal_newlines": False,
    "bufsize": 0,
    "text": False,
    "encoding": None,
    "errors": None,
}


class AsyncProcess(Process):
    """An :class:`asyncio.subprocess.Process` in every respect, and what :class:`nsiso.Popen` has beside.

    Made by :func:`create_subprocess_exec` and :func:`create_subprocess_shell`. Its pidfd tells its end, right
    in any thread's loop and where SIGCHLD is ignored, and takes its signals. A child whose status others have
    taken, and the kernel no longer knows (before Linux 6.15), is reported with 255 and a warning of asyncio's
    logger, as asyncio does.
    """

    def __init__(self, transport: "_Transport", protocol: SubprocessStreamProtocol, loop: Any) -> None:
        super().__init__(transport, protocol, loop)
        self._popen = transport.child

    @property
    def pidfd(self) -> Optional[int]:
        """As :attr:`nsiso.Popen.pidfd`."""
        return self._popen.pidfd

    @property
    def namespaces(self) -> dict[str, Link]:
        """As :attr:`nsiso.Popen.namespaces`."""
        return self._popen.namespaces

    @property
    def usage(self) -> Optional[Usage]:
        """As :attr:`nsiso.Popen.usage`."""
        return self._popen.usage

    @property
    def terminal(self) -> Optional[int]:
        """As :attr:`nsiso.Popen.terminal`; who relays it reads and writes there, by the loop."""
        return self._popen.terminal

    def open_namespace(self, kind: "KindsLike") -> int:
        """As :meth:`nsiso.Popen.open_namespace`."""
        return self._popen.open_namespace(kind)


async def create_subprocess_exec(
    program: "Path",
    *args: "Path",
    stdin: "File" = None,
    stdout: "File" = None,
    stderr: "File" = None,
    limit: int = _LIMIT,
    **options: "Unpack[StartOptions]",
) -> AsyncProcess:
    """Start a command in namespaces, under asyncio: :func:`asyncio.create_subprocess_exec`.

        child = await nsiso.create_subprocess_exec("ip", "link", spec=box, stdout=asyncio.subprocess.PIPE)
        output, _ = await child.communicate()

    The loop goes on during the set-up, which is done on a thread of its default executor. Only where that
    thread is in other namespaces than the loop's, or the kernel allows no more threads (after ``unshare`` of
    pid or time), it is done on the loop's own, as asyncio does it. When the task is cancelled meanwhile, the
    set-up is called off, and a child that was made already is killed and reaped, before the
    ``CancelledError`` comes out.

    :param program: what to execute, and *args* its arguments.
    :param limit: as there, the buffer of its streams.
    :param options: those of :class:`nsiso.Popen`: *spec*, a spec's options and subprocess's.
    :raises Error, TypeError, ValueError: as :class:`nsiso.Popen`; nothing is left behind.
    """
    return await _create((program, *args), False, stdin, stdout, stderr, limit, {**options})


async def create_subprocess_shell(
    cmd: Union[str, bytes],
    stdin: "File" = None,
    stdout: "File" = None,
    stderr: "File" = None,
    limit: int = _LIMIT,
    **options: "Unpack[StartOptions]",
) -> AsyncProcess:
    """Start a line of shell in namespaces, under asyncio: :func:`asyncio.create_subprocess_shell`.

    :param cmd: the line; the rest is as :func:`create_subprocess_exec` has it.
    """
    if not isinstance(cmd, (str, bytes)):
        raise ValueError("cmd must be a string")
    return await _create(cmd, True, stdin, stdout, stderr, limit, {**options})


async def _create(
    args: Any, shell: bool, stdin: Any, stdout: Any, stderr: Any, limit: int, options: dict[str, Any]
) -> AsyncProcess:
    for option, only in _FIXED.items():
        if options.pop(option, only) not in (only, None):
            raise ValueError(f"{option} must be {only}")
    if options.pop("shell", shell) != shell:
        raise ValueError(f"shell must be {shell}")
    loop = asyncio.get_running_loop()
    protocol = SubprocessStreamProtocol(limit=limit, loop=loop)
    ends = {"stdin": stdin, "stdout": stdout, "stderr": stderr}
    start = _Start({"args": args, "shell": shell, "bufsize": 0, **ends, **options})
    child, cancelled = await start.made(loop)
    waiter = loop.create_future()
    transport = _Transport(loop, protocol, args, shell, stdin, stdout, stderr, 0, waiter=waiter, child=child)
    transport.watch()
    cancelled = await _to_the_end(waiter) or cancelled
    failure = cancelled or waiter.exception()
    if failure is not None:
        transport.close()
        await _to_the_end(loop.create_task(transport._wait()))
        raise failure
    return AsyncProcess(transport, protocol, loop)


async def _to_the_end(
    future: "asyncio.Future[Any]", call_off: Callable[[], None] = lambda: None
) -> Optional[asyncio.CancelledError]:
    """Wait for what must not be left half-done; who cancels this meanwhile is told so afterwards."""
    cancelled = None
    while not future.done():
        try:
            await asyncio.wait([future])
        except asyncio.CancelledError as error:
            cancelled = error
            call_off()
    return cancelled


class _Start:
    """A start on a thread of the loop's executor, which can be called off at any time."""

    def __init__(self, options: dict[str, Any]) -> None:
        self._given: Optional[Cancel] = options.pop("cancel", None)
        self._cancel = Cancel()
        self._options = options
        self._outcome: Future[Optional[Popen[bytes]]] = Future()

    async def made(
        self, loop: asyncio.AbstractEventLoop
    ) -> "tuple[Popen[bytes], Optional[asyncio.CancelledError]]":
        """The child, and what has cancelled the task when it was too late to call it off."""
        place = _place()
        if _is_left_by_children(place):
            return self._start(), None
        run = loop.run_in_executor(None, self._run, place)
        # The executor may be ended without having run it.
        run.add_done_callback(lambda _: self._outcome.cancel())
        outcome = asyncio.wrap_future(self._outcome, loop=loop)
        cancelled = await _to_the_end(outcome, self._call_off)
        if cancelled is not None and (outcome.cancelled() or outcome.exception() or not outcome.result()):
            raise cancelled
        return outcome.result() or self._start(), cancelled

    def _call_off(self) -> None:
        self._cancel.cancel()
        # While it waits for a thread; when it gets one, it does nothing.
        self._outcome.cancel()

    def _run(self, place: Optional[dict[str, Link]]) -> None:
        """Start it, unless nobody wants it any more, or this thread is in another place than the loop's."""
        outcome = self._outcome
        if not outcome.set_running_or_notify_cancel():
            return
        try:
            outcome.set_result(self._start() if _place() == place else None)
        except BaseException as error:
            outcome.set_exception(error)

    def _start(self) -> "Popen[bytes]":
        given = self._given
        with contextlib.nullcontext() if given is None else given._watches(self._cancel.cancel):
            return Popen(**self._options, cancel=self._cancel)


def _place() -> Optional[dict[str, Link]]:
    """The namespaces that this thread is in, and those that its children will be in."""
    try:
        return links()
    except OSError:
        return None


def _is_left_by_children(place: Optional[dict[str, Link]]) -> bool:
    """After ``unshare`` of pid or time, when the kernel allows no new threads, and an executor needs some."""
    if place is None:
        return False
    for kind in ("pid", "time"):
        own, children = place.get(kind), place.get(f"{kind}_for_children")
        if own is not None and (children is None or children.inode != own.inode):
            return True
    return False


class _Transport(base_subprocess.BaseSubprocessTransport):
    """asyncio's own, around a child that is there already and whose end its pidfd tells."""

    child: "Popen[bytes]"
    _pidfd: Optional[int] = None

    def _start(self, *, child: "Popen[bytes]", **_: Any) -> None:  # type: ignore[override]
        self._proc = self.child = child

    def watch(self) -> None:
        """Be told when the child ends."""
        child = self.child
        try:
            # Not its own, beside which nobody else could wait for it in this loop.
            self._pidfd = os.pidfd_open(child.pid) if child.pidfd is None else os.dup(child.pidfd)
            self._loop.add_reader(self._pidfd, self._ended)
        except OSError:
            # None, or one that cannot be waited for yet (Linux 5.2).
            self._let_go()
            self._ask(_FIRST_PAUSE)

    def _ended(self) -> None:
        if self._pidfd is not None:
            self._loop.remove_reader(self._pidfd)
        self._let_go()
        self._ask(_FIRST_PAUSE)

    def _ask(self, pause: float) -> None:
        try:
            returncode = self.child.poll()
        except ChildProcessError:
            logger.warning(
                "Unknown child process pid %d, will report returncode %d", self.child.pid, _UNKNOWN
            )
            returncode = _UNKNOWN
        if returncode is None:
            self._loop.call_later(pause, self._ask, min(2 * pause, _LONGEST_PAUSE))
        else:
            self._process_exited(returncode)

    def _let_go(self) -> None:
        if self._pidfd is not None:
            os.close(self._pidfd)
            self._pidfd = None

    def send_signal(self, signal: int) -> None:
        """Send it by pidfd: a child that was reaped a moment ago has no number any more."""
        self._check_proc()
        self.child.send_signal(signal)

    def terminate(self) -> None:
        """Send SIGTERM."""
        self._check_proc()
        self.child.terminate()

    def kill(self) -> None:
        """Send SIGKILL."""
        self._check_proc()
        self.child.kill()

    def __del__(self, *defaults: Any) -> None:
        """Let go of the pidfd of a child whose loop was closed before."""
        self._let_go()
        super().__del__(*defaults)
