"""Does a visit lead one thread there and back, whatever happens, and is it refused where it could not end?"""

import asyncio
import contextlib
import contextvars
import fcntl
import os
import platform
import signal
import socket
import sys
import threading
import traceback
import types
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import nsiso
import pytest
from nsiso import Namespace, Spec
from spawning import apart, descriptors, here, inode, running, script, sleeper, spec, until

VISITED = ("uts", "ipc", "net", "cgroup")
THREADS, VISITS = 8, 1000


def namespace_of(made: socket.socket) -> int:
    """The inode of the net namespace that a socket is of: the kernel's word (SIOCGSKNS)."""
    fd = fcntl.ioctl(made, 0x894C)
    try:
        return os.fstat(fd).st_ino
    finally:
        os.close(fd)


@apart
def test_a_visit_leads_there_and_back() -> None:
    """Of each kind that one thread can be in by itself; the others stay."""
    with sleeper("uts,ipc,net,cgroup") as child:
        for kind in VISITED:
            home, there = here(kind), inode(f"/proc/{child.pid}/ns/{kind}")
            fds = descriptors()
            with Namespace.of(child, kind) as namespace:
                for _ in range(3):
                    with namespace.visit():
                        assert here(kind) == there != home
                        with ThreadPoolExecutor(1) as pool:
                            assert pool.submit(here, kind).result() == there, (
                                "a thread begins where it is made"
                            )
                    assert here(kind) == home
                with pytest.raises(KeyError), namespace.visit():
                    raise KeyError(kind)
                assert here(kind) == home
            assert descriptors() == fds


@apart
def test_visits_nest() -> None:
    """Also of one namespace in itself, of one object, and of several kinds."""
    with sleeper("net,uts") as first, sleeper("net") as second:
        home = here("net")
        one, two, uts = Namespace.of(first, "net"), Namespace.of(second, "net"), Namespace.of(first, "uts")
        again = one.visit()
        for _ in range(3):
            with again:
                with two.visit(), uts.visit():
                    assert (here("net"), here("uts")) == (two.inode, uts.inode)
                    with again, again:
                        assert here("net") == one.inode
                    assert here("net") == two.inode
                assert here("net") == one.inode
            assert here("net") == home


@apart
def test_a_visit_ends_where_the_thread_was() -> None:
    """Not where it was the last time: others move it too."""
    with sleeper("net") as first, sleeper("net") as second:
        one, two, home = Namespace.of(first, "net"), Namespace.of(second, "net"), Namespace.current("net")
        for place in (home, two, home, two):
            nsiso.setns(place)
            for _ in range(2):
                with one.visit():
                    assert here("net") == one.inode
                assert here("net") == place.inode


@apart
def test_visits_end_in_order_and_on_their_thread() -> None:
    """Else RuntimeError, and the thread is where it was."""
    with sleeper("net") as first, sleeper("uts") as second:
        net, uts = Namespace.of(first, "net"), Namespace.of(second, "uts")
        nothing = (None, None, None)
        outer, inner = net.visit(), uts.visit()
        with pytest.raises(RuntimeError, match="did not begin on this thread"):
            outer.__exit__(*nothing)
        home = here("net"), here("uts")
        outer.__enter__()
        inner.__enter__()
        with pytest.raises(RuntimeError, match="another visit began later"):
            outer.__exit__(*nothing)
        with ThreadPoolExecutor(1) as pool, pytest.raises(RuntimeError, match="on this thread"):
            pool.submit(inner.__exit__, *nothing).result()
        assert (here("net"), here("uts")) == (net.inode, uts.inode)
        inner.__exit__(*nothing)
        assert (here("net"), here("uts")) == (net.inode, home[1])
        # What is closed meanwhile is not what the way back hangs on.
        net.close()
        outer.__exit__(*nothing)
        assert (here("net"), here("uts")) == home
        with pytest.raises(RuntimeError, match="did not begin"):
            outer.__exit__(*nothing)


