"""What a failure says: step, object, errno, cause and remedy."""

import errno as _errno
from typing import Any


class Error(OSError):
    """A refused step. The class is also the builtin one for its errno, ``PermissionError`` for EPERM.

    Attributes:
        errno: the kernel's errno.
        strerror: all of the story in one line.
        step: what was being done, for instance ``"setns"``.
        object: what it was done to, for instance ``"fd 7"``; may be empty.
        cause: why it failed: a short phrase that stays the same from release to release.
        remedy: what to do about it; empty when the cause is unknown.
    """

    step: str
    object: str
    cause: str
    remedy: str

    def __new__(cls, errno: int, message: str, *story: str) -> "Error":
        """Picks the subclass for this errno."""
        return super().__new__(_CLASSES.get(errno, cls) if cls is Error else cls, errno, message)

    def __init__(self, errno: int, message: str, step: str, object: str, cause: str, remedy: str) -> None:
        # OSError takes its two arguments in __new__, once there is one.
        self.step = step
        self.object = object
        self.cause = cause
        self.remedy = remedy

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickles with the whole story."""
        return Error, (self.errno, self.strerror, self.step, self.object, self.cause, self.remedy)


class PermissionDenied(Error, PermissionError):
    """EPERM or EACCES."""


class NotFound(Error, FileNotFoundError):
    """ENOENT."""


class ProcessGone(Error, ProcessLookupError):
    """ESRCH."""


class NoChild(Error, ChildProcessError):
    """ECHILD."""


class Exists(Error, FileExistsError):
    """EEXIST."""


_CLASSES: dict[int, type[Error]] = {
    _errno.EPERM: PermissionDenied,
    _errno.EACCES: PermissionDenied,
    _errno.ENOENT: NotFound,
    _errno.ESRCH: ProcessGone,
    _errno.ECHILD: NoChild,
    _errno.EEXIST: Exists,
}
