"""Does each option of a spec do inside what it says, and nothing outside? Seen by the kernel's own files."""

import os
import pickle
import resource
import signal
import subprocess
import sys
from copy import deepcopy
from dataclasses import FrozenInstanceError, fields
from pathlib import Path
from typing import Any

import nsiso
import pytest
from nsiso import Kind, Spec
from spawning import ROOT, children, differing, field, running, said, script, spec

EVERYTHING = "user,pid,mnt,uts,ipc,net,cgroup,time"
CONNECT = "import socket; socket.socket(type=socket.SOCK_DGRAM).connect(('127.0.0.1', 9))"


@pytest.mark.parametrize("kind", list(Kind), ids=lambda kind: str(kind.name).lower())
def test_each_kind_alone(kind: Kind) -> None:
    """The child is in a new namespace of that kind, and of no other but what an ordinary user needs."""
    expected = kind if ROOT else kind | Kind.USER
    with running(spec(str(kind.name).lower())) as child:
        assert differing(child) == expected


def test_all_kinds_together_and_none() -> None:
    """In one call."""
    with running(Spec(EVERYTHING, map_root=True)) as child:
        assert differing(child) == sum(Kind)
    with running(Spec()) as child:
        assert differing(child) == Kind(0)


@pytest.mark.parametrize(
    ("kinds", "options", "line", "expected"),
    [
        ("uts", {"hostname": "inside"}, "hostname", "inside"),
        ("uts", {"domainname": b"inside.example"}, "cat /proc/sys/kernel/domainname", "inside.example"),
        ("pid,mnt", {"proc": True}, "echo $$; cd /proc; echo [0-9]*", "1\n1"),
        (
            "time",
            {"time_offsets": {"boottime": 86400.25}},
            "tail -1 /proc/self/timens_offsets",
            "86400 250000000",
        ),
        ("time", {"time_offsets": {"monotonic": -0.5}}, "head -1 /proc/self/timens_offsets", "-1 500000000"),
        ("time", {"time_offsets": {"monotonic": (7, 8)}}, "head -1 /proc/self/timens_offsets", "7 8"),
        ("", {"cwd": Path("/usr/bin")}, "pwd", "/usr/bin"),
        ("", {"umask": 0o27}, "umask", "0027"),
        ("user", {"map_root": True, "uid": 0, "gid": 0}, "id -u; id -g", "0\n0"),
        ("user", {"map_current": True}, "id -u; id -g", f"{os.geteuid()}\n{os.getegid()}"),
        ("", {"no_new_privs": True}, "grep NoNewPrivs /proc/self/status", "NoNewPrivs:\t1"),
        ("uts", {"hostname": "copied", "own_memory": True}, "hostname", "copied"),
        ("pid", {"init": True}, "echo $$ $PPID", "2 0"),
        (
            "user",
            {"map_root": True, "capabilities": ""},
            "grep CapBnd /proc/self/status",
            "CapBnd:\t" + 16 * "0",
        ),
        ("uts", {"hostname": "watched", "kill_with_parent": True}, "hostname", "watched"),
        ("uts", {"hostname": "in time", "setup_timeout": 60}, "hostname", "in time"),
    ],
)
def test_what_is_set_up_inside(kinds: str, options: dict[str, Any], line: str, expected: str) -> None:
    """As a shell inside sees it; outside all stays as it was."""
    outside = os.uname(), Path("/proc/self/mountinfo").read_bytes(), os.getcwd(), field(os.getpid(), "Umask")
    answer = said(spec(kinds, **options) if "map_current" not in options else Spec(kinds, **options), line)
    assert answer.split()[-len(expected.split()) :] == expected.split()
    assert outside == (
        os.uname(),
        Path("/proc/self/mountinfo").read_bytes(),
        os.getcwd(),
        field(os.getpid(), "Umask"),
    )


