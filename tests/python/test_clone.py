"""Is a function's process a sane copy of its interpreter, whatever the interpreter is doing?"""

import ctypes
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Callable

import nsiso
import pytest
from nsiso import Kind

ROOT = os.geteuid() == 0
# An ordinary user makes other namespaces by way of a user namespace.
OWN = Kind(0) if ROOT else Kind.USER
CHILDREN = 10_000
ENDS_WITHIN = 600.0


def status(pid: int) -> int:
    """Wait for a child as a shell would tell it: its exit status, or minus the signal."""
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def told(flags: int, question: Callable[[], object]) -> str:
    """What a function sees in its process."""
    reader, writer = os.pipe()

    def answer() -> None:
        os.write(writer, str(question()).encode())

    pid = nsiso.clone(answer, flags)
    os.close(writer)
    with open(reader) as pipe:
        text = pipe.read()
    assert status(pid) == 0
    return text


def script(code: str, *, timeout: float = 60) -> "subprocess.CompletedProcess[str]":
    """Run code in an interpreter of its own, whose threads and handlers are nobody else's."""
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=timeout, check=False
    )


@pytest.mark.parametrize("kind", list(Kind), ids=lambda kind: str(kind.name).lower())
def test_the_function_is_in_a_new_namespace_of_each_kind(kind: Kind) -> None:
    """And the caller stays where it was."""
    name = str(kind.name).lower()
    outside = os.readlink(f"/proc/self/ns/{name}")
    inside = told(kind | OWN, lambda: os.readlink(f"/proc/thread-self/ns/{name}"))
    assert inside != outside and inside.startswith(f"{name}:[")
    assert os.readlink(f"/proc/self/ns/{name}") == outside


def test_in_a_new_pid_namespace_the_function_is_process_1() -> None:
    """The caller gets its number outside."""
    assert told(Kind.PID | OWN, os.getpid) == "1"


def test_the_child_is_the_callers_own() -> None:
    """No process stands between them, and the exit signal is SIGCHLD."""
    assert told(0, os.getppid) == str(os.getpid())
    pid = nsiso.clone(lambda: None)
    assert os.waitpid(pid, 0) == (pid, 0), "without __WALL only children with SIGCHLD are waited for"
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


def test_arguments_and_status_go_there_and_back() -> None:
    """Whatever the function returns or raises."""
    assert status(nsiso.clone(lambda a, b: a * b, 0, (6, 7))) == 42
    assert status(nsiso.clone(lambda: None)) == 0
    assert status(nsiso.clone(lambda: 300)) == 300 & 0xFF
    assert status(nsiso.clone(lambda: os.kill(os.getpid(), signal.SIGKILL))) == -signal.SIGKILL


def test_fork_hooks_run_once_each_and_where_they_belong() -> None:
    """Before in the caller, after in both; the child's sees its own process, not one in between."""
    done = script(
        """
import os, nsiso
calls = []
os.register_at_fork(before=lambda: calls.append(("before", os.getpid())),
                    after_in_parent=lambda: calls.append(("parent", os.getpid())),
                    after_in_child=lambda: calls.append(("child", os.getpid())))
me = os.getpid()
def child():
    return 0 if calls == [("before", me), ("child", os.getpid())] else 1
pid = nsiso.clone(child)
assert os.waitpid(pid, 0)[1] == 0
assert calls == [("before", me), ("parent", me)], calls
"""
    )
    assert done.returncode == 0, done.stderr


def test_nothing_that_was_buffered_is_written_twice() -> None:
    """Neither stdout's text nor stderr's."""
    done = script(
        "import nsiso, os; print('once'); os.waitpid(nsiso.clone(lambda: print('child')), 0); print('end')"
    )
    assert (done.stdout, done.stderr) == ("once\nchild\nend\n", "")


def test_threads_of_the_child_work() -> None:
    """It has one thread, knows its id, and can start and join others."""

    def work() -> int:
        seen: list[int] = []
        thread = threading.Thread(target=lambda: seen.append(threading.get_native_id()))
        thread.start()
        thread.join()
        own = (
            threading.get_native_id() == os.getpid() and threading.current_thread() is threading.main_thread()
        )
        return 0 if own and seen[0] != os.getpid() and threading.active_count() == 1 else 1

    assert status(nsiso.clone(work)) == 0


def test_libc_knows_its_thread() -> None:
    """A mutex that checks for errors, locked by the caller, is another thread's in the child."""
    libc = ctypes.CDLL(None, use_errno=True)
    mutex, attributes = ctypes.create_string_buffer(64), ctypes.create_string_buffer(64)
    libc.pthread_mutexattr_init(attributes)
    # PTHREAD_MUTEX_ERRORCHECK: unlocking another thread's mutex is EPERM.
    libc.pthread_mutexattr_settype(attributes, 2)
    libc.pthread_mutex_init(mutex, attributes)

    def own_mutex_works() -> int:
        fresh = ctypes.create_string_buffer(64)
        libc.pthread_mutex_init(fresh, attributes)
        steps = [libc.pthread_mutex_lock(fresh), libc.pthread_mutex_unlock(fresh)]
        return 0 if steps == [0, 0] and libc.pthread_mutex_unlock(mutex) == 1 else 1

    assert libc.pthread_mutex_lock(mutex) == 0
    assert status(nsiso.clone(own_mutex_works)) == 0
    assert libc.pthread_mutex_unlock(mutex) == 0


