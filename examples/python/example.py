"""What all Python examples share: their output lines, what this caller may create, running programs.

Every line is flushed at once, so that a child never prints what its parent had buffered.
Exit status: 0 the claim is true, 1 it is not, 77 the kernel does not allow it to this caller.
"""

from __future__ import annotations

import ctypes
import errno
import functools
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import nsiso
from nsiso import Kind

OK, FAILED, CANNOT = 0, 1, 77
NOTHING = Kind(0)
View = dict[str, nsiso.Link]

MS_REC, MS_PRIVATE = 0x4000, 0x40000
# Of programs whose output is parsed. ip lives in sbin, which an ordinary user often lacks.
ENGLISH = {**os.environ, "LC_ALL": "C", "PATH": os.environ.get("PATH", os.defpath) + ":/usr/sbin:/sbin"}
OUTSIDE_UID, OUTSIDE_GID, OUTSIDE = os.geteuid(), os.getegid(), nsiso.links()


class ClaimError(Exception):
    """The claim is not true."""


class RefusedError(Exception):
    """The kernel does not allow it to this caller."""


class ChildError(Exception):
    """A child has ended with this status and has printed why."""


def say(key: str, text: str) -> None:
    """Print "key: text"; keys are did, outside, inside, after, and last ok, failed or cannot."""
    print(f"{key}: {text}", flush=True)


def check(holds: bool, claim: str) -> None:
    """End the process as failed unless the claim holds."""
    if not holds:
        raise ClaimError(claim)


def ending(body: Callable[..., int]) -> Callable[..., int]:
    """Make a process of an example print what ends it, and return its exit status."""

    @functools.wraps(body)
    def wrapper(*args: Any) -> int:
        try:
            return body(*args)
        except ChildError as said:
            return int(said.args[0])
        except RefusedError as reason:
            say("cannot", str(reason))
            return CANNOT
        except (ClaimError, OSError, subprocess.SubprocessError) as reason:
            say("failed", str(reason))
            return FAILED

    return wrapper


def main(body: Callable[[], str]) -> None:
    """Run an example, which returns the claim that it has shown to be true."""

    def run_body() -> int:
        say("ok", body())
        return OK

    sys.exit(ending(run_body)())


def wait_for(child: int) -> int:
    """Return the exit status of a child; one that failed ends the caller as well."""
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        raise ClaimError(f"the child was killed by signal {os.WTERMSIG(status)}")
    code = os.WEXITSTATUS(status)
    if code in (FAILED, CANNOT):
        raise ChildError(code)
    return code


# ---- a process's view ----


def differing(one: View, other: View) -> Kind:
    """Return the kinds of which the views name different namespaces, without those for children."""
    different = NOTHING
    for info in nsiso.kinds():
        a, b = one.get(info.name), other.get(info.name)
        if a and b and (a.device, a.inode) != (b.device, b.inode):
            different |= info.kind
    return different


def read_status(directory: Path, field: str) -> str:
    """Read a field of a process, one space between its words: "NSpid" in /proc/4242 may be "4242 1"."""
    lines = dict(line.split(":", 1) for line in (directory / "status").read_text().splitlines())
    return " ".join(lines[field].split())


# ---- what the caller may create ----


def flags_for(kinds: Kind) -> Kind:
    """Return these kinds, together with a new user namespace where this caller needs one."""
    answers = nsiso.probe()
    for info in nsiso.kinds():
        if not kinds & info.kind:
            continue
        answer = answers[info.kind]
        if not answer.allowed:
            raise RefusedError(f"{info.flag_name}: {answer.cause}; {answer.remedy}")
        if answer.with_user:
            kinds |= Kind.USER
    return kinds


def and_user(flags: Kind) -> str:
    """Tell how the flags of a `did` line end when there is more in them than the row is about."""
    return " | Kind.USER" if flags & Kind.USER else ""


# ---- namespaces by a spec ----


