"""Is nsiso.Popen a subprocess.Popen in every respect, with namespaces, a pidfd and errors that tell more?"""

import gc
import inspect
import os
import pickle
import select
import signal
import subprocess
import sys
import warnings
from pathlib import Path
from subprocess import DEVNULL, PIPE, STDOUT
from typing import Any

import nsiso
import pytest
from nsiso import Spec
from nsiso._types import ProcessOptions, SpecOptions
from spawning import ROOT, children, descriptors, field, running, said, script, spec, until

SH = ("sh", "-c")


def test_it_is_one() -> None:
    """By its type, its signature and its attributes."""
    assert issubclass(nsiso.Popen, subprocess.Popen)
    with nsiso.Popen(["cat"], stdin=PIPE, stdout=PIPE, text=True) as child:
        assert isinstance(child, subprocess.Popen)
        assert child.communicate("in and out")[0] == "in and out"
    assert (child.args, child.returncode, child.poll(), child.wait()) == (["cat"], 0, 0, 0)
    theirs, ours = inspect.signature(subprocess.Popen), inspect.signature(nsiso.Popen)
    assert list(ours.parameters)[: len(theirs.parameters)] == list(theirs.parameters)
    assert ours.parameters.keys() - theirs.parameters.keys() == {"spec", "kill_on_drop", "cancel"} | (
        inspect.signature(Spec).parameters.keys() - theirs.parameters.keys()
    )


def test_type_checkers_know_every_option() -> None:
    """The typed dictionaries have the names of the signatures; two are Windows's, four decide the type."""
    names = inspect.signature(nsiso.Popen).parameters.keys() | {"process_group", "pipesize"}
    names -= {"args", "startupinfo", "creationflags"}
    assert {
        "text",
        "encoding",
        "errors",
        "universal_newlines",
    } | ProcessOptions.__annotations__.keys() == names
    assert set(SpecOptions.__annotations__) == set(inspect.signature(Spec).parameters)


def test_options_that_both_have_mean_the_same_and_subprocess_wins(tmp_path: Path) -> None:
    """The directory, the umask and the process group; on older Pythons the last is the spec's alone."""
    both = inspect.signature(Spec).parameters.keys() & inspect.signature(subprocess.Popen).parameters.keys()
    assert both - {"process_group"} == {"cwd", "umask"}
    there = Spec(cwd="/usr", umask=0o77, process_group=0)
    assert said(there, "pwd; umask") == "/usr\n0077"
    assert said(there, "pwd; umask", cwd=tmp_path, umask=0o2) == f"{tmp_path}\n0002"
    with running(there) as leader, running(there, process_group=leader.pid) as child:
        assert os.getpgid(leader.pid) == os.getpgid(child.pid) == leader.pid


def test_options_beside_a_spec_replace_its_own() -> None:
    """The spec itself stays as it is."""
    box = spec("uts", hostname="box")
    assert said(box, "hostname", hostname="other") == "other"
    assert said(box, "hostname") == "box"
    with pytest.raises(TypeError, match="spec must be"):
        nsiso.Popen(["true"], spec="user")  # type: ignore[call-overload]
    with pytest.raises(TypeError, match="nonsense"):
        nsiso.Popen(["true"], nonsense=1)  # type: ignore[call-overload]


@pytest.mark.parametrize("kinds", [None, "uts"])
def test_streams(kinds: Any, tmp_path: Path) -> None:
    """Pipes, files, numbers, /dev/null, and stderr into stdout."""
    within: dict[str, Any] = {} if kinds is None else {"spec": spec(kinds)}
    line = "cat; echo error >&2"
    done = nsiso.run([*SH, line], input=b"input ", stdout=PIPE, stderr=STDOUT, **within)
    assert done.stdout == b"input error\n"
    done = nsiso.run([*SH, line], stdin=DEVNULL, stdout=DEVNULL, stderr=PIPE, **within)
    assert (done.stdout, done.stderr) == (None, b"error\n")
    with open(tmp_path / "out", "w+b") as file:
        nsiso.run([*SH, line], input=b"x", stdout=file.fileno(), stderr=file, check=True, **within)
        file.seek(0)
        assert file.read() == b"xerror\n"


def test_text() -> None:
    """In each text mode."""
    mode: dict[str, Any]
    for mode in ({"text": True}, {"encoding": "utf-8"}, {"universal_newlines": True}, {"errors": "strict"}):
        done: subprocess.CompletedProcess[Any] = nsiso.run(
            ["cat"],
            input="æ\n",
            capture_output=True,
            env={**os.environ, "LC_ALL": "C.UTF-8"},
            **mode,
        )
        assert done.stdout == "æ\n"


