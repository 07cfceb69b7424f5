"""Does ``nsiso.probe`` say of each kind and feature what comes of a start? Can answers be kept and raised?"""

import copy
import os
import pickle
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any, Optional

import nsiso
import pytest
from nsiso import Kind

Options = dict[str, Any]
FORWARD = {"boottime": 5, "monotonic": 5}


def options_of(feature: str) -> Optional[tuple[Options, Options]]:
    """How a feature is asked for here: as the caller is, and what is different in a new user namespace."""
    other = int(os.geteuid() == 0)
    table: dict[str, tuple[Options, Options]] = {
        "map_root": ({"map_root": True}, {}),
        "map_current": ({"map_current": True}, {}),
        "map_auto": ({"map_auto": True}, {}),
        "hostname": ({"hostname": "nsiso"}, {}),
        "domainname": ({"domainname": "nsiso"}, {}),
        "time_offsets": ({"time_offsets": FORWARD}, {}),
        "proc": ({"proc": True}, {}),
        "loopback_down": ({"loopback": False}, {}),
        "uid": ({"uid": other}, {"uid": 0, "map_root": True}),
        "gid": ({"gid": other}, {"gid": 0, "map_root": True}),
        "groups": ({"groups": [os.getegid()]}, {"groups": [0], "map_auto": True}),
        "capabilities": ({"capabilities": ""}, {}),
        "no_new_privs": ({"no_new_privs": True}, {}),
        "rlimit": ({"rlimits": {resource.RLIMIT_RTPRIO: (0, -1)}}, {}),
        "oom_score_adj": ({"oom_score_adj": -1000}, {}),
        "init": ({"init": True}, {}),
        "kill_with_parent": ({"kill_with_parent": True}, {}),
        # Of processes that are started for it: what one is in already is left out.
        "join_process": ({"join": ()}, {}),
        "join_path": ({"join": ()}, {}),
        "clone_vm": ({}, {}),
        "own_memory": ({"own_memory": True}, {}),
    }
    return table.get(feature)


# Told of by the tests of the core: which other id and which group, a token, a call.
NO_OPTION = {"map_ids", "cgroup", "cancel_by", "clone3"}
KEYS = ("errno", "cause", "remedy", "step", "object")


def refusal(kinds: Kind, options: Options) -> Optional[nsiso.Error]:
    """Start a command; ``None`` when it runs."""
    try:
        nsiso.run(["true"], check=True, spec=nsiso.Spec(kinds, **options))
    except nsiso.Error as error:
        return error
    return None


def comes_of(alone: Optional[nsiso.Error], with_user: Optional[nsiso.Error]) -> str:
    """What an answer must say, from what a start said as the caller is, and with a new user namespace."""
    if alone is None:
        return "yes"
    if with_user is None:
        return "with a new user namespace"
    # Nothing but a lack of privilege is lifted by a user namespace.
    return f"no: {(with_user if isinstance(alone, PermissionError) else alone).strerror}"


@pytest.mark.parametrize("info", nsiso.kinds(), ids=lambda info: info.name)
def test_kinds(info: nsiso.KindInfo) -> None:
    """Each can be made as it was said."""
    answer = nsiso.probe()[info.kind]
    assert (answer.name, answer.kind) == (info.name, info.kind)
    assert str(answer) == comes_of(refusal(info.kind, {}), refusal(info.kind | Kind.USER, {}))


@pytest.mark.parametrize("info", nsiso.features(), ids=lambda info: info.name)
def test_features(info: nsiso.FeatureInfo) -> None:
    """Each can be had as it was said, and none is without a way to ask for it."""
    answer = nsiso.probe()[info.name]
    assert answer.name == info.name and answer.kind is None and info.about
    options = options_of(info.name)
    if options is None:
        assert info.name in NO_OPTION
        return
    alone, instead = options
    if "join" in alone:
        by_path = info.name == "join_path"
        expected = comes_of(join_another("uts", by_path=by_path), join_another("user", by_path=by_path))
        assert str(answer) == expected
        return
    with_user = refusal(info.needs | Kind.USER, {**alone, **instead})
    if info.needs & Kind.USER:
        expected = comes_of(nsiso.Error(1, "", "", "", "", "") if with_user is None else with_user, with_user)
    else:
        expected = comes_of(refusal(info.needs, alone), with_user)
    assert str(answer) == expected


