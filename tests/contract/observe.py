"""What did one case of the table do, seen from outside?

`observe` runs in a throw-away process (server.py), already as the case's user. It starts the calling process
through one side (libc or nsiso) of one language, reads that process's links under /proc before and after the
call, and the child's while the child lives, and returns what it saw. Both sides go through the same steps.

The words of a case's `setup`, all done in the calling process alone before it calls:
    userns      in a new user namespace, mapped as root
    privileged  the same for an ordinary user, nothing for root; the last two words include it
    users       in so many nested user namespaces that the kernel allows no more
    no-uts      in a new user namespace whose user.max_uts_namespaces is 0
    pids        in so many nested pid namespaces that the kernel allows no more
    pid-1       the first process of a pid namespace
"""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import os
import select
import signal
import traceback
from collections.abc import Iterable, Iterator
from typing import Any

from . import driver
from .abi import KINDS, SIGKILL, WALL, channel, end_with_parent, enter_user_namespace, links, receive, unshare
from .table import BY_ID, Case

PID = KINDS["pid"]
Links = dict[str, str]


def observe(case: str, language: str, side: str, program: str) -> dict[str, Any]:
    """Perform one case and say what happened; `program` is the compiled driver.c."""
    item = BY_ID[case]
    with contextlib.ExitStack() as stack:
        target = _target(item, stack)
        fd = _open(item.fd, target, stack)
        seen = _Observation(item, fd).run(language, side, program)
        seen["joined"] = links(f"/proc/{target}/ns") if target else {}
    return seen


@dataclasses.dataclass(frozen=True)
class _Done:
    ret: int
    errno: str
    error: str  # the exception's classes


class _Observation:
    """One calling process and what it does."""

    def __init__(self, case: Case, fd: int) -> None:
        self.case = case
        self.fd = fd
        self.mine, self.theirs = channel()
        self.children, self.child_end = channel()
        self.pid = 0

    def run(self, language: str, side: str, program: str) -> dict[str, Any]:
        first = (
            os.fork()
        )  # the calling process, or the ancestor of one that is put into nested pid namespaces
        if first == 0:
            self._become_caller(language, side, program)
        self.theirs.close()
        self.child_end.close()
        try:
            result = self._watch()
        except BaseException:
            os.kill(first, SIGKILL)  # what it started ends with it
            raise
        finally:
            _, status = os.waitpid(first, 0)
        if status != 0:
            raise AssertionError(f"the calling process ended with wait status {status:#x} after {result}")
        return result

    def _become_caller(self, language: str, side: str, program: str) -> None:
        """In the forked child: set up, perform, end."""
        with _ending():
            self.mine.close()
            self.children.close()
            end_with_parent()
            # Kept over exec: an exit signal that a case asks for would end the caller.
            signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
            _prepare(self.case.setup)
            if language == "python":
                driver.perform_case(side, self.case, self.fd, self.theirs, self.child_end)
            else:
                self._execute(side, program)

    def _execute(self, side: str, program: str) -> None:
        for end in (self.theirs, self.child_end):
            end.set_inheritable(True)
        case = self.case
        what = (side, case.call, driver.signed(case.flags), self.fd)
        how = (case.threads, case.stack, case.fn, case.unshared)
        ends = (self.theirs.fileno(), self.child_end.fileno())
        os.execv(program, [program, *map(str, (*what, *how, *ends))])

    def _watch(self) -> dict[str, Any]:
        self.pid, (thread,) = self._hear("ready")
        # A single thread may be in a nested pid namespace, where the number that it knows means nothing here.
        tid = self.pid if self.case.threads == "single" else int(thread)
        own, before, fds = links("/proc/self/ns"), self._links_of(self._tids()), self._fds()
        self.mine.send(b"go")

        if self.case.call == "clone":
            done, child = self._await_clone(before[tid])
        else:
            done, child = self._await_done(), None
        after = self._links_of(before)  # not of a clone's thread, which may be ending
        result: dict[str, Any] = {"errno": done.errno, "error": done.error}
        if child is None:
            result |= {"ret": str(done.ret), "changed": _changed(before[tid], after[tid])}
        else:
            result |= child
        # What must not change: this process, and every thread there but the one that the call moves.
        still = [other for other in before if self.case.call == "clone" or other != tid]
        disturbed = own != links("/proc/self/ns") or any(_disturbed(before[it], after[it]) for it in still)
        result["others"] = "changed" if disturbed else "same"
        result["fds"] = "same" if fds == self._fds() else f"{fds} became {self._fds()}"
        self.mine.send(b"finish")
        _, (status, children) = self._hear("left")
        result |= {"status": int(status), "left": children}
        if child is not None and child["parent"] == "observer":
            result["status"] = os.waitpid(child["pid"], WALL)[1]
        return result

    def _await_done(self) -> _Done:
        _, (ret, number, *error) = self._hear("done")
        return _Done(int(ret), errno.errorcode[int(number)] if number != "0" else "0", "".join(error))

    def _await_clone(self, before: Links) -> tuple[_Done, dict[str, Any] | None]:
        """The call's answer and its child, looked at and then let go; with CLONE_VFORK that comes first."""
        ready, _, _ = select.select([self.mine, self.children], [], [], 20)
        done = self._await_done() if self.mine in ready else None
        if done is not None and done.ret == -1:
            return done, None
        pid, _ = receive(self.children)
        if pid == self.pid:  # a thread of the caller's, named by what the call returned
            done = done or self._await_done()
            place = f"/proc/{self.pid}/task/{done.ret}"
        else:
            place = f"/proc/{pid}"
        parent, number = _status(place, len(_pids(f"/proc/{self.pid}")))
        with open(f"{place}/stat") as file:
            exit_signal = int(file.read().rpartition(")")[2].split()[35])
        child: dict[str, Any] = {
            "changed": _changed(before, links(f"{place}/ns")),
            "signal": exit_signal,
            "parent": {self.pid: "caller", os.getpid(): "observer"}.get(parent, "another")
            if pid != self.pid
            else "",
        }
        self.children.send(b"e")
        done = done or self._await_done()
        child["ret"] = (
            ("thread" if pid == self.pid else "pid") if done.ret == number else f"{done.ret}, not {number}"
        )
        return done, child | {"pid": pid}

    def _hear(self, word: str) -> tuple[int, list[str]]:
        pid, message = receive(self.mine)
        said, *rest = message.split(" ")
        if said != word:
            raise AssertionError(f"the calling process said {message!r} instead of {word!r}")
        return pid, rest

    def _tids(self) -> list[int]:
        return [int(tid) for tid in os.listdir(f"/proc/{self.pid}/task")]

    def _links_of(self, tids: Iterable[int]) -> dict[int, Links]:
        return {tid: links(f"/proc/{self.pid}/task/{tid}/ns") for tid in tids}

    def _fds(self) -> list[str]:
        return sorted(os.listdir(f"/proc/{self.pid}/fd"))


