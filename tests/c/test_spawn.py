"""Does the C interface start what spec and command say, as seen from outside, and refuse the rest by name?"""

from __future__ import annotations

import os
import pty
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from spawn_driver import CALLERS, KINDS, PATH, ROADS, USER, Driver, Start, as_caller, ended, uid_of, until


@pytest.fixture(params=[(caller, road) for caller in CALLERS for road in ROADS], ids="-".join)
def start(programs: Path, request: pytest.FixtureRequest) -> Start:
    """Every caller, on every road."""
    caller, road = request.param
    as_caller(caller)
    return Start(programs, caller, road)


Check = Callable[[Driver], object]


def names_inside(driver: Driver) -> bool:
    """Host and domain name of the child's uts namespace."""
    files = ("/proc/sys/kernel/hostname", "/proc/sys/kernel/domainname")
    return driver.inside("uts", "cat", *files).split() == ["box", "dom.example"]


def processes_inside(driver: Driver) -> bool:
    """The processes that the child's /proc shows: itself alone."""
    numbers = [name for name in os.listdir(f"/proc/{driver.pid}/root/proc") if name.isdigit()]
    return numbers == ["1"] and " / /proc rw,nosuid,nodev,noexec" in driver.file("mountinfo")


def offsets(driver: Driver) -> dict[str, list[str]]:
    """The clocks of the child's time namespace."""
    return {line.split()[0]: line.split()[1:] for line in driver.file("timens_offsets").splitlines()}


# What a child shows that was started with these options, for either caller.
SHOWN: dict[str, tuple[str, Check]] = {
    "nothing": ("", lambda child: child.new_kinds() == set()),
    "hostname domainname": ("unshare=uts+user hostname=box domainname=dom.example", names_inside),
    "time_offset": (
        "unshare=time+user time_offset=1:100:5 time_offset=7:-1:6",
        lambda child: offsets(child) == {"monotonic": ["100", "5"], "boottime": ["-1", "6"]},
    ),
    "proc": ("unshare=pid,mnt+user proc", processes_inside),
    "private": ("unshare=mnt+user", lambda child: "shared:" not in child.file("mountinfo")),
    "lo up": ("unshare=net+user", lambda child: "127.0.0.1" in child.file("net/fib_trie")),
    "loopback_down": (
        "unshare=net+user loopback_down",
        lambda child: "127.0.0.1" not in child.file("net/fib_trie"),
    ),
    "cwd": ("cwd=/usr/bin", lambda child: child.link("cwd") == "/usr/bin"),
    "umask": ("umask=0157", lambda child: child.status("Umask") == ["0157"]),
    "new_session": ("new_session", lambda child: child.stat(6) == child.stat(5) == child.pid),
    "process_group": (
        "process_group=0",
        lambda child: child.stat(5) == child.pid and child.stat(6) == os.getsid(child.process.pid),
    ),
    "rlimit": (
        "rlimit=7:50:60 rlimit=4:0:1024",
        lambda child: re.search(r"^Max open files +50 +60 .*\n", child.file("limits"), re.MULTILINE)
        and re.search(r"^Max core file size +0 +1024 ", child.file("limits"), re.MULTILINE),
    ),
    "oom_score_adj": ("oom_score_adj=500", lambda child: child.file("oom_score_adj") == "500\n"),
    "no_new_privs": ("no_new_privs", lambda child: child.status("NoNewPrivs") == ["1"]),
    "timeout": ("timeout=60000", lambda child: child.stat(4) == child.process.pid),
    "set twice": ("cwd=/usr cwd=/ umask=077 umask=022", lambda child: child.link("cwd") == "/"),
    "env": ("env=A=1 env=B=x=y env=C=", lambda child: child.file("environ") == "A=1\0B=x=y\0C=\0"),
    "no env": ("env", lambda child: child.file("environ") == ""),
    "caller's env": ("", lambda child: f"PATH={PATH}\0" in child.file("environ")),
    "command_cwd": ("cwd=/usr command_cwd=/usr/bin", lambda child: child.link("cwd") == "/usr/bin"),
    "null": ("null=0 null=7", lambda child: child.link("fd/0") == child.link("fd/7") == "/dev/null"),
    "executable": (
        "executable=/usr/bin/sleep",
        lambda child: os.path.samefile(child.link("exe"), "/usr/bin/sleep")
        and child.file("cmdline") == "sleep\x00600\0",
    ),
}