def test_command_environment_directory(tmp_path: Path) -> None:
    """As there: the program is sought in the child's own PATH; executable, shell and paths."""
    program = tmp_path / "prog"
    program.write_text("#!/bin/sh\necho $0 $VARIABLE $(pwd)\n")
    program.chmod(0o755)
    env = {"PATH": f"/nowhere:{tmp_path}:/usr/bin:/bin", "VARIABLE": "value"}
    assert nsiso.check_output("prog", env=env, cwd="/usr") == f"{program} value /usr\n".encode()
    assert nsiso.check_output([program], env={}, cwd=b"/") == f"{program} /\n".encode()
    assert nsiso.check_output(["./prog"], cwd=tmp_path) == f"./prog {tmp_path}\n".encode()
    assert nsiso.check_output("echo $0 $1", shell=True) == b"/bin/sh\n"
    assert nsiso.check_output(["echo $0 $1", "a", "b"], shell=True) == b"a b\n"
    assert nsiso.check_output(["other", "-c", "echo $0"], executable="/bin/sh") == b"other\n"
    assert nsiso.check_output(["sh", "-c", "echo $X"], env={b"X": b"\xff"}) == b"\xff\n"
    with pytest.raises(TypeError):
        nsiso.run(program, shell=True)
    for wrong in (["a\0b"], ["true", "a\0b"], "a\0b"):
        with pytest.raises(ValueError, match="null byte"):
            nsiso.run(wrong)
    for bad in ({"A=": "x"}, {"A": "x\0"}):
        with pytest.raises(ValueError):
            nsiso.run(["true"], env=bad)


def test_descriptors_that_are_passed() -> None:
    """Those that are named, and with close_fds=False all that are inheritable; never others."""
    reader, writer = os.pipe()
    high = os.dup2(writer, 200, inheritable=True)
    try:
        listed = [*SH, "exec ls /proc/self/fd"]
        assert nsiso.check_output(listed).split() == [b"0", b"1", b"2", b"3"]
        seen = set(map(int, nsiso.check_output(listed, pass_fds=[writer, high], spec=spec("uts")).split()))
        assert {writer, high} <= seen and reader not in seen
        assert not os.get_inheritable(writer)
        seen = set(map(int, nsiso.check_output(listed, close_fds=False).split()))
        assert high in seen and not {reader, writer} & (seen - {3})
        with pytest.warns(RuntimeWarning, match="pass_fds overriding"):
            nsiso.run(["true"], close_fds=False, pass_fds=[writer], check=True)
        with pytest.raises(ValueError, match="bad value"):
            nsiso.run(["true"], pass_fds=[-1])
        # Where a passed one is also one of the first three.
        code = f"import os; [os.write(fd, b'%d ' % fd) for fd in (0, 1, {high})]"
        nsiso.run(
            [sys.executable, "-c", code], stdin=writer, stdout=high, pass_fds=[writer, high], check=True
        )
        assert os.read(reader, 100) == b"0 1 200 "
    finally:
        for number in (reader, writer, high):
            os.close(number)


def test_the_highest_descriptor_can_be_passed() -> None:
    """The one below the limit."""
    done = script(
        """
import os, resource, nsiso
resource.setrlimit(resource.RLIMIT_NOFILE, (256, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
os.dup2(1, 255)
nsiso.check_output(["true"], pass_fds=[255])
"""
    )
    assert done.returncode == 0, done.stderr


def test_session_group_umask_and_user() -> None:
    """The attributes of the process."""
    with running(Spec(), start_new_session=True) as child:
        assert os.getsid(child.pid) == child.pid
    assert nsiso.check_output("umask", shell=True, umask=0o12) == b"0012\n"
    ids: dict[str, Any] = {"user": "daemon", "group": "daemon", "extra_groups": ["sys", 7]}
    if ROOT:
        assert nsiso.check_output("id -u; id -g; id -G", shell=True, **ids).split() == [
            b"1",
            b"1",
            b"1",
            b"3",
            b"7",
        ]
        # The numbers are those inside, and win over the spec's.
        inside = Spec("user", uid_map=[(0, 0, 9)], gid_map=[(0, 0, 9)], uid=5, gid=5)
        assert said(inside, "id -u; id -g") == "5\n5"
        assert said(inside, "id -u; id -g", user=6, group=7) == "6\n7"
    else:
        with pytest.raises(PermissionError):
            nsiso.run(["true"], **ids)
    with pytest.raises(OverflowError):
        nsiso.run(["true"], user=2**64)
    with pytest.raises(KeyError):
        nsiso.run(["true"], user="nobody that exists")


