"""What do clone, setns and unshare answer, case by case?

The one table of documented-contract cases. `errno` and `changes` are libc's answer on a kernel that has all
eight kinds: the tests check libc itself against them, so that a case shows what its name says. nsiso must
answer the same, but for the cases that say in `differs` or `differs_in_python` why it says more.

`fd`, the descriptor given to setns, is one of the words that observe.py opens:
    own:KIND other:KIND      the link of the caller, of a process that has its own namespace of that kind
    opath:KIND               as own, opened with O_PATH
    pidfd                    of a process that has its own namespaces of the kinds in `target`
    pidfd-same               of a process in the caller's namespaces
    pidfd-zombie pidfd-reaped        of a process that has ended, of one that was also waited for
    file pipe directory procdir closed negative huge
`setup` is where the calling process is when it calls, in a word that observe.py explains; `unshared` are the
kinds that it has unshared itself before, so that its children will be in new ones.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any, NamedTuple

from .abi import (
    ALL_KINDS,
    CLONE_CHILD_CLEARTID,
    CLONE_CHILD_SETTID,
    CLONE_DETACHED,
    CLONE_FILES,
    CLONE_FS,
    CLONE_IO,
    CLONE_PARENT,
    CLONE_PARENT_SETTID,
    CLONE_PIDFD,
    CLONE_PTRACE,
    CLONE_SETTLS,
    CLONE_SIGHAND,
    CLONE_SYSVSEM,
    CLONE_THREAD,
    CLONE_UNTRACED,
    CLONE_VFORK,
    CLONE_VM,
    KINDS,
    LINKS,
    SIGCHLD,
    SIGUSR1,
)

MNT, UTS, IPC, PID, NET, USER, CGROUP, TIME = (
    KINDS[name] for name in ("mnt", "uts", "ipc", "pid", "net", "user", "cgroup", "time")
)
OK = "0"
CALLERS = ("root", "ordinary")
THREADS = (
    "single",
    "several",
    "worker",
)  # alone; the main thread beside others; another than the main thread
PRIVILEGED = {"root": OK, "ordinary": "EPERM"}
ANYONE = {"root": OK, "ordinary": OK}
EINVAL = {"root": "EINVAL", "ordinary": "EINVAL"}
EBADF = {"root": "EBADF", "ordinary": "EBADF"}
ENOSPC = {"root": "ENOSPC", "ordinary": "ENOSPC"}
ESRCH = {"root": "ESRCH", "ordinary": "ESRCH"}
POINTER_FLAGS = CLONE_PIDFD | CLONE_PARENT_SETTID | CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID | CLONE_SETTLS


class Answer(NamedTuple):
    """An errno ("0" for success) and the links that changed."""

    errno: str
    changes: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Case:
    """One call, where it is made, and what it answers."""

    name: str
    call: str
    flags: int  # the flags of clone and unshare, the nstype of setns
    caller: str
    threads: str
    errno: str
    changes: tuple[str, ...]  # the links that change: the child's for clone, the calling thread's otherwise
    fd: str = ""
    target: int = 0
    stack: str = "given"
    fn: str = "given"
    setup: str = ""
    unshared: int = 0
    differs: str = ""
    nsiso: Answer | None = None
    differs_in_python: str = ""
    python: Answer | None = None

    @property
    def id(self) -> str:
        """Its name among all cases."""
        return f"{self.call}-{self.name}-{self.caller}-{self.threads}"

    def answer(self, language: str) -> Answer | None:
        """What nsiso says in this language where it deliberately differs from libc."""
        return (self.python if language == "python" else None) or self.nsiso

    def exists_in(self, language: str) -> bool:
        """Python has no stack to give and no NULL function."""
        return language == "c" or (self.stack == self.fn == "given")


def changed_links(call: str, kinds: int) -> tuple[str, ...]:
    """The links that a successful call changes, by the manual."""
    changed = {name for name, flag in KINDS.items() if kinds & flag}
    if kinds & PID:
        changed.add("pid_for_children")
        if call != "clone":
            changed.remove("pid")  # the caller stays where it is
    if kinds & TIME:
        changed.add("time_for_children")
        if call == "unshare":
            changed.remove("time")
    return tuple(name for name in LINKS if name in changed)


def case(call: str, name: str, flags: int, errno: str = OK, **fields: Any) -> Case:
    """One case; what is not said follows from the manual or from nsiso's rules."""
    fields.setdefault("caller", "root")
    fields.setdefault("threads", "single")
    if "changes" not in fields:
        fields["changes"] = changed_links(call, flags & ALL_KINDS) if errno == OK else ()
    if call == "clone" and "nsiso" not in fields:
        fields.update(_clone_says_more(flags, errno, fields))
    return Case(name=name, call=call, flags=flags, errno=errno, **fields)


