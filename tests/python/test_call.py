"""Does a function that is called in namespaces give its result back, or tell what became of it?"""

import hashlib
import os
import pickle
import signal
import sys
import time
from pathlib import Path
from typing import Any, Callable, NoReturn

import nsiso
import pytest
from nsiso import Kind, NoResult, Spec
from spawning import ROOT, children, descriptors, field, running, script, spec, until

LARGE = 50 << 20


@pytest.fixture(autouse=True)
def nothing_is_left() -> Any:
    """Neither a process nor a descriptor, whatever a call came to; a later start sees the end of reapers."""
    before = descriptors(), children()
    yield
    until(lambda: nsiso.call(int) == 0 and (descriptors(), children()) == before, "something is left")


def test_result_and_arguments() -> None:
    """Of any type that can be pickled; the function need not be."""
    assert nsiso.call(divmod, 7, 2) == (3, 1)
    assert nsiso.call(sorted, [1, 3, 2], reverse=True, timeout=60) == [3, 2, 1]
    base = 40
    assert nsiso.call(lambda number: base + number, 2, spec=spec("uts")) == 42
    assert nsiso.call(lambda: None) is None
    returned = nsiso.call(lambda: ValueError("not raised"))
    assert isinstance(returned, ValueError) and returned.__cause__ is None


def test_what_a_type_checker_is_told() -> None:
    """The result's type is the function's; without options, its arguments' are too."""
    number: int = nsiso.call(len, "abc", timeout=60)
    words: str = nsiso.call(str.upper, "abc")
    assert (number, words) == (3, "ABC")
    with pytest.raises(TypeError, match="has no len"):
        nsiso.call(len, 5)  # type: ignore[call-overload]


@pytest.mark.parametrize("kinds", ["", "pid"])
def test_a_result_much_larger_than_a_pipe(kinds: str) -> None:
    """It is read while the function's process writes it."""
    block = os.urandom(1 << 20)
    result = nsiso.call(lambda: block * (LARGE >> 20), spec=spec(kinds), timeout=120)
    assert len(result) == LARGE
    assert hashlib.sha256(result).digest() == hashlib.sha256(block * (LARGE >> 20)).digest()


def test_it_is_a_process_of_its_own() -> None:
    """The caller's child and a copy of it; what it changes stays there."""
    seen: list[int] = []

    def work() -> tuple[int, list[int]]:
        seen.append(1)
        return os.getppid(), seen

    assert nsiso.call(work) == (os.getpid(), [1])
    assert seen == [] and nsiso.call(os.getpid) != os.getpid()
    assert nsiso.call(lambda: nsiso.call(os.getppid) == os.getpid()), "a call within a call"


def deeper(error: BaseException) -> NoReturn:
    """Raise."""
    raise error


class Custom(Exception):
    """An exception that needs two arguments, as its pickle does not know."""

    def __init__(self, one: int, other: int) -> None:
        super().__init__(f"{one} and {other}")


@pytest.mark.parametrize(
    "error",
    [
        ValueError("words", 7),
        KeyboardInterrupt(),
        StopIteration(3),
        FileNotFoundError(2, "no", "file"),
        LookupError("x" * (10 << 20)),
    ],
    ids=lambda error: type(error).__name__,
)
def test_an_exception_comes_back(error: BaseException) -> None:
    """With the text of where it was raised."""
    with pytest.raises(type(error)) as raised:
        nsiso.call(deeper, error, spec=spec("pid"))
    assert type(raised.value) is type(error) and raised.value.args == error.args
    told = str(raised.value.__cause__)
    assert "in deeper" in told and Path(__file__).name in told and type(error).__name__ in told
    assert "_answer.py" not in told, "the traceback begins in the function"


def test_an_error_of_ours_comes_back_with_its_story() -> None:
    """Also one that was raised two processes away."""
    with pytest.raises(nsiso.Error) as raised:
        nsiso.call(nsiso.call, nsiso.setns, 10**6)
    assert (raised.value.step, raised.value.errno) == ("setns", 9) and "O_PATH" in raised.value.cause


def test_what_cannot_be_pickled() -> None:
    """The error says what it was and why; of an exception the traceback is kept."""
    with pytest.raises(NoResult, match=r"<lambda>.*returned, builtins.function, cannot be pickled: ") as lost:
        nsiso.call(lambda: lambda: 0)
    assert lost.value.returncode == 0
    told = pickle.loads(pickle.dumps(lost.value))
    assert (str(told), told.returncode) == (str(lost.value), 0)

    class Local(Exception):
        """Nobody can find its class by name."""

    with pytest.raises(NoResult, match=r"deeper.*raised, .*Local, cannot be pickled") as lost:
        nsiso.call(deeper, Local("the words"))
    assert "the words" in str(lost.value.__cause__) and "in deeper" in str(lost.value.__cause__)
    with pytest.raises(NoResult, match=r"raised cannot be unpickled: TypeError: .*missing 1") as lost:
        nsiso.call(deeper, Custom(1, 2))
    assert "Custom: 1 and 2" in str(lost.value.__cause__)