def join_another(kind: str, *, by_path: bool) -> Optional[nsiso.Error]:
    """Join a namespace of this kind of a process that has its own, if one can be started."""
    try:
        target = nsiso.Popen(["sleep", "600"], unshare=kind)
    except nsiso.Error as error:
        return error
    with target:
        join: Any = f"/proc/{target.pid}/ns/{kind}" if by_path else (target, kind)
        refused = refusal(Kind(0), {"join": join})
        target.kill()
    return refused


def test_a_refusal_can_be_raised() -> None:
    """As the error that a start raises."""
    for answer in nsiso.probe().values():
        error = answer.error
        assert (error is None) == answer.allowed
        if error is None:
            assert [getattr(answer, key) for key in KEYS] == [None] * len(KEYS)
            continue
        words = (error.errno, error.cause, error.remedy, error.step, error.object, error.strerror)
        assert words == (*(getattr(answer, key) for key in KEYS), answer.message)
        with pytest.raises(nsiso.Error):
            raise error


def test_the_answers_are_a_mapping_that_cannot_change() -> None:
    """By kind and by name, to be kept, compared, copied and pickled."""
    probe = nsiso.probe()
    names = [feature.name for feature in nsiso.features()]
    assert list(probe) == [*(info.kind for info in nsiso.kinds()), *names] and len(probe) == len(list(probe))
    assert list(probe.features) == names and "no_such_feature" not in probe and Kind.NET in probe
    assert probe[Kind.CGROUP].kind == Kind.CGROUP and probe["cgroup"].kind is None
    for key in ("net", Kind.NET | Kind.UTS):
        with pytest.raises(KeyError):
            probe[key]
    with pytest.raises(TypeError):
        probe.kinds[Kind.NET] = probe[Kind.UTS]  # type: ignore[index]
    for thing, attribute in ((probe, "kinds"), (probe["proc"], "allowed"), (nsiso.features()[0], "name")):
        with pytest.raises(AttributeError):
            setattr(thing, attribute, None)
    for twin in (copy.copy(probe), copy.deepcopy(probe), pickle.loads(pickle.dumps(probe))):
        assert twin == probe and twin["proc"] == probe["proc"] and twin.kinds == probe.kinds
    assert str(probe).splitlines()[0].startswith("mnt ") and len(str(probe).splitlines()) == len(probe)


def test_nothing_is_left() -> None:
    """Neither a child nor a descriptor; other tests' children may be reaped meanwhile."""
    before, children = sorted(os.listdir("/proc/self/fd")), children_of_this_process()
    nsiso.probe()
    assert sorted(os.listdir("/proc/self/fd")) == before
    assert children_of_this_process() <= children


def children_of_this_process() -> set[str]:
    """Every thread's, zombies included."""
    files = Path("/proc/self/task").glob("*/children")
    return {pid for file in files for pid in file.read_text().split()}


def test_a_sandbox_is_told_of() -> None:
    """In a user namespace without room for another one, each word of the refusal is the start's."""
    code = """
import nsiso
answer = nsiso.probe()[nsiso.Kind.USER]
try:
    nsiso.run(["true"], unshare="user")
except nsiso.Error as error:
    assert not answer.allowed and answer.message == error.strerror and answer.errno == error.errno
    print(answer.cause)
"""
    line = 'echo 0 >/proc/sys/user/max_user_namespaces; exec "$@"'
    command = ["sh", "-c", line, "sh", sys.executable, "-c", code]
    told = nsiso.check_output(command, unshare="user", map_root=True, stderr=subprocess.STDOUT, text=True)
    assert told == "user.max_*_namespaces is reached\n"
