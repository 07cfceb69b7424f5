"""What each option of a spec may be: its type is checked, and it is brought into one form."""

import math
import operator
import os
from collections.abc import Iterable, Mapping
from typing import Any, Callable, Optional, Union

from ._kind import NONE, kinds_of
from ._types import HasPidfd, HasSet, Join

Check = Callable[[str, Any], Any]
# The highest number of 32 bits means "no id".
_LIKE = ("root", "cwd", "environment", "cgroup", "ids")
_ID_MAX = 2**32 - 2
_NANOSECONDS = 10**9
_INFINITY = 2**64 - 1


def whole(option: str, value: Any, least: int = 0, most: int = _ID_MAX) -> int:
    """An integer between two others."""
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        raise TypeError(f"{option} must be an integer, not {type(value).__name__}")
    number = operator.index(value)
    if not least <= number <= most:
        raise ValueError(f"{option} must be between {least} and {most}, not {number}")
    return number


def within(least: int, most: int) -> Check:
    """A check for an optional integer."""
    return lambda option, value: None if value is None else whole(option, value, least, most)


def switch(option: str, value: Any) -> bool:
    """On or off."""
    if not isinstance(value, bool):
        raise TypeError(f"{option} must be True or False, not {type(value).__name__}")
    return value


def one_of(*words: str) -> Check:
    """A check for a word."""

    def check(option: str, value: Any) -> str:
        if not isinstance(value, str):
            raise TypeError(f"{option} must be text, not {type(value).__name__}")
        if value not in words:
            raise ValueError(f"{option} must be one of {', '.join(map(repr, words))}, not {value!r}")
        return value

    return check


def name(option: str, value: Any) -> Union[str, bytes, None]:
    """A host's or domain's name."""
    if value is not None and not isinstance(value, (str, bytes)):
        raise TypeError(f"{option} must be text or bytes, not {type(value).__name__}")
    return None if value is None else _without_null(option, value)


def path(option: str, value: Any) -> Union[str, bytes]:
    """A path as text or bytes."""
    try:
        fspath: Union[str, bytes] = os.fspath(value)
    except TypeError:
        raise TypeError(f"{option} must be a path, not {type(value).__name__}") from None
    return _without_null(option, fspath)


def _without_null(option: str, value: Union[str, bytes]) -> Union[str, bytes]:
    if b"\0" in os.fsencode(value):
        raise ValueError(f"{option}: embedded null byte")
    return value


def optional_path(option: str, value: Any) -> Union[str, bytes, None]:
    """A path or none."""
    return None if value is None else path(option, value)


