"""What do two programs say of a machine on which nothing changes meanwhile?

usage: lsns_machine.py OURS THEIRS

Runs as pid 1 of a pid namespace with a /proc and mounts of its own, makes processes in namespaces of their
own, and answers lines of JSON: {"words": [...], "uid": null, "env": {...}, "width": null} by what each of
both does, and {"make": NAME} by the inodes of what is there from then on.
"""

from __future__ import annotations

import ctypes
import fcntl
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import termios
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

LIBC = ctypes.CDLL(None, use_errno=True)
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
MANY = 300
# Five digits each, so that a column of them is as wide for both.
FIRST_PID = 10000
STRANGE = [
    [b'tab\tquote"back\\slash \\x41', b"sleep", b"1"],
    [b"arg\nline", b"", b"", "日本語 é".encode()],
    [b"a\xff\xfeb\x7f\xc2\x85 \x1b[1m\xe2\x80\xae\xf0\x9f\x98\x80\b\f\r/", b"79"],
    [b"  lead  ", b""],
    ["e\u0301 combining \u200b zero".encode(), b"x" * 300],
]


# What is held by this process, and a pipe that nothing comes out of.
KEPT: list[Any] = []
NOTHING = os.pipe()


def unshare(kinds: str) -> None:
    """unshare(2), with one's own id mapped in a new user namespace."""
    uid, gid = os.geteuid(), os.getegid()
    if LIBC.unshare(sum(KINDS[kind] for kind in kinds.split(","))) != 0:
        raise OSError(ctypes.get_errno(), f"unshare {kinds}")
    if "user" in kinds:
        for name, text in (("setgroups", "deny"), ("gid_map", f"0 {gid} 1"), ("uid_map", f"0 {uid} 1")):
            Path(f"/proc/thread-self/{name}").write_text(text)


def child(act: Callable[[], object]) -> int:
    """A process that has done this, and waits."""
    end, ready = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            act()
            os.write(ready, b"x")
            os.close(ready)
            while True:
                signal.pause()
        finally:
            os._exit(1)
    os.close(ready)
    assert os.read(end, 1) == b"x"
    os.close(end)
    return pid


def sleeper(*kinds: str) -> Callable[[], object]:
    """One that enters new namespaces and has two children."""

    def act() -> None:
        for some in kinds:
            unshare(some)
        for _ in range(2):
            subprocess.Popen(["sleep", "600"])

    return act


def nested() -> None:
    """A user namespace with namespaces of its own, and one in it."""
    unshare("user,pid,net,mnt")
    # The first is pid 1 of the new one.
    child(sleeper("user,cgroup,time", "uts"))
    subprocess.Popen(["sleep", "601"])


def named(words: list[bytes]) -> None:
    """A program with such a command line, in a uts namespace of its own."""
    end, ready = os.pipe()
    if os.fork() == 0:
        unshare("uts")
        # It says that it runs by its closed end, and then waits for what does not come.
        os.dup2(NOTHING[0], 0)
        os.execv("/bin/sh", [words[0] or b" ", b"-c", b"read x; :", *words[1:]])
    os.close(ready)
    os.read(end, 1)
    os.close(end)


def mounted() -> None:
    """A net namespace with a process, a number, mounts with odd names, and another one below it."""

    def act() -> None:
        unshare("net")
        child(sleeper("net"))

    there = child(act)
    # Not the machine's own, where a directory would stay.
    subprocess.run(["mount", "-t", "tmpfs", "none", "/run"], check=True)
    os.mkdir("/run/netns")
    for name in ("one", "with blank", "back\\slash"):
        mount(there, "net", f"/run/netns/{name}")
    subprocess.run(["ip", "netns", "set", "one", "7"], check=True)


def mount(pid: int, kind: str, place: str) -> None:
    """Mounts a namespace of a process."""
    Path(place).touch()
    subprocess.run(["mount", "--bind", f"/proc/{pid}/ns/{kind}", place], check=True)


def become(uid: int) -> None:
    """Another user, in an ipc namespace of its own."""
    unshare("ipc")
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)


