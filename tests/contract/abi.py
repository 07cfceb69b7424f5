"""How do the tests reach the kernel's own calls and names, without nsiso?"""

from __future__ import annotations

import ctypes
import os
import socket
import struct

LIBC = ctypes.CDLL(None, use_errno=True)

PR_SET_PDEATHSIG = 1
PR_SET_DUMPABLE = 4
PR_SET_SECCOMP = 22
PR_SET_CHILD_SUBREAPER = 36
PR_SET_NO_NEW_PRIVS = 38

SIGKILL = 9
SIGUSR1 = 10
SIGCHLD = 17
WALL = 0x40000000  # __WALL: also children whose exit signal is not SIGCHLD

CLONE_VM = 0x100
CLONE_FS = 0x200
CLONE_FILES = 0x400
CLONE_SIGHAND = 0x800
CLONE_PIDFD = 0x1000
CLONE_PTRACE = 0x2000
CLONE_VFORK = 0x4000
CLONE_PARENT = 0x8000
CLONE_THREAD = 0x10000
CLONE_SYSVSEM = 0x40000
CLONE_SETTLS = 0x80000
CLONE_PARENT_SETTID = 0x100000
CLONE_CHILD_CLEARTID = 0x200000
CLONE_DETACHED = 0x400000
CLONE_UNTRACED = 0x800000
CLONE_CHILD_SETTID = 0x1000000
CLONE_IO = 0x80000000

KINDS = {
    "mnt": 0x20000,
    "uts": 0x4000000,
    "ipc": 0x8000000,
    "pid": 0x20000000,
    "net": 0x40000000,
    "user": 0x10000000,
    "cgroup": 0x2000000,
    "time": 0x80,
}
ALL_KINDS = sum(KINDS.values())

# The links below /proc/PID/ns, in the order in which results name them.
LINKS = (
    "mnt",
    "uts",
    "ipc",
    "pid",
    "pid_for_children",
    "net",
    "user",
    "cgroup",
    "time",
    "time_for_children",
)

# The scratch user of the tests: no account, no capability, no file of its own.
ORDINARY_ID = 12345


def check(result: int, what: str) -> int:
    """Raise for a libc call of the set-up that failed: a set-up has no failure that is part of a case."""
    if result == -1:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result


def prctl(option: int, value: int) -> None:
    """prctl(2) with one argument."""
    check(LIBC.prctl(option, ctypes.c_ulong(value), 0, 0, 0), f"prctl({option})")


def unshare(flags: int) -> None:
    """Call libc's unshare(2)."""
    check(LIBC.unshare(flags), f"unshare({flags:#x})")


def end_with_parent() -> None:
    """Die when the process that started this one does, so that a broken case leaves nothing behind."""
    prctl(PR_SET_PDEATHSIG, SIGKILL)


def become_ordinary() -> None:
    """Drop root's ids, groups and with them the capabilities, for good."""
    os.setgroups([])
    os.setresgid(ORDINARY_ID, ORDINARY_ID, ORDINARY_ID)
    os.setresuid(ORDINARY_ID, ORDINARY_ID, ORDINARY_ID)
    # A change of ids gives /proc/self to root; an ordinary user's own program would not be in that state.
    prctl(PR_SET_DUMPABLE, 1)


def enter_user_namespace(others: int = 0) -> None:
    """unshare(CLONE_NEWUSER | others) and be uid 0 there, by the one id that any user may map."""
    uid, gid = os.geteuid(), os.getegid()  # after the call they read 65534
    unshare(KINDS["user"] | others)
    for name, text in (("setgroups", "deny"), ("gid_map", f"0 {gid} 1"), ("uid_map", f"0 {uid} 1")):
        with open(f"/proc/self/{name}", "w") as file:
            file.write(text)


def links(directory: str) -> dict[str, str]:
    """What the links in a /proc/…/ns directory say; a link that cannot be read (ENOENT) says so."""
    result = {}
    for name in LINKS:
        try:
            result[name] = os.readlink(f"{directory}/{name}")
        except FileNotFoundError:
            result[name] = "none"  # pid_for_children between unshare(NEWPID) and the first fork
    return result


def channel() -> tuple[socket.socket, socket.socket]:
    """Two ends; what is received at the first comes with the sender's pid as the receiver sees it."""
    first, second = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    first.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
    first.settimeout(20)
    return first, second


def receive(end: socket.socket) -> tuple[int, str]:
    """The sender's pid and its message; an empty message when the sender ended."""
    size = struct.calcsize("3i")
    data, ancillary, _, _ = end.recvmsg(256, socket.CMSG_SPACE(size))
    pid = 0
    for _, kind, payload in ancillary:
        if kind == socket.SCM_CREDENTIALS:
            pid = struct.unpack("3i", payload[:size])[0]
    return pid, data.decode()


class _Instruction(ctypes.Structure):
    _fields_ = (
        ("code", ctypes.c_uint16),
        ("jt", ctypes.c_uint8),
        ("jf", ctypes.c_uint8),
        ("k", ctypes.c_uint32),
    )


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_uint16), ("filter", ctypes.POINTER(_Instruction)))


def refuse_clone3(number: int) -> None:
    """From here on, clone3 (435 on every architecture) fails with this errno in the calling process."""
    program = (_Instruction * 4)(
        _Instruction(0x20, 0, 0, 0),  # load the system call's number
        _Instruction(0x15, 0, 1, 435),
        _Instruction(0x06, 0, 0, 0x00050000 | number),  # SECCOMP_RET_ERRNO
        _Instruction(0x06, 0, 0, 0x7FFF0000),  # SECCOMP_RET_ALLOW
    )
    header = _Program(4, program)
    prctl(PR_SET_NO_NEW_PRIVS, 1)
    check(LIBC.prctl(PR_SET_SECCOMP, 2, ctypes.byref(header), 0, 0), "prctl(PR_SET_SECCOMP)")