def _clone_says_more(flags: int, errno: str, fields: dict[str, Any]) -> dict[str, Any]:
    """Where nsiso's clone differs from libc's by rule."""
    more: dict[str, Any] = {}
    if flags & POINTER_FLAGS and errno != "EINVAL":
        more |= {
            "differs": "the flag needs a pointer, which only the _with form takes",
            "nsiso": Answer("EINVAL"),
        }
    elif flags & TIME:
        # A child that shares its memory enters its time namespace only at its exec.
        everything = tuple(link for link in fields["changes"] if not (link == "time" and flags & CLONE_VM))
        powerless = fields["caller"] == "ordinary" and "setup" not in fields and not flags & USER
        more |= {
            "differs": "libc's clone reads 0x80 as part of the exit signal, not as a new time namespace",
            "changes": tuple(link for link in fields["changes"] if not link.startswith("time")),
            "nsiso": Answer("EPERM") if powerless and errno == OK else Answer(errno, everything),
        }
    if flags & (CLONE_VM | CLONE_THREAD | CLONE_SIGHAND) and errno != "EINVAL":
        more |= {"differs_in_python": "no interpreter can share its memory so", "python": Answer("EINVAL")}
    elif flags & 0xFF == 0 and errno == OK:
        more |= {"differs_in_python": "no exit signal means SIGCHLD", "python": Answer(OK, fields["changes"])}
    return more


def per_caller(call: str, name: str, flags: int, errnos: dict[str, str], **fields: Any) -> Iterator[Case]:
    """A case for each caller, with that caller's errno."""
    for caller, errno in errnos.items():
        yield case(call, name, flags, errno, caller=caller, **fields)


def documented(call: str, kind: str, caller: str, threads: str) -> str:
    """The errno of a call with one kind, by the manual and by kernel-interface facts 2.3 and 2.4."""
    threaded = threads != "single"
    if kind == "user":
        return "EINVAL" if threaded and call != "clone" else OK
    if call == "setns" and kind == "time" and threaded:
        return "EUSERS"  # checked before privilege
    if call == "clone" and kind == "time":
        return OK  # libc's misreading needs no privilege
    if caller == "ordinary":
        return "EPERM"
    return "EINVAL" if call == "setns" and kind == "mnt" and threaded else OK


def one_kind(call: str, kind: str, caller: str, threads: str) -> Case:
    """The call with one kind."""
    errno = documented(call, kind, caller, threads)
    if call == "setns":
        return case(call, kind, KINDS[kind], errno, caller=caller, threads=threads, fd=f"other:{kind}")
    signal = SIGCHLD if call == "clone" else 0
    return case(call, kind, KINDS[kind] | signal, errno, caller=caller, threads=threads)


def unshare_cases() -> Iterator[Case]:
    """Combinations, unknown flags and limits."""
    yield from per_caller("unshare", "nothing", 0, ANYONE)
    yield case("unshare", "all-kinds", ALL_KINDS)
    yield case("unshare", "all-kinds", ALL_KINDS, "EINVAL", threads="several")
    yield case("unshare", "all-kinds-but-user", ALL_KINDS & ~USER, threads="worker")
    yield case("unshare", "all-kinds", ALL_KINDS, caller="ordinary")
    yield from per_caller("unshare", "user+uts", USER | UTS, ANYONE)
    yield from per_caller("unshare", "mnt+uts", MNT | UTS, PRIVILEGED)
    yield from per_caller("unshare", "mnt+FS", MNT | CLONE_FS, PRIVILEGED)
    yield from per_caller("unshare", "user+FS", USER | CLONE_FS, ANYONE)
    yield from per_caller("unshare", "ipc+SYSVSEM", IPC | CLONE_SYSVSEM, PRIVILEGED)
    for name, flag in (("FS", CLONE_FS), ("FILES", CLONE_FILES), ("SYSVSEM", CLONE_SYSVSEM)):
        yield from per_caller("unshare", name, flag, ANYONE, threads="several")
    for name, flag in (("THREAD", CLONE_THREAD), ("SIGHAND", CLONE_SIGHAND), ("VM", CLONE_VM)):
        yield from per_caller("unshare", name, flag, ANYONE)
        yield from per_caller("unshare", name, flag, EINVAL, threads="several")
    for name, flag in (
        ("lowest-bit", 1),
        ("exit-signal", UTS | SIGCHLD),
        ("SETTLS", CLONE_SETTLS),
        ("PARENT", CLONE_PARENT),
        ("VFORK", CLONE_VFORK),
        ("PIDFD", CLONE_PIDFD),
        ("IO", CLONE_IO),
        ("every-bit", 0xFFFFFFFF),
        ("user+unknown", USER | 1),
    ):
        yield from per_caller("unshare", name, flag, EINVAL)
    yield from per_caller("unshare", "pid-twice", PID, EINVAL, setup="privileged", unshared=PID)
    yield from per_caller("unshare", "uts-as-userns-root", UTS, ANYONE, setup="userns")
    yield from per_caller("unshare", "user-too-deep", USER, ENOSPC, setup="users")
    yield from per_caller("unshare", "pid-too-deep", PID, ENOSPC, setup="pids")
    yield from per_caller("unshare", "uts-none-left", UTS, ENOSPC, setup="no-uts")