@pytest.mark.parametrize("kinds", [None, "uts"])
def test_what_cannot_be_executed(kinds: Any, tmp_path: Path) -> None:
    """The same class, errno, words and filename as subprocess's; and ours on top. Nothing is left."""
    within: dict[str, Any] = {} if kinds is None else {"spec": spec(kinds)}
    plain = tmp_path / "plain"
    plain.write_text("no program")
    empty = tmp_path / "empty"
    empty.touch(0o755)
    before = children(), descriptors()
    cases: list[tuple[list[Any], dict[str, Any]]] = [
        (["no-such-program"], {}),
        (["/no/such/program"], {}),
        ([plain], {}),
        ([str(empty)], {}),
        (["true"], {"cwd": "/no/such"}),
        (["true"], {"cwd": plain}),
        (["true"], {"executable": b"/no/such"}),
        (["true"], {"shell": True, "executable": "/no/such/shell"}),
    ]
    for args, options in cases:
        with pytest.raises(OSError) as theirs:
            subprocess.run(args, stdout=PIPE, check=False, **options)
        with pytest.raises(nsiso.Error) as ours:
            nsiso.run(args, stdout=PIPE, **options, **within)
        assert isinstance(ours.value, type(theirs.value)), args
        assert ours.value.errno == theirs.value.errno
        assert os.fspath(ours.value.filename) == os.fspath(theirs.value.filename)
        assert ours.value.strerror == theirs.value.strerror
        assert ours.value.step == ("chdir" if "cwd" in options else "exec")
        again = pickle.loads(pickle.dumps(ours.value))
        assert (type(again), str(again), again.filename) == (
            type(ours.value),
            str(ours.value),
            ours.value.filename,
        )
    assert (children(), descriptors()) == before


def test_a_file_is_no_directory() -> None:
    """As subprocess tells it."""
    with pytest.raises(NotADirectoryError):
        nsiso.run(["/etc/passwd/program"])


def test_a_directory_of_the_spec_that_is_not_there() -> None:
    """Its name is the error's, as if it had been subprocess's."""
    with pytest.raises(FileNotFoundError) as refused:
        nsiso.run(["true"], spec=Spec(cwd="/no/such"))
    assert refused.value.filename == "/no/such"


def test_signals_and_statuses() -> None:
    """The true status; no signal to a process that has ended."""
    for end, status in [("exit 3", 3), ("kill -9 $$", -signal.SIGKILL), ("kill -TERM $$", -signal.SIGTERM)]:
        assert nsiso.run([*SH, end], spec=spec("uts")).returncode == status
    with nsiso.Popen(["sleep", "600"], spec=spec("pid")) as child:
        assert child.poll() is None
        with pytest.raises(subprocess.TimeoutExpired) as late:
            child.wait(timeout=0.05)
        assert (late.value.timeout, late.value.cmd) == (0.05, ["sleep", "600"])
        child.send_signal(signal.SIGSTOP)
        until(lambda: field(child.pid, "State")[0] in "Tt", "it is stopped")
        child.terminate()
        child.kill()
        assert child.wait(timeout=60) == -signal.SIGKILL
    child.terminate()
    assert child.returncode == -signal.SIGKILL
    with pytest.raises(OSError), running(Spec()) as alive:
        alive.send_signal(10_000)


def test_pidfd_namespaces_and_usage() -> None:
    """While it runs and afterwards."""
    with nsiso.Popen(["cat"], stdin=PIPE, spec=spec("uts")) as child:
        assert child.pidfd is not None and child.usage is None
        assert f"Pid:\t{child.pid}\n" in Path(f"/proc/self/fdinfo/{child.pidfd}").read_text()
        assert not os.get_inheritable(child.pidfd)
        assert child.namespaces == nsiso.links(child.pid)
        assert child.namespaces["uts"] != nsiso.links()["uts"]
        assert select.select([child.pidfd], [], [], 0)[0] == []
        assert child.stdin is not None
        child.stdin.close()
        assert select.select([child.pidfd], [], [], 60)[0] == [child.pidfd]
        child.wait()
        assert child.usage is not None and child.usage.max_rss > 0
        with pytest.raises(ProcessLookupError, match="has ended"):
            child.namespaces  # noqa: B018