def seconds(option: str, value: Any) -> Optional[float]:
    """A length of time."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"{option} must be seconds, not {type(value).__name__}")
    if not (math.isfinite(value) and value > 0):
        raise ValueError(f"{option} must be more than 0 seconds and finite, not {value}")
    return float(value)


def groups(option: str, value: Any) -> Optional[tuple[int, ...]]:
    """Numbers of groups."""
    return None if value is None else tuple(whole(option, group) for group in _listed(option, value))


def ids(option: str, value: Any) -> Optional[tuple[tuple[int, ...], ...]]:
    """Lines of an id map."""
    return None if value is None else tuple(_range(option, line) for line in _listed(option, value))


def _range(option: str, line: Any) -> tuple[int, ...]:
    if not isinstance(line, (tuple, list)) or len(line) != 3:
        raise TypeError(f"{option} must be a list of (inside, outside, count), not of {line!r}")
    return tuple(whole(option, number, most=2**32 - 1) for number in line)


def offsets(option: str, value: Any) -> tuple[tuple[str, tuple[int, int]], ...]:
    """Clocks and how far each is set forward."""
    pairs = _pairs(option, value)
    for clock in pairs:
        if clock not in ("boottime", "monotonic"):
            raise ValueError(f'{option}: the clocks are "boottime" and "monotonic", not {clock!r}')
    return tuple(sorted((clock, _offset(option, length)) for clock, length in pairs.items()))


def _offset(option: str, value: Any) -> tuple[int, int]:
    """Whole seconds, and nanoseconds on top that are never negative."""
    if isinstance(value, tuple) and len(value) == 2:
        return whole(option, value[0], -(2**63), 2**63 - 1), whole(option, value[1], 0, 2**32 - 1)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"{option} must be seconds or (seconds, nanoseconds), not {type(value).__name__}")
    if not math.isfinite(value):
        raise ValueError(f"{option} must be finite, not {value}")
    whole_seconds = math.floor(value)
    nanoseconds = round((value - whole_seconds) * _NANOSECONDS)
    carry, nanoseconds = divmod(nanoseconds, _NANOSECONDS)
    return whole(option, whole_seconds + carry, -(2**63), 2**63 - 1), nanoseconds


def rlimits(option: str, value: Any) -> tuple[tuple[int, tuple[int, int]], ...]:
    """Resources and their soft and hard limits."""
    pairs = _pairs(option, value).items()
    return tuple(
        sorted((whole(option, resource), _soft_and_hard(option, limits)) for resource, limits in pairs)
    )


def _soft_and_hard(option: str, value: Any) -> tuple[int, int]:
    if not isinstance(value, (tuple, list)) or len(value) != 2:
        raise TypeError(f"{option} must be {{resource: (soft, hard)}}, not {value!r}")
    # resource.RLIM_INFINITY is -1.
    soft, hard = (whole(option, limit, -1, _INFINITY) for limit in value)
    return soft, hard


def joins(option: str, value: Any) -> tuple[Join, ...]:
    """What is joined: one, or a list."""
    if isinstance(value, list) or (isinstance(value, tuple) and all(isinstance(one, Join) for one in value)):
        return tuple(_join(option, one) for one in value)
    return (_join(option, value),)


def _join(option: str, value: Any) -> Join:
    if isinstance(value, Join):
        return value
    if isinstance(value, HasSet):
        return Join(value, NONE)
    if isinstance(value, tuple) and len(value) == 2:
        target, kinds = value
        if isinstance(target, int):
            return Join(whole(option, target, 1, 2**31 - 1), kinds_of(option, kinds))
        if isinstance(target, HasPidfd) or hasattr(target, "fileno"):
            return Join(target, kinds_of(option, kinds))
        raise TypeError(f"{option}: kinds stand beside a process, not beside {type(target).__name__}")
    if isinstance(value, (int, HasPidfd)):
        raise TypeError(f'{option}: of a process, name the kinds: ({value!r}, "net,uts")')
    if hasattr(value, "fileno"):
        return Join(value, NONE)
    if isinstance(value, (str, bytes, os.PathLike)):
        return Join(path(option, value), NONE)
    raise TypeError(
        f"{option} must be a path, an object with fileno(), what hold() gives, (process, kinds),"
        f" or a list of these, not {type(value).__name__}"
    )


def words(option: str, value: Any) -> Optional[str]:
    """Names with commas between them."""
    if value is not None and not isinstance(value, str):
        raise TypeError(f"{option} must be names with commas between them, not {type(value).__name__}")
    return value


def paths(option: str, value: Any) -> tuple[Union[str, bytes], ...]:
    """Directories: one, or a list."""
    listed = [value] if isinstance(value, (str, bytes, os.PathLike)) else _listed(option, value)
    return tuple(path(option, one) for one in listed)


def quota_and_period(option: str, value: Any) -> Optional[tuple[int, int]]:
    """Two lengths of time."""
    if value is None:
        return None
    if not isinstance(value, (tuple, list)) or len(value) != 2:
        raise TypeError(f"{option} must be (quota, period) in microseconds, not {value!r}")
    quota, period = (whole(option, length, 0, 2**64 - 1) for length in value)
    return quota, period


def _listed(option: str, value: Any) -> list[Any]:
    if isinstance(value, (str, bytes)) or not isinstance(value, Iterable):
        raise TypeError(f"{option} must be a list, not {type(value).__name__}")
    return list(value)


def _pairs(option: str, value: Any) -> dict[Any, Any]:
    if value is None:
        return {}
    if isinstance(value, Mapping):
        return dict(value)
    pairs = _listed(option, value)
    if not all(isinstance(pair, tuple) and len(pair) == 2 for pair in pairs):
        raise TypeError(f"{option} must be a mapping, not {type(value).__name__}")
    if len(dict(pairs)) < len(pairs):
        raise ValueError(f"{option} names one thing twice")
    return dict(pairs)


def likeness(option: str, value: Any) -> Optional[tuple[int, str]]:
    """A process, and in what to be like it."""
    if value is None:
        return None
    if not isinstance(value, tuple) or len(value) != 2 or not isinstance(value[1], str):
        raise TypeError(f'{option} must be (pid, "root,cwd,environment,cgroup,ids"), not {value!r}')
    words = [word.strip() for word in value[1].split(",")]
    if unknown := [word for word in words if word not in _LIKE]:
        raise ValueError(f"{option}: {unknown[0]!r} is none of {', '.join(_LIKE)}")
    return whole(option, value[0], 1, 2**31 - 1), ",".join(words)


CHECKS: dict[str, Check] = {
    "unshare": kinds_of,
    "join": joins,
    "map_root": switch,
    "map_current": switch,
    "map_auto": switch,
    "uid_map": ids,
    "gid_map": ids,
    "hostname": name,
    "domainname": name,
    "proc": switch,
    "loopback": switch,
    "time_offsets": offsets,
    "cwd": optional_path,
    "umask": within(0, 2**32 - 1),
    "uid": within(0, _ID_MAX),
    "gid": within(0, _ID_MAX),
    "groups": groups,
    "new_session": switch,
    "process_group": within(0, 2**31 - 1),
    "controlling_terminal": within(0, 2**31 - 1),
    "rlimits": rlimits,
    "oom_score_adj": within(-(2**31), 2**31 - 1),
    "no_new_privs": switch,
    "init": switch,
    "kill_with_parent": switch,
    "terminal": one_of("apart", "share", "own"),
    "capabilities": words,
    "cgroup": paths,
    "memory_limit": within(0, 2**64 - 1),
    "pids_limit": within(0, 2**64 - 1),
    "cpu_limit": quota_and_period,
    "keep_namespaces": kinds_of,
    "setup_timeout": seconds,
    "like": likeness,
    "own_memory": switch,
}
