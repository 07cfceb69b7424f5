"""Are namespaces held without a process, joined by many, entered in place, and gone when let go of?"""

import copy
import errno
import os
import pickle
import socket
import subprocess
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Callable

import nsiso
import pytest
from nsiso import Held, Kind, Namespace, Spec
from spawning import apart, descriptors, here, inode, said, script, settle, spec, until

NAMES = [info.name for info in nsiso.kinds()]
ALL = ",".join(NAMES)
BOOTTIME = 1_000_000_000
EVERY = Kind(sum(info.kind for info in nsiso.kinds()))


def everything() -> Held:
    """Namespaces of all kinds, as any user can have them."""
    return nsiso.hold(ALL, map_root=True, hostname="held", proc=True, time_offsets={"boottime": BOOTTIME})


def members(kind: str, number: int) -> list[int]:
    """Who is in a namespace, of those that the caller may look at."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if inode(f"{process}/ns/{kind}") == number:
                found.append(int(process.name))
        except OSError:
            continue
    return found


def has_ended(pid: int) -> bool:
    """Whether a process is gone, or only waits to be reaped."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


def has_begun(held: Held) -> None:
    """Wait until pid 1 is the program that it is to be, which has just been executed."""
    comm = Path(f"/proc/{held.init}/comm")
    until(lambda: comm.read_text() == "nsiso-companion\n", "it has its name")


def settled() -> int:
    """How many descriptors there are once nothing is left of what was let go of before: each start reaps."""
    settle()
    return descriptors()


def test_nobody_is_in_them_but_pid_1() -> None:
    """A tiny program of the library's; without a pid namespace there is none."""
    with everything() as held:
        assert held.init is not None and held.kinds == EVERY
        has_begun(held)
        for kind, namespace in held.items():
            assert namespace != Namespace.current(kind)
            # A time namespace is entered by who executes anew in it.
            assert members(kind, namespace.inode) == ([] if kind == "time" else [held.init])
    with nsiso.hold(Spec(EVERY & ~Kind.PID, map_root=True)) as held:
        assert held.init is None and len(held) == 7
        assert all(members(kind, namespace.inode) == [] for kind, namespace in held.items())


def test_many_join_them() -> None:
    """One after the other and at once; what one leaves behind, the next one finds."""
    line = "hostname; id -u; cut -d. -f1 /proc/uptime; cat /proc/1/comm"
    with everything() as held:
        has_begun(held)
        for joining in (Spec(join=held), Spec(join=held, own_memory=True)):
            name, user, uptime, first = said(joining, line).split()
            assert (name, user, first) == ("held", "0", "nsiso-companion") and int(uptime) > BOOTTIME
        sleepers = [nsiso.Popen(["sleep", "600"], join=held) for _ in range(8)]
        for sleeper in sleepers:
            for kind in NAMES:
                assert inode(f"/proc/{sleeper.pid}/ns/{kind}") == held[kind].inode
            sleeper.kill()
            sleeper.wait()
        said(Spec(join=held), "hostname changed")
        assert said(Spec(join=[held]), "hostname") == "changed"
        # A part of them, and new ones beside them.
        part = nsiso.hold(Spec("net", join=[held["user"], held["uts"]]))
        assert part["uts"] == held["uts"] and part["net"] != held["net"] and part.kinds != held.kinds
        assert nsiso.call(lambda: (socket.gethostname(), os.getpid() > 1), spec=Spec(join=held)) == (
            "changed",
            True,
        )


def test_pid_1_ends_when_they_are_let_go_of() -> None:
    """After a with, by close, by being collected, with the process; and with it all in its namespace."""
    fds = settled()
    with everything() as held:
        first = held.init
        sleeper = nsiso.Popen(["sleep", "600"], join=held)
    assert held.closed and sleeper.wait() == -9
    held = everything()
    second = held.init
    held.close()
    held.close()
    held = everything()
    third = held.init
    del held, sleeper
    done = script(
        "import nsiso, os; print(nsiso.hold('user,pid', map_root=True).init);"
        "held = nsiso.hold('user,pid', map_root=True); print(held.init, flush=True); os._exit(0)"
    )
    numbers = [first, second, third, *map(int, done.stdout.split())]
    assert len(numbers) == 5 and done.stderr == ""
    until(lambda: all(number is not None and has_ended(number) for number in numbers))
    assert settled() == fds
    # Those that were this process's are reaped as well.
    assert not any(os.path.exists(f"/proc/{number}") for number in numbers[:3])


def test_a_spec_that_joins_them_does_not_keep_them() -> None:
    """It is a description: what was closed since is closed to it."""
    held = everything()
    joining = Spec(join=held)
    assert joining.plan(["true"])
    held.close()
    with pytest.raises(ValueError, match="closed namespaces"):
        nsiso.run(["true"], spec=joining)


