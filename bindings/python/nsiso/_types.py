"""What the options are called and take, for type checkers."""

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import (
    IO,
    TYPE_CHECKING,
    Any,
    Callable,
    Literal,
    NamedTuple,
    Optional,
    Protocol,
    TypedDict,
    Union,
    runtime_checkable,
)

from ._kind import Kind

if TYPE_CHECKING:
    from . import _nsiso
    from ._cancel import Cancel
    from ._spec import Spec


class HasFileno(Protocol):
    """A file, a socket, a namespace: anything with a descriptor."""

    def fileno(self) -> int:
        """Return the descriptor."""
        ...


@runtime_checkable
class HasPidfd(Protocol):
    """A process that is known by its pidfd, such as a :class:`nsiso.Popen`."""

    @property
    def pid(self) -> int:
        """Its number."""
        ...

    @property
    def pidfd(self) -> Optional[int]:
        """Its descriptor, if the kernel has such."""
        ...


@runtime_checkable
class HasSet(Protocol):
    """A set of namespaces, as :func:`nsiso.hold` makes it."""

    _core: "_nsiso.Held"

    @property
    def kinds(self) -> Kind:
        """Of which kinds they are."""
        ...


class Join(NamedTuple):
    """One join of a spec: what, and with a process which of its namespaces."""

    target: Union[int, str, bytes, HasFileno, HasPidfd, HasSet]
    kinds: Kind


Path = Union[str, bytes, "os.PathLike[str]", "os.PathLike[bytes]"]
Args = Union[Path, Sequence[Path]]
KindsLike = Union[Kind, int, str]
JoinLike = Union[Join, Path, HasFileno, HasSet, tuple[Union[int, HasFileno, HasPidfd], KindsLike]]
Ids = Iterable[tuple[int, int, int]]
OffsetLike = Union[int, float, tuple[int, int]]
File = Union[int, IO[Any], None]
Pairs = Union[Mapping[str, OffsetLike], Iterable[tuple[str, OffsetLike]]]
Terminal = Literal["apart", "share", "own"]
Limits = Union[Mapping[int, tuple[int, int]], Iterable[tuple[int, tuple[int, int]]]]


class SpecOptions(TypedDict, total=False):
    """The arguments of :class:`nsiso.Spec`."""

    unshare: KindsLike
    join: Union[JoinLike, Sequence[JoinLike]]
    map_root: bool
    map_current: bool
    map_auto: bool
    uid_map: Optional[Ids]
    gid_map: Optional[Ids]
    hostname: Union[str, bytes, None]
    domainname: Union[str, bytes, None]
    proc: bool
    loopback: bool
    time_offsets: Optional[Pairs]
    cwd: Optional[Path]
    umask: Optional[int]
    uid: Optional[int]
    gid: Optional[int]
    groups: Optional[Iterable[int]]
    new_session: bool
    process_group: Optional[int]
    controlling_terminal: Optional[int]
    rlimits: Optional[Limits]
    oom_score_adj: Optional[int]
    no_new_privs: bool
    init: bool
    kill_with_parent: bool
    terminal: Terminal
    capabilities: Optional[str]
    cgroup: Union[Path, Sequence[Path]]
    memory_limit: Optional[int]
    pids_limit: Optional[int]
    cpu_limit: Optional[tuple[int, int]]
    keep_namespaces: KindsLike
    setup_timeout: Optional[float]
    own_memory: bool
    like: Optional[tuple[int, str]]


class StartOptions(SpecOptions, total=False):
    """The keyword arguments of :class:`nsiso.Popen` that every way to start a command has."""

    executable: Optional[Path]
    preexec_fn: Optional[Callable[[], Any]]
    close_fds: bool
    env: Union[Mapping[str, Path], Mapping[bytes, Path], None]
    restore_signals: bool
    start_new_session: bool
    pass_fds: Iterable[int]
    user: Union[str, int, None]
    group: Union[str, int, None]
    extra_groups: Optional[Iterable[Union[str, int]]]
    pipesize: int
    spec: Optional["Spec"]
    kill_on_drop: bool
    cancel: Optional["Cancel"]


class ProcessOptions(StartOptions, total=False):
    """The keyword arguments of :class:`nsiso.Popen`, without those that decide between text and bytes."""

    bufsize: int
    stdin: File
    stdout: File
    stderr: File
    shell: bool


class RunOptions(ProcessOptions, total=False):
    """The keyword arguments of :func:`nsiso.run` but these and its input."""

    capture_output: bool
    timeout: Optional[float]
    check: bool
