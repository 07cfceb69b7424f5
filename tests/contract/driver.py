"""What does one documented call answer in a fresh process, through ctypes or through the Python module?

The Python twin of driver.c, with the same protocol; observe.py forks it instead of executing it, so that an
ordinary user needs no interpreter to execute. libc's clone is not here: driver.c calls it for both languages.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import socket
import threading
from collections.abc import Callable

import nsiso

from .abi import LIBC, WALL, unshare
from .table import Case

CHILD_STATUS = 42


def signed(flags: int) -> int:
    """The C int with these 32 bits."""
    return ctypes.c_int(flags).value


def _child_main(child: socket.socket) -> int:
    """Show itself, which also tells its pid as the observer sees it, and live until it was looked at."""
    child.send(b"child")
    return CHILD_STATUS if child.recv(1) else 1


def _libc(case: Case, fd: int) -> tuple[int, int, str]:
    ctypes.set_errno(0)
    flags = signed(case.flags)
    ret: int = LIBC.setns(fd, flags) if case.call == "setns" else LIBC.unshare(flags)
    return ret, ctypes.get_errno(), ""


def _nsiso(case: Case, fd: int, child: socket.socket) -> tuple[int, int, str]:
    try:
        if case.call == "clone":
            return nsiso.clone(_child_main, signed(case.flags), (child,)), 0, ""
        if case.call == "setns":
            nsiso.setns(fd, signed(case.flags))
        else:
            nsiso.unshare(signed(case.flags))
        return 0, 0, ""
    except OSError as error:
        return -1, error.errno or 0, ",".join(base.__name__ for base in type(error).__mro__)


def _perform(side: str, case: Case, fd: int, channel: socket.socket, child: socket.socket) -> None:
    channel.send(f"ready {threading.get_native_id()}".encode())
    channel.recv(16)
    ret, number, error = _libc(case, fd) if side == "libc" else _nsiso(case, fd, child)
    channel.send(f"done {ret} {number} {error}".encode())
    channel.recv(16)

    # A CLONE_PARENT child is not ours to wait for: the observer looks after it.
    status = -1
    if ret > 0:
        with contextlib.suppress(ChildProcessError):
            _, status = os.waitpid(ret, WALL)
    try:
        os.waitpid(-1, os.WNOHANG | WALL)
        children = "some"
    except ChildProcessError:
        children = "none"
    channel.send(f"left {status} {children}".encode())


def _start(function: Callable[[], object]) -> threading.Thread:
    thread = threading.Thread(target=function, daemon=True)
    thread.start()
    return thread


def perform_case(side: str, case: Case, fd: int, channel: socket.socket, child: socket.socket) -> None:
    """Be the calling process of a case: start its threads, call when told to, and answer."""

    def perform() -> None:
        _perform(side, case, fd, channel, child)

    unshare(case.unshared)
    if case.threads != "single":
        _start(threading.Event().wait)
    if case.threads == "worker":
        _start(perform).join()
    else:
        perform()