def test_loopback_is_up_unless_it_is_not_wanted() -> None:
    """A datagram socket connects to 127.0.0.1, or there is no way there."""
    assert nsiso.run([sys.executable, "-c", CONNECT], spec=spec("net")).returncode == 0
    down = nsiso.run([sys.executable, "-c", CONNECT], spec=spec("net", loopback=False), capture_output=True)
    assert b"Network is unreachable" in down.stderr


def test_limits_are_the_childs() -> None:
    """Seen from outside, and only there."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = {resource.RLIMIT_NOFILE: (64, 128), resource.RLIMIT_CORE: (0, 0)}
    with running(Spec(rlimits=wanted)) as child:
        assert resource.prlimit(child.pid, resource.RLIMIT_NOFILE) == (64, 128)
        assert resource.prlimit(child.pid, resource.RLIMIT_CORE) == (0, 0)
    assert before == resource.getrlimit(resource.RLIMIT_NOFILE)


def test_the_oom_score_is_the_childs() -> None:
    """And the interpreter, which shared its memory with the child, keeps its own."""
    done = script(
        """
import nsiso
from pathlib import Path
own = Path("/proc/self/oom_score_adj")
before = int(own.read_text())
child = nsiso.Popen(["sleep", "600"], oom_score_adj=before + 100)
after = int(own.read_text()), int(Path(f"/proc/{child.pid}/oom_score_adj").read_text())
child.kill()
child.wait()
assert after == (before, before + 100), after
"""
    )
    assert done.returncode == 0, done.stderr


def test_infinity_is_a_limit() -> None:
    """As the resource module writes it."""
    hard = resource.getrlimit(resource.RLIMIT_STACK)[1]
    with running(Spec(rlimits={resource.RLIMIT_STACK: (hard, hard)})) as child:
        assert resource.prlimit(child.pid, resource.RLIMIT_STACK) == (hard, hard)


def test_sessions_groups_and_terminals() -> None:
    """A session of its own, a group of its own, and a terminal to it."""
    with running(Spec(new_session=True)) as child:
        assert os.getsid(child.pid) == os.getpgid(child.pid) == child.pid
    with running(Spec(process_group=0)) as leader, running(Spec(process_group=leader.pid)) as child:
        assert os.getpgid(child.pid) == leader.pid
        assert os.getsid(child.pid) == os.getsid(0)
    master, terminal = os.openpty()
    try:
        answer = said(Spec(controlling_terminal=0), "tty; exec 3</dev/tty && echo open", stdin=terminal)
        assert answer.splitlines() == [os.ttyname(terminal), "open"]
    finally:
        os.close(master)
        os.close(terminal)


@pytest.mark.parametrize(
    ("options", "users"),
    [
        ({"map_root": True}, f"0 {os.geteuid()} 1"),
        ({"map_current": True}, f"{os.geteuid()} {os.geteuid()} 1"),
        (
            {"uid_map": [(7, os.geteuid(), 1)], "gid_map": [(8, os.getegid(), 1)]},
            f"7 {os.geteuid()} 1",
        ),
    ],
)
def test_id_maps(options: dict[str, Any], users: str) -> None:
    """Seen from outside; a caller's own single id needs no privilege."""
    with running(Spec("user", **options)) as child:
        assert Path(f"/proc/{child.pid}/uid_map").read_text().split() == users.split()


def test_several_ranges() -> None:
    """A privileged caller writes them; another one hears which line nobody grants."""
    several = Spec(
        "user",
        uid_map=[(0, os.geteuid(), 1), (1, 100_000, 10)],
        gid_map=[(0, os.getegid(), 1), (1, 100_000, 10)],
    )
    if ROOT:
        assert said(several.replace(uid=5, gid=6, groups=[7]), "id -u; id -G") == "5\n6 7"
    else:
        with pytest.raises(PermissionError, match="100000") as refused:
            nsiso.run(["true"], spec=several)
        assert isinstance(refused.value, nsiso.Error)
        assert "/etc/subuid or /etc/subgid" in refused.value.cause


