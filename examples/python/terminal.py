"""terminal (row X1): an interactive shell in six new namespaces, on a terminal of its own.

Run: python terminal.py      in a terminal it is that shell, elsewhere somebody is made up who uses it
"""

import os
import shutil
import sys
import time

import example
import nsiso
from person import Person

KINDS = nsiso.Kind.MNT | nsiso.Kind.UTS | nsiso.Kind.IPC | nsiso.Kind.PID | nsiso.Kind.NET | nsiso.Kind.USER
PROMPT = "inside$ "
# Says that it is in the foreground, in words that are not yet in the line that is typed.
SLEEP = "sh -c 'echo sleeps $((6*7)); exec sleep 600'"
SETTLED = 0.5  # seconds; a new window size is seen within a tenth of one


def shell() -> int:
    """Be the shell, until it has ended."""
    bash = shutil.which("bash")
    command = [bash, "--norc", "--noprofile"] if bash else ["/bin/sh", "-i"]
    environment = {**os.environ, "PS1": PROMPT}
    with nsiso.Popen(command, unshare=KINDS, map_root=True, terminal="own", env=environment) as inside:
        return inside.relay()


def main() -> str:
    """Use the shell as a person would."""
    example.flags_for(KINDS)
    example.say(
        "did", 'nsiso.Popen(shell, unshare="mnt,uts,ipc,pid,net,user", map_root=True, terminal="own").relay()'
    )
    person = Person([sys.executable, __file__])
    before = person.settings()
    person.see(PROMPT)
    example.check(person.settings() != before, "the caller's terminal is in raw mode while it is relayed")
    example.say("outside", "a terminal of 24 rows and 80 columns")

    person.ask("echo process $$, user $(id -u), $(stty size)", "process 1, user 0, 24 80")
    example.say("inside", "the shell is process 1, user 0, on a terminal of 24 80")
    person.ask(SLEEP, "sleeps 42")
    person.type("\x03")
    person.see(PROMPT)
    person.ask("echo status $?", "status 130")
    example.say("inside", "Ctrl-C has ended the sleep (status 130) and not the shell")
    person.ask(SLEEP, "sleeps 42")
    person.type("\x1a")
    person.see("Stopped")
    person.ask("bg; jobs", "Running")
    person.ask("fg", "sleep 600")
    # The line is shown before the job has the terminal.
    time.sleep(SETTLED)
    person.type("\x1a")
    person.see("Stopped")
    # A job that was not ended would be waited for.
    person.ask("kill %1; fg; jobs; echo status $?", "status 0")
    example.say("inside", "Ctrl-Z, jobs, bg, fg and kill %1 work")
    person.resize(33, 101)
    time.sleep(SETTLED)
    person.ask("stty size", "33 101")
    example.say("inside", "the window was made larger: 33 101")

    person.type("exit 7\n")
    status = person.wait()
    example.say("after", f"the shell's status is {status}; the caller's terminal is set as before")
    example.check(status == 7, "the status is handed on")
    example.check(person.settings() == before, "the caller's terminal is set as before")
    person.leave()
    return "a shell in six new namespaces with working job control, Ctrl-C and window size"


if sys.stdin.isatty() and sys.stdout.isatty():
    sys.exit(shell())
example.main(main)
