"""Does ``python -m nsiso`` run, plan and probe as its help says? Are its failures told from the command's?"""

import json
import os
import signal
import subprocess
import sys
from dataclasses import fields

import nsiso
import pytest
from nsiso._cli import OPTIONS
from spawning import ROOT, field, until

KIND = "uts" if ROOT else "user,uts"
OWN = ["--unshare", KIND, *([] if ROOT else ["--map-root"])]


def nsiso_says(*args: str, **options: object) -> "subprocess.CompletedProcess[str]":
    """Run the command line."""
    command = [sys.executable, "-m", "nsiso", *args]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_every_option_of_a_spec_is_one_of_the_shell() -> None:
    """By the same name, but for loopback, which is up if wanted at all, and for what is a program's own."""
    options = [field.name for field in fields(nsiso.Spec)]
    # A shell has no use for descriptors that the command line holds.
    options.remove("keep_namespaces")
    assert list(OPTIONS) == options
    told = nsiso_says("run", "--help").stdout
    for option in OPTIONS:
        assert f"--{option.replace('_', '-')}" in told.replace("--no-loopback", "--loopback")
    assert "exit status:" in told and "examples:" in told


@pytest.mark.parametrize(
    ("options", "line", "expected"),
    [
        ([*OWN, "--hostname", "box", "--domainname", "dom"], "hostname", "box"),
        (["--unshare", "user,pid,mnt", "--map-root", "--proc"], "echo $$ /proc/[0-9]*", "1 /proc/1"),
        (["--unshare", "user", "--map-current"], "id -u", str(os.geteuid())),
        (
            ["--unshare", "user", "--uid-map", f"7:{os.geteuid()}:1", "--gid-map", f"8:{os.getegid()}:1"],
            "id -u",
            "7",
        ),
        (
            [
                "--unshare",
                "user,time",
                "--map-root",
                "--time-offsets",
                "boottime=7",
                "--time-offsets",
                "monotonic=.5",
            ],
            "echo $(cat /proc/self/timens_offsets)",
            "monotonic 0 500000000 boottime 7 0",
        ),
        (["--cwd", "/usr", "--umask", "27"], "pwd; umask", "/usr\n0027"),
        (
            ["--rlimits", "nofile=64:65", "--rlimits", "core=0"],
            "ulimit -n; ulimit -Hn; ulimit -c",
            "64\n65\n0",
        ),
        (["--new-session", "--no-new-privs", "--own-memory", "--setup-timeout", "9"], "echo ok", "ok"),
        (
            ["--unshare", "user", "--map-root", "--uid", "0", "--gid", "0", "--process-group", "0"],
            "id -u",
            "0",
        ),
        (["--unshare", "user,net", "--map-root", "--no-loopback"], "echo ok", "ok"),
    ],
)
def test_a_command_runs_as_its_options_say(options: list[str], line: str, expected: str) -> None:
    """With and without the dashes."""
    for dashes in (["--"], []):
        done = nsiso_says("run", *options, *dashes, "sh", "-c", line)
        assert (done.stdout.strip(), done.stderr, done.returncode) == (expected, "", 0)


def test_join() -> None:
    """A process's namespaces, or the one that a path leads to."""
    box = nsiso.Spec(KIND, map_root=not ROOT, hostname="there")
    with nsiso.Popen(["sleep", "600"], spec=box) as there:
        paths = [f"--join=/proc/{there.pid}/ns/{name}" for name in KIND.split(",")]
        for joins in ([f"--join={there.pid}:{KIND}"], paths):
            assert nsiso_says("run", *joins, "--", "hostname").stdout == "there\n"
        there.kill()


@pytest.mark.parametrize(
    ("args", "status", "words"),
    [
        (["sh", "-c", "exit 3"], 3, ""),
        (["sh", "-c", "kill -9 $$"], 137, ""),
        (
            ["--", "no-such-program"],
            127,
            "nsiso: exec ('no-such-program'): No such file or directory, because",
        ),
        (["/etc/passwd"], 126, "nsiso: exec ('/etc/passwd'): Permission denied, because"),
        (["--cwd", "/nowhere", "true"], 125, "nsiso: chdir ('/nowhere'): No such file or directory"),
        (["--hostname", "x", "true"], 125, "nsiso: plan (hostname needs unshare=uts): EINVAL"),
        (["--unshare", "foo", "true"], 125, "nsiso run: unshare: no kind of namespace is called 'foo'"),
        (["--uid-map", "0:0:1", "true"], 125, "nsiso run: uid_map and gid_map need each other"),
        (["--rlimits", "foo=1", "true"], 125, "there is no limit called 'foo'"),
        (["--nonsense", "--", "true"], 125, "nsiso run: unrecognized arguments: --nonsense"),
        (["--uid", "root", "true"], 125, "nsiso run: argument --uid"),
        ([], 125, "nsiso run: there is no command"),
    ],
)
def test_statuses_tell_whose_failure_it_was(args: list[str], status: int, words: str) -> None:
    """The command's own, or ours with the reason in the last line."""
    done = nsiso_says("run", *args)
    assert done.returncode == status
    assert words in (done.stderr.splitlines() or [""])[-1]
    assert "Traceback" not in done.stderr


