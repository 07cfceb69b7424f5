"""What the user wants: which namespaces are new, which are joined, and how each is set up."""

import dataclasses
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Optional, Union

from . import _nsiso
from ._kind import NONE, Kind, text
from ._options import CHECKS
from ._plan import Plan, Step
from ._types import Args, HasPidfd, HasSet, Ids, Join, JoinLike, KindsLike, Limits, Pairs, Path

if TYPE_CHECKING:
    from typing_extensions import Self, Unpack

    from ._types import SpecOptions, Terminal


@dataclass(frozen=True, init=False, repr=False)
class Spec:
    """A description of namespaces and of the process in them.

    A value: it cannot change, compares by its options, can be hashed and pickled (if what it joins can), and
    be used often and by many threads. :func:`nsiso.run` and :class:`nsiso.Popen` start a command in it::

        spec = nsiso.Spec("user,pid,mnt,uts", map_root=True, hostname="box", proc=True)
        print(spec.plan(["ps", "aux"]))
        nsiso.run(["ps", "aux"], spec=spec, check=True)

    What is wrong with one option by itself is refused here, what contradicts another option when the
    plan is made, and what the kernel refuses when the command is started, by step and cause.

    Namespaces:

    :param unshare: new namespaces: :class:`nsiso.Kind` values, or text such as ``"user,pid,mnt"``. A new
        mnt namespace has private propagation, a new net namespace has ``lo`` up. Privilege: CAP_SYS_ADMIN, or
        ``user`` among them. Linux 3.8; cgroup 4.6, time 5.6.
    :param join: existing namespaces: one of these or a list of them. ``(pid, "net,uts")`` is a process and
        which of its namespaces; in place of the pid may stand a :class:`nsiso.Popen` or an object whose
        ``fileno()`` is a pidfd (Linux 5.8). A path is a link under ``/proc/PID/ns`` or a bind mount. An
        object with ``fileno()`` is an open namespace; it must be open whenever the spec is used. What is
        joined comes first and owns what is new. Privilege: see setns(2).

    Ids, each of them with ``user`` among the new ones, and at most one of the four:

    :param map_root: the caller's user and group are root inside.
    :param map_current: the caller's user and group keep their numbers inside.
    :param map_auto: the caller is root inside, followed by all ids that /etc/subuid and /etc/subgid grant.
        Privilege: CAP_SETUID and CAP_SETGID, or newuidmap(1) and newgidmap(1).
    :param uid_map: lines ``(inside, outside, count)``; needs *gid_map*. One id of the caller's own needs
        no privilege, others do as *map_auto* does.
    :param gid_map: the same for groups.

    Set-up inside:

    :param hostname: at most 64 bytes. Needs ``uts`` among the new ones.
    :param domainname: the NIS domain name, as *hostname*.
    :param proc: mounts a ``/proc`` that shows the new pid namespace. Needs ``pid`` and ``mnt``.
    :param loopback: ``False`` leaves ``lo`` down in a new net namespace.
    :param time_offsets: ``{"boottime": …, "monotonic": …}``: how far the clock is set forward, in seconds
        (an integer or a float) or as ``(seconds, nanoseconds)``. Needs ``time``. Linux 5.6.

    The process:

    :param cwd: where it starts, as seen inside.
    :param umask: permission bits that it does not give to new files, at most 0o777.
    :param uid: its user, as numbered inside. Privilege: CAP_SETUID inside.
    :param gid: its group, as numbered inside. Privilege: CAP_SETGID inside.
    :param groups: its supplementary groups, in place of the caller's. Privilege: CAP_SETGID inside, and not
        where an ordinary user wrote its own map (setgroups is denied there for good).
    :param new_session: leads a session of its own (setsid(2)), without a terminal.
    :param process_group: joins this group (setpgid(2)); 0 is one of its own.
    :param controlling_terminal: leads a session of its own whose terminal is the descriptor with this
        number, as the command sees its descriptors.
    :param like: ``(pid, "root,cwd,environment,cgroup,ids")``: what it has of this process, in these words,
        mostly beside a join of its namespaces. What *cwd* and *env* of subprocess say wins. Ids are as the
        process's own user namespace numbers them where that is joined. Privilege: to trace the process;
        CAP_SYS_CHROOT for the root, as *uid* for ids, as *cgroup* for control groups.
    :param rlimits: ``{resource.RLIMIT_NOFILE: (soft, hard)}``; -1 is infinity. Privilege: CAP_SYS_RESOURCE
        for raising a hard limit.
    :param oom_score_adj: how willingly the kernel ends it when memory runs out, from -1000 to 1000.
        Privilege: CAP_SYS_RESOURCE for less than the caller's.
    :param no_new_privs: executing gives it no privilege, so setuid programs have none (prctl(2)).
    :param capabilities: names of those it keeps at most, over exec too, as ``"net_bind_service,sys_admin"``;
        ``"all"`` or ``""``. No program can get others. Privilege: CAP_SETPCAP, which ``user`` gives.

    Its place, its end and its terminal:

    :param init: a reaper of the library's own is pid 1 of the new pid namespace, and the command still the
        caller's child; signals to pid 1 are handed on to it, and all in the namespace ends with it.
        Linux 5.3.
    :param kill_with_parent: it ends when the process that started it ends, whatever becomes of the thread
        that did. Linux 5.3.
    :param terminal: ``"apart"``: in namespaces of its own a command that has the caller's terminal on a
        descriptor from 0 to 2 leads a session without it, so that it cannot type into that terminal what runs
        outside. ``"share"``: it stays in the caller's session. ``"own"``: a new terminal, on those of its
        descriptors 0 to 2 that subprocess's options leave alone, controls a session of its own, and
        :meth:`nsiso.Popen.relay` connects it with the caller's. Excludes *controlling_terminal* and
        *process_group*. Linux 4.13.
    :param cgroup: directories of existing control groups that it is placed in before a new cgroup namespace
        is made: one of each hierarchy (version 1), or one (version 2). Privilege: to write to them.
    :param memory_limit: bytes of memory of that group. Limits stay when the process has ended.
    :param pids_limit: processes and threads of that group.
    :param cpu_limit: ``(quota, period)`` in microseconds: time on a CPU of that group in each period.

    The start:

    :param keep_namespaces: kinds of which descriptors are taken before it runs: :meth:`Popen.open_namespace`
        gives copies of them whatever becomes of the process.
    :param setup_timeout: seconds after which the set-up is given up: ``TimeoutError``.
    :param own_memory: starts from a copy of the caller, as fork does: where a child cannot share the
        caller's memory (valgrind, qemu-user). The cost grows with the caller.

    Attributes: as the parameters, in one form: *unshare* is a Kind, lists and mappings are tuples.

    :raises TypeError: a value of a wrong type; the message names the option.
    :raises ValueError: a value that no caller can mean: an unknown kind or clock, a negative number, one of
        *uid_map* and *gid_map* without the other.
    """

    unshare: Kind = NONE
    join: tuple[Join, ...] = ()
    map_root: bool = False
    map_current: bool = False
    map_auto: bool = False
    uid_map: Optional[tuple[tuple[int, int, int], ...]] = None
    gid_map: Optional[tuple[tuple[int, int, int], ...]] = None
    hostname: Union[str, bytes, None] = None
    domainname: Union[str, bytes, None] = None
    proc: bool = False
    loopback: bool = True
    time_offsets: tuple[tuple[str, tuple[int, int]], ...] = ()
    cwd: Union[str, bytes, None] = None
    umask: Optional[int] = None
    uid: Optional[int] = None
    gid: Optional[int] = None
    groups: Optional[tuple[int, ...]] = None
    new_session: bool = False
    process_group: Optional[int] = None
    controlling_terminal: Optional[int] = None
    rlimits: tuple[tuple[int, tuple[int, int]], ...] = ()
    oom_score_adj: Optional[int] = None
    no_new_privs: bool = False
    init: bool = False
    kill_with_parent: bool = False
    terminal: "Terminal" = "apart"
    capabilities: Optional[str] = None
    cgroup: tuple[Union[str, bytes], ...] = ()
    memory_limit: Optional[int] = None
    pids_limit: Optional[int] = None
    cpu_limit: Optional[tuple[int, int]] = None
    keep_namespaces: Kind = NONE
    setup_timeout: Optional[float] = None
    own_memory: bool = False
    like: Optional[tuple[int, str]] = None

    def __init__(
        self,
        unshare: "KindsLike" = NONE,
        *,
        join: "Union[JoinLike, Sequence[JoinLike]]" = (),
        map_root: bool = False,
        map_current: bool = False,
        map_auto: bool = False,
        uid_map: "Optional[Ids]" = None,
        gid_map: "Optional[Ids]" = None,
        hostname: Union[str, bytes, None] = None,
        domainname: Union[str, bytes, None] = None,
        proc: bool = False,
        loopback: bool = True,
        time_offsets: "Optional[Pairs]" = None,
        cwd: "Optional[Path]" = None,
        umask: Optional[int] = None,
        uid: Optional[int] = None,
        gid: Optional[int] = None,
        groups: Optional[Sequence[int]] = None,
        new_session: bool = False,
        process_group: Optional[int] = None,
        controlling_terminal: Optional[int] = None,
        rlimits: "Optional[Limits]" = None,
        oom_score_adj: Optional[int] = None,
        no_new_privs: bool = False,
        init: bool = False,
        kill_with_parent: bool = False,
        terminal: "Terminal" = "apart",
        capabilities: Optional[str] = None,
        cgroup: "Union[Path, Sequence[Path]]" = (),
        memory_limit: Optional[int] = None,
        pids_limit: Optional[int] = None,
        cpu_limit: Optional[tuple[int, int]] = None,
        keep_namespaces: "KindsLike" = NONE,
        setup_timeout: Optional[float] = None,
        own_memory: bool = False,
        like: Optional[tuple[int, str]] = None,
    ) -> None:
        """Describe; nothing is done yet."""
        given = locals()
        for option, check in CHECKS.items():
            object.__setattr__(self, option, check(option, given[option]))
        if (self.uid_map is None) != (self.gid_map is None):
            raise ValueError("uid_map and gid_map need each other: give both")

    def replace(self, **changes: "Unpack[SpecOptions]") -> "Self":
        """Make a spec that differs in these options."""
        return type(self)(**{**self._given(), **changes})

    def plan(self, args: "Args" = ("true",)) -> Plan:
        """Tell the steps in which a command would be started. Needs no privilege and does nothing.

        :param args: the command and its arguments; a string is a command alone.
        :raises Error: EINVAL, options that contradict each other; EPERM, ids that nobody has granted;
            a namespace to join that cannot be opened.
        """
        words = [args] if isinstance(args, (str, bytes, os.PathLike)) else args
        return Plan(Step(*row) for row in self._core().plan(list(map(os.fsencode, words))))

    def __repr__(self) -> str:
        options = (f"{name}={_shown(value)}" for name, value in self._given().items())
        return f"{type(self).__name__}({', '.join(options)})"

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickles and copies by its options."""
        return _restored, (type(self), self._given())

    def _given(self) -> dict[str, Any]:
        """The options that are not at their default."""
        pairs = ((field, getattr(self, field.name)) for field in dataclasses.fields(self))
        return {field.name: value for field, value in pairs if value != field.default}

    def _core(self) -> "_nsiso.Spec":
        """The core's spec: made once, but each time where it has numbers of descriptors in it."""
        core: Optional[_nsiso.Spec] = self.__dict__.get("_made")
        if core is None:
            core = _nsiso.Spec(_for_core(self._given()))
            if all(isinstance(join.target, (int, str, bytes)) for join in self.join):
                object.__setattr__(self, "_made", core)
        return core