@pytest.mark.parametrize("case", SHOWN)
def test_an_option_has_its_effect(start: Start, case: str) -> None:
    """Seen from outside, on the child alone."""
    options, check = SHOWN[case]
    with start.spawn(options) as child:
        until(lambda: check(child), case)
        numbers = ["0", "1", "2"] + ["7"] * (case == "null")
        until(lambda: sorted(os.listdir(f"/proc/{child.pid}/fd")) == numbers, "no other descriptors")


@pytest.mark.parametrize("kinds", [*KINDS, ",".join(KINDS)])
def test_new_namespaces_are_those_asked_for(start: Start, kinds: str) -> None:
    """Each kind alone, and all at once."""
    options = f"unshare={kinds}+user"
    with start.spawn(options) as child:
        assert child.new_kinds() == set(kinds.split(",")) | (
            {"user"} if start.caller == "ordinary" else set()
        )


def test_maps_of_ones_own_ids(start: Start) -> None:
    """By root and by an ordinary user alike."""
    own = str(uid_of(start.caller))
    for options, users, groups in (
        ("map_root", ["0", own, "1"], ["0", own, "1"]),
        ("map_current", [own, own, "1"], [own, own, "1"]),
        (f"map_ids=5:{own}:1/6:{own}:1", ["5", own, "1"], ["6", own, "1"]),
    ):
        with start.spawn(f"unshare=user {options}") as child:
            assert (child.file("uid_map").split(), child.file("gid_map").split()) == (users, groups)
            assert child.file("setgroups") == "deny\n"


@pytest.mark.parametrize("road", ROADS)
def test_root_maps_ranges_and_changes_ids(programs: Path, road: str) -> None:
    """In any order, neighbours as one line; then it becomes whom it wants inside."""
    start = Start(programs, "root", road)
    ranges = "map_ids=1000:200000:10,0:100000:999,999:100999:1/0:300000:5000"
    with start.spawn(f"unshare=user {ranges} uid=7 gid=8 groups=9,10") as child:
        assert child.file("uid_map").split() == ["0", "100000", "1000", "1000", "200000", "10"]
        assert child.file("gid_map").split() == ["0", "300000", "5000"]
        assert child.status("Uid") == ["100007"] * 4 and child.status("Gid") == ["300008"] * 4
        assert child.status("Groups") == ["300009", "300010"]
    with start.spawn("uid=1000 gid=1001 groups=7") as child:
        assert child.status("Uid") == ["1000"] * 4 and child.status("Gid") == ["1001"] * 4
        assert child.status("Groups") == ["7"] and child.status("CapEff") == ["0" * 16]
    with start.spawn("groups=") as child:
        assert child.status("Groups") == []


GRANTED = """
cd "$1" && mount --bind subid /etc/subuid && mount --bind subid /etc/subgid || exit
mount --bind passwd /etc/passwd || exit
shift
exec "$@"
"""


