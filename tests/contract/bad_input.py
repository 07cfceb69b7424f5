"""What does nsiso's Python do with bad input, bad functions, the pidfd trap and a refused clone3?

Functions that server.py runs in throw-away processes; test_bad_input.py says what they must return.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import nsiso

from . import abi
from .observe import another_process

MNT, UTS, USER, TIME = (abi.KINDS[name] for name in ("mnt", "uts", "user", "time"))


class RaisingFileno:
    """Its descriptor cannot be had."""

    def fileno(self) -> int:
        """Fail."""
        raise RuntimeError("no descriptor today")


class TextFileno:
    """Its descriptor is no number."""

    def fileno(self) -> str:
        """Answer with text."""
        return "3"


class GoodFileno:
    """An object with a descriptor."""

    def __init__(self, fd: int) -> None:
        self._fd = fd

    def fileno(self) -> int:
        """Answer with the descriptor."""
        return self._fd


def closed_file() -> object:
    """A file whose fileno() raises ValueError."""
    file = open(os.devnull)
    file.close()
    return file


def closed_namespace() -> nsiso.Namespace:
    """One that is no descriptor any more."""
    with nsiso.Namespace.current("uts") as namespace:
        return namespace


def evaluate(expression: str) -> dict[str, Any]:
    """Evaluate a call that must fail; tell how it failed and what it left behind."""
    forks: list[None] = []
    os.register_at_fork(before=lambda: forks.append(None))
    names = {**globals(), **{name: value for name, value in vars(abi).items() if name.startswith("CLONE_")}}
    code = compile(expression, "expression", "eval")
    before = _state()
    raised = None
    try:
        eval(code, names)
    except Exception as error:
        raised = error
    after = _state()
    return {
        "raised": [base.__name__ for base in type(raised).__mro__],
        "text": str(raised),
        "errno": getattr(raised, "errno", None),
        "unchanged": before == after,
        "child": _has_child(),
        "forked": bool(forks),
    }


def _state() -> tuple[dict[str, str], list[str], str, str]:
    return (
        abi.links("/proc/thread-self/ns"),
        os.listdir("/proc/self/fd"),
        os.readlink("/proc/self/cwd"),
        os.readlink("/proc/self/root"),
    )


def _has_child() -> bool:
    try:
        os.waitpid(-1, os.WNOHANG | abi.WALL)
    except ChildProcessError:
        return False
    return True


def setns_takes_an_object() -> bool:
    """Join another process's user namespace by an object with fileno()."""
    with another_process(USER) as pid:
        fd = os.open(f"/proc/{pid}/ns/user", os.O_RDONLY)
        nsiso.setns(GoodFileno(fd), USER)
        os.close(fd)
        return os.readlink("/proc/self/ns/user") == os.readlink(f"/proc/{pid}/ns/user")


def _raise_value_error() -> int:
    raise ValueError("the function's own error")


def _raise_interrupt() -> int:
    raise KeyboardInterrupt


def _print_and_end() -> int:
    print("said by the child")
    return 5


def _exit_now() -> int:
    os._exit(6)


# What a child's function does, by name.
FUNCTIONS: dict[str, Callable[[], object]] = {
    "raise": _raise_value_error,
    "interrupt": _raise_interrupt,
    "exit-7": lambda: sys.exit(7),
    "exit-text": lambda: sys.exit("a farewell"),
    "exit-none": lambda: sys.exit(),
    "exit-300": lambda: sys.exit(300),
    "os-exit-6": _exit_now,
    "none": lambda: None,
    "zero": lambda: 0,
    "nine": lambda: 9,
    "300": lambda: 300,
    "minus-one": lambda: -1,
    "true": lambda: True,
    "text": lambda: "not a status",
    "float": lambda: 1.0,
    "print": _print_and_end,
}


def run_function(name: str, flags: int) -> dict[str, Any]:
    """Run one function by clone; its exit status, and whether the caller is as it was."""
    before = _state()
    sys.stdout.write("pending ")  # what the caller has not written yet is written once
    pid = nsiso.clone(FUNCTIONS[name], flags)
    _, status = os.waitpid(pid, abi.WALL)
    return {
        "code": os.waitstatus_to_exitcode(status),
        "unchanged": before == _state(),
        "child": _has_child(),
    }


