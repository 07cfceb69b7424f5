"""The documented calls: clone, setns and unshare."""

import operator
import os
import traceback
from collections.abc import Iterable
from typing import Any, Callable, NoReturn, Protocol, SupportsIndex, Union

from . import _nsiso
from ._child import exit_status, flush


class HasFileno(Protocol):
    """A file, a socket, a namespace: anything with a descriptor."""

    def fileno(self) -> int:
        """Return the descriptor."""
        ...


def clone(fn: Callable[..., object], flags: SupportsIndex = 0, args: Iterable[Any] = ()) -> int:
    """clone(2): run ``fn(*args)`` in a new process, in new namespaces as *flags* say.

    The child is a copy of this process, made as ``os.fork`` makes one: the handlers of
    ``os.register_at_fork`` run, and memory and imports work in it also when this process has
    threads (which the child does not have).

    :param fn: its result is the child's exit status: an integer (its low byte counts), ``None`` is 0.
        ``sys.exit(n)`` ends it with *n*. Another exception, or a result of another type, prints a
        traceback on the child's stderr and ends it with 1.
    :param flags: ``Kind`` values or-ed with the exit signal, which is SIGCHLD if none is given. Other
        flags of the manual are passed to the kernel; with these the process must have one thread.
    :param args: the arguments.
    :returns: the child's process id. It is the caller's to wait for (``os.waitpid``). One SIGCHLD
        more than there are children may arrive.
    :raises Error: with the kernel's errno. EINVAL also for ``CLONE_VM``, ``CLONE_THREAD``,
        ``CLONE_SIGHAND`` and flags that need a pointer: an interpreter cannot share its memory.
    :raises TypeError: *fn* cannot be called or *flags* is no integer; no child was made.

    Linux: any; each kind since its own (see :func:`kinds`). Privilege: CAP_SYS_ADMIN, or ``Kind.USER``
    among the flags. Thread-safe.
    """
    if not callable(fn):
        raise TypeError(f"fn must be callable, not {type(fn).__name__}")
    number = operator.index(flags)
    arguments = tuple(args)
    # What is buffered now would be written by both.
    flush()
    pid = _nsiso.clone(number)
    if pid == 0:
        _end_with(fn, arguments)
    return pid


def setns(fd: Union[int, HasFileno], nstype: SupportsIndex = 0) -> None:
    """setns(2): move the calling thread (for pid: its later children) into an existing namespace.

    :param fd: a namespace's descriptor or a pidfd, as an integer or an object with ``fileno()``.
    :param nstype: with a namespace's descriptor its own kind, or 0 ("do not check"); with a pidfd the
        kinds to join, all or none (Linux 5.8).
    :raises Error: with the kernel's errno, and nothing changed. EINVAL also where the kernel would do
        harm in silence: a pidfd with ``Kind.MNT`` from one thread of many would move the root and
        working directory of all of them; ``.cause`` says so, ``.remedy`` what to do.
    :raises TypeError: *fd* has no descriptor, or *nstype* is no integer.

    Linux: 3.0. Privilege: CAP_SYS_ADMIN in one's own user namespace and in that which owns the target; for
    mnt also CAP_SYS_CHROOT in one's own; for user in the target alone. See setns(2).
    """
    _nsiso.setns(descriptor(fd), operator.index(nstype))


def unshare(flags: SupportsIndex) -> None:
    """unshare(2): move the calling thread (for pid and time: its later children) into new namespaces.

    :param flags: ``Kind`` values, and the manual's ``CLONE_FILES``, ``CLONE_FS`` and ``CLONE_SYSVSEM``.
    :raises Error: with the kernel's errno, and nothing changed: EINVAL an unknown flag, or a user
        namespace in a process with threads; EPERM without CAP_SYS_ADMIN and without ``Kind.USER``;
        ENOSPC a limit on namespaces.
    :raises TypeError: *flags* is no integer.

    Linux: 2.6.16. See unshare(2).
    """
    _nsiso.unshare(operator.index(flags))


def descriptor(fd: Union[int, HasFileno]) -> int:
    """Give the number of a descriptor or of what has one."""
    if isinstance(fd, int):
        return fd
    fileno = getattr(fd, "fileno", None)
    if fileno is None:
        raise TypeError(f"fd must be an integer or have fileno(), not {type(fd).__name__}")
    number = fileno()
    if not isinstance(number, int):
        raise TypeError(f"fileno() must return an integer, not {type(number).__name__}")
    return number


def _end_with(fn: Callable[..., object], args: tuple[Any, ...]) -> NoReturn:
    """Run the function and end this process, whatever happens: nothing of the caller's may go on here."""
    status = 1
    try:
        try:
            status = _status(fn(*args))
        except SystemExit as end:
            status = exit_status(end)
        except BaseException:
            traceback.print_exc()
        flush()
    finally:
        os._exit(status)


def _status(result: object) -> int:
    if result is None:
        return 0
    if isinstance(result, int):
        return result & 0xFF
    raise TypeError(f"a function for clone returns an exit status, not {type(result).__name__}")