def test_maps_that_others_grant(start: Start, tmp_path: Path) -> None:
    """The whole of what /etc/subuid grants, by newuidmap for an ordinary user."""
    if os.geteuid() != 0:
        pytest.skip("only root can grant ids")
    own = uid_of(start.caller)
    (tmp_path / "subid").write_text(f"{own}:200000:1000\n{own}:300000:10\n")
    # newuidmap serves nobody without a name.
    (tmp_path / "passwd").write_text(f"root:x:0:0::/:/bin/sh\nsomebody:x:{USER}:{USER}::/:/bin/sh\n")
    private = ["unshare", "--mount", "sh", "-c", GRANTED, "sh", str(tmp_path)]
    with Driver([*private, *start.command("spawn", "unshare=user map_auto")]) as child:
        lines = [line.split() for line in child.file("uid_map").splitlines()]
        assert lines == [["0", str(own), "1"], ["1", "200000", "1000"], ["1001", "300000", "10"]]
        assert child.file("gid_map") == child.file("uid_map")
    some = start.command("spawn", "unshare=user map_ids=0:200000:10/0:300000:10")
    with Driver([*private, *some]) as child:
        assert child.file("uid_map").split() == ["0", "200000", "10"]
        assert child.file("gid_map").split() == ["0", "300000", "10"]


def test_joins_by_every_road_and_mixed_with_new_ones(start: Start) -> None:
    """By pid, pidfd, descriptor and path; the pid namespace too, whose child is still the caller's."""
    user = "user," if start.caller == "ordinary" else ""
    with start.spawn("unshare=mnt,uts,ipc,pid,net,cgroup,time+user") as target:
        kinds = set(KINDS) if user else set(KINDS) - {"user"}
        pidfd = os.pidfd_open(target.pid)
        links = {kind: os.open(f"/proc/{target.pid}/ns/{kind}", os.O_RDONLY) for kind in kinds}
        # Joined as they stand, what owns the others first.
        order = sorted(kinds, key=lambda kind: kind != "user")
        by_fd = " ".join(f"join_fd={links[kind]}" for kind in order)
        by_path = " ".join(f"join_path=/proc/{target.pid}/ns/{kind}" for kind in order)
        try:
            for options in (
                f"join_pid={target.pid}:{user}mnt,uts,ipc,pid,net,cgroup,time",
                f"join_pidfd={pidfd}:{user}mnt,uts,ipc,pid,net,cgroup,time",
                by_fd,
                by_path,
            ):
                with start.spawn(options, fds=(pidfd, *links.values())) as child:
                    assert child.new_kinds() == kinds
                    assert all(child.link(f"ns/{kind}") == target.link(f"ns/{kind}") for kind in kinds)
                    assert child.stat(4) == child.process.pid, "no process stands between"
            with start.spawn(f"join_pid={target.pid}:{user}uts unshare=net,mnt") as child:
                assert child.link("ns/uts") == target.link("ns/uts")
                assert child.new_kinds() == {"uts", "net", "mnt"} | ({"user"} if user else set())
                assert child.link("ns/net") != target.link("ns/net")
        finally:
            for fd in (pidfd, *links.values()):
                os.close(fd)


def test_descriptors_are_where_the_command_wants_them(start: Start) -> None:
    """Moved, swapped, kept, and no others; the caller's own stay its own."""
    first, second = os.pipe()
    try:
        other = os.dup2(2, 30, inheritable=True)
        options = f"fd={first}:9 fd={second}:{first} fd={first}:{second} keep={other} null=0"
        with start.spawn(options, fds=(first, second, other)) as child:
            read, write = os.readlink(f"/proc/self/fd/{first}"), os.readlink(f"/proc/self/fd/{second}")
            numbers = {0, 1, 2, 9, first, second, other}
            until(lambda: set(map(int, os.listdir(f"/proc/{child.pid}/fd"))) == numbers, "no others")
            shown = {number: child.link(f"fd/{number}") for number in numbers}
            assert (shown[9], shown[first], shown[second]) == (read, write, read)
            assert shown[0] == "/dev/null" and shown[other] == os.readlink(f"/proc/self/fd/{other}")
            flags = {fd: child.file(f"fdinfo/{fd}").split()[3] for fd in (9, first, second)}
            assert [int(flags[fd], 8) & 3 for fd in (9, first, second)] == [0, 1, 0], (
                "the right end of the pipe"
            )
        os.close(other)
    finally:
        os.close(first)
        os.close(second)