def pass_arguments() -> int:
    """The exit status of a function with arguments."""
    _, status = os.waitpid(nsiso.clone(lambda first, second: first * second, 0, (6, 7)), 0)
    return os.waitstatus_to_exitcode(status)


@contextlib.contextmanager
def _parked_thread(private_fs: bool) -> Iterator[int]:
    """Another thread, with the main one's root and cwd or with its own; its number."""
    ready, end = threading.Event(), threading.Event()

    def park() -> None:
        if private_fs:
            abi.unshare(abi.CLONE_FS)
        ready.set()
        end.wait()

    thread = threading.Thread(target=park)
    thread.start()
    ready.wait()
    assert thread.native_id is not None
    try:
        yield thread.native_id
    finally:
        end.set()
        thread.join()


def _place(tid: int) -> tuple[str, str, int]:
    """A thread's root and cwd, and the mount that its root is on."""
    task = f"/proc/self/task/{tid}"
    fd = os.open(f"{task}/root", os.O_PATH)
    with open(f"/proc/self/fdinfo/{fd}") as file:
        mount = next(int(line.split()[1]) for line in file if line.startswith("mnt_id:"))
    os.close(fd)
    return os.readlink(f"{task}/root"), os.readlink(f"{task}/cwd"), mount


def spring_the_trap(through: str, kinds: int, private: str) -> dict[str, Any]:
    """Call setns(pidfd, kinds) on the main thread beside another.

    `private` is who has unshared CLONE_FS: main, other or nobody ("").
    """
    os.chdir("/proc")  # a join leads to /
    with another_process(MNT | UTS) as pid, _parked_thread(private == "other") as tid:
        pidfd = os.pidfd_open(pid)
        if private == "main":
            abi.unshare(abi.CLONE_FS)
        place, own = _place(tid), abi.links("/proc/thread-self/ns")
        result: dict[str, Any] = {"error": None}
        try:
            if through == "libc":
                abi.check(abi.LIBC.setns(pidfd, kinds), "setns")
            else:
                nsiso.setns(pidfd, kinds)
        except nsiso.Error as error:
            result |= {"error": error.errno, "cause": error.cause, "remedy": error.remedy, "text": str(error)}
        os.close(pidfd)
        mine, its = abi.links("/proc/thread-self/ns"), abi.links(f"/proc/{pid}/ns")
        result["joined"] = [name for name in ("mnt", "uts") if mine[name] == its[name]]
        result["same_links"] = mine == own
        result["other_moved"] = place != _place(tid)
    return result


def clone_without_clone3(number: int, flags: int, threads: str) -> dict[str, Any]:
    """nsiso.clone in a process where clone3 fails; the child's links as the caller reads them."""
    with contextlib.ExitStack() as stack:
        if threads == "several":
            stack.enter_context(_parked_thread(private_fs=False))
        abi.refuse_clone3(number)
        before = abi.links("/proc/thread-self/ns")
        mine, theirs = stack.enter_context(_channel())

        def child() -> int:
            theirs.send(b"here")
            return 42 if theirs.recv(1) else 1

        fds = os.listdir("/proc/self/fd")
        pid = nsiso.clone(child, flags)
        fds_after = os.listdir("/proc/self/fd")
        sender, _ = abi.receive(mine)
        links = abi.links(f"/proc/{pid}/ns")
        mine.send(b"e")
        _, status = os.waitpid(pid, 0)
        return {
            "right_pid": sender == pid,
            "changed": [name for name in links if links[name] != before[name]],
            "code": os.waitstatus_to_exitcode(status),
            "unchanged": before == abi.links("/proc/thread-self/ns") and fds == fds_after,
            "child": _has_child(),
        }


@contextlib.contextmanager
def _channel() -> Iterator[tuple[Any, Any]]:
    mine, theirs = abi.channel()
    with mine, theirs:
        yield mine, theirs
