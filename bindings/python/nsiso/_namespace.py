"""A namespace that a program holds: one open descriptor, and what one can do with it."""

import contextvars
import functools
import os
import socket as _socket
from types import AsyncGeneratorType, CoroutineType, GeneratorType
from typing import TYPE_CHECKING, Any, Callable, Optional, Protocol, TypeVar, Union

from . import _nsiso
from ._call import call
from ._calls import descriptor
from ._kind import Kind, kinds_of
from ._options import path as checked_path
from ._options import whole
from ._spec import Spec
from ._types import HasFileno, HasPidfd

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import ParamSpec, Self

    from ._types import KindsLike, Path

    P = ParamSpec("P")

T = TypeVar("T")

_ON_THIS_THREAD = Kind.UTS | Kind.IPC | Kind.NET | Kind.CGROUP
_ONLY_BEGUN = (CoroutineType, GeneratorType, AsyncGeneratorType)
_PID_MAX = 2**31 - 1


class HasPid(Protocol):
    """A process that is known by its number, such as a :class:`subprocess.Popen`."""

    @property
    def pid(self) -> Optional[int]:
        """Its number."""
        ...


class Namespace:
    """A namespace, held open: it lives at least as long as this object, with or without processes in it.

        with nsiso.Namespace.of(child, "net") as net:
            with net.visit():
                server = socket.create_server(("127.0.0.1", 80))

    Made by its class methods. Two are equal, and have one hash, exactly when they are the same namespace. It
    has ``fileno()``, so that :func:`nsiso.setns` and ``Spec(join=…)`` take it. Its descriptor is
    close-on-exec, and closed by :meth:`close`, at the end of a ``with``, or when the object goes. A closed
    one raises ``ValueError``, as a file does. It cannot be copied or pickled: see :meth:`save`.

    Threads: may be used by many at once. Linux: 4.11. See namespaces(7).
    """

    __slots__ = ("__weakref__", "_core")

    _core: _nsiso.Namespace

    def __init__(self) -> None:
        raise TypeError("a Namespace is made by of, current, open, from_fd, of_socket or restore")

    @classmethod
    def _of_core(cls, core: _nsiso.Namespace) -> "Self":
        namespace = cls.__new__(cls)
        namespace._core = core
        return namespace

    @classmethod
    def of(cls, process: Union[int, HasPidfd, HasFileno, HasPid], kind: "KindsLike") -> "Self":
        """Open a namespace of a process or thread.

        :param process: its number as the mounted ``/proc`` counts; an object that knows its pidfd, as
            :class:`nsiso.Popen` does, or whose ``fileno()`` is one (Linux 5.3); or one that has a ``pid``.
        :param kind: one kind, as :class:`nsiso.Kind` or as text.
        :raises ProcessLookupError: there is none, or it has ended.
        :raises PermissionError: the caller may not trace it. Privilege: CAP_SYS_PTRACE for others' processes.
        """
        one = one_kind(kind)
        target: Any = process
        if isinstance(process, HasPidfd) and process.pidfd is not None:
            return cls._of_core(_nsiso.Namespace.of_pidfd(process.pidfd, one))
        if hasattr(process, "fileno"):
            return cls._of_core(_nsiso.Namespace.of_pidfd(descriptor(target), one))
        pid = getattr(process, "pid", target)
        return cls._of_core(_nsiso.Namespace.of(whole("process", pid, 1, _PID_MAX), one))

    @classmethod
    def current(cls, kind: "KindsLike") -> "Self":
        """Open the calling thread's own namespace of this kind."""
        return cls._of_core(_nsiso.Namespace.current(one_kind(kind)))

    @classmethod
    def open(cls, path: "Path") -> "Self":
        """Open what a path leads to: a link under ``/proc/PID/ns``, a bind mount, ``/run/netns/NAME``.

        :raises Error: EINVAL, it is no namespace (it is not opened then); ``FileNotFoundError`` and others of
            open(2).
        """
        return cls._of_core(_nsiso.Namespace.open(os.fsencode(checked_path("path", path))))

    @classmethod
    def from_fd(cls, fd: Union[int, HasFileno]) -> "Self":
        """Hold a copy of a descriptor, which stays the caller's.

        :param fd: a number, or an object with ``fileno()``.
        :raises Error: EINVAL, it is no namespace's; EBADF, it is closed or was opened with ``O_PATH``.
        """
        return cls._of_core(_nsiso.Namespace.from_fd(descriptor(fd)))

    @classmethod
    def of_socket(cls, socket: Union[int, HasFileno]) -> "Self":
        """Open the net namespace that a socket was made in, of any family.

        :raises PermissionError: no CAP_NET_ADMIN in the user namespace that owns it.
        :raises Error: EINVAL, it is no socket.
        """
        return cls._of_core(_nsiso.Namespace.of_socket(descriptor(socket)))

    @classmethod
    def restore(cls, saved: Union[bytes, bytearray, memoryview]) -> "Self":
        """Open a namespace that :meth:`save` has written down: that one or none.

        That holds also after its inode has gone to another, and after the machine has started anew.

        :raises Error: ESTALE, it is gone, or the caller has no CAP_SYS_ADMIN in the user namespace that owns
            it (the kernel does not tell which; one's own needs no privilege); EINVAL, other bytes than those
            of :meth:`save`; EOPNOTSUPP before Linux 6.18.
        """
        return cls._of_core(_nsiso.Namespace.restore(memoryview(saved).tobytes()))

    @property
    def kind(self) -> Kind:
        """What it isolates."""
        return Kind(self._core.kind)

    @property
    def device(self) -> int:
        """The device of the nsfs file system."""
        return self._open_core().identity[0]

    @property
    def inode(self) -> int:
        """Its inode there: the kernel gives the number to another one soon after nobody holds this one."""
        return self._open_core().identity[1]

    @property
    def id(self) -> Optional[int]:
        """Its number that is never given again before the machine starts anew.

        ``None`` before Linux 6.18, for mnt before 6.11.
        """
        return self._core.id

    @property
    def owner_uid(self) -> int:
        """Who made it, or of other kinds who made the user namespace that owns it.

        A user as the caller's own user namespace numbers them; 65534 for one that has no number there.

        :raises PermissionError: as :meth:`user_ns`.
        """
        return self._core.owner_uid

    @property
    def closed(self) -> bool:
        """Whether it is closed."""
        return self._core.closed

    def user_ns(self) -> "Self":
        """Open the user namespace that owns it; of a user namespace, the one that it lies in.

        :raises PermissionError: that is neither the caller's own nor below it.
        """
        return self._of_core(self._core.user_ns())

    def parent(self) -> "Self":
        """Open the namespace that this pid or user namespace lies in.

        :raises Error: EINVAL, other kinds do not lie in each other.
        :raises PermissionError: as :meth:`user_ns`.
        """
        return self._of_core(self._core.parent())

    def level(self) -> int:
        """Tell how many levels below the calling thread's own this pid or user namespace lies; 0 for its own.

        :raises Error: EINVAL, other kinds do not lie in each other.
        :raises PermissionError: it is not below the caller's own.
        """
        return self._core.level()

    def pid_inside(self, pid: int) -> int:
        """Tell which number a process has in this pid namespace.

        :param pid: its number in the caller's own.
        :raises ProcessLookupError: there is none, or it has no number here.
        :raises Error: EINVAL, this is no pid namespace.

        By one system call since Linux 6.11; before, of processes that the caller may trace.
        """
        return self._core.pid_inside(pid)

    def pid_outside(self, pid: int) -> int:
        """Tell which number a process of this pid namespace has in the caller's own.

        :param pid: its number here.
        :raises Error: as :meth:`pid_inside`.
        """
        return self._core.pid_outside(pid)

    def save(self) -> bytes:
        """Write it down in a few bytes, by which :meth:`restore` opens it, in this process or another.

        They keep nothing alive.

        :raises Error: EOPNOTSUPP before Linux 6.18, or a filter refuses it.
        """
        return bytes(self._core.save())

    def persist(self, path: "Path") -> None:
        """Keep it at a path, with neither process nor descriptor, until :meth:`release`.

        An empty file is made there, and the namespace bind-mounted on it. Any program opens it by that path,
        which is there for as long as the mount namespace it is in.

        :raises FileExistsError: there is a file already.
        :raises FileNotFoundError: its directory does not exist.
        :raises PermissionError: the caller may not write to that; or EPERM, it has no CAP_SYS_ADMIN in the
            user namespace that owns its mount namespace.
        :raises Error: EINVAL, of a mnt namespace: it is the caller's own, or the kernel takes it for older
            than that, or the directory's mount is shared. The file is removed again then.
        """
        self._core.persist(os.fsencode(checked_path("path", path)))

    @staticmethod
    def release(path: "Path") -> None:
        """End what :meth:`persist` began, or another program did with a bind mount.

        What is kept at this path is unmounted, and the file below removed if that is an empty one. The
        namespace goes with whoever holds it last.

        :raises Error: EINVAL, no namespace is mounted there, or the mount is one that this mount namespace
            was given from outside.
        :raises FileNotFoundError: there is nothing.
        :raises PermissionError: as :meth:`persist`.
        """
        _nsiso.Namespace.release(os.fsencode(checked_path("path", path)))

    def fileno(self) -> int:
        """Return its descriptor, which stays this object's."""
        return self._core.fileno()

    def close(self) -> None:
        """Close the descriptor. Visits under way end as they would; closing it again does nothing."""
        self._core.close()

    def visit(self) -> _nsiso.Visit:
        """Be in this uts, ipc, net or cgroup namespace for the length of a ``with``, on the calling thread.

        Other threads stay where they are, and what the body opens stays in the namespace: a socket, for
        instance. Visits may be nested; each ends on the thread where it began, and the one begun last ends
        first: else ``RuntimeError``, and the visit goes on. What this gives may be entered more than once.

        :raises ValueError: another kind, see :meth:`call`.
        :raises PermissionError: (when entered) no CAP_SYS_ADMIN in the caller's own user namespace, and in
            those which own this one and that which the thread comes from: who could not come back does not
            go.
        :raises RuntimeError: (when entered) in a coroutine of asyncio, whose other tasks would run in the
            wrong namespace at the next ``await``. A function that a coroutine calls may visit.

        If the way back is refused (a body that gave up its capabilities, or installed a filter), the thread
        waits at the end of the visit for ever: what else would run on it would be in the wrong namespace
        without knowing. Other threads go on. A thread that visits keeps a few descriptors for the next time,
        until it ends or closes the last Namespace.
        """
        return self._core.visit()

    def call(self, fn: "Callable[P, T]", /, *args: "P.args", **kwargs: "P.kwargs") -> T:
        """Call ``fn(*args, **kwargs)`` in this namespace, and return its result or raise what it raises.

        For uts, ipc, net and cgroup on this thread, as :meth:`visit`. For mnt on a thread of its own, which
        has a root and working directory of its own there, a copy of the context variables, and no signals;
        handlers of signals run when it has ended. For pid, user and time in a process of its own: see
        :func:`nsiso.call`.

        :raises Error: as :meth:`visit`; for mnt CAP_SYS_CHROOT in the caller's own user namespace is needed
            as well; for pid, user and time as :func:`nsiso.call` with ``Spec(join=self)``.
        :raises TypeError: *fn* cannot be called, or it has only begun something (a coroutine, a generator)
            that would go on outside.
        """
        if not callable(fn):
            raise TypeError(f"fn must be callable, not {type(fn).__name__}")
        kind = self.kind
        if kind & _ON_THIS_THREAD:
            with self._core.visit():
                return _done(fn(*args, **kwargs))
        if kind == Kind.MNT:
            context = contextvars.copy_context()
            result: T = self._core.call_apart(functools.partial(context.run, fn, *args, **kwargs))
            return _done(result)
        return call(functools.partial(fn, *args, **kwargs), spec=Spec(join=self))

    def socket(
        self,
        family: int = _socket.AF_INET,
        type: int = _socket.SOCK_STREAM,
        proto: int = 0,
    ) -> _socket.socket:
        """Make a socket in this net namespace, for use where the caller is.

        :raises Error: as :meth:`visit`; EINVAL, this is no net namespace; and socket(2)'s.
        """
        fd = self._core.socket(family, type, proto)
        try:
            return _socket.socket(family, type, proto, fd)
        except BaseException:
            os.close(fd)
            raise

    def _open_core(self) -> _nsiso.Namespace:
        self._core.fileno()
        return self._core

    def __enter__(self) -> "Self":
        self._open_core()
        return self

    def __exit__(
        self,
        exc_type: "Optional[type[BaseException]]",
        exc: Optional[BaseException],
        traceback: "Optional[TracebackType]",
    ) -> None:
        self.close()

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Namespace):
            return NotImplemented
        if self is other:
            return True
        # The number of one that nobody holds may be another's by now.
        both_held = not (self._core.closed or other._core.closed)
        return both_held and self._core.identity == other._core.identity

    def __hash__(self) -> int:
        return hash(self._core.identity)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._core.name}{', closed' if self._core.closed else ''}>"

    def __reduce__(self) -> Any:
        raise TypeError(f"cannot pickle or copy a {type(self).__name__}: see its save() and from_fd()")


def one_kind(kind: "KindsLike") -> Kind:
    """Read one kind."""
    kinds = kinds_of("kind", kind)
    if kinds not in tuple(Kind):
        raise ValueError(f"kind must be exactly one kind of namespace, not {kind!r}")
    return kinds


def _done(result: T) -> T:
    """What has come of a function, unless most of it is still to come."""
    if isinstance(result, _ONLY_BEGUN):
        if not isinstance(result, AsyncGeneratorType):
            result.close()
        raise TypeError(
            f"fn has only begun a {type(result).__name__}, which would go on outside the namespace:"
            " pass a function that does it all"
        )
    return result


# In the copy its only thread is another one, with other links under /proc.
os.register_at_fork(after_in_child=_nsiso.forget_homes)
