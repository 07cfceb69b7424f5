"""Does ``python -m nsiso ls`` tell what lsns(8) tells and more, to people, programs and terminals?"""

import contextlib
import io
import json
import os
import pty
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Optional
from xml.etree import ElementTree

import nsiso
import pytest
from nsiso import Spec
from nsiso._cli import main
from nsiso._listing import COLUMNS, DEFAULT
from nsiso._records import HOWS
from nsiso._terminal import cut, harmless, width
from spawning import here, inode, running, spec
from test_snapshot import as_ordinary, program

COMMAND = [sys.executable, "-m", "nsiso", "ls"]
HEAD = re.compile(r"[A-Z]+")


def ls(*args: str, **options: Any) -> "subprocess.CompletedProcess[str]":
    """What it says."""
    return subprocess.run(
        [*COMMAND, *args], capture_output=True, text=True, timeout=60, check=False, **options
    )


def lines(*args: str) -> "list[str]":
    """The lines of a table, without the head."""
    done = ls("-q", *args)
    assert (done.stderr, done.returncode) == ("", 0)
    return done.stdout.splitlines()[1:]


def on_terminal(*args: str, columns: int = 100, environment: "Optional[dict[str, str]]" = None) -> str:
    """What is written to a terminal of so many columns."""
    leader, follower = pty.openpty()
    kept = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "LINES")}
    options = {"stdin": follower, "stdout": follower, "stderr": follower}
    variables = {**kept, "TERM": "xterm", "COLUMNS": str(columns), **(environment or {})}
    with subprocess.Popen([*COMMAND, "-q", *args], env=variables, **options):  # type: ignore[call-overload]
        os.close(follower)
        said = b""
        with contextlib.suppress(OSError):
            while more := os.read(leader, 65536):
                said += more
    os.close(leader)
    return said.decode()


def test_a_table_of_what_lsns_lists_and_more() -> None:
    """The columns that a system engineer knows, with who owns a namespace and what else holds it."""
    with running(spec("uts"), "sleep", "601") as child, nsiso.Namespace.of(child, "uts") as held:
        done = ls("-q", "--kind", "uts")
        head, *rows = done.stdout.splitlines()
        assert head.split() == DEFAULT and len(rows) == len(set(rows)) >= 2
        (row,) = (row for row in rows if row.split()[0] == str(held.inode))
        user = nsiso.snapshot()._user(os.geteuid())
        assert row.split()[:6] == [str(held.inode), "uts", "1", str(child.pid), user, user]
        assert row.split(None, 6)[6] == f"descriptor {held.fileno()} of process {os.getpid()}  sleep 601"
        told = subprocess.run(
            ["lsns", "-n", "-o", "NS,TYPE,NPROCS,PID", "-p", str(child.pid)], capture_output=True, check=False
        )
        if told.returncode == 0:
            lsns = [line.split() for line in told.stdout.decode().splitlines()]
            assert [str(held.inode), "uts", "1", str(child.pid)] in lsns


def test_columns() -> None:
    """As they were asked for, in this order; or one more, before what may be cut."""
    assert all(HEAD.fullmatch(name) for name in COLUMNS) and set(DEFAULT) <= set(COLUMNS)
    done = ls("-q", "-o", "kind, inode", str(here("net")))
    assert done.stdout == f"KIND       INODE\nnet   {here('net')}\n"
    done = ls("-q", "-o", "+HOSTNAME", str(here("uts")))
    assert done.stdout.split()[:9] == [*DEFAULT[:-1], "HOSTNAME", "COMMAND"]
    assert os.uname().nodename in done.stdout
    everything = ls("-q", "-o", ",".join(COLUMNS), str(here("user")))
    assert everything.returncode == 0 and everything.stdout.split()[: len(COLUMNS)] == list(COLUMNS)


