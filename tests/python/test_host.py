"""Does starting and waiting work in any host: with threads, signals, an ignored SIGCHLD, others who reap?"""

import errno
import os
import threading
from pathlib import Path
from typing import Any

import nsiso
import pytest
from nsiso import Spec
from spawning import ROOT, children, descriptors, script, spec

# Linux 6.15 keeps the status of a process that others have reaped.
KEEPS_STATUS = tuple(int(number) for number in os.uname().release.split(".")[:2]) >= (6, 15)


def test_eight_threads_that_start_at_once() -> None:
    """Each gets its own child's answer; nothing is left."""
    box = spec("uts,ipc,mnt,pid,net", proc=True)
    before = descriptors(), children()
    wrong: list[Any] = []

    def work(number: int) -> None:
        for turn in range(20):
            name = f"box-{number}-{turn}"
            try:
                told = nsiso.check_output(
                    "hostname; echo $$", shell=True, spec=box.replace(hostname=name), text=True
                )
                if told != f"{name}\n1\n":
                    wrong.append((name, told))
            except Exception as error:
                wrong.append((name, error))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert (descriptors(), children()) == before


def test_many_threads_wait_for_one_child() -> None:
    """And all are told."""
    with nsiso.Popen("sleep 0.2; exit 5", shell=True, spec=spec("pid")) as child:
        told: list[int] = []
        threads = [threading.Thread(target=lambda: told.append(child.wait())) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert told == [5] * 8


def test_the_interpreter_stays_as_it_was() -> None:
    """Whatever the child became."""

    def state() -> list[str]:
        wanted = (
            "SigBlk",
            "SigIgn",
            "SigCgt",
            "Cap",
            "Uid",
            "Gid",
            "Groups",
            "Umask",
            "NoNewPrivs",
            "Seccomp",
        )
        status = Path("/proc/self/status").read_text().splitlines()
        links = [os.readlink(f"/proc/thread-self/ns/{name}") for name in os.listdir("/proc/thread-self/ns")]
        limits = Path("/proc/self/limits").read_text()
        owner = str(Path("/proc/self/mem").stat().st_uid)
        return [*(line for line in status if line.startswith(wanted)), *links, limits, owner, os.getcwd()]

    before = state()
    everything = Spec(
        "user,pid,mnt,uts,ipc,net,cgroup,time",
        map_root=True,
        hostname="h",
        proc=True,
        time_offsets={"boottime": 1},
        cwd="/",
        umask=0,
        uid=0,
        gid=0,
        new_session=True,
        rlimits={7: (64, 64)},
        no_new_privs=True,
    )
    for described in (everything, everything.replace(own_memory=True)):
        assert nsiso.run(["true"], spec=described, user=0).returncode == 0
        with pytest.raises(FileNotFoundError):
            nsiso.run(["no-such-program"], spec=described)
    if ROOT:
        assert nsiso.check_output(["id", "-u"], user=1, group=1, extra_groups=[]) == b"1\n"
    assert state() == before


def test_ctrl_c_while_waiting() -> None:
    """The wait ends with KeyboardInterrupt, the child runs on."""
    done = script(
        """
import nsiso, os, signal, threading
child = nsiso.Popen(["sleep", "600"], start_new_session=True)
try:
    threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()
    child.wait()
except KeyboardInterrupt:
    assert child.poll() is None
    child.kill()
    print("interrupted", child.wait())
"""
    )
    assert (done.stdout, done.stderr) == ("interrupted -9\n", "")


def test_ctrl_c_during_the_set_up() -> None:
    """It is given up and nothing is left: no child, no descriptor."""
    done = script(
        """
import nsiso, os, signal, threading
from spawning import children, descriptors, stall
stall()
before = descriptors()
for own_memory in (False, True):
    timer = threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT))
    try:
        timer.start()
        nsiso.Popen(["true"], new_session=True, own_memory=own_memory, stdout=-1)
    except KeyboardInterrupt:
        timer.join()
        print("interrupted", children(), descriptors() - before)
"""
    )
    assert (done.stdout, done.stderr) == ("interrupted set() 0\n" * 2, "")


def test_a_set_up_that_takes_too_long_while_other_threads_and_handlers_work() -> None:
    """TimeoutError in time; the interpreter lock was free, and handlers ran that raised nothing."""
    done = script(
        """
import nsiso, signal, threading, time
from spawning import children, stall
stall()
turns, ticks, end = [], [], threading.Event()
def work():
    while not end.is_set():
        turns.append(1)
        time.sleep(0.01)
thread = threading.Thread(target=work)
thread.start()
signal.signal(signal.SIGALRM, lambda number, frame: ticks.append(1))
signal.setitimer(signal.ITIMER_REAL, 0.05, 0.05)
# On a busy machine it takes longer until all have had their turn.
for timeout in (0.5, 2, 8, 30):
    start, before = time.monotonic(), (len(turns), len(ticks))
    try:
        nsiso.run(["true"], new_session=True, setup_timeout=timeout)
    except TimeoutError as late:
        took = time.monotonic() - start
        assert isinstance(late, nsiso.Error) and late.step == "set up" and "timeout" in late.cause, late
        assert timeout <= took < timeout + 30, took
        assert children() == set()
        if len(turns) - before[0] > 10 and len(ticks) - before[1] > 3:
            print("late")
            break
signal.setitimer(signal.ITIMER_REAL, 0)
end.set()
thread.join()
""",
        timeout=200,
    )
    assert (done.stdout, done.stderr) == ("late\n", "")


def test_handlers_run_while_waiting() -> None:
    """And the wait goes on after them."""
    done = script(
        """
import nsiso, os, signal
ticks = []
reader, writer = os.pipe()
def tick(number, frame):
    ticks.append(1)
    if len(ticks) == 4:
        os.write(writer, b"\\n")
signal.signal(signal.SIGALRM, tick)
signal.setitimer(signal.ITIMER_REAL, 0.05, 0.05)
print(nsiso.run("read line; exit 5", shell=True, stdin=reader).returncode, len(ticks) > 3)
"""
    )
    assert (done.stdout, done.stderr) == ("5 True\n", "")


@pytest.mark.parametrize(
    "reaper",
    [
        "signal.signal(signal.SIGCHLD, signal.SIG_IGN)",
        "signal.signal(signal.SIGCHLD, lambda *args: reap(os.WNOHANG))",
        "threading.Thread(target=reap, args=(0,), daemon=True).start()",
    ],
    ids=["ignored SIGCHLD", "handler that reaps all", "thread that reaps all"],
)
def test_a_host_that_reaps(reaper: str) -> None:
    """The true status where the kernel keeps it, else ChildProcessError that says why; never another's."""
    done = script(
        f"""
import errno, nsiso, os, signal, threading, time
from spawning import spec
def reap(options):
    while True:
        try:
            if os.waitpid(-1, options)[0] == 0:
                return
        except ChildProcessError:
            if options:
                return
            time.sleep(0.001)
{reaper}
for kinds in ("", "pid,uts"):
    for _ in range(20):
        child = nsiso.Popen("exit 7", shell=True, spec=spec(kinds))
        time.sleep(0.005)
        try:
            print(child.wait())
        except ChildProcessError as gone:
            assert "reaped" in gone.cause, gone
            print("gone")
"""
    )
    told = set(done.stdout.split())
    assert done.stderr == "" and len(done.stdout.split()) == 40
    assert told == {"7"} if KEEPS_STATUS else told <= {"7", "gone"}


def test_a_status_that_nobody_knows_is_not_made_up() -> None:
    """As on kernels that keep none: wait and poll raise, and the rest goes on as far as it can."""

    class Reaped:
        """A process that others have reaped."""

        pid, pidfd, usage = 1, None, None

        def poll(self) -> int:
            raise nsiso.Error(
                errno.ECHILD, "wait: ECHILD", "wait", "process 1", "reaped by somebody else", ""
            )

        def wait(self, timeout: object) -> int:
            return self.poll()

        def send_signal(self, number: int) -> None:
            raise ProcessLookupError

    child: nsiso.Popen[bytes] = nsiso.Popen(["true"])
    child.wait()
    child.returncode = None
    child._process = Reaped()  # type: ignore[assignment]
    for ask in (child.wait, child.poll, lambda: child.wait(timeout=1)):
        with pytest.raises(ChildProcessError, match="ECHILD"):
            ask()
    child.kill()
    with pytest.warns(ResourceWarning):
        child.__del__()
    assert child.returncode is not None


def test_a_forked_copy_of_the_host_cannot_wait() -> None:
    """It is not its child; and what it drops does no harm to the child."""
    done = script(
        """
import gc, nsiso, os
child = nsiso.Popen(["cat"], stdin=-1, kill_on_drop=True)
copy = os.fork()
if copy == 0:
    try:
        child.wait()
    except ChildProcessError as error:
        assert "forked copy" in error.cause, error
        del child
        gc.collect()
        os._exit(3)
    os._exit(4)
assert os.waitpid(copy, 0)[1] >> 8 == 3
assert child.poll() is None
child.stdin.close()
print(child.wait())
"""
    )
    assert (done.stdout, done.stderr) == ("0\n", "")


def test_audit_hooks_hear_of_it() -> None:
    """The same event as subprocess's."""
    done = script(
        """
import nsiso, sys
heard = []
sys.addaudithook(lambda event, args: event == "subprocess.Popen" and heard.append(args))
nsiso.run(["true", "x"], cwd="/")
print(heard)
"""
    )
    assert (done.stdout, done.stderr) == ("[('true', ['true', 'x'], '/', None)]\n", "")