@pytest.mark.parametrize("flag", ["CLONE_VM", "CLONE_THREAD", "CLONE_SIGHAND", "CLONE_SETTLS"])
def test_an_interpreter_shares_no_memory(flag: str) -> None:
    """Such flags are refused before there is a child."""
    flags = {"CLONE_VM": 0x100, "CLONE_SIGHAND": 0x800, "CLONE_THREAD": 0x10000, "CLONE_SETTLS": 0x80000}
    with pytest.raises(nsiso.Error) as refused:
        nsiso.clone(lambda: None, flags[flag])
    assert refused.value.errno == 22
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


def test_another_exit_signal_reaches_the_caller() -> None:
    """In a process with one thread, where no copy has to stand between."""
    done = script(
        """
import nsiso, os, signal, time
got = []
signal.signal(signal.SIGUSR1, lambda *_: got.append("USR1"))
signal.signal(signal.SIGCHLD, lambda *_: got.append("CHLD"))
CLONE_FS = 0x200
pid = nsiso.clone(lambda: os.chdir("/") or 9, signal.SIGUSR1 | CLONE_FS)
info = os.waitid(os.P_PID, pid, os.WEXITED | 0x40000000)
assert info.si_status == 9, info
assert got == ["USR1"], got
assert os.getcwd() == "/", "CLONE_FS shares the working directory with the caller itself"
"""
    )
    assert done.returncode == 0, done.stderr


def test_with_threads_only_what_a_copy_can_stand_between_is_allowed() -> None:
    """The refusal says why and what to do."""
    with busy_threads(1), pytest.raises(nsiso.Error) as refused:
        nsiso.clone(lambda: None, signal.SIGUSR1)
    assert "more than one thread" in refused.value.cause and refused.value.remedy


def test_a_host_that_ignores_sigchld_gets_its_pid() -> None:
    """The kernel reaps by itself then; the copy in between must not be waited for in vain."""
    done = script(
        """
import nsiso, os, signal, time
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
reader, writer = os.pipe()
pid = nsiso.clone(lambda: os.write(writer, str(os.getpid()).encode()) and None)
os.close(writer)
assert os.read(reader, 100).decode() == str(pid)
"""
    )
    assert done.returncode == 0, done.stderr


@contextmanager
def busy_threads(count: int) -> Iterator[None]:
    """Threads that allocate, lock, import and print without pause."""
    stop = threading.Event()
    lock = threading.Lock()
    sink = open(os.devnull, "w")

    def work() -> None:
        while not stop.is_set():
            with lock:
                ballast = [bytearray(1000 + n) for n in range(50)]
            print(len(ballast), file=sink, flush=True)
            re.compile(f"a{time.monotonic_ns()}")

    threads = [threading.Thread(target=work) for _ in range(count)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()
        sink.close()


def test_ten_thousand_children_of_a_busy_interpreter_all_end() -> None:
    """They allocate, import and print; none hangs, none is left, no descriptor stays open."""

    def child(number: int) -> int:
        ballast = [bytearray(5000) for _ in range(100)]
        # Not in the caller's memory: each child finds and loads it anew.
        import colorsys

        print("child", number, len(ballast), colorsys.ONE_THIRD)
        return number % 251

    assert "colorsys" not in sys.modules

    before = len(os.listdir("/proc/self/fd"))
    interval = sys.getswitchinterval()
    # Eight busy threads would otherwise keep the interpreter from this one for most of the time.
    sys.setswitchinterval(1e-5)
    deadline = time.monotonic() + ENDS_WITHIN
    running: dict[int, int] = {}
    ended = 0
    try:
        with busy_threads(8):
            for number in range(CHILDREN):
                running[nsiso.clone(child, 0, (number,))] = number
                if len(running) < 16 and number + 1 < CHILDREN:
                    continue
                while running and (len(running) >= 8 or number + 1 == CHILDREN):
                    pid, code = next_end(running, deadline)
                    assert code == running.pop(pid) % 251
                    ended += 1
    finally:
        sys.setswitchinterval(interval)
        for pid in running:
            os.kill(pid, signal.SIGKILL)
    assert ended == CHILDREN
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)
    assert len(os.listdir("/proc/self/fd")) == before


def next_end(running: dict[int, int], deadline: float) -> tuple[int, int]:
    """The next child to end, or a failure that names one that hangs."""
    while time.monotonic() < deadline:
        pid, code = os.waitpid(-1, os.WNOHANG)
        if pid:
            return pid, os.waitstatus_to_exitcode(code)
        time.sleep(0.0005)
    hung = next(iter(running))
    raise AssertionError(f"a child hangs: {Path(f'/proc/{hung}/stack').read_text() if ROOT else hung}")


def test_an_error_is_an_oserror_of_its_kind() -> None:
    """With the whole story, also after pickling."""
    import pickle

    with pytest.raises(OSError) as refused:
        nsiso.setns(10**6)
    error: Any = refused.value
    assert isinstance(error, nsiso.Error)
    again = pickle.loads(pickle.dumps(error))
    for each in (error, again):
        assert (each.errno, each.step, each.object) == (9, "setns", "fd 1000000")
        assert "O_PATH" in each.cause and each.remedy and "EBADF" in str(each)
    if not ROOT:
        with pytest.raises(PermissionError) as denied:
            nsiso.unshare(Kind.NET)
        assert isinstance(denied.value, nsiso.Error) and "CAP_SYS_ADMIN" in denied.value.cause


def test_without_an_exit_signal_it_is_sigchld_whatever_the_flags() -> None:
    """Also where the child shares something with the caller itself."""
    done = script(
        "import nsiso, os; CLONE_FS = 0x200; print(os.waitpid(nsiso.clone(lambda: 5, CLONE_FS), 0)[1] >> 8)"
    )
    assert (done.stdout, done.returncode) == ("5\n", 0), done.stderr
