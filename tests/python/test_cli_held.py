"""Do the shell's enter and hold lead where they should, as readlink, nsenter and lsns see it?"""

import contextlib
import io
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nsiso
import pytest
from nsiso import _cli
from nsiso._cli_held import OF_A_PROCESS
from spawning import ROOT, field, inode, mounting, ordinary, running, spec

NSISO = [sys.executable, "-m", "nsiso"]
KINDS = ("mnt", "uts", "ipc", "pid", "net", "user", "cgroup", "time")
LINKS = f"cd /proc/self/ns && readlink {' '.join(KINDS)}"
USER, MAP = ("", []) if ROOT else ("user,", ["--map-root"])
HOLD = ["--unshare", f"{USER}uts,net", *MAP, "--hostname", "box"]


def says(*args: Any, **options: Any) -> "subprocess.CompletedProcess[str]":
    """Run the command line."""
    return subprocess.run(
        [*NSISO, *map(str, args)], capture_output=True, text=True, timeout=60, check=False, **options
    )


def in_here(*args: Any) -> tuple[int, str, str]:
    """Do what the command line does, where no other interpreter can be started: status, stdout, stderr."""
    out, errors = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(errors):
        status = _cli.main([str(arg) for arg in args])
    return status, out.getvalue(), errors.getvalue()


def lsns(kind: str) -> list[list[str]]:
    """The namespaces of a kind that processes are in, each with the lowest number of these."""
    command = ["lsns", "-nr", "-t", kind, "-o", "NS,PID"]
    seen = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    return [row.split() for row in seen.stdout.splitlines()]


@pytest.fixture
def there() -> Iterator["nsiso.Popen[bytes]"]:
    """A process to be entered."""
    model = {"env": {"MODEL": "yes", "PATH": os.environ["PATH"]}, "cwd": "/usr"}
    with running(spec("uts,net,pid,mnt", hostname="there", proc=True), **model) as child:
        yield child


def test_a_process_is_entered(there: "nsiso.Popen[bytes]") -> None:
    """All that it has, as readlink sees it, or what is named."""
    its = [os.readlink(f"/proc/{there.pid}/ns/{kind}") for kind in KINDS]
    done = says("enter", there.pid, "--", "sh", "-c", LINKS)
    assert (done.stdout.split(), done.stderr, done.returncode) == (its, "", 0)
    own = [os.readlink(f"/proc/self/ns/{kind}") for kind in KINDS]
    some = [its[index] if kind in ("user", "uts") else own[index] for index, kind in enumerate(KINDS)]
    for way in (
        [there.pid, "--kinds", "user,uts"],
        ["--kinds=user,uts", there.pid],
        [f"{there.pid}:user,uts"],
        [f"/proc/{there.pid}/ns/user", f"/proc/{there.pid}/ns/uts"],
    ):
        assert says("enter", *way, "--", "sh", "-c", LINKS).stdout.split() == some, way
    users = [] if ROOT else ["--user", "--preserve-credentials"]
    nsenter = ["nsenter", f"--target={there.pid}", "--uts", "--net", *users]
    other = subprocess.run([*nsenter, "hostname"], capture_output=True, text=True, check=True)
    kinds = f"{USER}uts,net"
    assert other.stdout == says("enter", there.pid, "--kinds", kinds, "--", "hostname").stdout == "there\n"


def test_a_process_is_entered_as_it_is(there: "nsiso.Popen[bytes]") -> None:
    """Its directory and environment, if that is asked for; the rest of run's options hold as well."""
    line = "pwd; echo $MODEL; umask"
    like = ["--like", "cwd,environment", "--umask", "27"]
    for words in ([there.pid, *like], [there.pid, "--like", f"{there.pid}:cwd,environment", "--umask", "27"]):
        assert says("enter", *words, "--", "sh", "-c", line).stdout == "/usr\nyes\n0027\n"
    done = says("enter", there.pid, "--unshare", "ipc", "--", "readlink", "/proc/self/ns/ipc")
    assert done.stdout.strip() not in ("", os.readlink(f"/proc/{there.pid}/ns/ipc"))
    done = says("enter", there.pid, env={**os.environ, "SHELL": "/bin/hostname"})
    assert (done.stdout, done.returncode) == ("there\n", 0)
    assert says("enter", there.pid, "--", "sh", "-c", "exit 7").returncode == 7
    assert says("enter", there.pid, "--", "sh", "-c", "kill -9 $$").returncode == 137
    assert says("enter", there.pid, "--", "no-such-program").returncode == 127


