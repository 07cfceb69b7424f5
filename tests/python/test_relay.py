"""Does a relayed command feel as if it had the caller's terminal, while it cannot reach it?

Somebody types at a terminal, on which a host runs a command in namespaces and relays it.
"""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import nsiso
import pytest

sys.path.append(str(Path(__file__).resolve().parents[2] / "examples/python"))
from person import Person

TOOL = [sys.executable, "-m", "nsiso", "run"]
BOX = ["--unshare", "user,pid,mnt", "--map-root"]
# Ends with the shell's status, and tells of what it was told meanwhile.
HOST = """
import signal, sys, nsiso
signal.signal(signal.SIGUSR1, lambda *_: print("handled", flush=True))
def give_up(*_):
    raise KeyboardInterrupt
signal.signal(signal.SIGUSR2, give_up)
box = nsiso.Spec("user,pid", map_root=True, terminal="own")
with nsiso.Popen(["/bin/sh", "-i"], spec=box) as shell:
    try:
        status = shell.relay()
    except KeyboardInterrupt:
        shell.kill()
        print("given up", flush=True)
        status = 9
sys.exit(status)
"""
PROMPT = "in> "


@pytest.fixture
def before() -> list[threading.Thread]:
    """What a relay must not add to."""
    return threading.enumerate()


def at(command: list[str]) -> Person:
    """Somebody at a terminal with this command, at its prompt."""
    person = Person(command, PS1=PROMPT)
    person.see(PROMPT)
    return person


def test_a_host_that_handles_signals_and_gives_up() -> None:
    """Its handlers run meanwhile; what one raises ends the relay, and the terminal is set as before."""
    person = Person(["/bin/sh", "-c", 'read -r line; exec "$0" -c "$1"', sys.executable, HOST], PS1=PROMPT)
    settings = person.settings()
    person.type("\n")
    person.see(PROMPT)
    assert person.settings() != settings
    person.program.send_signal(signal.SIGUSR1)
    person.see("handled")
    person.ask("echo $((20+3))", "23")
    person.program.send_signal(signal.SIGUSR2)
    person.see("given up")
    assert person.wait() == 9
    assert person.settings() == settings
    person.leave()


def test_it_begins_as_the_callers_terminal_is() -> None:
    """Window size, settings and special characters."""
    person = Person(["/bin/sh", "-c", 'stty erase ^K -echoctl; exec "$@"', "sh", *TOOL, *BOX, "stty", "-a"])
    person.see("rows 24; columns 80")
    person.see("erase = ^K;")
    person.see("-echoctl")
    assert person.wait() == 0
    person.leave()


def test_what_is_typed_inside_stays_there() -> None:
    """TIOCSTI goes to the inner terminal, whose shell reads it; the outer one has nothing to read."""
    person = at([*TOOL, *BOX, "/bin/sh", "-i"])
    line = "import fcntl, termios; [fcntl.ioctl(0, termios.TIOCSTI, key) for key in (b':', b'\\n')]"
    typed = f'{sys.executable} -c "{line}"; echo typed $((6*7)) $?'
    setting = Path("/proc/sys/dev/tty/legacy_tiocsti")
    allowed = not setting.exists() or setting.read_text().strip() == "1"
    person.ask(typed, f"typed 42 {0 if allowed else 1}")
    if allowed:
        person.see(PROMPT)  # before what was typed, and after it
    person.see(PROMPT)
    person.type("exit 4\n")
    assert person.wait() == 4
    assert not person.is_typed_into()
    person.leave()


def test_the_tool_relays_where_it_would_be_in_the_way() -> None:
    """With namespaces and between terminals; not without, nor when told otherwise."""
    told = "tty; test -c /dev/tty && (: </dev/tty) 2>/dev/null && echo controlled; echo end"
    own = os.ttyname
    for options, is_own, controlled in (
        (BOX, True, True),
        ([], False, True),
        ([*BOX, "--terminal=share"], False, True),
        ([*BOX, "--terminal=apart"], False, False),
        ([*BOX, "--new-session"], False, False),
        (["--terminal=own"], True, True),
    ):
        person = Person([*TOOL, *options, "/bin/sh", "-c", told])
        person.see("end")
        assert person.wait() == 0
        assert (own(person.terminal) not in person.seen) == is_own, options
        assert ("controlled" in person.seen) == controlled, options
        person.leave()