def only_there() -> object:
    """Return an object of a class that the caller does not have."""
    module = type(sys)("only_there")
    module.__dict__["Thing"] = type("Thing", (), {"__module__": "only_there"})
    sys.modules["only_there"] = module
    return module.Thing()


def test_what_cannot_be_unpickled() -> None:
    """Its class is of the copy alone."""
    with pytest.raises(NoResult, match=r"returned cannot be unpickled: ModuleNotFoundError: .*only_there"):
        nsiso.call(only_there)


def kill(number: int) -> None:
    """End this process."""
    os.kill(os.getpid(), number)


@pytest.mark.parametrize(
    ("fn", "argument", "returncode", "words"),
    [
        (os._exit, 7, 7, "ended with exit status 7"),
        (os._exit, 0, 0, "ended with exit status 0"),
        (sys.exit, 3, 3, "ended with exit status 3"),
        (sys.exit, None, 0, "ended with exit status 0"),
        (kill, signal.SIGKILL, -9, "was killed by SIGKILL"),
        (kill, signal.SIGTERM, -15, "was killed by SIGTERM"),
        (kill, signal.SIGRTMIN + 3, -37, "was killed by signal 37"),
        (lambda name: os.execvp(name, [name]), "false", 1, "ended with exit status 1"),
        (lambda last: os.closerange(3, last), 10_000, 1, "ended with exit status 1"),
    ],
)
def test_an_end_without_a_result(fn: Callable[..., Any], argument: Any, returncode: int, words: str) -> None:
    """It is told how the process ended."""
    with pytest.raises(NoResult, match=words) as ended:
        nsiso.call(fn, argument, spec=spec("uts"))
    assert ended.value.returncode == returncode


def test_sys_exit_with_words_says_them() -> None:
    """On the stderr of both, as the interpreter does."""
    done = script(
        """
import nsiso, sys
try:
    nsiso.call(sys.exit, "words")
except nsiso.NoResult as ended:
    print(ended.returncode)
"""
    )
    assert (done.stdout, done.stderr) == ("1\n", "words\n")


def test_what_the_function_leaves_behind_neither_answers_nor_delays() -> None:
    """A copy of it that returns as well, and one that keeps the pipe open and runs on."""
    reader, writer = os.pipe()

    def leave() -> str:
        if os.fork() == 0:
            return "from a copy"
        if os.fork() == 0:
            os.close(writer)
            os.read(reader, 1)
            os._exit(0)
        os.wait()
        return "from the function"

    assert nsiso.call(leave, timeout=60) == "from the function"
    os.close(writer)
    os.close(reader)


def test_timeouts() -> None:
    """The function is killed and reaped in time, whatever it does; the error says so."""
    for box in (None, spec("pid,uts"), spec("pid", init=True)):
        start = time.monotonic()
        with pytest.raises(TimeoutError) as late:
            nsiso.call(time.sleep, 600, spec=box, timeout=0.3)
        assert 0.3 <= time.monotonic() - start < 60
        assert isinstance(late.value, nsiso.Error) and late.value.step == "call"
        assert late.value.object == "sleep" and "0.3 s" in late.value.cause
    with pytest.raises(TimeoutError):
        nsiso.call(int, timeout=0)
    with pytest.raises(TimeoutError):
        nsiso.call(int, timeout=-1)
    assert nsiso.call(int, timeout=float("inf")) == nsiso.call(int, timeout=1e300) == 0
    with pytest.raises(TimeoutError, match="of its own"):
        nsiso.call(deeper, TimeoutError("of its own"), timeout=60)


def test_a_timeout_is_over_the_set_up_too() -> None:
    """Whichever of the two is shorter."""
    done = script(
        """
import nsiso, time
from spawning import children, descriptors, stall
stall()
before = descriptors()
for setup_timeout, timeout in ((None, 0.3), (0.3, 60), (0.3, None)):
    start = time.monotonic()
    box = nsiso.Spec(new_session=True, setup_timeout=setup_timeout)
    try:
        nsiso.call(print, "never", spec=box, timeout=timeout)
    except TimeoutError as late:
        assert late.step == "set up", late
        print(0.3 <= time.monotonic() - start < 50, children(), descriptors() - before)
"""
    )
    assert (done.stdout, done.stderr) == ("True set() 0\n" * 3, "")


def test_arguments_that_cannot_be_meant() -> None:
    """Refused before anything is done."""
    with pytest.raises(TypeError, match="fn must be callable, not int"):
        nsiso.call(5)  # type: ignore[call-overload]
    with pytest.raises(TypeError, match=r"spec must be a nsiso.Spec, not str"):
        nsiso.call(int, spec="user")  # type: ignore[call-overload]
    with pytest.raises(TypeError):
        nsiso.call(int, timeout="soon")  # type: ignore[call-overload]
    with pytest.raises(ValueError, match="timeout"):
        nsiso.call(int, timeout=float("nan"))


def test_a_set_up_that_is_refused() -> None:
    """By step and cause, and the function is not called."""
    with pytest.raises(FileNotFoundError) as refused:
        nsiso.call(print, "never", spec=spec("uts,pid", cwd="/no/such/place"))
    assert isinstance(refused.value, nsiso.Error) and refused.value.step == "chdir"
    with pytest.raises(nsiso.Error, match="an id map needs"):
        nsiso.call(int, spec=Spec(map_root=True))


