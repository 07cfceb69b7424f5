"""Does a call work in any host and leave it as it was: threads, signals, fork hooks, buffers, loops?"""

import errno
import os
import threading
import time
from typing import Any

import nsiso
import pytest
from spawning import children, descriptors, script, spec, until

CALLS = 400


def test_ctrl_c_and_what_handlers_raise_end_the_call() -> None:
    """Wherever it is; the process is killed and reaped, and nothing stays open."""
    done = script(
        """
import nsiso, signal, time
from spawning import children, descriptors, spec, stall
class Alarm(Exception): pass
def alarm(number, frame):
    raise Alarm
signal.signal(signal.SIGALRM, alarm)
signal.signal(signal.SIGVTALRM, signal.default_int_handler)
def work(end):
    while time.monotonic() < end:
        sum(range(1000))
    return b"x" * (100 << 20)
before = descriptors()
def ends(expected, *args, **options):
    start = time.monotonic()
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.3)
        nsiso.call(*args, **options)
    except expected:
        print(time.monotonic() - start < 50, children(), descriptors() - before)
for box in (None, spec("pid,uts")):
    ends(Alarm, time.sleep, 600, spec=box, timeout=500)
    ends(Alarm, work, time.monotonic() + 600, spec=box)
signal.signal(signal.SIGALRM, signal.default_int_handler)
ends(KeyboardInterrupt, time.sleep, 600)
stall()
before = descriptors()
ends(KeyboardInterrupt, time.sleep, 600, spec=nsiso.Spec(new_session=True))
"""
    )
    assert (done.stdout, done.stderr) == ("True set() 0\n" * 6, "")


def test_handlers_run_while_a_call_goes_on() -> None:
    """With what they do not raise it goes on; and they are the copy's too."""
    done = script(
        """
import nsiso, os, signal
ticks = []
reader, writer = os.pipe()
def tick(number, frame):
    ticks.append(os.getpid())
    if len(ticks) == 4:
        os.write(writer, b"!")
signal.signal(signal.SIGALRM, tick)
signal.setitimer(signal.ITIMER_REAL, 0.05, 0.05)
def work():
    os.read(reader, 1)
    os.kill(os.getpid(), signal.SIGALRM)
    return ticks[-1] == os.getpid(), signal.getitimer(signal.ITIMER_REAL)
print(nsiso.call(work, timeout=50), len(ticks) > 3, set(ticks) == {os.getpid()})
"""
    )
    assert (done.stdout, done.stderr) == ("(True, (0.0, 0.0)) True True\n", "")


def test_an_event_loop_hears_nothing_of_the_functions_signals() -> None:
    """The copy does not write to the caller's wakeup descriptor, whose handler sees only the caller's own."""
    done = script(
        """
import asyncio, nsiso, os, signal
async def main():
    heard = []
    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, heard.append, 1)
    async def other():
        for turn in range(30):
            await asyncio.sleep(0.01)
        return "other"
    def inside():
        os.kill(os.getpid(), signal.SIGUSR1)
        return 7
    print(nsiso.call(inside), heard)
    await asyncio.sleep(0.1)
    print(heard, await asyncio.gather(asyncio.to_thread(nsiso.call, int, "8"), other()))
    os.kill(os.getpid(), signal.SIGUSR1)
    await asyncio.sleep(0.1)
    print(heard)
asyncio.run(main())
"""
    )
    assert (done.stdout, done.stderr) == ("7 []\n[] [8, 'other']\n[1]\n", "")