def test_filters() -> None:
    """By kind, process, owner, holder and inode; each alone and together."""
    with running(spec("uts,net"), "sleep", "602") as child:
        links = Path(f"/proc/{child.pid}/ns")
        uts, net = inode(str(links / "uts")), inode(str(links / "net"))
        all_of_it = {inode(str(links / info.name)) for info in nsiso.kinds()}
        only = ["-o", "INODE"]
        assert set(map(int, lines(*only, "--pid", str(child.pid)))) == all_of_it
        assert lines(*only, "--pid", str(child.pid), "--kind", "uts,net") == [str(uts), str(net)]
        assert lines(*only, str(net), str(uts)) == [str(uts), str(net)]
        mine = set(map(int, lines(*only, "--user", str(os.geteuid()))))
        assert {uts, net} <= mine
        with nsiso.Namespace.of(child, "net"):
            assert str(net) in lines(*only, "--held-by", str(os.getpid()), "--kind", "net")
            assert str(net) in lines(*only, "--held-by", "descriptor,mount")
            assert str(net) in lines(*only, "--held-by", "process")
            assert str(net) not in ls("-q", *only, "--held-by", "mount,thread").stdout
    assert ls("-q", "--user", "65533").returncode == 1
    done = ls("--kind", "uts", str(uts), "-q")
    assert (done.stdout, done.returncode) == ("", 1) and f"no namespace {uts} was found" in done.stderr
    done = ls("-q", "--pid", str(child.pid))
    assert done.returncode == 1 and f"process {child.pid} is not there" in done.stderr


def test_depth() -> None:
    """What only a descriptor holds is not seen by looking at processes."""
    with nsiso.hold(Spec("user,uts", map_root=True)) as held, held["uts"] as uts:
        (row,) = lines("-o", "INODE,PROCS,HELD", str(uts.inode))
        assert row.split()[:2] == [str(uts.inode), "0"] and f"of process {os.getpid()}" in row
        assert ls("-q", "--depth", "processes", str(uts.inode)).returncode == 1


def test_holders_and_trees() -> None:
    """Each holder has a line of its own; a tree draws what is below what, with all that is above."""
    with running(Spec("user,net", map_root=True), "sleep", "603") as child:
        user, net = (inode(f"/proc/{child.pid}/ns/{name}") for name in ("user", "net"))
        told = ls("-q", "--holders", str(user)).stdout
        name = nsiso.snapshot()._user(os.geteuid())
        assert f"\n    process {child.pid}: {name} sleep 603\n" in told
        assert f"\n    owner of net:[{net}]\n" in told
        tree = ls("-q", "--tree", "-o", "INODE,KIND", str(net)).stdout.splitlines()
        drawn = {line.lstrip("│├└─ ").split()[0]: len(line) - len(line.lstrip("│├└─ ")) for line in tree[1:]}
        assert drawn == {str(here("user")): 0, str(user): 2, str(net): 4}
        assert all(line.split()[-1] in ("user", "net") for line in tree[1:])
        by_parent = ls("-q", "--tree=parent", "-o", "INODE", "--kind", "user", str(user)).stdout.split()
        assert by_parent == ["INODE", str(here("user")), f"└─{user}"]
        by_process = ls("-q", "--tree=process", "-o", "INODE", "--kind", "net", str(net)).stdout.split()
        assert by_process[-1] == f"└─{net}"


def test_data() -> None:
    """JSON of a form that stays the same."""
    with running(spec("uts"), "sleep", "604") as child:
        uts = inode(f"/proc/{child.pid}/ns/uts")
        done = ls("--json", "--kind", "uts", str(uts))
        data = json.loads(done.stdout)
        assert set(data) == {"depth", "namespaces", "incomplete"} and data["depth"] == "all"
        (one,) = data["namespaces"]
        assert {
            "kind": "uts",
            "inode": uts,
            "owner_uid": os.geteuid(),
            "processes": [child.pid],
            "pid": child.pid,
            "command": "sleep 604",
            "parent": None,
            "level": None,
            "children": [],
            "holders": [],
        }.items() <= one.items()
        assert set(one) == {
            *("kind", "inode", "id", "owner_uid", "owner_user", "user_ns", "parent", "children", "owned"),
            *("level", "processes", "holders", "pid", "user", "command"),
        }
        told = done.stderr.splitlines()
        assert [f"nsiso: not seen: {missing['message']}" for missing in data["incomplete"]] == told
    empty = ls("--json", "-q", str(uts), "--kind", "uts")
    assert empty.returncode == 1 and json.loads(empty.stdout)["namespaces"] == []