def test_all_ids_that_are_granted() -> None:
    """Root first, then the subordinate ids; or the reason why there are none."""
    try:
        ranges = said(Spec("user", map_auto=True), "cat /proc/self/uid_map").splitlines()
    except nsiso.Error as refused:
        assert isinstance(refused, PermissionError) or refused.cause.startswith("newuidmap")
        assert refused.cause in str(refused) and refused.remedy in str(refused)
    else:
        assert ranges[0].split()[:2] == ["0", str(os.geteuid())] and len(ranges) > 1


def test_join_by_every_handle() -> None:
    """A number, a pidfd, a Popen, paths, open namespaces; new ones beside them."""
    names = ["user", "uts"] if not ROOT else ["uts"]
    kinds = ",".join(names)
    with running(spec("uts,net", hostname="there")) as there:
        paths = [Path(f"/proc/{there.pid}/ns/{name}") for name in names]
        with open(os.pidfd_open(there.pid)) as pidfd, open(paths[0]) as first, open(paths[-1]) as last:
            files = [first, last][: len(names)]
            whole = [(there.pid, kinds), (there, kinds), (pidfd, kinds)]
            for join in [*whole, [str(path) for path in paths], paths, files, [files[0], *paths[1:]]]:
                joined = Spec(join=join, unshare="ipc")  # type: ignore[arg-type]
                assert said(joined, "hostname") == "there", joined
                with running(joined) as child:
                    assert child.namespaces["uts"] == there.namespaces["uts"]
                    assert child.namespaces["net"] == nsiso.links()["net"]
                    assert child.namespaces["ipc"] not in (there.namespaces["ipc"], nsiso.links()["ipc"])


def test_a_joined_pid_namespace_is_entered() -> None:
    """By the command itself, and it is still the caller's own child."""
    kinds = "pid" if ROOT else "user,pid"
    with running(spec("pid")) as there, running(Spec(join=(there, kinds))) as child:
        assert field(child.pid, "NSpid").split()[-1] == "2"
        assert field(child.pid, "PPid") == str(os.getpid())