def clone(name: str, flags: int, errnos: dict[str, str], **fields: Any) -> Iterator[Case]:
    """A case of clone for each caller."""
    yield from per_caller("clone", name, flags, errnos, **fields)


def clone_flag_cases() -> Iterator[Case]:
    """Combinations of kinds, sharing flags and exit signals."""
    yield from clone("nothing", SIGCHLD, ANYONE)
    yield from clone("nothing", SIGCHLD, ANYONE, threads="worker")
    yield from clone("all-kinds", ALL_KINDS | SIGCHLD, ANYONE)
    yield from clone("all-kinds", ALL_KINDS | SIGCHLD, ANYONE, threads="several")
    yield from clone("all-kinds-but-user", (ALL_KINDS & ~USER) | SIGCHLD, PRIVILEGED)
    yield from clone("user+uts", USER | UTS | SIGCHLD, ANYONE)
    yield from clone("user+time", USER | TIME | SIGCHLD, ANYONE)
    yield from clone("user+time", USER | TIME | SIGCHLD, ANYONE, threads="worker")
    yield from clone("mnt+FS", MNT | CLONE_FS | SIGCHLD, EINVAL)
    yield from clone("user+FS", USER | CLONE_FS | SIGCHLD, EINVAL)
    yield from clone("ipc+SYSVSEM", IPC | CLONE_SYSVSEM | SIGCHLD, {"root": "EINVAL", "ordinary": "EPERM"})
    yield from clone("pid+THREAD", PID | CLONE_THREAD | CLONE_SIGHAND | CLONE_VM, EINVAL)
    yield from clone("user+THREAD", USER | CLONE_THREAD | CLONE_SIGHAND | CLONE_VM, EINVAL)
    yield from clone("SIGHAND-without-VM", CLONE_SIGHAND | SIGCHLD, EINVAL)
    yield from clone("THREAD-without-SIGHAND", CLONE_THREAD | CLONE_VM, EINVAL)
    yield from clone("THREAD", CLONE_THREAD | CLONE_SIGHAND | CLONE_VM, ANYONE)
    yield from clone("VM", CLONE_VM | SIGCHLD, ANYONE)
    yield from clone("uts+VM", UTS | CLONE_VM | SIGCHLD, PRIVILEGED)
    yield from clone("VM+VFORK", CLONE_VM | CLONE_VFORK | SIGCHLD, ANYONE)
    yield from clone("VM+SIGHAND", CLONE_VM | CLONE_SIGHAND | SIGCHLD, ANYONE)
    yield from clone("VFORK", CLONE_VFORK | SIGCHLD, ANYONE)
    yield from clone("all-kinds+VM+VFORK", ALL_KINDS | CLONE_VM | CLONE_VFORK | SIGCHLD, ANYONE)
    yield from clone("time+VM", TIME | CLONE_VM | SIGCHLD, ANYONE)
    yield from clone("time+VFORK", TIME | CLONE_VFORK | SIGCHLD, ANYONE)
    yield from clone("time+FS", TIME | CLONE_FS | SIGCHLD, ANYONE)
    yield from clone("time+PARENT", TIME | CLONE_PARENT | SIGCHLD, ANYONE)
    yield from clone("time+mnt+FS", TIME | MNT | CLONE_FS | SIGCHLD, EINVAL)
    yield from clone("time+SIGHAND-without-VM", TIME | CLONE_SIGHAND | SIGCHLD, EINVAL)
    yield from clone("FS", CLONE_FS | SIGCHLD, ANYONE)
    yield from clone("FILES", CLONE_FILES | SIGCHLD, ANYONE)
    yield from clone("SYSVSEM", CLONE_SYSVSEM | SIGCHLD, ANYONE)
    yield from clone("IO", CLONE_IO | SIGCHLD, ANYONE)
    yield from clone("UNTRACED", CLONE_UNTRACED | SIGCHLD, ANYONE)
    yield from clone("DETACHED", CLONE_DETACHED | SIGCHLD, ANYONE)
    yield from clone("PTRACE", CLONE_PTRACE | SIGCHLD, ANYONE)
    yield from clone("no-signal", 0, ANYONE)
    yield from clone("uts-no-signal", UTS, PRIVILEGED)
    yield from clone("SIGUSR1", SIGUSR1, ANYONE)
    yield from clone("last-signal", 64, ANYONE)
    yield from clone("no-such-signal", 100, ANYONE)
    yield from clone("time-SIGUSR1", TIME | SIGUSR1, ANYONE)
    yield from clone("time-no-signal", TIME, ANYONE)
    yield from clone("PARENT", CLONE_PARENT | SIGCHLD, ANYONE)
    yield from clone("uts+PARENT", UTS | CLONE_PARENT | SIGCHLD, PRIVILEGED)
    yield from clone("pid+PARENT", PID | CLONE_PARENT | SIGCHLD, PRIVILEGED)
    yield from clone("user+PARENT", USER | CLONE_PARENT | SIGCHLD, ANYONE)