def test_an_ordinary_user_is_told_what_is_missing() -> None:
    """In a line for each reason, on stderr; the table and the status are as ever."""

    def said(*args: str) -> "tuple[str, str, int]":
        # In this process: the user may not reach the interpreter.
        with (
            contextlib.redirect_stdout(io.StringIO()) as out,
            contextlib.redirect_stderr(io.StringIO()) as err,
        ):
            status = main(["ls", *args])
        return out.getvalue(), err.getvalue(), status

    def check() -> None:
        out, err, status = said()
        assert status == 0 and out.split()[: len(DEFAULT)] == DEFAULT
        told = err.splitlines()
        assert all(line.startswith("nsiso: not seen: ") for line in told)
        assert any("namespaces of" in line and "EACCES" in line for line in told)
        assert said("--quiet")[1:] == ("", 0)

    as_ordinary(check)


def test_colours_and_widths_are_for_terminals() -> None:
    """A command is cut where the line ends; without a terminal, or where nobody wants them, no colours."""
    long = "x" * 200
    with running(spec("uts"), "sh", "-c", "sleep 605; :", long) as child:
        asked = ["--pid", str(child.pid), "--kind", "uts"]
        coloured = on_terminal(*asked)
        assert "\x1b[1mINODE\x1b[0m" in coloured and "\x1b[36muts\x1b[0m" in coloured
        plain = [line.rstrip() for line in re.sub(r"\x1b\[[0-9]*m", "", coloured).splitlines()]
        assert all(len(line) <= 100 for line in plain) and plain[1].endswith("…")
        for variables in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
            said = on_terminal(*asked, environment=variables)
            assert "\x1b" not in said and "…" in said
        assert "\x1b" in on_terminal(*asked, environment={"NO_COLOR": ""})
        piped = ls("-q", *asked).stdout
        assert "\x1b" not in piped and long in piped


def test_a_hostile_name_does_not_reach_the_terminal() -> None:
    """Neither a process's name nor its words, neither in the table nor in what changed."""
    evil = "\x1b]0;owned\x07\n\x9b2J\u202e"
    with program(
        f"import ctypes; ctypes.CDLL(None).prctl(15, {evil[:8].encode()!r}, 0, 0, 0)", spec=spec("uts")
    ) as child:
        uts = str(inode(f"/proc/{child.pid}/ns/uts"))
        row = ls("-q", "-o", "NAME,INODE", uts).stdout
        assert row.count("\n") == 2 and "\\x1b]0;owne" in row and row.replace("\n", "").isprintable()
    with running(spec("uts"), "sh", "-c", "sleep 606; :", evil) as child:
        uts = str(inode(f"/proc/{child.pid}/ns/uts"))
        for said in (ls("-q", uts).stdout, ls("-q", "--holders", uts).stdout):
            assert said.replace("\n", "").isprintable()
            assert "sleep 606; : \\x1b]0;owned\\x07\\n\\x9b2J\\u202e" in said
        coloured = on_terminal(uts, columns=300)
        assert "\x9b" not in coloured and "\x07" not in coloured and "\x1b]" not in coloured


@contextlib.contextmanager
def watching(*args: str) -> "Iterator[subprocess.Popen[str]]":
    """It watches, and the first snapshot is taken."""
    command = [*COMMAND, "-q", "--watch=0.05", "--kind", "uts", *args]
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, **pipes) as watch:
        try:
            yield watch
        finally:
            watch.kill()


def until(watch: "subprocess.Popen[str]", words: str) -> str:
    """Read until a line has these words."""
    assert watch.stdout is not None
    while line := watch.stdout.readline():
        if words in line:
            return line
    raise AssertionError(f"it ended without {words}")


def test_watch() -> None:
    """It tells what appears and is gone, and ends with 0 when it is interrupted."""
    with watching() as watch:
        until(watch, str(here("uts")))
        with running(spec("uts"), "sleep", "607") as child:
            uts = inode(f"/proc/{child.pid}/ns/uts")
            appeared = until(watch, f"uts:[{uts}]")
            assert re.match(rf"\d\d:\d\d:\d\d \+ uts:\[{uts}\] of \S+: process {child.pid} ", appeared)
        gone = until(watch, f"uts:[{uts}]")
        assert re.fullmatch(rf"\d\d:\d\d:\d\d - uts:\[{uts}\]\n", gone)
        watch.send_signal(signal.SIGINT)
        out, err = watch.communicate(timeout=60)
        assert (watch.returncode, err) == (0, "") and "Traceback" not in out