def test_a_session_with_a_terminal(start: Start) -> None:
    """The terminal at number 0 is the session's, and another session's is refused."""
    master, slave = pty.openpty()
    try:
        with start.spawn(f"fd={slave}:0 controlling_terminal=0", fds=(slave,)) as child:
            assert child.stat(6) == child.pid and child.stat(7) == os.stat(slave).st_rdev
        with start.spawn(f"fd={slave}:0 unshare=uts+user", fds=(slave,)) as child:
            assert child.stat(6) == child.pid and child.stat(7) == 0, "kept from it"
    finally:
        os.close(master)
        os.close(slave)
    with start.spawn("terminal=2 unshare=uts+user null=2") as child:
        shown = [child.link(f"fd/{number}") for number in range(3)]
        assert shown[0] == shown[1] and shown[0].startswith("/dev/pts/") and shown[2] == "/dev/null"
        assert child.stat(6) == child.pid and child.stat(7) == os.stat(shown[0]).st_rdev
    refused = start.refused("spawn", "null=0 controlling_terminal=0")
    assert (refused.errno, refused.step) == (25, "controlling terminal"), "ENOTTY"


# Options against each other, and what the refusal says.
CONTRADICTIONS = {
    "map_root": "an id map needs unshare=user",
    "unshare=user map_root map_current": "more than one id map",
    "unshare=user map_root map_ids=0:0:1/0:0:1": "more than one id map",
    "unshare=pid proc": "proc needs unshare=mnt",
    "hostname=h": "hostname needs unshare=uts",
    "domainname=h": "domainname needs unshare=uts",
    f"unshare=uts hostname={'x' * 65}": "65 bytes",
    "time_offset=1:1:0": "needs unshare=time",
    "unshare=time time_offset=7:1:1000000000": "nanoseconds",
    "join_pid=1:net join_path=/proc/self/ns/net": "two joins name net",
    "unshare=net join_path=/proc/self/ns/net": "join and unshare both name net",
    "umask=1000": "umask",
    "new_session process_group=0": "exclude each other",
    "controlling_terminal=0 process_group=0": "exclude each other",
    "terminal=2 process_group=0": "exclude each other",
    "terminal=2 controlling_terminal=0": "exclude each other",
    "terminal=2 null=0 null=1 null=2": "leaves none to a terminal of its own",
    "rlimit=7:1:1 rlimit=7:2:2": "two limits",
    "rlimit=7:2:1": "above its hard limit",
    "oom_score_adj=1001": "oom_score_adj",
    "oom_score_adj=-1001": "oom_score_adj",
}


@pytest.mark.parametrize("options", CONTRADICTIONS)
def test_contradictions_are_refused_before_anything_is_done(start: Start, options: str) -> None:
    """By the plan, by spawn and by a held start with the same words; there never was a child."""
    answers = {start.refused(verb, options) for verb in ("plan", "spawn", "held")}
    assert len(answers) == 1, answers
    refused = answers.pop()
    assert (refused.errno, refused.step, refused.children) == (22, "plan", 0)
    assert CONTRADICTIONS[options] in refused.object


def test_what_is_refused_by_the_machine(start: Start) -> None:
    """Each with the step, the errno and the object; no child is left."""
    ordinary = start.caller == "ordinary"
    cases = {
        "join_path=/no/such/file": (2, "join", "/no/such/file"),
        "join_path=/etc/passwd": (25, "join", "/etc/passwd"),
        "join_fd=0": (25, "join", "fd"),
        "join_pid=999999999:uts": (3, "open", "process 999999999"),
        "cwd=/no/such/directory": (2, "chdir", "/no/such/directory"),
        "process_group=999999": (1, "setpgid", "999999"),
        "rlimit=99:1:1": (22, "setrlimit", "resource 99"),
        "unshare=user map_root uid=5": (22, "setresuid", ""),
        "unshare=user map_root groups=0": (1, "setgroups", ""),
        "unshare=time+user time_offset=7:-99999999999:0": (34, "write", "timens_offsets"),
        "executable=/etc/passwd": (13, "exec", "true"),
    }
    if ordinary:
        cases |= {
            "unshare=net": (1, "clone", "net"),
            "join_pid=1:uts": (13, "open", "process 1: uts"),
            "uid=0": (1, "setuid", "0"),
            "oom_score_adj=-1000": (13, "write", "oom_score_adj"),
            "unshare=user map_ids=0:100000:10/0:100000:10": (1, "id map", ""),
            "unshare=user map_auto": (1, "map", ""),
        }
    seen = {options: start.refused("spawn", options) for options in cases}
    for options, (errno, step, what) in cases.items():
        refused = seen[options]
        shown = (options, refused)
        assert refused.errno == errno and refused.children == 0, shown
        assert refused.step in (step, "setuid", "setgroups") or step in refused.step, shown
        assert what in refused.object, shown