def links() -> dict[str, str]:
    """The namespaces that this process is in."""
    return {kind: os.readlink(f"/proc/self/ns/{kind}") for kind in names(~Kind(0))}


def names(kinds: Kind) -> list[str]:
    """Their names under /proc/PID/ns."""
    return [str(kind.name).lower() for kind in Kind if kind in kinds]


@pytest.mark.parametrize("kind", list(Kind), ids=lambda kind: str(kind.name).lower())
def test_a_new_namespace_of_each_kind(kind: Kind) -> None:
    """Exactly that one is new, beside an ordinary user's own user namespace; the caller stays where it is."""
    before = links()
    box = spec(names(kind)[0]) if kind != Kind.USER else Spec("user")
    inside = nsiso.call(links, spec=box)
    assert {name for name in before if inside[name] != before[name]} == set(names(box.unshare))
    assert links() == before


def inside() -> tuple[object, ...]:
    """What shows that namespaces do what they are for."""
    with open("/proc/uptime") as uptime:
        boot = float(uptime.read().split()[0])
    mounts = len(Path("/proc/self/mountinfo").read_text().splitlines())
    processes = sorted(int(name) for name in os.listdir("/proc") if name.isdigit())
    return os.getpid(), os.getuid(), os.uname().nodename, boot > 10**6, mounts > 0, processes, os.getcwd()


def test_all_kinds_at_once() -> None:
    """Process 1, root, another name, another clock, a /proc of its own; none of that outside."""
    everything = Spec(
        "user,pid,mnt,uts,ipc,net,cgroup,time",
        map_root=True,
        hostname="inside",
        time_offsets={"boottime": 2_000_000},
        proc=True,
        cwd="/usr",
    )
    outside = os.uname().nodename, os.getuid(), os.getcwd(), Path("/proc/self/timens_offsets").read_text()
    assert nsiso.call(inside, spec=everything) == (1, 0, "inside", True, True, [1], "/usr")
    with_init = nsiso.call(inside, spec=everything.replace(init=True, kill_with_parent=True))
    assert with_init == (2, 0, "inside", True, True, [1, 2], "/usr")
    now = os.uname().nodename, os.getuid(), os.getcwd(), Path("/proc/self/timens_offsets").read_text()
    assert now == outside and outside[0] != "inside"


def test_namespaces_that_are_joined() -> None:
    """Those of a running child, pid and time among them."""
    kinds = "pid,uts,ipc,time"
    with running(spec(kinds, hostname="joined", time_offsets={"monotonic": 5})) as child:
        targets = (kinds if ROOT else "user," + kinds).split(",")
        joining = Spec(join=(child, ",".join(targets)))
        theirs = {name: os.readlink(f"/proc/{child.pid}/ns/{name}") for name in targets}
        assert {name: nsiso.call(links, spec=joining)[name] for name in targets} == theirs
        assert nsiso.call(os.uname, spec=joining).nodename == "joined"
        assert nsiso.call(os.getpid, spec=joining) in range(2, 50)


def test_what_the_process_becomes() -> None:
    """The spec's other options hold for a function as for a command."""
    box = spec("uts", umask=0o77, rlimits={7: (99, 99)}, no_new_privs=True, new_session=True)
    told = nsiso.call(
        lambda: (os.umask(0), field(os.getpid(), "NoNewPrivs"), os.getsid(0) == os.getpid()), spec=box
    )
    assert told == (0o77, "1", True)


def open_files() -> dict[str, str]:
    """Tell this process's descriptors and what they lead to."""
    numbers = os.listdir("/proc/self/fd")
    there = {number: f"/proc/self/fd/{number}" for number in numbers}
    return {number: os.readlink(path) for number, path in there.items() if os.path.exists(path)}


def test_the_function_finds_the_callers_descriptors_and_no_others() -> None:
    """Beside the pipe for its answer: nothing that the set-up needed, the caller's pidfd above all."""
    boxes = [Spec(), spec("pid,time"), spec("pid", init=True, kill_with_parent=True)]
    if ROOT:
        boxes += [Spec("user", uid_map=[(0, 0, 1), (1, 1, 1)], gid_map=[(0, 0, 1), (1, 1, 1)])]
        boxes += [Spec("uts", join=[f"/proc/{os.getpid()}/ns/ipc"])]
    for box in boxes:
        before = open_files()
        found = nsiso.call(open_files, spec=box)
        more = {number: found[number] for number in found if found[number] != before.get(number)}
        assert len(more) == 1 and all(where.startswith("pipe:") for where in more.values()), (box, more)


def test_audit_hooks_hear_of_it() -> None:
    """As of any fork."""
    done = script(
        """
import nsiso, sys
heard = []
sys.addaudithook(lambda event, args: event == "os.fork" and heard.append(event))
nsiso.call(int)
print(heard)
"""
    )
    assert (done.stdout, done.stderr) == ("['os.fork']\n", "")
