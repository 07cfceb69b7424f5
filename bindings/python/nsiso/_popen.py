"""How a command is started and waited for: a subprocess.Popen whose child the core makes."""

import contextlib
import errno
import inspect
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, AnyStr, Literal, Optional, Union, overload

from . import _nsiso
from ._cancel import Cancel
from ._command import order, words_of
from ._errors import Error, refusal
from ._inspect import Link, links
from ._kind import kinds_of
from ._spec import Spec
from ._types import Args

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from ._types import HasFileno, KindsLike, ProcessOptions

_PLAIN = Spec()
_SUBPROCESS = inspect.signature(subprocess.Popen)
_SPEC = inspect.signature(Spec)
# Where both have an option of this name, it is subprocess's.
_SPEC_ONLY = _SPEC.parameters.keys() - _SUBPROCESS.parameters.keys()
# Which of them there are depends on the version of Python.
_CHILD = tuple(inspect.signature(subprocess.Popen._execute_child).parameters)[1:]  # type: ignore[attr-defined]


@dataclass(frozen=True)
class Usage:
    """What a process and the children that it waited for have used up.

    Attributes:
        user_time: seconds on a CPU in its own code.
        system_time: seconds on a CPU in the kernel.
        max_rss: most memory in use at a time, in KiB.
    """

    user_time: float
    system_time: float
    max_rss: int