def clone_place_cases() -> Iterator[Case]:
    """From special places, at limits, with bad pointers, without a function or stack."""
    yield from clone("PARENT-of-pid-1", CLONE_PARENT | SIGCHLD, EINVAL, setup="pid-1")
    yield from clone("uts-from-pid-1", UTS | SIGCHLD, ANYONE, setup="pid-1")
    after_pid: dict[str, Any] = {"setup": "privileged", "unshared": PID}
    children = ("pid", "pid_for_children")
    yield from clone("pid-twice", PID | SIGCHLD, EINVAL, **after_pid)
    yield from clone("time+pid-twice", TIME | PID | SIGCHLD, EINVAL, **after_pid)
    yield from clone("time-after-unshare-pid", TIME | SIGCHLD, ANYONE, **after_pid,
                     changes=(*children, "time", "time_for_children"))  # fmt: skip
    yield from clone("after-unshare-pid", SIGCHLD, ANYONE, **after_pid, changes=children)
    yield from clone(
        "user-after-unshare-pid", USER | SIGCHLD, ANYONE, **after_pid, changes=(*children, "user")
    )
    yield from clone(
        "after-unshare-time", SIGCHLD, ANYONE, setup="privileged", unshared=TIME, changes=("time",)
    )
    for name, flag in (
        ("PIDFD", CLONE_PIDFD),
        ("PARENT_SETTID", CLONE_PARENT_SETTID),
        ("CHILD_SETTID", CLONE_CHILD_SETTID),
        ("CHILD_CLEARTID", CLONE_CHILD_CLEARTID),
    ):
        refused = "EFAULT" if flag == CLONE_PIDFD else OK  # libc is given NULL pointers
        yield from clone(name, flag | SIGCHLD, {"root": refused, "ordinary": refused})
    yield from clone("user-too-deep", USER | SIGCHLD, ENOSPC, setup="users")
    yield from clone("pid-too-deep", PID | SIGCHLD, ENOSPC, setup="pids")
    yield from clone("uts-none-left", UTS | SIGCHLD, ENOSPC, setup="no-uts")
    yield from clone("no-function", UTS | SIGCHLD, EINVAL, fn="null")
    yield from clone("no-function-no-stack", UTS | SIGCHLD, EINVAL, fn="null", stack="null")
    provided = {
        "stack": "null",
        "differs": "a NULL stack means the caller's copy, or one that nsiso provides",
    }
    for caller in CALLERS:
        for name, flag, changes in (
            ("copied", 0, ()),
            ("copied-time", TIME, ("time", "time_for_children")),
            ("provided", CLONE_VM | CLONE_VFORK, ()),
            ("provided-time", CLONE_VM | CLONE_VFORK | TIME, ("time_for_children",)),
        ):
            yield case("clone", f"no-stack-{name}", USER | flag | SIGCHLD, "EINVAL", caller=caller,
                       nsiso=Answer(OK, ("user", *changes)), **provided)  # fmt: skip
        yield case("clone", "no-stack-VM", CLONE_VM | SIGCHLD, "EINVAL", caller=caller, stack="null")


def setns(name: str, flags: int, errnos: dict[str, str], fd: str, **fields: Any) -> Iterator[Case]:
    """A case of setns for each caller."""
    yield from per_caller("setns", name, flags, errnos, fd=fd, **fields)