def test_watch_as_data() -> None:
    """A line of JSON for each change, also of a process that moved."""
    code = "import nsiso, sys; print(flush=True); sys.stdin.readline(); nsiso.unshare(nsiso.Kind.UTS)"
    command = [sys.executable, "-c", f"{code}; print(flush=True); sys.stdin.readline()"]
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with nsiso.Popen(command, spec=spec("uts"), **pipes) as child, watching("--json") as watch:
        assert child.stdin is not None and child.stdout is not None
        child.stdout.readline()
        present = json.loads(until(watch, str(inode(f"/proc/{child.pid}/ns/uts"))))
        assert (present["change"], present["kind"]) == ("present", "uts")
        before = inode(f"/proc/{child.pid}/ns/uts")
        child.stdin.write("\n")
        child.stdin.flush()
        child.stdout.readline()
        after = inode(f"/proc/{child.pid}/ns/uts")
        told = json.loads(until(watch, '"moved"'))
        del told["time"]
        moved = {"change": "moved", "kind": "uts", "pid": child.pid, "before": before, "after": after}
        assert told == moved
        child.stdin.close()


def test_pictures(tmp_path: Path) -> None:
    """In files, or on stdout."""
    drawn, graph = tmp_path / "a.svg", tmp_path / "a.dot"
    done = ls("-q", "--svg", str(drawn), "--dot", str(graph))
    assert (done.stdout, done.stderr, done.returncode) == ("", "", 0)
    assert ElementTree.fromstring(drawn.read_text()).tag.endswith("svg")
    assert graph.read_text().startswith("graph")
    assert ls("-q", "--svg", "-").stdout.startswith("<svg")
    done = ls("-q", "--dot", str(tmp_path / "no" / "such"))
    assert done.returncode == 125 and "No such file" in done.stderr and "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["--kind", "disk"], "no kind of namespace is called 'disk'"),
        (["--kind", ""], "--kind: there is none"),
        (["-o", "SIZE"], "there is no SIZE"),
        (["--user", "no-such-user"], "there is no user 'no-such-user'"),
        (["--held-by", "hope"], "nothing is held by 'hope'"),
        (["--depth", "abyss"], "invalid choice: 'abyss'"),
        (["--watch=-1"], "-1 is no time to wait"),
        (["--watch", "x"], "invalid"),
        (["--watch", "--tree"], "neither --tree nor --holders"),
        (["--svg", "x", "--json"], "--svg and --dot"),
        (["--dot", "x", "17"], "--svg and --dot"),
        (["x"], "invalid int value: 'x'"),
        (["--nonsense"], "unrecognized arguments: --nonsense"),
    ],
)
def test_wrong_use(args: "list[str]", words: str) -> None:
    """A line that says what is wrong."""
    done = ls(*args)
    assert done.returncode == 2 and words in done.stderr.splitlines()[-1] and done.stdout == ""


def test_help_tells_all() -> None:
    """Every column, every way of holding, the statuses."""
    told = ls("--help").stdout
    assert all(name in told for name in (*COLUMNS, *HOWS)) and "exit status:" in told and "examples:" in told


def test_whoever_reads_may_stop() -> None:
    """No traceback into a closed pipe."""
    line = f"{sys.executable} -m nsiso ls -q | true; {sys.executable} -m nsiso ls -q --watch=0.01 | head -1"
    done = subprocess.run(line, shell=True, capture_output=True, text=True, timeout=60, check=False)
    assert done.stderr == ""


@pytest.mark.parametrize(
    ("words", "shown", "columns"),
    [
        ("plain", "plain", 5),
        ("a\tb\r\x00", "a\\tb\\r\\x00", 10),
        ("漢字", "漢字", 4),
        ("e\u0301", "e\u0301", 1),
        ("\udcff\ud800", "\\xff\\ud800", 10),
        ("\u200b\u2028\u202e\x85", "\\u200b\\u2028\\u202e\\x85", 22),
    ],
)
def test_what_is_shown(words: str, shown: str, columns: int) -> None:
    """Nothing that acts, as wide as a terminal makes it, and cut where there is no more room."""
    assert harmless(words) == shown and width(shown) == columns
    assert cut(shown, columns) == shown
    less: Optional[str] = cut(shown, columns - 1) if columns > 1 else None
    assert less is None or (less.endswith("…") and width(less) <= columns - 1)