def _for_core(given: dict[str, Any]) -> dict[str, Any]:
    options = {"unshare": 0, **given}
    if "join" in given:
        options["join"] = [_join_row(join) for join in given["join"]]
    if "uid_map" in given:
        options["id_maps"] = (options.pop("uid_map"), options.pop("gid_map"))
    if "cgroup" in given:
        options["cgroup"] = [os.fsencode(directory) for directory in given["cgroup"]]
    for option in ("hostname", "domainname", "cwd"):
        if option in given:
            options[option] = os.fsencode(given[option])
    options.update(options.pop("time_offsets", ()))
    if "rlimits" in given:
        rows = given["rlimits"]
        options["rlimits"] = [(resource, _unsigned(soft), _unsigned(hard)) for resource, (soft, hard) in rows]
    return options


def _join_row(
    join: Join,
) -> tuple[Optional[int], Optional[int], Optional[bytes], int, Optional["_nsiso.Held"]]:
    """The pid, the descriptor or the path, the kinds, and the set."""
    target = join.target
    if isinstance(target, HasSet):
        return None, None, None, 0, target._core
    if isinstance(target, int):
        return target, None, None, join.kinds, None
    if isinstance(target, (str, bytes)):
        return None, None, os.fsencode(target), 0, None
    if not isinstance(target, HasPidfd):
        return None, target.fileno(), None, join.kinds, None
    if target.pidfd is None:
        return target.pid, None, None, join.kinds, None
    return None, target.pidfd, None, join.kinds, None


def _unsigned(limit: int) -> int:
    return limit % 2**64


def _shown(value: Any) -> str:
    return repr(text(value)) if isinstance(value, Kind) else repr(value)


def _restored(cls: type[Spec], options: dict[str, Any]) -> Spec:
    return cls(**options)