def populate() -> None:
    """All of it; what a user namespace's root may not do is left out there."""
    child(sleeper("uts,ipc"))
    child(nested)
    for words in STRANGE:
        named(words)
    if os.fork() == 0:
        os._exit(0)  # a zombie
    mounted()
    if Path("/proc/self/uid_map").read_text().split()[2] != "1":
        child(partial(become, 12345))
        child(partial(become, 1))
    child(sleeper("user", "ipc"))


def inodes_of(pid: int, *kinds: str) -> dict[str, int]:
    """Those of a process's namespaces."""
    return {kind: os.stat(f"/proc/{pid}/ns/{kind}").st_ino for kind in kinds}


def many() -> dict[str, int]:
    """Hundreds of namespaces, a few of which have two processes."""
    for number in range(MANY // 3):
        child(sleeper("uts,ipc,cgroup") if number % 10 == 0 else partial(unshare, "uts,ipc,cgroup"))
    return {}


def held() -> dict[str, int]:
    """Namespaces that a descriptor, a socket and a mount hold, and a thread."""
    pid = child(partial(unshare, "uts,net,ipc"))
    inodes = inodes_of(pid, "uts", "net", "ipc")
    KEPT.append(os.open(f"/proc/{pid}/ns/uts", os.O_RDONLY))
    mount(pid, "ipc", "/run/netns/ipc")
    own = os.open("/proc/self/ns/net", os.O_RDONLY)
    there = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY)
    for fd in (there, own):
        assert LIBC.setns(fd, KINDS["net"]) == 0
        if fd == there:
            KEPT.append(socket.socket())
        os.close(fd)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    entered = threading.Event()

    def enter() -> None:
        unshare("cgroup")
        inodes["cgroup"] = os.stat("/proc/thread-self/ns/cgroup").st_ino
        entered.set()
        threading.Event().wait()

    threading.Thread(target=enter, daemon=True).start()
    entered.wait()
    return inodes


MAKERS = {"held": held, "many": many}


def read_all(master: int) -> bytes:
    """What is written to a terminal until nobody has it any more."""
    output = b""
    while True:
        try:
            more = os.read(master, 65536)
        except OSError:  # EIO: the last one has closed it
            return output
        if not more:
            return output
        output += more


def run(program: str, order: dict[str, Any]) -> dict[str, Any]:
    """What becomes of one of them, by the same name as the other."""
    ids: dict[str, Any] = {}
    if order.get("uid") is not None:
        ids = {"user": order["uid"], "group": order["uid"], "extra_groups": []}
    master, end = os.openpty() if order.get("width") is not None else os.pipe()
    if order.get("width") is not None:
        fcntl.ioctl(end, termios.TIOCSWINSZ, struct.pack("HHHH", 24, order["width"], 0, 0))
    with subprocess.Popen(
        ["lsns", *(os.fsencode(word) for word in order["words"])],
        executable=program,
        stdin=subprocess.DEVNULL,
        stdout=end,
        stderr=subprocess.PIPE,
        # Where ours has its library beside it.
        env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "LD_LIBRARY_PATH": str(Path(program).parent)}
        | order.get("env", {}),
        **ids,
    ) as process:
        os.close(end)
        output = read_all(master)
        os.close(master)
        assert process.stderr is not None
        complaint = process.stderr.read()
        own = str(process.pid).encode()
    return {
        "status": process.returncode,
        "output": output.replace(own, b"9" * len(own)).decode("latin-1"),
        "complaint": complaint.decode("latin-1"),
    }


def number_from(first: int) -> None:
    """Have the next processes numbers from there on."""
    try:
        Path("/proc/sys/kernel/ns_last_pid").write_text(str(first))
    except OSError:
        pid = 0
        while pid < first:
            pid = os.fork()
            if pid == 0:
                os._exit(0)
            os.waitpid(pid, 0)


def main(ours: str, theirs: str) -> None:
    """Answers, until there is nothing more to answer."""
    populate()
    number_from(FIRST_PID)
    own = {"user": os.stat("/proc/self/ns/user").st_ino, "pid": os.stat("/proc/self/ns/pid").st_ino}
    print(json.dumps(own), flush=True)
    for line in sys.stdin:
        order = json.loads(line)
        if "make" in order:
            answer: Any = MAKERS[order["make"]]()
        else:
            answer = [run(program, order) for program in (ours, theirs)]
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
