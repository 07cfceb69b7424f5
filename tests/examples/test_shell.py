"""Is the shell of row X1 one that a person can use, in C and in Python? Beside what the row itself shows."""

import sys
import time
from pathlib import Path

import nsiso
import pytest

sys.path.append(str(Path(__file__).resolve().parents[2] / "examples/python"))
from person import Person

ROOT = Path(__file__).resolve().parents[2]

PROMPT = "inside$ "
KINDS = ("mnt", "uts", "ipc", "pid", "net", "user")
LEGACY = Path("/proc/sys/dev/tty/legacy_tiocsti")
SETTLED = 0.5  # seconds; a new window size is seen within a tenth of one


@pytest.fixture(params=["C", "Python"])
def person(request: pytest.FixtureRequest, compiled: Path) -> Person:
    """Somebody at a terminal who is about to start the shell, with a key."""
    if request.param == "C":
        program = [str(compiled / "terminal")]
    else:
        program = [sys.executable, str(ROOT / "examples/python/terminal.py")]
    return Person(["/bin/sh", "-c", 'read -r line; "$@"; echo status $?; read -r line', "sh", *program])


def test_it_is_a_shell_like_any_other(person: Person) -> None:
    """Jobs, Ctrl-C, Ctrl-Z, Ctrl-D, a full screen of output; and afterwards all is as before, to the byte."""
    before = person.settings()
    person.type("\n")
    person.see(PROMPT)
    assert person.settings() != before
    links = " ".join(f"/proc/self/ns/{name}" for name in KINDS)
    person.type(f"readlink {links}; echo read $((1+1))\n")
    person.see("read 2")
    for name in KINDS:
        assert f"{name}:[" in person.seen and nsiso.links()[name].inode not in inodes(person.seen, name)

    # A pipeline is a job, and so is what stands behind it.
    person.ask("sleep 600 | sleep 601 & sleep 602 & echo started $((4+4))", "started 8")
    person.ask("echo jobs: $(jobs -p | wc -w)", "jobs: 2")
    person.ask("kill %1 %2; wait; jobs; echo gone $((5+5))", "gone 10")
    person.ask("sh -c 'echo reads $((3*3)); exec cat'", "reads 9")
    person.type("\x04")
    person.ask("echo status $?", "status 0")
    person.ask("seq 30000 | tail -1; echo end $((6+6))", "end 12")
    # The foreground is told of a window that changes, and Ctrl-\ is for it as well.
    person.ask(
        "sh -c 'trap \"stty size\" WINCH; echo waits $((6*7)); while :; do sleep 0.1; done'", "waits 42"
    )
    person.resize(50, 132)
    person.see("50 132")
    person.type("\x1c")
    person.see(PROMPT)
    person.ask("echo status $?", "status 131")
    person.type("exit 9\n")
    person.see("status 9")
    assert person.settings() == before
    person.type("\n")
    assert person.wait() == 0
    person.leave()


def inodes(text: str, name: str) -> set[int]:
    """The numbers that links of this name lead to."""
    return {int(part.partition("]")[0]) for part in text.split(f"{name}:[")[1:]}


def test_it_cannot_type_into_the_outer_terminal(person: Person) -> None:
    """What it types with TIOCSTI it reads itself."""
    person.type("\n")
    person.see(PROMPT)
    push = "import fcntl, termios; [fcntl.ioctl(0, termios.TIOCSTI, key) for key in (b':', b'\\n')]"
    person.type(f'{sys.executable} -c "{push}"; echo typed $((6*7)) $?\n')
    if not LEGACY.exists() or LEGACY.read_text().strip() == "1":
        person.see("typed 42 0")
        person.see(PROMPT)
    else:
        person.see("typed 42 1")
    person.see(PROMPT)
    time.sleep(SETTLED)
    assert not person.is_typed_into()
    person.type("exit 3\n")
    person.see("status 3")
    person.type("\n")
    # Nothing but this line was there to be read.
    assert person.wait() == 0
    person.leave()


def test_it_ends_with_its_terminal(person: Person) -> None:
    """Closed as a window is closed: nothing runs on."""
    person.type("\n")
    person.see(PROMPT)
    person.ask("sleep 7777 & sleep 0.1; echo left $((2+2))", "left 4")
    person.leave()
    person.wait()
    deadline = time.monotonic() + 60
    while running("7777") and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not running("7777")


def running(word: str) -> bool:
    """Whether a process has this among its arguments."""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if word.encode() in path.read_bytes().split(b"\0"):
                return True
        except OSError:
            continue
    return False