def test_closed_ones_say_so() -> None:
    """Whatever is asked of them."""
    with nsiso.hold("user,uts", map_root=True) as held:
        assert not held.closed and repr(held) == "<Held uts,user>"
    assert held.closed and repr(held) == "<Held closed>"
    uses: list[Callable[[Held], Any]] = [
        lambda one: one.kinds,
        lambda one: one.init,
        lambda one: one["uts"],
        lambda one: one.get("uts"),
        lambda one: "uts" in one,
        list,
        len,
        lambda one: one.keys() & {"uts"},
        lambda one: list(one.items()),
        lambda one: nsiso.run(["true"], join=one),
        lambda one: nsiso.call(os.getpid, spec=Spec(join=one)),
        lambda one: nsiso.hold("net", join=one),
        nsiso.enter,
        Held.__enter__,
    ]
    for use in uses:
        with pytest.raises(ValueError, match="closed namespaces"):
            use(held)


def test_it_is_a_mapping() -> None:
    """By name and by kind; what is not among them is as in any mapping."""
    fds = settled()
    with nsiso.hold("net,user,uts", map_root=True) as held:
        assert isinstance(held, Mapping)
        assert list(held) == ["uts", "net", "user"] == list(held.keys()) and len(held) == 3
        assert held["net"] == held[Kind.NET] == dict(held)["net"] == held.get("net") == held["CLONE_NEWNET"]
        by_kind: Any = Kind.UTS
        assert "net" in held and by_kind in held and all(kind in held for kind in held)
        assert [one.kind for one in held.values()] == [Kind.UTS, Kind.NET, Kind.USER]
        missing: list[Any] = [
            "mnt",
            Kind.PID,
            "net,uts",
            Kind.NET | Kind.UTS,
            "",
            Kind(0),
            "disk",
            1,
            None,
            1.5,
            (),
        ]
        for kind in missing:
            assert kind not in held and held.get(kind) is None and held.get(kind, 5) == 5
            with pytest.raises(KeyError):
                held[kind]
        with held["uts"] as uts, held["uts"] as other:
            assert uts.kind == Kind.UTS and uts == other and uts.fileno() != other.fileno()
        assert uts.closed and not held["uts"].closed
        assert held == dict(held) and held != {} and {**held}.keys() == set(held)
        for copied in (copy.copy, copy.deepcopy, pickle.dumps):
            with pytest.raises(TypeError, match="cannot pickle or copy"):
                copied(held)
    # One of them lives on by itself.
    with nsiso.hold("user,uts", map_root=True, hostname="alone") as held:
        user, uts = held["user"], held["uts"]
    assert said(Spec(join=[user, uts]), "hostname") == "alone"
    del held, user, uts
    assert settled() == fds


# What a type checker would not let pass.
UNTYPED: Any = nsiso


@pytest.mark.parametrize(
    ("call", "expected", "words"),
    [
        (lambda: UNTYPED.Held(), TypeError, "nsiso.hold"),
        (lambda: UNTYPED.hold(), OSError, "no namespaces"),
        (lambda: UNTYPED.hold("disk"), ValueError, "disk"),
        (lambda: UNTYPED.hold(None, cwd=3), TypeError, "cwd"),
        (lambda: UNTYPED.hold("uts", hostname="h" * 65, map_root=True), OSError, "EINVAL"),
        (lambda: UNTYPED.hold("user,uts", map_root=True, hostname="x" * 65), OSError, "65 bytes"),
        (lambda: UNTYPED.hold("uts", nothing=1), TypeError, "nothing"),
        (lambda: UNTYPED.enter(), TypeError, "join"),
        (lambda: UNTYPED.enter(join=[]), OSError, "EINVAL"),
        (lambda: UNTYPED.enter("/dev/null"), OSError, "no namespace|ENOTTY"),
        (lambda: UNTYPED.enter("/no/such"), FileNotFoundError, "ENOENT"),
        (lambda: UNTYPED.enter(join=1.5), TypeError, "join"),
    ],
)
def test_what_cannot_be_meant_is_refused(
    call: Callable[[], Any], expected: type[BaseException], words: str
) -> None:
    """With the words that say what is wrong, and nothing is left open."""
    fds = settled()
    with pytest.raises(expected, match=words):
        call()
    assert descriptors() == fds


def test_a_cancelled_hold_leaves_nothing() -> None:
    """Neither a process nor a descriptor."""
    fds = settled()
    cancel = nsiso.Cancel()
    cancel.cancel()
    with pytest.raises(nsiso.Error, match="ECANCELED"):
        nsiso.hold("user,pid", map_root=True, cancel=cancel)
    del cancel
    assert settled() == fds