def test_a_file_to_join_must_be_open_when_it_is_used() -> None:
    """Its number may be another file's by then."""
    with open("/proc/self/ns/uts") as namespace:
        joined = Spec(join=namespace)
    with pytest.raises(ValueError, match="closed file"):
        joined.plan()


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"unshare": 1.5}, TypeError, "unshare"),
        ({"unshare": "net,foo"}, ValueError, "unshare: .*'foo'.* mnt,uts"),
        ({"unshare": 1}, ValueError, "unshare: 0x1"),
        ({"join": 1}, TypeError, "join: of a process, name the kinds"),
        ({"join": 1.5}, TypeError, "join must be a path"),
        ({"join": ("/proc/self/ns/net", "net")}, TypeError, "join: kinds stand beside a process"),
        ({"join": [(0, "net")]}, ValueError, "join must be between 1"),
        ({"join": (1, "foo")}, ValueError, "join: no kind"),
        ({"map_root": 1}, TypeError, "map_root"),
        ({"uid_map": [(0, 0, 1)]}, ValueError, "uid_map and gid_map"),
        ({"gid_map": [(0, 0)], "uid_map": []}, TypeError, "gid_map"),
        ({"uid_map": 7, "gid_map": []}, TypeError, "uid_map"),
        ({"uid_map": [(0, -1, 1)], "gid_map": []}, ValueError, "uid_map"),
        ({"hostname": 7}, TypeError, "hostname"),
        ({"hostname": "a\0b"}, ValueError, "hostname: embedded null byte"),
        ({"domainname": ["x"]}, TypeError, "domainname"),
        ({"proc": "yes"}, TypeError, "proc"),
        ({"loopback": None}, TypeError, "loopback"),
        ({"time_offsets": 7}, TypeError, "time_offsets"),
        ({"time_offsets": {"realtime": 7}}, ValueError, "time_offsets: the clocks are"),
        ({"time_offsets": {"boottime": "7"}}, TypeError, "time_offsets"),
        ({"time_offsets": {"boottime": float("nan")}}, ValueError, "time_offsets"),
        ({"time_offsets": {"boottime": (1, -1)}}, ValueError, "time_offsets"),
        ({"cwd": 7}, TypeError, "cwd"),
        ({"cwd": b"a\0b"}, ValueError, "cwd: embedded null byte"),
        ({"umask": "077"}, TypeError, "umask"),
        ({"uid": "root"}, TypeError, "uid"),
        ({"uid": -1}, ValueError, "uid must be between 0"),
        ({"gid": 2**32}, ValueError, "gid"),
        ({"groups": 7}, TypeError, "groups"),
        ({"groups": [None]}, TypeError, "groups"),
        ({"new_session": 1}, TypeError, "new_session"),
        ({"process_group": -1}, ValueError, "process_group"),
        ({"controlling_terminal": "tty"}, TypeError, "controlling_terminal"),
        ({"rlimits": {7: 64}}, TypeError, "rlimits"),
        ({"rlimits": [(7, (1, 1)), (7, (2, 2))]}, ValueError, "rlimits"),
        ({"rlimits": {7: (-2, 1)}}, ValueError, "rlimits"),
        ({"oom_score_adj": 1.5}, TypeError, "oom_score_adj"),
        ({"no_new_privs": "x"}, TypeError, "no_new_privs"),
        ({"setup_timeout": "1"}, TypeError, "setup_timeout"),
        ({"setup_timeout": 0}, ValueError, "setup_timeout"),
        ({"own_memory": 0}, TypeError, "own_memory"),
    ],
)
def test_what_one_option_cannot_mean_is_refused_by_its_name(
    options: dict[str, Any], error: type[Exception], words: str
) -> None:
    """At once; Popen says the same and makes no child."""
    before = children()
    with pytest.raises(error, match=words):
        Spec(**options)
    if "cwd" not in options and "umask" not in options and "process_group" not in options:
        with pytest.raises(error, match=words):
            nsiso.Popen(["true"], **options)
    assert children() == before


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"map_root": True}, "an id map needs unshare=user"),
        ({"unshare": "user", "map_root": True, "map_auto": True}, "more than one id map"),
        ({"hostname": "h"}, "hostname needs unshare=uts"),
        ({"unshare": "uts", "hostname": "x" * 65}, "65 bytes"),
        ({"unshare": "pid", "proc": True}, "proc needs unshare=mnt"),
        ({"unshare": "user", "join": (1, "user")}, "join and unshare both name user"),
        ({"join": [(1, "net"), (2, "net")]}, "two joins name net"),
        ({"time_offsets": {"boottime": 1}}, "needs unshare=time"),
        ({"unshare": "time", "time_offsets": {"boottime": (1, 10**9)}}, "a second or more"),
        ({"umask": 0o1000}, "umask"),
        ({"new_session": True, "process_group": 0}, "exclude each other"),
        ({"rlimits": {7: (2, 1)}}, "above its hard limit"),
        ({"oom_score_adj": 1001}, "oom_score_adj"),
        ({"unshare": "user", "uid_map": [(0, 0, 9), (5, 99, 1)], "gid_map": [(0, 0, 1)]}, "share ids inside"),
    ],
)
def test_what_contradicts_is_refused_when_the_plan_is_made(options: dict[str, Any], complaint: str) -> None:
    """EINVAL, before anything is done; the spec itself can be made."""
    contradiction = Spec(**options)
    for refuses in (contradiction.plan, lambda: nsiso.run(["true"], spec=contradiction)):
        with pytest.raises(nsiso.Error, match=complaint) as refused:
            refuses()
        assert refused.value.errno == 22 and refused.value.step in ("plan", "id map")