@apart
def test_many_threads_visit_at_once() -> None:
    """A thousand times each, with shared objects, while others open sockets: each is where it should be."""
    home = here("net")
    with contextlib.ExitStack() as stack:
        sleepers = [stack.enter_context(sleeper("net")) for _ in range(THREADS // 2)]
        before = descriptors()
        namespaces = [Namespace.of(child, "net") for child in sleepers]
        visits = [namespace.visit() for namespace in namespaces]
        wrong: list[tuple[int, int]] = []
        stop = threading.Event()
        start = threading.Barrier(THREADS)

        def expect(inode: int) -> None:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as made:
                if namespace_of(made) != inode:
                    wrong.append((namespace_of(made), inode))

        def visit(number: int) -> None:
            namespace, shared = namespaces[number // 2], visits[number // 2]
            there = namespace.inode
            start.wait()
            for turn in range(VISITS):
                with shared if turn % 2 else namespace.visit():
                    expect(there)
                expect(home)

        def stay() -> None:
            while not stop.is_set():
                expect(home)

        stayers = [threading.Thread(target=stay) for _ in range(3)]
        for stayer in stayers:
            stayer.start()
        with ThreadPoolExecutor(THREADS) as pool:
            done = list(pool.map(visit, range(THREADS)))
        stop.set()
        for stayer in stayers:
            stayer.join()
        assert len(done) == THREADS and not wrong, wrong[:5]
        assert here("net") == home
        for namespace in namespaces:
            namespace.close()
        # What a thread has kept goes with it, which may take a moment longer than its join.
        until(lambda: descriptors() == before, "homes are closed")
        with pytest.raises(ValueError, match="closed"), visits[0]:
            pass


@apart
def test_a_fork_in_a_visit_is_there() -> None:
    """And goes back by itself; its own visits afterwards do not ask where the parent is."""
    with sleeper("net") as first, sleeper("net") as second:
        one, two, home = Namespace.of(first, "net"), Namespace.of(second, "net"), here("net")

        def go_on(pid: int) -> None:
            if pid == 0:
                status = 1
                try:
                    assert here("net") == one.inode
                    visit.__exit__(None, None, None)
                    assert here("net") == home
                    nsiso.setns(two)
                    with one.visit():
                        assert here("net") == one.inode
                    assert here("net") == two.inode
                    status = 0
                finally:
                    if status:
                        traceback.print_exc()
                    os._exit(status)
            assert os.waitpid(pid, 0)[1] == 0

        visit = one.visit()
        with visit:
            go_on(os.fork())
        assert here("net") == home


@apart
def test_a_coroutine_does_not_visit() -> None:  # noqa: PLR0915
    """Neither by itself, nor by what goes on as it does; what it calls may."""
    child = nsiso.Popen(["sleep", "600"], spec=Spec("net"))
    net, home = Namespace.of(child, "net"), here("net")
    inside: list[int] = []

    def look() -> None:
        with net.visit():
            inside.append(here("net"))

    @contextlib.contextmanager
    def wrapped() -> Iterator[None]:
        with net.visit():
            yield

    class Manager:
        def __enter__(self) -> None:
            self.visit = net.visit()
            self.visit.__enter__()

        def __exit__(self, *raised: Any) -> None:
            self.visit.__exit__(*raised)

    def look_wrapped() -> None:
        with wrapped(), Manager(), contextlib.ExitStack() as stack:
            stack.enter_context(net.visit())
            inside.append(here("net"))

    async def plain() -> None:
        with net.visit():
            await asyncio.sleep(0)

    async def generator() -> Any:
        with net.visit():
            yield

    async def by_generator() -> None:
        async for _ in generator():
            pass

    @types.coroutine
    def old() -> Any:
        with net.visit():
            yield

    async def by_old() -> None:
        await old()

    async def by_manager() -> None:
        with wrapped():
            await asyncio.sleep(0)

    async def by_stack() -> None:
        with contextlib.ExitStack() as stack:
            stack.enter_context(net.visit())
            await asyncio.sleep(0)

    async def by_asynchronous_stack() -> None:
        async with contextlib.AsyncExitStack() as stack:
            stack.enter_context(net.visit())

    async def by_ones_own() -> None:
        with Manager():
            await asyncio.sleep(0)

    async def allowed() -> None:
        look()
        look_wrapped()
        assert net.call(here, "net") == net.inode
        await asyncio.get_running_loop().run_in_executor(None, look)

    for refused in (plain, by_generator, by_old, by_manager, by_stack, by_asynchronous_stack, by_ones_own):
        with pytest.raises(RuntimeError, match="cannot stay across an await"):
            asyncio.run(refused())
        assert here("net") == home
    asyncio.run(allowed())
    assert inside == [net.inode] * 3
    # Where no loop runs, nobody else would.
    look_wrapped()
    with contextlib.suppress(StopIteration):
        plain().send(None)
    assert here("net") == home
    child.kill()
    child.wait()


@apart
def test_who_cannot_come_back_does_not_go() -> None:
    """A home that others own by now is tried, and so is a new one."""
    with sleeper("net") as child:
        net, home = Namespace.of(child, "net"), here("net")
        with net.visit():
            pass

        def leave() -> None:
            nsiso.unshare(nsiso.Kind.USER)
            for _ in range(2):
                with sleeper("net") as own, Namespace.of(own, "net") as there:
                    with pytest.raises(PermissionError), there.visit():
                        pass
                    with pytest.raises(PermissionError):
                        there.call(os.getpid)
                    assert here("net") == home

        pid = os.fork()
        if pid == 0:
            try:
                leave()
                os._exit(0)
            except BaseException:
                traceback.print_exc()
            os._exit(1)
        assert os.waitpid(pid, 0)[1] == 0


def test_who_cannot_come_back_any_more_stays() -> None:
    """Nobody gets that thread back, and the others run on: the interpreter is not held meanwhile."""
    setns = {"x86_64": 308, "aarch64": 268}[platform.machine()]
    done = script(f"""
import os, threading, time
import nsiso
from spawning import inode, sleeper, spec, take_away

def in_own_namespaces():
    began = threading.Event()
    numbers = []

    def visit():
        with net.visit():
            numbers.append(threading.get_native_id())
            take_away({setns})  # of this thread only
            began.set()
        numbers.append(0)

    with sleeper("net") as child:
        net = nsiso.Namespace.of(child, "net")
        threading.Thread(target=visit, daemon=True).start()
        assert began.wait(20)
        for _ in range(50):
            time.sleep(0.01)
            assert inode(f"/proc/self/task/{{numbers[0]}}/ns/net") == net.inode
        assert len(numbers) == 1
    return "stayed"

print(nsiso.call(in_own_namespaces, spec=spec("net")))
""")
    assert (done.returncode, done.stdout, done.stderr) == (0, "stayed\n", "")


def test_other_kinds_are_not_visited() -> None:
    """The words say what to do instead."""
    for kind in ("mnt", "pid", "user", "time"):
        with pytest.raises(ValueError, match=f"cannot visit a {kind} namespace: use Namespace.call"):
            Namespace.current(kind).visit()


@apart
def test_a_function_is_called_in_each_kind() -> None:
    """With its arguments, its result, and its exception with where it comes from."""

    def fail(word: str) -> None:
        raise KeyError(word)

    spec = Spec("uts,ipc,net,cgroup,mnt,pid,user,time", map_root=True, cwd="/proc")
    with running(spec) as child:
        os.chdir("/usr")
        homes = {kind: here(kind) for kind in (*VISITED, "mnt", "pid", "user", "time")}
        for kind, home in homes.items():
            joined = Namespace.of(child, kind)
            assert joined.call(here, kind) == joined.inode != home, kind
            assert joined.call(lambda *args, **kwargs: (args, kwargs), 1, spec=2) == ((1,), {"spec": 2})
            with pytest.raises(KeyError, match=kind) as caught:
                joined.call(fail, kind)
            shown = "".join(traceback.format_exception(caught.type, caught.value, caught.tb))
            assert "in fail" in shown
            assert (here(kind), os.getcwd()) == (home, "/usr")
        with pytest.raises(TypeError, match="must be callable"):
            joined.call(None)  # type: ignore[arg-type]


@apart
def test_a_thread_for_mounts_is_the_callers_for_what_it_can_be() -> None:
    """It has its context, no signals, and ends; others run meanwhile."""
    word = contextvars.ContextVar("word", default="none")
    word.set("said")
    with running(spec("mnt")) as child, Namespace.of(child, "mnt") as mnt:
        ran = threading.Event()

        def look() -> tuple[str, bool, str, set[int], int]:
            word.set("inside")
            with ThreadPoolExecutor(1) as pool:
                pool.submit(ran.set).result()
            blocked = signal.pthread_sigmask(signal.SIG_BLOCK, [])
            return word.get(), ran.is_set(), os.getcwd(), blocked, threading.get_native_id()

        os.chdir("/usr")
        said, is_set, cwd, blocked, thread = mnt.call(look)
        assert (said, is_set, cwd) == ("inside", True, "/")
        assert signal.SIGINT in blocked and thread != threading.get_native_id()
        assert word.get() == "said" and os.getcwd() == "/usr"
        until(lambda: not os.path.exists(f"/proc/self/task/{thread}"), "its thread is gone")
        with pytest.raises(SystemExit):
            mnt.call(sys.exit, 3)
        fds = descriptors()
        assert [mnt.call(abs, -number) for number in range(50)] == list(range(50))
        assert descriptors() == fds


@apart
def test_what_has_only_begun_is_no_result() -> None:
    """It would go on outside, where nobody expects it."""

    async def later() -> None:
        """Do nothing."""

    def steps() -> Iterator[int]:
        yield 1

    async def both() -> Any:
        yield 1

    for kind in ("net", "mnt"):
        for begun in (later, steps, both):
            with pytest.raises(TypeError, match="only begun"):
                Namespace.current(kind).call(begun)