def test_a_host_with_threads_holds() -> None:
    """Eight threads that allocate and hold stay where they are, and each has what it made."""
    done = threading.Event()
    before = nsiso.links()
    wrong: list[Any] = []

    def allocate() -> None:
        while not done.is_set():
            bytearray(os.urandom(1)[0] * 100)

    def hold(number: int) -> None:
        try:
            for turn in range(5):
                name = f"held-{number}-{turn}"
                with nsiso.hold(ALL, map_root=True, hostname=name, proc=True) as held:
                    if said(Spec(join=held), "hostname") != name:
                        wrong.append(name)
                if nsiso.links() != before:
                    wrong.append(nsiso.links())
        except Exception as error:
            wrong.append(error)

    threads = [threading.Thread(target=allocate) for _ in range(8)]
    holding = [threading.Thread(target=hold, args=(number,)) for number in range(4)]
    for thread in [*threads, *holding]:
        thread.start()
    for thread in holding:
        thread.join()
    done.set()
    for thread in threads:
        thread.join()
    assert wrong == [] and nsiso.links() == before


def test_a_process_enters_all_of_them() -> None:
    """Of a pid and a time namespace, its children do; a process will do as well as a set or its parts."""
    # Of another pid namespace's /proc it would be no part.
    with nsiso.hold(ALL, map_root=True, hostname="held") as held:
        inodes = {kind: one.inode for kind, one in held.items()}

        def enter(join: Any) -> tuple[dict[str, int], str, int]:
            nsiso.enter(join)
            found = {kind: here(kind) for kind in NAMES if kind not in ("pid", "time")}
            found |= {kind: here(f"{kind}_for_children") for kind in ("pid", "time")}
            return found, socket.gethostname(), os.getuid()

        assert nsiso.call(enter, held) == (inodes, "held", 0)
        assert nsiso.call(enter, [held[kind] for kind in reversed(NAMES)]) == (inodes, "held", 0)
        with nsiso.Popen(["sleep", "600"], join=held) as sleeper:
            assert nsiso.call(enter, (sleeper.pid, ALL))[0] == inodes
            sleeper.kill()
        # What it is in already takes no power.
        assert nsiso.call(lambda: [enter(held) for _ in range(2)][1]) == (inodes, "held", 0)


@apart
def test_threads_refuse_what_would_split_the_process() -> None:
    """By the reason, and nobody has moved."""
    with everything() as held:
        before = nsiso.links()
        end = threading.Event()
        other = threading.Thread(target=end.wait)
        other.start()
        try:
            for kind, number, words in (
                ("user", errno.EINVAL, "more than one thread"),
                ("time", errno.EUSERS, "more than one thread"),
                ("mnt", errno.EINVAL, "share the root"),
            ):
                with pytest.raises(nsiso.Error, match=words) as caught:
                    nsiso.enter(held[kind])
                assert caught.value.errno == number and caught.value.object.endswith(f": {kind}")
                assert nsiso.links() == before
        finally:
            end.set()
            other.join()


@apart
def test_a_thread_enters_by_itself() -> None:
    """What one thread can be in alone; its fellows stay, and its own threads begin there."""
    kinds = ("uts", "ipc", "net", "cgroup")
    before = {kind: here(kind) for kind in kinds}
    with nsiso.hold(",".join(kinds)) as held:
        found: dict[str, int] = {}
        nested: dict[str, int] = {}

        def work() -> None:
            nsiso.enter(join=held)
            found.update({kind: here(kind) for kind in kinds})
            inner = threading.Thread(target=lambda: nested.update({kind: here(kind) for kind in kinds}))
            inner.start()
            inner.join()

        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        assert found == nested == {kind: held[kind].inode for kind in kinds}
        assert {kind: here(kind) for kind in kinds} == before and not set(before.values()) & set(
            found.values()
        )


def test_all_or_none() -> None:
    """Where one of them is out of reach, the thread stays in all."""
    outer = Namespace.current("uts")

    def refuse() -> str:
        before = nsiso.links()
        with nsiso.hold("net,ipc") as held, nsiso.hold("uts") as mine:
            nsiso.enter(mine)
            between = nsiso.links()
            with pytest.raises(PermissionError) as caught:
                nsiso.enter([held, outer])
            assert nsiso.links() == between != before
            return str(caught.value)

    assert "uts is owned by" in nsiso.call(refuse, spec=Spec("user,net", map_root=True))


def test_an_ended_process_cannot_be_entered() -> None:
    """Neither one that never was."""
    child = subprocess.Popen(["true"])
    child.wait()
    for pid in (child.pid, 2**31 - 1):
        with pytest.raises(ProcessLookupError):
            nsiso.enter((pid, "uts"))
    assert nsiso.call(lambda: nsiso.enter((os.getpid(), ALL)), spec=spec("uts")) is None
