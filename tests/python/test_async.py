"""Is what create_subprocess_exec gives an asyncio Process, and is nothing left of what is called off?"""

import asyncio
import errno
import os
import signal
import subprocess
import threading
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Callable

import nsiso
import pytest
from nsiso import AsyncProcess, create_subprocess_exec, create_subprocess_shell
from spawning import ROOT, children, descriptors, script, spec

PIPE, STDOUT, DEVNULL = subprocess.PIPE, subprocess.STDOUT, subprocess.DEVNULL
BOX = spec("uts", hostname="box")


def left_nothing(check: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run it in a loop of its own, after which there are no more children and descriptors than before."""
    before, open_before = children(), descriptors()
    asyncio.run(check())
    assert children() <= before and descriptors() <= open_before


async def end(child: AsyncProcess) -> int:
    """End a child that nobody wants any more."""
    child.kill()
    return await child.wait()


def test_it_is_an_asyncio_process() -> None:
    """Its streams, its end and its signals."""

    async def check() -> None:
        child = await create_subprocess_exec(
            "sh",
            "-c",
            "read -r line; echo $line; hostname >&2; exit 3",
            spec=BOX,
            stdin=PIPE,
            stdout=PIPE,
            stderr=PIPE,
        )
        assert isinstance(child, asyncio.subprocess.Process)
        assert child.stdin is not None and child.stdout is not None and child.stderr is not None
        child.stdin.write(b"said\n")
        await child.stdin.drain()
        assert (await child.stdout.readline(), await child.stderr.read()) == (b"said\n", b"box\n")
        assert (await child.wait(), child.returncode) == (3, 3)
        assert child.usage is not None and child.usage.max_rss > 0
        both = await create_subprocess_exec(
            "sh", "-c", "cat; echo e >&2", stdin=PIPE, stdout=PIPE, stderr=STDOUT
        )
        assert (await both.communicate(b"o\n"))[0] == b"o\ne\n"
        for send, number in ((AsyncProcess.terminate, signal.SIGTERM), (AsyncProcess.kill, signal.SIGKILL)):
            sleeper = await create_subprocess_exec("sleep", "600", stdin=DEVNULL)
            assert sleeper.returncode is None and sleeper.pid in children()
            send(sleeper)
            assert {*await asyncio.gather(sleeper.wait(), sleeper.wait())} == {-number}
        long = await create_subprocess_exec("head", "-c", "200000", "/dev/zero", stdout=PIPE, limit=100)
        assert long.stdout is not None
        with pytest.raises(asyncio.LimitOverrunError):
            await long.stdout.readuntil(b"\n")
        assert len(await long.stdout.read()) == 200_000 and await long.wait() == 0

    left_nothing(check)


def test_it_is_in_its_namespaces() -> None:
    """As the kernel shows them; and they can be opened and joined."""

    async def check() -> None:
        child = await create_subprocess_exec("sleep", "600", spec=BOX, hostname="other")
        assert child.pidfd is not None and child.namespaces["net"] == nsiso.links()["net"]
        its = os.stat(f"/proc/{child.pid}/ns/uts").st_ino
        assert child.namespaces["uts"].inode == its != nsiso.links()["uts"].inode
        with nsiso.Namespace.of(child, "uts") as uts:
            assert uts.inode == its
        fd = child.open_namespace("uts")
        assert os.fstat(fd).st_ino == its
        os.close(fd)
        kinds = "uts" if ROOT else "user,uts"
        told = await create_subprocess_shell("hostname", stdout=PIPE, join=(child.pid, kinds))
        assert (await told.communicate())[0] == b"other\n"
        await end(child)

    left_nothing(check)


def test_a_line_of_shell() -> None:
    """As asyncio has it."""

    async def check() -> None:
        child = await create_subprocess_shell("hostname; exit 7", stdout=PIPE, spec=BOX)
        assert ((await child.communicate())[0], child.returncode) == (b"box\n", 7)
        with pytest.raises(ValueError, match="cmd must be a string"):
            await create_subprocess_shell(["ls"])  # type: ignore[arg-type]

    left_nothing(check)


@pytest.mark.parametrize(
    ("program", "options", "kind", "said"),
    [
        ("no-such-program", {}, FileNotFoundError, "exec"),
        ("/etc/passwd", {"spec": BOX}, PermissionError, "exec"),
        ("true", {"cwd": "/nowhere"}, FileNotFoundError, "chdir"),
        ("true", {"hostname": "x"}, nsiso.Error, "plan"),
        ("true", {"unshare": "foo"}, ValueError, "no kind"),
        ("true", {"nonsense": 1}, TypeError, "nonsense"),
        ("true", {"text": True}, ValueError, "text must be False"),
        ("true", {"encoding": "utf-8"}, ValueError, "encoding must be None"),
        ("true", {"shell": True}, ValueError, "shell must be False"),
        ("true", {"bufsize": 1}, ValueError, "bufsize must be 0"),
    ],
)
def test_what_cannot_be_started(program: str, options: Any, kind: type[Exception], said: str) -> None:
    """Says so, and nothing is left."""

    async def check() -> None:
        with pytest.raises(kind) as refused:
            await create_subprocess_exec(program, stdin=PIPE, stdout=PIPE, **options)
        if isinstance(refused.value, nsiso.Error):
            assert refused.value.step == said
        else:
            assert said in str(refused.value) and not issubclass(kind, OSError)

    left_nothing(check)


def test_a_hundred_at_once() -> None:
    """Each with its own namespace, streams and end."""

    async def one(number: int) -> None:
        child = await create_subprocess_shell(
            f"hostname; readlink /proc/self/ns/uts; exit {number}",
            spec=BOX,
            hostname=f"n{number}",
            stdout=PIPE,
        )
        output, _ = await child.communicate()
        name, link = output.decode().split()
        assert (name, child.returncode) == (f"n{number}", number)
        links.add(link)

    async def check() -> None:
        await asyncio.gather(*map(one, range(100)))

    links: set[str] = set()
    left_nothing(check)
    assert len(links) > 1  # the kernel gives inodes again


def test_a_wait_that_is_given_up_ends_nothing() -> None:
    """As asyncio has it: the child runs on."""

    async def check() -> None:
        child = await create_subprocess_exec("sleep", "600", stdout=PIPE)
        for wait in (child.wait, child.communicate):
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(wait(), 0.05)
        assert child.pid in children()
        await end(child)

    left_nothing(check)


def test_whoever_cancels_early_or_late_leaves_nothing() -> None:
    """At any moment of a start: called off, or killed and reaped."""

    async def check() -> None:
        cancelled = 0
        for turn in range(150):
            task = asyncio.create_task(
                create_subprocess_exec("sleep", "600", spec=BOX, stdin=PIPE, stdout=PIPE)
            )
            await asyncio.sleep(turn * 0.00002)
            task.cancel()
            try:
                await end(await task)
            except asyncio.CancelledError:
                cancelled += 1
            assert not children()
        assert cancelled

    left_nothing(check)


def test_one_that_waits_for_a_thread_is_called_off_at_once() -> None:
    """And is not started when there is one."""

    async def check() -> None:
        loop, free = asyncio.get_running_loop(), threading.Event()
        loop.set_default_executor(executor := ThreadPoolExecutor(1))
        busy = loop.run_in_executor(None, free.wait)
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(create_subprocess_exec("sleep", "600"), 0.05)
        free.set()
        await busy
        executor.shutdown()
        assert not children()

    left_nothing(check)


def test_another_thread_calls_it_off_too() -> None:
    """By a token, before; a command that runs already runs on."""

    async def check() -> None:
        token = nsiso.Cancel()
        child = await create_subprocess_exec("sleep", "600", cancel=token)
        token.cancel()
        with pytest.raises(nsiso.Error) as off:
            await create_subprocess_exec("sleep", "600", cancel=token)
        assert off.value.errno == errno.ECANCELED and children() == {child.pid}
        await end(child)

    left_nothing(check)


def test_a_set_up_that_hangs_keeps_nobody_waiting() -> None:
    """The loop goes on meanwhile; timeouts of asyncio's and of the set-up's own end it, and tokens."""
    done = script(
        """
import asyncio, nsiso, threading
from spawning import children, descriptors, stall
stall()  # and with this thread those that it starts
async def ticks(seconds):
    for _ in range(int(seconds / 0.01)):
        await asyncio.sleep(0.01)
async def main():
    start = lambda **options: nsiso.create_subprocess_exec("true", new_session=True, **options)
    await nsiso.create_subprocess_exec("true")
    before = descriptors()
    task = asyncio.create_task(start())
    await asyncio.wait_for(ticks(0.3), 30)
    assert not task.done() and len(children()) >= 1
    task.cancel()
    try:
        await task
    except asyncio.CancelledError:
        print("cancelled", children())
    try:
        await asyncio.wait_for(start(), 0.2)
    except asyncio.TimeoutError:
        print("late", children())
    try:
        await start(setup_timeout=0.2)
    except TimeoutError as late:
        print(isinstance(late, nsiso.Error), children())
    token = nsiso.Cancel()
    threading.Timer(0.2, token.cancel).start()
    try:
        await start(cancel=token)
    except nsiso.Error as off:
        print(off.errno, children())
    print(descriptors() <= before + 1)  # the first child's pidfd may be open
asyncio.run(main())
"""
    )
    assert done.stdout.splitlines() == [
        "cancelled set()",
        "late set()",
        "True set()",
        f"{errno.ECANCELED} set()",
        "True",
    ], done.stderr


def test_a_loop_of_another_thread() -> None:
    """Needs no watcher of the main thread's."""

    async def check() -> None:
        child = await create_subprocess_exec("sh", "-c", "exit 4", spec=BOX)
        codes.append(await child.wait())

    codes: list[int] = []
    thread = threading.Thread(target=lambda: left_nothing(check))
    thread.start()
    thread.join()
    assert codes == [4]


@pytest.mark.parametrize("handler", ["signal.SIG_IGN", "reap"])
def test_a_host_that_reaps_or_ignores_its_children(handler: str) -> None:
    """The true end, or asyncio's number for an unknown one, is told."""
    done = script(
        f"""
import asyncio, logging, nsiso, os, signal
logging.disable()
def reap(*args):
    try:
        while os.waitpid(-1, os.WNOHANG)[0]: pass
    except ChildProcessError: pass
signal.signal(signal.SIGCHLD, {handler})
async def main():
    for turn in range(20):
        child = await nsiso.create_subprocess_exec("sh", "-c", "exit 9")
        assert await child.wait() in (9, 255), child.returncode
    print("well")
asyncio.run(main())
"""
    )
    assert (done.stdout, done.stderr) == ("well\n", "")


def test_a_kernel_without_pidfds() -> None:
    """As before Linux 5.3, and where none can be had any more: the end is told all the same."""
    done = script(
        """
import asyncio, nsiso, os
from spawning import take_away
dup, pidfd_send_signal, pidfd_open = {"x86_64": 32, "aarch64": 23}[os.uname().machine], 424, 434
take_away(dup, pidfd_send_signal, pidfd_open)
async def main():
    child = await nsiso.create_subprocess_exec("sh", "-c", "read -r line; exit $line", stdin=-1)
    await asyncio.sleep(0.1)
    await child.communicate(b"8")
    print(child.returncode)
    child = await nsiso.create_subprocess_exec("sleep", "600")
    child.kill()
    print(await child.wait())
asyncio.run(main())
"""
    )
    assert (done.stdout, done.stderr) == ("8\n-9\n", "")


def test_the_loops_own_namespaces_are_those_of_the_child() -> None:
    """Also where the executor's thread was there before, and where there can be no other thread."""
    done = script(
        """
import asyncio, nsiso, socket
from nsiso import Kind
from spawning import ROOT
async def said(line):
    child = await nsiso.create_subprocess_shell(line, stdout=-1)
    return (await child.communicate())[0].decode().strip()
async def main():
    await said("true")  # now the executor has a thread
    nsiso.unshare(Kind.UTS)
    socket.sethostname("moved")
    print(await said("hostname"), await said("hostname"))
if not ROOT:
    nsiso.unshare(Kind.USER)
asyncio.run(main())
nsiso.unshare(Kind.PID)
print(asyncio.run(said("echo $$")))
"""
    )
    assert (done.stdout, done.stderr) == ("moved moved\n1\n", "")


def test_a_loop_that_ends_before_the_child() -> None:
    """Kills it, as asyncio's own, and leaves no descriptor."""
    done = script(
        """
import asyncio, gc, nsiso, warnings
from spawning import children, descriptors
warnings.simplefilter("ignore")
before = descriptors()
async def main():
    return await nsiso.create_subprocess_exec("sleep", "600")
child = asyncio.run(main())
del child
gc.collect()
while children():
    nsiso.run(["true"])  # reaps what has ended
print(children(), descriptors() - before)
"""
    )
    assert (done.stdout, done.stderr) == ("set() 0\n", "")


def test_the_childs_pidfd_is_its_owners() -> None:
    """Who waits by it in the same loop does not keep the process from ending."""

    async def check() -> None:
        loop, seen = asyncio.get_running_loop(), asyncio.Event()
        child = await create_subprocess_exec("cat", stdin=PIPE)
        assert child.pidfd is not None and child.stdin is not None
        loop.add_reader(child.pidfd, seen.set)
        child.stdin.close()
        assert await child.wait() == 0
        await seen.wait()
        loop.remove_reader(child.pidfd)

    left_nothing(check)


def test_asyncio_is_imported_by_who_needs_it() -> None:
    """It takes longer than all the rest."""
    done = script("import sys, nsiso; print('asyncio' in sys.modules, nsiso.AsyncProcess.__name__)")
    assert (done.stdout, done.stderr) == ("False AsyncProcess\n", "")
    with pytest.raises(AttributeError, match="no attribute 'Nonsense'"):
        _ = nsiso.Nonsense