class Popen(subprocess.Popen[AnyStr]):
    """Start a command in namespaces: a :class:`subprocess.Popen` in every respect, and more.

    All arguments, attributes, methods and exceptions of :class:`subprocess.Popen` are there and mean the
    same. Beside them stand a spec and its options::

        with nsiso.Popen(["ip", "link"], unshare="user,net", map_root=True, stdout=subprocess.PIPE) as child:
            print(child.communicate()[0])

    The interpreter is not forked: the child is made by the core at the same cost however large the
    interpreter is, in any number of threads, with the interpreter lock released and Ctrl-C at work.

    :param args: as there, and so are all of its other parameters.
    :param spec: which namespaces are new or joined, and how each is set up.
    :param kill_on_drop: kills and reaps the child when this object is collected before the child was waited
        for. Without it the child runs on, a ``ResourceWarning`` is given, and a later start reaps it.
    :param cancel: lets another thread call off the set-up; a command that runs already runs on.
    :param options: those of :class:`nsiso.Spec`, in place of what *spec* says about them. *cwd*, *umask* and
        *process_group* are subprocess's own, and win over the spec's; so do *user*, *group* and
        *extra_groups* over *uid*, *gid* and *groups*. They are numbers inside.

    :raises Error: a step of the set-up was refused; nothing is left behind. The class is also the builtin
        one for its errno; ``step``, ``object``, ``cause`` and ``remedy`` tell the rest.
    :raises FileNotFoundError, PermissionError, NotADirectoryError: the command or *cwd* cannot be
        used; ``filename`` is which. These too are :class:`Error`.
    :raises TypeError, ValueError: as :class:`nsiso.Spec` and :class:`subprocess.Popen`.

    Differences, on purpose: waiting is by pidfd and right also where SIGCHLD is ignored or the host
    waits for any child. Where that host has taken the status and the kernel keeps none (before Linux
    6.15), ``wait`` and ``poll`` raise ``ChildProcessError`` instead of telling 0. The command starts
    with SIGCHLD at its default. ``preexec_fn`` and ``restore_signals=False`` are subprocess's own
    way, which forks: with a spec they are refused, as its options make ``preexec_fn`` needless.
    """

    _process: Optional[_nsiso.Process] = None
    _spec: Optional[Spec] = None
    _kill_on_drop: bool = False
    _cancel: Optional[Cancel] = None

    if TYPE_CHECKING:
        _child_created: bool

        def _close_pipe_fds(self, *fds: int) -> None: ...

    @overload
    def __init__(
        self: "Popen[str]",
        args: Args,
        *positional: Any,
        text: Literal[True],
        encoding: Optional[str] = ...,
        errors: Optional[str] = ...,
        **options: "Unpack[ProcessOptions]",
    ) -> None: ...
    @overload
    def __init__(
        self: "Popen[str]",
        args: Args,
        *positional: Any,
        encoding: str,
        text: Optional[bool] = ...,
        errors: Optional[str] = ...,
        **options: "Unpack[ProcessOptions]",
    ) -> None: ...
    @overload
    def __init__(
        self: "Popen[bytes]",
        args: Args,
        *positional: Any,
        **options: "Unpack[ProcessOptions]",
    ) -> None: ...
    @overload
    def __init__(
        self: "Popen[Any]",
        args: Args,
        *positional: Any,
        text: Optional[bool] = ...,
        encoding: Optional[str] = ...,
        errors: Optional[str] = ...,
        universal_newlines: Optional[bool] = ...,
        **options: "Unpack[ProcessOptions]",
    ) -> None: ...
    def __init__(
        self,
        args: "Args",
        *positional: Any,
        spec: Optional[Spec] = None,
        kill_on_drop: bool = False,
        cancel: Optional[Cancel] = None,
        **options: Any,
    ) -> None:
        """Start the command."""
        if spec is not None and not isinstance(spec, Spec):
            raise TypeError(f"spec must be a nsiso.Spec, not {type(spec).__name__}")
        own = {option: options.pop(option) for option in _SPEC_ONLY & options.keys()}
        if own:
            spec = Spec(**own) if spec is None else spec.replace(**own)
        self._spec = spec
        self._kill_on_drop = kill_on_drop
        self._cancel = cancel
        super().__init__(args, *positional, **options)

    @property
    def pidfd(self) -> Optional[int]:
        """The child's pidfd, readable (poll(2)) once it has ended.

        It stays this object's: it is closed when the object goes. ``None`` before Linux 5.2, and with
        ``preexec_fn`` or ``restore_signals=False``.
        """
        return None if self._process is None else self._process.pidfd

    @property
    def namespaces(self) -> dict[str, Link]:
        """The namespaces that the child is in, by name, as :func:`nsiso.links` reads them.

        :raises ProcessLookupError: it has ended.
        :raises PermissionError: it runs as somebody whom the caller may not trace.
        """
        read = {} if self.poll() is not None else links(self.pid)
        # While it runs its number is nobody else's.
        if self.poll() is not None:
            story = ("links", f"process {self.pid}", "the process has ended", "read them while it runs")
            raise refusal(errno.ESRCH, *story)
        return read

    def open_namespace(self, kind: "KindsLike") -> int:
        """Open a namespace that the child is in: a new descriptor, which the caller closes.

        Those that the spec's *keep_namespaces* has taken can be had also after the child has ended.

        :param kind: one kind.
        :raises ProcessLookupError: it has ended.
        :raises PermissionError: it runs as somebody whom the caller may not trace.
        :raises ValueError: not one kind, or a child that ``preexec_fn`` has made.
        """
        if self._process is None:
            raise ValueError("a child of preexec_fn or restore_signals=False has no handle")
        return self._process.namespace(kinds_of("kind", kind))

    @property
    def usage(self) -> Optional[Usage]:
        """What the child has used up; ``None`` until it was waited for, or if others have reaped it."""
        row = None if self._process is None else self._process.usage
        return None if row is None else Usage(*row)

    @property
    def terminal(self) -> Optional[int]:
        """The caller's side of the terminal that the child has of its own (``terminal="own"``), a descriptor.

        What the child writes is read here, and what is written here is typed there; somebody has to read it,
        or the child waits once the terminal is full. It stays this object's: it is closed when the
        object goes, which hangs up what is left of the child's session (SIGHUP). ``None`` without one.
        """
        return None if self._process is None else self._process.terminal

    def relay(self, input: "Union[int, HasFileno]" = 0, output: "Union[int, HasFileno]" = 1) -> int:
        """Connect the caller's terminal with the child's own, until the child has ended.

            with nsiso.Popen(["bash"], unshare="user,pid", map_root=True, terminal="own") as shell:
                shell.relay()

        If *input* is a terminal, it is in raw mode meanwhile, so that every key goes to the child, Ctrl-C and
        Ctrl-Z too; its settings are as before afterwards, whatever comes. The child's window size follows the
        caller's. At the end of *input* the end-of-file character is typed. Signal handlers of the caller run
        meanwhile, and what one raises ends the relay; no handler is installed.

        :param input: where keys come from: a descriptor or an object that has one.
        :param output: where the child's output goes.
        :returns: as :meth:`wait`.
        :raises Error: ENOTTY, the child has no terminal of its own; ``BrokenPipeError``, nobody reads
            *output* any more; EBUSY, another thread relays it. The child runs on.
        """
        process = self._process
        if process is None:
            raise OSError(errno.ENOTTY, "the process was started without a terminal of its own")
        ends = [end if isinstance(end, int) else end.fileno() for end in (input, output)]
        self.returncode = process.relay(*ends)
        return self.wait()

    def send_signal(self, sig: int) -> None:
        """Send a signal by pidfd, so that it never reaches another process; none if it has ended."""
        process = self._process
        if process is None:
            super().send_signal(sig)
            return
        with contextlib.suppress(ChildProcessError):
            self.poll()
        if self.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(sig)

    def _execute_child(self, *args: Any, **kwargs: Any) -> None:
        """Take the place of subprocess's own fork and exec, called by its ``__init__``."""
        given = dict(zip(_CHILD, args), **kwargs)
        if given["preexec_fn"] is not None or not given["restore_signals"]:
            if self._spec is not None:
                raise ValueError(
                    "preexec_fn and restore_signals=False cannot be had with a spec:"
                    " its options do in the child what preexec_fn is for"
                )
            super()._execute_child(*args, **kwargs)  # type: ignore[misc]
            return
        words = words_of(given["args"], given["shell"], given["executable"])
        program = given["executable"] if given["executable"] is not None else words[0]
        sys.audit("subprocess.Popen", program, words, given["cwd"], given["env"])
        spec = _PLAIN if self._spec is None else self._spec
        try:
            cancel = None if self._cancel is None else self._cancel._core
            self._process = spec._core().spawn(order(given, words, program, self._kill_on_drop, cancel))
        except Error as error:
            cwd = given["cwd"] if given["cwd"] is not None else spec.cwd
            filename = {"exec": program, "chdir": cwd}.get(error.step)
            if filename is None or error.errno is None:
                raise
            story = (error.step, error.object, error.cause, error.remedy)
            raise Error(error.errno, os.strerror(error.errno), *story, filename) from None
        self.pid = self._process.pid
        self._child_created = True
        ends = ("p2cread", "p2cwrite", "c2pread", "c2pwrite", "errread", "errwrite")
        self._close_pipe_fds(*(given[end] for end in ends))

    def _wait(self, timeout: Optional[float]) -> int:
        """Wait by pidfd."""
        process = self._process
        if process is None:
            return super()._wait(timeout)  # type: ignore[misc,no-any-return]
        if self.returncode is None:
            returncode = process.wait(timeout)
            if returncode is None:
                raise subprocess.TimeoutExpired(self.args, timeout or 0)
            self.returncode = returncode
        return self.returncode

    def _internal_poll(self, _deadstate: Optional[int] = None) -> Optional[int]:
        """Ask by pidfd; called by ``poll`` and, with what to tell if nothing can be known, by ``__del__``."""
        process = self._process
        if process is None:
            return super()._internal_poll(_deadstate)  # type: ignore[misc,no-any-return]
        if self.returncode is None:
            try:
                self.returncode = process.poll()
            except OSError:
                if _deadstate is None:
                    raise
                self.returncode = _deadstate
        return self.returncode

    def __del__(self, *defaults: Any, _killed: int = -signal.SIGKILL) -> None:
        """Let the child run on, or with ``kill_on_drop`` end it."""
        if self._kill_on_drop and self._process is not None and self.returncode is None:
            # The core's own object does so when it goes.
            self._process = None
            self.returncode = _killed
        super().__del__(*defaults)


def _signature() -> inspect.Signature:
    """Both sets of parameters, as ``help`` shows them."""
    extra = [inspect.Parameter("spec", inspect.Parameter.KEYWORD_ONLY, default=None)]
    extra += [inspect.Parameter("kill_on_drop", inspect.Parameter.KEYWORD_ONLY, default=False)]
    extra += [inspect.Parameter("cancel", inspect.Parameter.KEYWORD_ONLY, default=None)]
    extra += [
        parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY, annotation=inspect.Parameter.empty)
        for option, parameter in _SPEC.parameters.items()
        if option in _SPEC_ONLY
    ]
    return inspect.Signature([*_SUBPROCESS.parameters.values(), *extra])


Popen.__signature__ = _signature()  # type: ignore[attr-defined]