@pytest.mark.parametrize(
    ("options", "step", "object", "error"),
    [
        ({"rlimits": {resource.RLIMIT_NOFILE: (2**31, 2**31)}}, "setrlimit", "resource 7", PermissionError),
        ({"unshare": "user", "map_root": True, "uid": 1}, "setuid", "1", OSError),
        ({"unshare": "user", "map_root": True, "groups": [0]}, "setgroups", "[0]", PermissionError),
        ({"process_group": 1}, "setpgid", "1", OSError),
        ({"join": (2**22 - 1, "net")}, "open", "process 4194303", ProcessLookupError),
        ({"join": "/nowhere"}, "join", "/nowhere", FileNotFoundError),
        ({"join": "/etc/passwd"}, "join", "/etc/passwd", OSError),
        ({"controlling_terminal": 0}, "controlling terminal", "fd 0", OSError),
        (
            {"unshare": "user,time", "map_root": True, "time_offsets": {"boottime": -(10**9)}},
            "write",
            "",
            OSError,
        ),
    ],
)
def test_a_refused_step_says_what_it_was(
    options: dict[str, Any], step: str, object: str, error: type[Exception]
) -> None:
    """Step, object and errno, as a builtin class; nothing is left behind."""
    before = children()
    with pytest.raises(nsiso.Error) as refused:
        nsiso.run(["true"], stdin=subprocess.DEVNULL, spec=Spec(**options))
    assert isinstance(refused.value, error)
    assert (refused.value.step, refused.value.errno is None) == (step, False)
    assert refused.value.object.startswith(object)
    copied = pickle.loads(pickle.dumps(refused.value))
    assert (type(copied), str(copied), copied.step) == (type(refused.value), str(refused.value), step)
    assert children() == before


def test_a_plan_is_a_list_to_read() -> None:
    """It tells each step, who does it and to what; nothing is done."""
    before = children()
    plan = Spec("user,uts", map_root=True, hostname="box").plan(["hostname", "-f"])
    assert isinstance(plan, tuple) and plan[0][:3] == ("parent", "clone", "uts,user")
    assert ("child", "sethostname", '"box"', "CAP_SYS_ADMIN in the new user namespace") in plan
    assert plan[-1].name == "exec" and plan[-1].object == '"hostname"'
    for line, step in zip(str(plan).splitlines(), plan):
        assert line == (f"{step} (needs {step.needs})" if step.needs else str(step))
    assert str(plan[-1]) == 'child: exec "hostname"'
    assert Spec().plan("ls") == Spec().plan(["ls"]) and Spec().plan()[-1].object == '"true"'
    assert children() == before


def test_a_spec_is_a_value() -> None:
    """Frozen, equal by its options, hashable, printable, picklable, replaceable."""
    one = Spec(
        Kind.USER | Kind.TIME,
        map_root=True,
        time_offsets={"boottime": 1},
        rlimits={7: (1, 2)},
        join=[(1, "net"), "/proc/1/ns/uts"],
        groups=[1, 2],
    )
    same = Spec("time,user", map_root=True, time_offsets=[("boottime", (1, 0))], rlimits={7: (1, 2)})
    same = same.replace(join=one.join, groups=one.groups)
    assert one == same and hash(one) == hash(same) and one != same.replace(map_root=False)
    assert deepcopy(one) == pickle.loads(pickle.dumps(one)) == one
    assert same.replace() == same
    assert repr(Spec("user,net", map_root=True)) == "Spec(unshare='net,user', map_root=True)"
    with pytest.raises(FrozenInstanceError):
        one.hostname = "x"  # type: ignore[misc]
    with pytest.raises(TypeError, match="nonsense"):
        one.replace(nonsense=1)  # type: ignore[call-arg]


def test_a_spec_is_reusable_and_its_manual_names_every_option() -> None:
    """One spec for many children; help(nsiso.Spec) tells all parameters."""
    again = spec("uts", hostname="again")
    assert [said(again, "hostname") for _ in range(3)] == ["again"] * 3
    assert signal.getsignal(signal.SIGCHLD) == signal.SIG_DFL
    for option in fields(Spec):
        assert f":param {option.name}:" in str(Spec.__doc__)