@pytest.mark.parametrize("kinds", ["", "pid", "pid,time"])
def test_fork_hooks_run_once_each_where_they_belong(kinds: str) -> None:
    """In the caller before and after, in the process of the function; with the signals of the caller."""
    done = script(
        f"""
import nsiso, os, signal, threading
from spawning import spec
def mask():
    return signal.pthread_sigmask(signal.SIG_BLOCK, [])
told, masks = [], []
def hook(name):
    return lambda: (told.append((name, os.getpid())), masks.append(mask()))
os.register_at_fork(before=hook("before"), after_in_parent=hook("parent"), after_in_child=hook("child"))
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR2])
me = os.getpid()
def inside():
    assert threading.main_thread() is threading.current_thread() and threading.active_count() == 1
    return told, os.getpid(), masks, mask()
seen, pid, *seen_masks = nsiso.call(inside, spec=spec({kinds!r}))
print(seen == [("before", me), ("child", pid)], told == [("before", me), ("parent", me)])
print(*seen_masks[0], *masks, mask(), seen_masks[1])
"""
    )
    same = " ".join(["{<Signals.SIGUSR2: 12>}"] * 6)
    assert (done.stdout, done.stderr) == (f"True True\n{same}\n", "")


def test_what_stands_in_buffers_is_written_once() -> None:
    """Whatever other threads print meanwhile, and in the order in which the caller and the function print."""
    done = script(
        """
import nsiso, sys, threading, time
sys.stdout = open(1, "w", closefd=False)
end = threading.Event()
def work(name):
    number = 0
    while not end.is_set():
        line = f"{name}-{number}\\n"
        # Text of two threads would get lost in the interpreter itself, before Python 3.12.4.
        sys.stdout.buffer.write(line.encode()) if name else sys.stdout.write(line)
        number += 1
        time.sleep(0.00005)
sys.stdout.write("first\\n")
nsiso.call(print, "second")
threads = [threading.Thread(target=work, args=(name,)) for name in range(4)]
for thread in threads: thread.start()
for turn in range(200):
    nsiso.call(print, "inside", turn)
end.set()
for thread in threads: thread.join()
"""
    )
    lines = done.stdout.splitlines()
    assert done.stderr == "" and lines[:2] == ["first", "second"]
    assert [line for line in lines if line.startswith("inside")] == [f"inside {turn}" for turn in range(200)]
    assert len(lines) == len(set(lines)) > 1000, "a line was written twice"


@pytest.mark.parametrize("where", ["stream=sys.stderr", "filename=os.devnull"])
def test_a_stream_that_another_thread_is_writing_to(where: str) -> None:
    """Its lock is held at the fork; the function prints and logs nevertheless."""
    done = script(
        f"""
import logging, nsiso, os, select, sys, threading
logging.basicConfig({where})
reader, writer = os.pipe()
kept = os.dup(2)
number = logging.root.handlers[0].stream.fileno()
os.dup2(writer, number)
thread = threading.Thread(target=logging.error, args=("x" * 200_000,))
thread.start()
select.select([reader], [], [], 50)
def inside():
    os.dup2(kept, number)
    logging.error("words")
    return 5
def emptied():
    while os.read(reader, 1 << 16): pass
print(nsiso.call(inside, timeout=30))
threading.Thread(target=emptied, daemon=True).start()
thread.join()
os.dup2(kept, number)
"""
    )
    assert (done.stdout, done.stderr) == ("5\n", "ERROR:root:words\n")


def test_many_calls_while_threads_allocate_log_and_import() -> None:
    """None hangs, none is lost, nothing is left."""
    done = script(
        f"""
import logging, os, nsiso, re, sys, threading, time, zlib
from spawning import children, descriptors, spec
sink = open(os.devnull, "w")
logging.basicConfig(stream=sink)
sys.setswitchinterval(1e-5)
end = threading.Event()
def work(number):
    while not end.is_set():
        ballast = [bytearray(1000 + n) for n in range(50)]
        logging.error("%s", len(ballast))
        re.compile(f"a{{time.monotonic_ns()}}")
        zlib.compress(os.urandom(1 << 16))
threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
before = descriptors()
for thread in threads: thread.start()
def inside(number):
    logging.error("inside")
    import colorsys
    return number, len([bytearray(5000) for _ in range(100)]), zlib.crc32(b"x"), os.getpid()
boxes = [None, spec("uts"), spec("pid"), spec("pid,mnt,time")]
for number in range({CALLS}):
    box = boxes[number % 4]
    told = nsiso.call(inside, number, spec=box, timeout=120)
    assert told[:3] == (number, 100, zlib.crc32(b"x")), told
    assert (told[3] == 1) == (number % 4 > 1), told
end.set()
for thread in threads: thread.join()
print(children(), descriptors() - before)
""",
        timeout=500,
    )
    assert (done.stdout, done.stderr) == ("set() 0\n", "")