def setns_cases() -> Iterator[Case]:
    """Wrong types, wrong descriptors, one's own namespaces, pidfds."""
    for kind, flag in KINDS.items():
        wrong = UTS if kind != "uts" else IPC
        joins = ANYONE if kind == "user" else PRIVILEGED
        for caller, errno in joins.items():
            changes = changed_links("setns", flag) if errno == OK else ()
            yield case(
                "setns", f"{kind}-by-nstype-0", 0, errno, caller=caller, changes=changes, fd=f"other:{kind}"
            )
        yield from setns(f"{kind}-by-wrong-nstype", wrong, EINVAL, f"other:{kind}")
        yield from setns(f"{kind}-O_PATH", flag, EBADF, f"opath:{kind}")
        own = EINVAL if kind == "user" else PRIVILEGED
        yield from setns(f"own-{kind}", flag, own, f"own:{kind}", changes=())
    yield from setns("two-kinds-on-nsfd", UTS | IPC, EINVAL, "other:uts")
    yield from setns("unknown-nstype", 1, EINVAL, "other:uts")
    yield from setns("every-nstype", 0xFFFFFFFF, EINVAL, "other:uts")
    yield from setns(
        "uts-as-userns-root", UTS, {"root": "EPERM", "ordinary": "EPERM"}, "other:uts", setup="userns"
    )

    for name in ("closed", "negative", "huge"):
        for nstype in (0, UTS):
            yield from setns(f"{name}-{nstype:#x}", nstype, EBADF, name)
    for name in ("file", "pipe", "directory", "procdir"):
        for nstype in (0, UTS):
            yield from setns(f"{name}-{nstype:#x}", nstype, EINVAL, name)

    yield from setns("pidfd-uts", UTS, PRIVILEGED, "pidfd", target=UTS)
    yield from setns("pidfd-uts", UTS, PRIVILEGED, "pidfd", target=UTS, threads="worker")
    yield from setns("pidfd-user", USER, ANYONE, "pidfd", target=USER)
    yield from setns("pidfd-user", USER, EINVAL, "pidfd", target=USER, threads="several")
    yield from setns("pidfd-all-kinds", ALL_KINDS, ANYONE, "pidfd", target=ALL_KINDS)
    yield from setns("pidfd-all-but-user", ALL_KINDS & ~USER, PRIVILEGED, "pidfd", target=ALL_KINDS & ~USER)
    yield from setns("pidfd-some-kinds", UTS | NET, PRIVILEGED, "pidfd", target=ALL_KINDS & ~USER)
    yield from setns("pidfd-mnt", MNT, PRIVILEGED, "pidfd", target=MNT)
    yield case("setns", "pidfd-mnt", MNT, "EINVAL", threads="several", fd="pidfd", target=MNT)
    for threads in ("several", "worker"):
        trap: dict[str, Any] = {
            "differs": "other threads' root and cwd would move",
            "nsiso": Answer("EINVAL"),
        }
        yield case("setns", "pidfd-trap", MNT | UTS, threads=threads, fd="pidfd", target=MNT | UTS, **trap)
    yield from setns("pidfd-time", TIME, {"root": "EUSERS"}, "pidfd", target=TIME, threads="several")
    yield from setns("pidfd-ipc+net", IPC | NET, {"root": OK}, "pidfd", target=IPC | NET, threads="several")
    yield from setns("pidfd-0", 0, EINVAL, "pidfd", target=UTS)
    yield from setns("pidfd-FS", CLONE_FS, EINVAL, "pidfd", target=UTS)
    yield from setns("pidfd-uts+FS", UTS | CLONE_FS, EINVAL, "pidfd", target=UTS)
    yield from setns("pidfd-uts+unknown", UTS | 1, EINVAL, "pidfd", target=UTS)
    yield from setns("pidfd-own-user", USER | UTS, EINVAL, "pidfd-same")
    yield from setns("pidfd-same-uts", UTS, PRIVILEGED, "pidfd-same", changes=())
    yield from setns("pidfd-zombie", UTS, ESRCH, "pidfd-zombie")
    yield from setns("pidfd-reaped", UTS, ESRCH, "pidfd-reaped")


CASES: tuple[Case, ...] = (
    *(
        one_kind(call, kind, caller, threads)
        for call in ("clone", "setns", "unshare")
        for kind in KINDS
        for caller in CALLERS
        for threads in THREADS
    ),
    *unshare_cases(),
    *clone_flag_cases(),
    *clone_place_cases(),
    *setns_cases(),
)
BY_ID = {item.id: item for item in CASES}
