"""What a failure says: step, object, errno, cause and remedy."""

import errno as _errno
from typing import Any, Optional, Union


class Error(OSError):
    """A refused step. The class is also the builtin one for its errno, ``PermissionError`` for EPERM.

    Attributes:
        errno: the kernel's errno.
        strerror: all of the story in one line; for a command or directory that could not be used, the
            errno's own words, as :mod:`subprocess` has them.
        filename: that command or directory; else ``None``.
        step: what was being done, for instance ``"setns"``.
        object: what it was done to, for instance ``"fd 7"``; may be empty.
        cause: why it failed: a short phrase that stays the same from release to release.
        remedy: what to do about it; empty when the cause is unknown.
    """

    step: str
    object: str
    cause: str
    remedy: str

    def __new__(cls, errno: int, message: str, *story: Any) -> "Error":
        """Picks the subclass for this errno."""
        chosen = _CLASSES.get(errno, cls) if cls is Error else cls
        # OSError takes its arguments here, once there is a __new__.
        return super().__new__(chosen, errno, message, story[4] if len(story) > 4 else None)

    def __init__(
        self,
        errno: int,
        message: str,
        step: str,
        object: str,
        cause: str,
        remedy: str,
        filename: Union[str, bytes, None] = None,
    ) -> None:
        self.step = step
        self.object = object
        self.cause = cause
        self.remedy = remedy

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickles with the whole story."""
        story = (self.step, self.object, self.cause, self.remedy, self.filename)
        return Error, (self.errno, self.strerror, *story)


class PermissionDenied(Error, PermissionError):
    """EPERM or EACCES."""


class NotFound(Error, FileNotFoundError):
    """ENOENT."""


class NotADirectory(Error, NotADirectoryError):
    """ENOTDIR."""


class ProcessGone(Error, ProcessLookupError):
    """ESRCH."""


class NoChild(Error, ChildProcessError):
    """ECHILD."""


class Exists(Error, FileExistsError):
    """EEXIST."""


class NotNow(Error, BlockingIOError):
    """EAGAIN: for instance a limit on processes."""


class BrokenPipe(Error, BrokenPipeError):
    """EPIPE: nobody reads what a relay writes."""


class TimedOut(Error, TimeoutError):
    """ETIMEDOUT."""


_CLASSES: dict[Optional[int], type[Error]] = {
    _errno.EPERM: PermissionDenied,
    _errno.EACCES: PermissionDenied,
    _errno.ENOENT: NotFound,
    _errno.ENOTDIR: NotADirectory,
    _errno.ESRCH: ProcessGone,
    _errno.ECHILD: NoChild,
    _errno.EEXIST: Exists,
    _errno.EAGAIN: NotNow,
    _errno.EPIPE: BrokenPipe,
    _errno.ETIMEDOUT: TimedOut,
}


def refusal(errno: int, step: str, object: str, cause: str, remedy: str) -> Error:
    """An error with its story, as the core tells one."""
    message = f"{step} ({object}): {_errno.errorcode[errno]}, because {cause}: {remedy}"
    return Error(errno, message, step, object, cause, remedy)


def one_line(error: Error) -> str:
    """Tell the whole story of any error of ours in one line."""
    if error.filename is None:
        return str(error.strerror)
    why = f", because {error.cause}: {error.remedy}" if error.remedy else ""
    return f"{error.step} ({error.filename!r}): {error.strerror}{why}"