def test_eight_threads_that_call_at_once() -> None:
    """Each gets its own answer, and none waits for another's function."""
    wrong: list[Any] = []
    token = nsiso.Cancel()
    reader, writer = os.pipe()
    before = descriptors(), children()

    def begin_and_stay() -> None:
        os.write(writer, b"!")
        time.sleep(600)

    def linger() -> None:
        try:
            nsiso.call(begin_and_stay, spec=spec("pid"), cancel=token)
            wrong.append("it came to its end")
        except nsiso.Error as error:
            if error.errno != errno.ECANCELED:
                wrong.append(error)

    def work(number: int) -> None:
        for turn in range(40):
            name = f"box-{number}-{turn}"
            try:
                told = nsiso.call(os.uname, spec=spec("uts", hostname=name), timeout=100).nodename
                if told != name:
                    wrong.append((name, told))
            except Exception as error:
                wrong.append((name, error))

    lingering = threading.Thread(target=linger)
    lingering.start()
    assert os.read(reader, 1) == b"!"
    threads = [threading.Thread(target=work, args=(number,)) for number in range(7)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # All have their answers, and that function still lingers.
    assert lingering.is_alive()
    token.cancel()
    lingering.join()
    until(lambda: nsiso.call(int) == 0 and (descriptors(), children()) == before, "something is left")
    os.close(reader)
    os.close(writer)
    assert wrong == []


@pytest.mark.parametrize("ignored", [True, False])
def test_a_host_that_reaps_or_ignores_its_children(ignored: bool) -> None:
    """The result comes all the same, and an end without one is told."""
    handler = "signal.SIG_IGN" if ignored else "reap"
    done = script(
        f"""
import nsiso, os, signal
from spawning import children, spec
def reap(*args):
    try:
        while os.waitpid(-1, os.WNOHANG)[0]: pass
    except ChildProcessError: pass
signal.signal(signal.SIGCHLD, {handler})
for turn in range(20):
    assert nsiso.call(int, "7", spec=spec("pid" if turn % 2 else "uts")) == 7
    try:
        nsiso.call(os._exit, 9)
    except nsiso.NoResult as ended:
        assert ended.returncode in (9, None), ended
    try:
        nsiso.call(signal.pause, timeout=0.05)
    except TimeoutError:
        assert not children()
print("well")
"""
    )
    assert (done.stdout, done.stderr) == ("well\n", "")


def test_a_kernel_without_pidfds() -> None:
    """As before Linux 5.3: results, timeouts and ends are told all the same."""
    done = script(
        """
import nsiso, os, time
from spawning import children, descriptors, spec, take_away
pidfd_send_signal, pidfd_open = 424, 434
take_away(pidfd_send_signal, pidfd_open)
before = descriptors()
for kinds in ("", "uts", "pid"):
    print(nsiso.call(lambda: len(b"x" * (1 << 20)), spec=spec(kinds)), end=" ")
    try:
        nsiso.call(os._exit, 5, spec=spec(kinds))
    except nsiso.NoResult as ended:
        print(ended.returncode, end=" ")
    try:
        nsiso.call(time.sleep, 600, spec=spec(kinds), timeout=0.3)
    except TimeoutError as late:
        print(late.step, children(), descriptors() - before)
"""
    )
    assert (done.stdout, done.stderr) == ("1048576 5 call set() 0\n" * 3, "")