def test_a_command_holds() -> None:
    """Outside, with the paths of all that is held, which leads others in; and they are told on stderr."""
    line = "hostname; readlink $NSISO_HELD_UTS $NSISO_HELD_NET; echo $NSISO_HELD; exit 3"
    done = says("hold", *HOLD, "--", "sh", "-c", line)
    host, uts, net, paths = done.stdout.splitlines()
    assert (host, done.returncode) == (os.uname().nodename, 3)
    head, *rows = (row.split() for row in done.stderr.splitlines())
    assert head == ["KIND", "INODE", "PATH", "INIT"]
    assert {f"{kind}:[{number}]" for kind, number, *_ in rows} >= {uts, net}
    assert [row[2] for row in rows] == paths.split() and {row[3] for row in rows} == {"-"}
    enter = f"{' '.join(NSISO)} enter $NSISO_HELD -- hostname"
    assert says("hold", *HOLD, "--", "no-such-program").returncode == 127
    users = "" if ROOT else "--preserve-credentials --user=$NSISO_HELD_USER"
    nsenter = f"nsenter --uts=$NSISO_HELD_UTS {users} hostname"
    assert says("hold", *HOLD, "--", "sh", "-c", f"{enter}; {nsenter}").stdout == "box\nbox\n"


def test_stdin_holds() -> None:
    """Until it ends; and pid 1 of a pid namespace is the one that lsns finds."""
    kinds = f"{USER}pid,net"
    with subprocess.Popen(
        [*NSISO, "hold", "--json", "--unshare", kinds, *MAP],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as tool:
        assert tool.stdin is not None and tool.stdout is not None
        text = ""
        while not text.endswith("]\n"):
            text += tool.stdout.readline()
        rows = {row["kind"]: row for row in json.loads(text)}
        assert set(rows) == set(kinds.split(","))
        for kind, row in rows.items():
            assert row["inode"] == inode(row["path"]) != inode(f"/proc/self/ns/{kind}")
            assert (row["init"] is None) == (kind != "pid")
        expected = [str(rows["pid"]["inode"]), str(rows["pid"]["init"])]
        # It gives up when a process ends that it is looking at.
        while expected not in lsns("pid"):
            time.sleep(0.1)
        paths = [row["path"] for row in rows.values()]
        link = says("enter", *paths, "--", "readlink", "/proc/self/ns/pid").stdout
        assert link == f"pid:[{rows['pid']['inode']}]\n"
        init = os.pidfd_open(rows["pid"]["init"])
        tool.stdin.close()
        assert tool.wait(60) == 0
        assert select.select([init], [], [], 60)[0] == [init]
        os.close(init)


def test_signals_end_what_holds() -> None:
    """SIGINT without a traceback; SIGTERM is the command's."""
    with subprocess.Popen(
        [*NSISO, "hold", *HOLD], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as tool:
        assert tool.stdout is not None and tool.stderr is not None
        for _ in range(1 + len(HOLD[1].split(","))):
            tool.stdout.readline()
        tool.send_signal(signal.SIGINT)
        assert (tool.wait(60), tool.stderr.read()) == (-signal.SIGINT, b"")
    line = "trap 'exit 4' TERM; echo ready; while :; do sleep 0.05; done"
    with subprocess.Popen(
        [*NSISO, "hold", *HOLD, "--", "sh", "-c", line], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as tool:
        assert tool.stdout is not None and tool.stdout.readline() == b"ready\n"
        while not int(field(tool.pid, "SigCgt"), 16) >> signal.SIGTERM - 1 & 1:
            time.sleep(0.01)
        tool.terminate()
        assert tool.wait(60) == 4


@mounting
def test_names_are_kept_by_mounts() -> None:
    """Beyond the tool, as ip netns finds them too; all of a name's kinds, or none, go at once."""
    done = says("hold", "--unshare", "net,uts,mnt", "--hostname", "box", "--name", "blue")
    assert (done.returncode, done.stderr) == (0, "")
    head, *rows = (row.split() for row in done.stdout.splitlines())
    assert head == ["NAME", "KIND", "INODE", "HOLDER"] and {row[0] for row in rows} == {"blue"}
    links = {f"{kind}:[{number}]" for _, kind, number, _ in rows}
    assert says("hold", "--list").stdout == done.stdout and len(links) == 3
    told = says("enter", "blue", "--", "sh", "-c", f"{LINKS}; hostname").stdout.split()
    assert links <= set(told) and told[-1] == "box"
    net = says("enter", "--kinds", "net", "blue", "--", "sh", "-c", f"{LINKS}; hostname").stdout.split()
    assert len(links & set(net)) == 1 and net[-1] != "box"
    netns = ["ip", "netns", "exec", "blue", "readlink", "/proc/self/ns/net"]
    assert subprocess.run(netns, capture_output=True, text=True, check=True).stdout.strip() in links
    if ROOT:
        # It comes back from there, which an inner root may not.
        subprocess.run(["ip", "netns", "add", "green"], check=True)
        assert says("enter", "green", "--", "true").returncode == 0
        assert says("hold", "--remove", "green").stderr == ""
    again = says("hold", "--unshare", "ipc,uts", "--name", "blue")
    assert (again.returncode, again.stderr.split(":")[0]) == (125, "nsiso")
    assert "EEXIST" in again.stderr and len(again.stderr.splitlines()) == 1
    assert {row["kind"] for row in json.loads(says("hold", "--list", "--json").stdout)} == {
        "mnt",
        "uts",
        "net",
    }
    assert says("hold", "--remove", "blue", "--kinds", "mnt,net").stderr == ""
    assert [row["kind"] for row in json.loads(says("hold", "--list", "--json").stdout)] == ["uts"]
    assert says("hold", "--remove", "blue").stderr == ""
    assert "nsfs" not in Path("/proc/self/mountinfo").read_text()
    assert says("hold", "--list").stdout == "NAME  KIND  INODE  HOLDER\n"


@ordinary
def test_names_of_an_ordinary_user_are_kept_by_processes(scratch: Path) -> None:
    """Told with the process of each, and gone with the name."""
    where = ["--registry", scratch / "names"]
    made = ["hold", *where, "--unshare", "user,uts", "--map-root", "--hostname", "box", "--name", "blue"]
    status, out, errors = in_here(*made, "--json")
    rows = json.loads(out)
    assert (status, errors, [row["kind"] for row in rows]) == (0, "", ["uts", "user"])
    for row in rows:
        assert os.path.exists(f"/proc/{row['holder']}") and row["name"] == "blue"
    assert in_here("enter", *where, "blue", "--", "sh", "-c", 'test "$(hostname)" = box')[0] == 0
    assert in_here("hold", *where, "--remove", "blue") == (0, "", "")
    for row in rows:
        assert field_of_state(row["holder"]) in ("", "Z")


def field_of_state(pid: int) -> str:
    """The state of a process, of one that is gone nothing."""
    try:
        return field(pid, "State")[0]
    except FileNotFoundError:
        return ""


@ordinary
def test_a_name_is_any_bytes(scratch: Path) -> None:
    """One line for each all the same."""
    registry = nsiso.Registry(scratch / "names")
    registry.add(b"a\n\xffb", nsiso.Namespace.current("uts"))
    where = ["--registry", scratch / "names"]
    _, out, _ = in_here("hold", *where, "--list")
    assert out.splitlines()[1].split()[:2] == ["a\\n\\udcffb", "uts"]
    [row] = json.loads(in_here("hold", *where, "--list", "--json")[1])
    assert os.fsencode(row["name"]) == b"a\n\xffb"
    assert in_here("hold", *where, "--remove", row["name"]) == (0, "", "")


WRONG = [
    (["enter"], "nsiso enter: there is no target"),
    (["enter", "--", "true"], "nsiso enter: there is no target"),
    (["enter", "--nonsense", "1", "--", "true"], "nsiso enter: unrecognized arguments: --nonsense"),
    (
        ["enter", "1", "--kinds", "foo", "--", "true"],
        "nsiso enter: kinds: no kind of namespace is called 'foo'",
    ),
    (["enter", "0", "--", "true"], "nsiso enter: join must be between 1 and"),
    (["enter", "9" * 30, "--", "true"], "nsiso enter: no process has the number 999"),
    (
        ["enter", "/proc/self/ns/uts", "--like", "cwd", "--", "true"],
        "nsiso enter: like: none of the targets is",
    ),
    (
        ["enter", "99999999", "--", "true"],
        "nsiso: read links (/proc/99999999/ns): ESRCH, because the process has",
    ),
    (["enter", "/no/such/file", "--", "true"], "nsiso: open (/no/such/file): ENOENT, because"),
    (["enter", "/dev/null", "--", "true"], "nsiso: open (/dev/null): EINVAL, because"),
    (
        ["enter", "--registry", "{0}", "blue", "--", "true"],
        "nsiso: open (blue): ENOENT, because the registry {0} has",
    ),
    (["hold"], "nsiso: hold (the spec has no namespaces): EINVAL, because"),
    (["hold", "--cwd", "/"], "nsiso hold: unrecognized arguments: --cwd /"),
    (["hold", "--list", "--unshare", "net"], "nsiso hold: --list and --remove make nothing"),
    (["hold", "--list", "--remove", "x"], "nsiso hold: argument --remove: not allowed with argument --list"),
    (["hold", "--unshare", "net", "--kinds", "net"], "nsiso hold: --kinds goes with --remove"),
    (["hold", "--unshare", "net", "--registry", "{0}"], "nsiso hold: --registry goes with --name"),
    (["hold", "--name", "x", "--", "true"], "nsiso hold: a name is kept without a command"),
    (
        ["hold", "--registry", "{0}", "--remove", "x"],
        "nsiso: open (x): ENOENT, because the registry {0} has no such",
    ),
    (["hold", "--registry", "{0}/no/it", "--list"], "nsiso: registry ({0}/no/it): ENOENT, because"),
    (
        ["hold", "--registry", "{0}", "--unshare", f"{USER}pid", *MAP, "--name", "x"],
        "nsiso: hold (pid as x): EINVAL, because a pid namespace ends with its process 1",
    ),
]


@pytest.mark.parametrize(("args", "words"), WRONG, ids=[" ".join(args) for args, _ in WRONG])
def test_what_cannot_be_meant(args: list[str], words: str, tmp_path: Path) -> None:
    """One line that says what is wrong, and the status of a set-up that failed."""
    done = says(*(word.format(tmp_path) for word in args), stdin=subprocess.DEVNULL)
    last = (done.stderr.splitlines() or [""])[-1]
    assert last.startswith(words.format(tmp_path)), done.stderr
    assert (done.returncode, done.stdout) == (125, "") and "Traceback" not in done.stderr


def test_the_help_says_it_all() -> None:
    """All options of a spec to enter; those that are not of a process to hold; with examples."""
    assert _cli.OPTIONS.keys() >= OF_A_PROCESS
    enter, hold = (says(verb, "--help").stdout for verb in ("enter", "hold"))
    for option in _cli.OPTIONS:
        flag = f"--{option.replace('_', '-')} ".replace("--loopback", "--no-loopback")
        assert flag in enter and (flag in hold) == (option not in OF_A_PROCESS), option
    assert "examples:" in enter and "exit status:" in enter and "examples:" in hold and "exit status:" in hold