def _changed(before: Links, after: Links) -> Links:
    return {name: after[name] for name in after if after[name] != before[name]}


def _disturbed(before: Links, after: Links) -> bool:
    """pid_for_children, unreadable until a first child is there, then shows what it was all along."""
    return any(before[name] not in ("none", after[name]) for name in before)


def _pids(place: str) -> list[int]:
    """The numbers of a process from this pid namespace down to its own."""
    with open(f"{place}/status") as file:
        return next([int(word) for word in line.split()[1:]] for line in file if line.startswith("NSpid:"))


def _status(place: str, depth: int) -> tuple[int, int]:
    """The parent's number here, and the process's own in the pid namespace that is so deep."""
    with open(f"{place}/status") as file:
        parent = next(int(line.split()[1]) for line in file if line.startswith("PPid:"))
    return parent, _pids(place)[depth - 1]


@contextlib.contextmanager
def _ending() -> Iterator[None]:
    """The body of a forked child: ends with 0, or shows the exception and ends with 1; never goes on."""
    status = 1
    try:
        yield
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(status)


def _prepare(setup: str) -> None:
    if setup in ("userns", "no-uts") or (setup not in ("", "users") and os.geteuid() != 0):
        enter_user_namespace()
    if setup == "users":
        with _until_none_left():
            while True:
                enter_user_namespace()
    elif setup == "no-uts":
        with open("/proc/sys/user/max_uts_namespaces", "w") as file:
            file.write("0")
    elif setup == "pids":
        with _until_none_left():
            while True:
                _become_pid_1()
    elif setup == "pid-1":
        _become_pid_1()


@contextlib.contextmanager
def _until_none_left() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise


def _become_pid_1() -> None:
    """Go on in a child, the first process of a new pid namespace; the parent ends as the child does."""
    unshare(PID)
    child = os.fork()
    if child != 0:
        _, status = os.waitpid(child, 0)
        os._exit(0 if status == 0 else 1)
    end_with_parent()


def _target(case: Case, stack: contextlib.ExitStack) -> int:
    """Start a process in new namespaces of the kinds that the case joins; its pid, or 0 if none is needed."""
    word, _, kind = case.fd.partition(":")
    if word not in ("other", "pidfd"):
        return 0
    kinds = KINDS[kind] if kind else case.target
    if case.caller == "ordinary":
        kinds |= KINDS["user"]
    return stack.enter_context(another_process(kinds))


@contextlib.contextmanager
def another_process(kinds: int) -> Iterator[int]:
    """A process in new namespaces of these kinds: a child's child, for only children enter pid and time."""
    mine, theirs = channel()
    child = os.fork()
    if child == 0:
        with _ending():
            mine.close()
            end_with_parent()
            unshare(kinds)
            if os.fork() == 0:
                end_with_parent()
                theirs.send(b"here")
                theirs.recv(1)
            else:
                os.wait()
    theirs.close()
    pid, _ = receive(mine)
    try:
        yield pid
    finally:
        mine.send(b"e")
        os.waitpid(child, 0)


def _dead_process(stack: contextlib.ExitStack, reaped: bool) -> int:
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    fd = os.pidfd_open(pid)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    if reaped:
        os.waitpid(pid, 0)
    else:
        stack.callback(os.waitpid, pid, 0)
    return fd


def _open(word: str, target: int, stack: contextlib.ExitStack) -> int:
    """The descriptor that a case gives to setns; inheritable, so that the caller has the same number."""
    name, _, kind = word.partition(":")
    if name in ("", "closed"):
        return 900
    if name in ("negative", "huge"):
        return {"negative": -1, "huge": 2**31 - 1}[name]
    if name == "pidfd":
        fd = os.pidfd_open(target)
    elif name == "pidfd-same":
        fd = os.pidfd_open(os.getpid())
    elif name in ("pidfd-zombie", "pidfd-reaped"):
        fd = _dead_process(stack, reaped=name == "pidfd-reaped")
    elif name == "file":
        fd = os.memfd_create("a regular file")
    elif name == "pipe":
        fd, other = os.pipe()
        stack.callback(os.close, other)
    else:
        paths = {"directory": "/", "procdir": f"/proc/{os.getpid()}", "other": f"/proc/{target}/ns/{kind}"}
        path = paths.get(name, f"/proc/self/ns/{kind}")
        fd = os.open(path, os.O_PATH if name == "opath" else os.O_RDONLY)
    os.set_inheritable(fd, True)
    stack.callback(os.close, fd)
    return fd