def test_the_tool_keeps_what_is_redirected(tmp_path: Path) -> None:
    """Errors go to their file, and a pipe's end is the end of what is typed."""
    line = f"{' '.join([*TOOL, *BOX])} -- sh -c 'tty; echo wrong >&2' 2>{tmp_path}/errors; echo status $?"
    person = Person(["/bin/sh", "-c", line])
    person.see("/dev/pts/")
    person.see("status 0")
    assert (tmp_path / "errors").read_text() == "wrong\n"
    person.leave()
    done = subprocess.run(
        [*TOOL, *BOX, "--terminal=own", "sh", "-c", "stty -echo; test -t 0 && test -t 1 && cat; exit 3"],
        input=b"a line\n",
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 3 and done.stdout.replace(b"\r", b"").endswith(b"a line\n")


def test_the_tool_hands_on_signals_and_how_the_command_ended() -> None:
    """While it relays."""
    trap = "trap 'echo term; kill -KILL $$' TERM; echo ready; while :; do sleep 0.05; done"
    person = Person([*TOOL, "--unshare", "user", "--map-root", "--", "sh", "-c", trap])
    person.see("ready")
    settings = person.settings()
    person.program.terminate()
    person.see("term")
    assert person.wait() == 128 + signal.SIGKILL
    assert person.settings() != settings
    person.leave()


def test_a_reader_that_has_seen_enough_ends_the_tool_quietly() -> None:
    """As with any other program."""
    shell = "sh -c 'yes 2>/dev/null; sleep 60'"
    line = f"{' '.join([*TOOL, *BOX])} --terminal=own -- {shell} </dev/null | head -1"
    done = subprocess.run(
        ["bash", "-c", f"{line}; echo ${{PIPESTATUS[0]}}"], capture_output=True, check=False, timeout=60
    )
    assert done.stdout.split() == [b"y", b"141"] and done.stderr == b""


def test_a_window_is_followed() -> None:
    """By the job in the foreground, which is signalled, and without a handler of the host's."""
    person = at([*TOOL, *BOX, "/bin/sh", "-i"])
    person.type("sh -c 'trap \"stty size\" WINCH; echo waits $((6*7)); while :; do sleep 0.1; done'\n")
    person.see("waits 42")
    for rows, columns in ((50, 132), (10, 20)):
        person.resize(rows, columns)
        person.see(f"{rows} {columns}")
    person.type("\x03")
    person.type("exit 0\n")
    assert person.wait() == 0
    person.leave()


def test_popen_and_run() -> None:
    """The descriptor is this process's own, and run relays, or says why it cannot."""
    with nsiso.Popen(
        ["sh", "-c", "stty -echo -onlcr; echo ready; read word; echo $word"], terminal="own"
    ) as child:
        terminal = child.terminal
        assert terminal is not None and os.isatty(terminal) and not os.get_inheritable(terminal)
        said = b""
        while b"ready" not in said:
            said += os.read(terminal, 100)
        os.write(terminal, b"word\n")
        while b"word\n" not in said:
            said += os.read(terminal, 100)
        assert child.wait(timeout=60) == 0
        with pytest.raises(OSError, match="Input/output error"):
            os.read(terminal, 100)
    with nsiso.Popen(["true"], unshare="user") as child:
        assert child.terminal is None
        with pytest.raises(nsiso.Error, match="no terminal of its own") as refused:
            child.relay()
        assert refused.value.step == "relay"
    for options in ({"capture_output": True}, {"timeout": 3}, {"input": "x"}):
        with pytest.raises(ValueError, match="relayed"):
            nsiso.run(["true"], terminal="own", **options)
    command = ["sh", "-c", "test -t 1; exit $(($? + 5))"]
    code = f"import nsiso; print(nsiso.run({command}, terminal='own').returncode)"
    done = subprocess.run(
        [sys.executable, "-c", code], stdin=subprocess.DEVNULL, capture_output=True, check=True
    )
    assert done.stdout.split() == [b"5"]


def test_relaying_lets_other_threads_run(before: list[threading.Thread]) -> None:
    """The interpreter's lock is released, and no thread is added."""
    # It ends by itself if nobody else comes to run.
    command = ["timeout", "30", "cat"]
    with (
        nsiso.Popen(command, stdin=subprocess.PIPE, terminal="own") as child,
        open(os.devnull, "r+b") as null,
    ):
        counted = 0
        relay = threading.Thread(target=child.relay, args=(null, null))
        relay.start()
        while relay.is_alive():
            time.sleep(0.01)
            counted += 1
            assert len(threading.enumerate()) <= len(before) + 1
            if counted == 10:
                assert child.stdin is not None
                child.stdin.close()
        assert counted >= 10 and child.returncode == 0