def test_plan_and_probe_tell_without_doing() -> None:
    """As lines, and as data."""
    args = ["--unshare", "user,uts", "--map-root", "--hostname", "x", "--", "hostname", "-f"]
    plan = nsiso.Spec("user,uts", map_root=True, hostname="x").plan(["hostname", "-f"])
    assert nsiso_says("plan", *args).stdout == f"{plan}\n"
    assert json.loads(nsiso_says("plan", "--json", *args).stdout) == [step._asdict() for step in plan]
    assert nsiso_says("plan").stdout.splitlines()[-1] == 'child: exec "true"'


def test_probe_tells_as_a_table_and_as_data() -> None:
    """A line for each kind and each feature, with the reason where there is one."""
    answers = nsiso.probe()
    rows = json.loads(nsiso_says("probe", "--json").stdout)
    assert [row["kind"] for row in rows if "kind" in row] == [
        answer.name for answer in answers.kinds.values()
    ]
    assert [row["feature"] for row in rows if "feature" in row] == list(answers.features)
    for row, answer in zip(rows, answers.values()):
        for key in ("allowed", "with_user", "cause", "remedy", "step", "object", "errno"):
            assert row[key] == getattr(answer, key), row
    assert next(row["needs"] for row in rows if row.get("feature") == "proc") == "mnt,pid"
    kinds, _, features = nsiso_says("probe").stdout.partition("\n\n")
    heads = ["ANSWER", "BECAUSE", "DO"]
    for table, head, told in ((kinds, "KIND", answers.kinds), (features, "FEATURE", answers.features)):
        first, *lines = table.splitlines()
        assert first.split() == [head, *heads]
        assert [line.split()[0] for line in lines] == [answer.name for answer in told.values()]
        for line, answer in zip(lines, told.values()):
            word = "no" if not answer.allowed else "with user" if answer.with_user else "yes"
            assert line.split(None, 1)[1].startswith(word)
            assert str(answer.cause or "") in line and line.endswith(answer.remedy or word)


def test_wrong_use_of_the_others() -> None:
    """One line that says what is wrong."""
    for args in (["plan", "--nonsense"], ["nonsense"], [], ["probe", "x"]):
        done = nsiso_says(*args)
        assert done.returncode == 2 and done.stderr.startswith("usage: nsiso"), args


def test_signals_reach_the_command() -> None:
    """SIGTERM is handed on; Ctrl-C is the command's to answer."""
    line = "trap 'echo term; exit 4' TERM; trap 'echo int' INT; echo ready; while :; do sleep 0.05; done"
    command = [sys.executable, "-m", "nsiso", "run", "--", "sh", "-c", line]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True) as tool:
        assert tool.stdout is not None and tool.stdout.readline() == "ready\n"
        # The command may be faster than the tool that has started it.
        until(
            lambda: int(field(tool.pid, "SigIgn"), 16) & 1 << (signal.SIGINT - 1), "Ctrl-C is the command's"
        )
        until(lambda: int(field(tool.pid, "SigCgt"), 16) & 1 << (signal.SIGTERM - 1), "SIGTERM is handed on")
        os.killpg(tool.pid, signal.SIGINT)
        assert tool.stdout.readline() == "int\n"
        tool.terminate()
        assert tool.stdout.read() == "term\n"
        assert tool.wait(timeout=60) == 4


def test_the_descriptors_that_were_meant_for_the_command() -> None:
    """Reach it."""
    reader, writer = os.pipe()
    code = f"import os; os.write({writer}, b'hello')"
    command = [sys.executable, "-m", "nsiso", "run", *OWN, "--", sys.executable, "-c", code]
    subprocess.run(command, pass_fds=[writer], check=True)
    assert os.read(reader, 10) == b"hello"
    os.close(reader)
    os.close(writer)


def test_whoever_reads_may_stop() -> None:
    """No traceback into a closed pipe."""
    done = subprocess.run(
        f"{sys.executable} -m nsiso plan | true", shell=True, capture_output=True, text=True, check=False
    )
    assert done.stderr == ""