def test_four_outcomes(start: Start) -> None:
    """Set-up, execution, exit status and death by signal are four different results."""
    with start.spawn("", "sh", "-c", "exit 3") as child:
        end = ended(child.ask("wait -1"))
        assert (end.status, end.exit_code, end.signal, end.has_usage) == (3 << 8, 3, 0, 1) and end.max_rss > 0
    with start.spawn() as child:
        assert child.ask("wait 0") == ["running"] and child.ask("kill 15") == ["killed"]
        end = ended(child.ask("wait -1"))
        assert (end.status, end.exit_code, end.signal) == (15, -1, 15)
        child.answer = child.ask("kill 15")
        assert child.answer[:3] == ["error", "3", "signal"], "ESRCH"
    with Driver(start.command("spawn", "", "/no/such/program")) as child:
        assert child.answer[:4] == ["error", "2", "exec", '"/no/such/program"']
    with Driver(start.command("spawn", "", "no-such-program-anywhere")) as child:
        assert child.answer[:3] == ["error", "2", "exec"]
    assert start.refused("spawn", "cwd=/no/such/directory").step == "chdir"


def test_a_held_child_is_set_up_and_not_yet_executed(start: Start) -> None:
    """Its namespaces are there to be looked at and joined, its program is not; then it runs, or ends."""
    options = "unshare=uts,net+user hostname=box"
    with Driver(start.command("held", options)) as child:
        assert {"uts", "net"} <= child.new_kinds() and child.inside("uts", "hostname") == "box"
        assert os.path.basename(child.link("exe")) == "driver"
        held = child.pid
        child.answer = child.ask("release")
        assert child.pid == held
        until(lambda: child.file("cmdline") == "sleep\x00600\0", "executed")
        assert child.ask("wait 0") == ["running"]
    with Driver(start.command("held", options)) as child:
        pid = child.pid
    assert not os.path.exists(f"/proc/{pid}"), "abandoned"
    with Driver(start.command("held", options, "/no/such/program")) as child:
        assert child.ask("release")[:3] == ["error", "2", "exec"]
        child.answer = ["error"]


def test_a_plan_tells_what_a_start_does(start: Start) -> None:
    """A line a step, in order, the same for anybody; and nothing is done."""
    with Driver(start.command("plan", "unshare=user,uts,pid,mnt map_root hostname=box proc")) as driver:
        assert driver.process.stdout is not None
        lines = ["\t".join(driver.answer[1:]), *driver.process.stdout.read().splitlines()]
        driver.answer = ["error"]
    own = uid_of(start.caller)
    power = "CAP_SYS_ADMIN in the new user namespace"
    assert lines == [
        "parent: clone mnt,uts,pid,user (needs user namespaces to be allowed (Linux 3.8))",
        'child: write /proc/self/setgroups: "deny"',
        f'child: write /proc/self/gid_map: "0 {own} 1\\n"',
        f'child: write /proc/self/uid_map: "0 {own} 1\\n"',
        f"child: mount /, propagation private, recursively (needs {power})",
        f'child: sethostname "box" (needs {power})',
        f"child: mount proc on /proc (needs {power})",
        "child: close_range",
        'child: exec "sleep"',
    ]