def spec_for(kinds: Kind, **options: Any) -> nsiso.Spec:
    """Describe new namespaces; in a new user namespace, wanted or needed, the caller is root."""
    flags = flags_for(kinds)
    return nsiso.Spec(flags, map_root=Kind.USER in flags, **options)


def start(args: Sequence[str], **options: Any) -> nsiso.Popen[str]:
    """Start a command; for want of a right or of a program the claim cannot be shown."""
    try:
        return nsiso.Popen(args, text=True, **options)
    except (PermissionError, FileNotFoundError) as error:
        raise RefusedError(str(error)) from error


def output_of(args: Sequence[str], **options: Any) -> str:
    """Return what the command writes on its standard output, without the last newline."""
    with start(args, stdout=subprocess.PIPE, **options) as process:
        output, _ = process.communicate()
    check(process.returncode == 0, "the command inside ends with 0")
    return output.rstrip("\n")


# ---- the C library, for calls that Python does not have ----


def libc(name: str, *args: object) -> int:
    """Call a function of the C library that returns -1 and sets errno."""
    library = ctypes.CDLL(None, use_errno=True)
    if not hasattr(library, name):  # before glibc 2.34 the message queues are elsewhere
        library = ctypes.CDLL("librt.so.1", use_errno=True)
    # Text as a C string; numbers as long, because ctypes would pass an int where long is meant.
    converted = [
        a.encode() if isinstance(a, str) else ctypes.c_long(a) if isinstance(a, int) else a for a in args
    ]
    result: int = getattr(library, name)(*converted)
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code), name)
    return result


def attempt(step: str, action: Callable[..., object], *args: object) -> None:
    """Try a step that a sandbox or an older kernel may forbid although a namespace could be made."""
    try:
        action(*args)
    except PermissionError as error:
        raise RefusedError(f"{step}: {error.strerror}") from error


# ---- inside ----


def settle_in(flags: Kind) -> None:
    """Check that the namespaces are new ones, and in a new user namespace map the caller's own id to 0."""
    # Should they not be new, nothing of the machine may be changed.
    check(differing(OUTSIDE, nsiso.links()) == flags, "exactly the kinds of the flags are new inside")
    if not flags & Kind.USER:
        return
    # setgroups comes first, or gid_map is refused.
    for name, text in (
        ("setgroups", "deny"),
        ("gid_map", f"0 {OUTSIDE_GID} 1"),
        ("uid_map", f"0 {OUTSIDE_UID} 1"),
    ):
        attempt(f"write {name}", Path("/proc/self", name).write_text, text)


def make_mounts_private() -> None:
    """Do this first in a new mount namespace: where / is shared, mounts would appear outside too."""
    try:
        attempt("make all mounts private", libc, "mount", None, "/", None, MS_REC | MS_PRIVATE, None)
    except OSError as error:
        if error.errno == errno.EINVAL:
            raise RefusedError("/ is not a mount point: this is a chroot") from error
        raise


def run(*command: str) -> str:
    """Return the output of a program, in English because it is parsed, without its last newline."""
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, env=ENGLISH, check=True, text=True)
    except FileNotFoundError as error:
        raise RefusedError(f"{command[0]}: not installed") from error
    return done.stdout.rstrip("\n")


def ready_and_wait(parent: socket.socket, child: socket.socket) -> None:
    """Stay, as a child: say that it is ready, and go on when the parent closes its end."""
    parent.close()
    child.sendall(b"r")
    child.recv(1)


def is_ready(parent: socket.socket, child: socket.socket) -> bool:
    """Wait, as the parent, for that child; false when it ended instead."""
    child.close()
    return parent.recv(1) == b"r"


# ---- words ----


def names(kinds: Kind) -> str:
    """Write kinds as "mnt uts ipc", in the order in which Linux got them."""
    return " ".join(info.name for info in nsiso.kinds() if info.kind & kinds) or "nothing"