def test_namespaces_can_be_kept() -> None:
    """Those that were asked for outlive the child; others are there while it runs."""
    with nsiso.Popen(["cat"], stdin=PIPE, spec=spec("uts,time"), keep_namespaces="uts,time") as child:
        assert child.stdin is not None
        numbers = {name: os.stat(f"/proc/{child.pid}/ns/{name}").st_ino for name in ("uts", "time", "ipc")}
        for name, inode in numbers.items():
            namespace = child.open_namespace(name)
            assert os.fstat(namespace).st_ino == inode and not os.get_inheritable(namespace)
            os.close(namespace)
        with pytest.raises(ValueError, match="kind"):
            child.open_namespace("uts,net")
    kept = child.open_namespace("time")
    assert os.fstat(kept).st_ino == numbers["time"]
    os.close(kept)
    with pytest.raises(ProcessLookupError, match="has ended"):
        child.open_namespace("ipc")


def test_preexec_fn_is_subprocesss_own() -> None:
    """Without a spec it works as there; with one it is refused, and nothing is left."""
    done = nsiso.run("umask", shell=True, preexec_fn=lambda: os.umask(0o35), stdout=PIPE)
    assert done.stdout == b"0035\n"
    plain = nsiso.Popen(["sleep", "600"], restore_signals=False)
    assert plain.pidfd is None and plain.usage is None and plain.namespaces == nsiso.links(plain.pid)
    plain.send_signal(signal.SIGTERM)
    assert plain.wait(timeout=60) == -signal.SIGTERM
    with pytest.raises(ProcessLookupError):
        plain.namespaces  # noqa: B018
    before = descriptors()
    options: dict[str, Any]
    for options in ({"preexec_fn": os.getpid}, {"restore_signals": False}):
        with pytest.raises(ValueError, match="preexec_fn"):
            nsiso.Popen(["true"], spec=Spec(), stdout=PIPE, **options)
    assert descriptors() == before


def test_run_and_check_output_are_subprocesss() -> None:
    """Their results and exceptions."""
    done = nsiso.run([*SH, "cat; echo err >&2; exit 3"], input=b"x", capture_output=True)
    assert type(done) is subprocess.CompletedProcess
    assert (done.args[0], done.returncode, done.stdout, done.stderr) == ("sh", 3, b"x", b"err\n")
    with pytest.raises(subprocess.CalledProcessError) as failed:
        nsiso.run([*SH, "echo x; exit 3"], capture_output=True, check=True)
    assert (failed.value.returncode, failed.value.output) == (3, b"x\n")
    # On a busy machine it takes longer until there is something.
    for timeout in (0.3, 3, 30):
        with pytest.raises(subprocess.TimeoutExpired) as late:
            nsiso.run([*SH, "echo x; exec sleep 600"], stdout=PIPE, timeout=timeout)
        if late.value.output:
            break
    assert late.value.output == b"x\n"
    with pytest.raises(subprocess.CalledProcessError) as failed:
        nsiso.check_output([*SH, "echo x; exit 4"], text=True)
    assert (failed.value.returncode, failed.value.output) == (4, "x\n")
    assert nsiso.check_output(["cat"], input=None) == b""
    assert nsiso.check_output(["cat"], input=None, text=True) == ""
    with pytest.raises(ValueError, match="stdin and input"):
        nsiso.run(["cat"], input=b"", stdin=PIPE)
    with pytest.raises(ValueError, match="capture_output"):
        nsiso.run(["cat"], stdout=PIPE, capture_output=True)
    with pytest.raises(ValueError, match="stdout"):
        nsiso.check_output(["cat"], stdout=PIPE)


def test_an_object_that_goes_leaves_its_child_running() -> None:
    """With a ResourceWarning, and a later start reaps it; or it is killed and reaped on request."""
    reader, writer = os.pipe()
    child: nsiso.Popen[bytes] = nsiso.Popen(["cat"], stdin=reader)
    pid = child.pid
    with pytest.warns(ResourceWarning, match=f"subprocess {pid} is still running"):
        del child
        gc.collect()
    assert field(pid, "State")[0] in "SRD"
    os.close(reader)
    os.close(writer)
    until(lambda: field(pid, "State")[0] == "Z", "it ends")
    nsiso.run(["true"])
    assert pid not in children()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        child = nsiso.Popen(["sleep", "600"], spec=spec("pid"), kill_on_drop=True)
        pid = child.pid
        del child
        gc.collect()
    assert pid not in children()


def test_nothing_is_left_open() -> None:
    """Neither by those that ran nor by those that did not."""
    box = spec("uts,pid,mnt", hostname="box")

    def both() -> None:
        assert nsiso.check_output(["hostname"], spec=box) == b"box\n"
        with pytest.raises(FileNotFoundError):
            nsiso.Popen(["no-such-program"], spec=box, stdin=PIPE, stdout=PIPE, stderr=PIPE)

    both()
    before = descriptors(), children()
    for _ in range(20):
        both()
    gc.collect()
    assert (descriptors(), children()) == before
