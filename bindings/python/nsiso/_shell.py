"""What the shell's verbs share: how arguments are refused, a command runs to its end, a table is laid out."""

import argparse
import errno
import itertools
import os
import signal
import sys
from typing import Any, NoReturn

from ._errors import Error, one_line
from ._popen import Popen
from ._spec import Spec

# As env(1), nohup(1) and timeout(1) have them.
SET_UP_FAILED = 125
NOT_EXECUTABLE = 126
NOT_FOUND = 127
SIGNALLED = 128


class Parser(argparse.ArgumentParser):
    """Ends with a status that tells a wrong option from what a command says."""

    status = 2

    def error(self, message: str) -> NoReturn:
        """Say what is wrong."""
        self.print_usage(sys.stderr)
        self.exit(self.status, f"{self.prog}: {message}\n")


class Format(argparse.RawDescriptionHelpFormatter):
    """Wide enough for the options and what they mean."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=36, width=100)


def add_verb(verbs: Any, name: str, usage: str, about: str, more: str) -> Parser:
    verb: Parser = verbs.add_parser(
        name, help=about, description=about, usage=usage, epilog=more, formatter_class=Format
    )
    return verb


def run(spec: Spec, command: list[str], given: dict[str, Any]) -> int:
    """Run a command to its end, with a terminal of its own where it needs one; its exit status."""
    if "terminal" not in given and _wants_a_terminal(spec):
        spec = spec.replace(terminal="own")
    # A terminal of its own takes all three places, but for what is redirected on purpose.
    keeps_stderr = sys.stderr is not None and not sys.stderr.isatty()
    # As a shell would: the command gets the descriptors that were meant for it.
    return ended(Popen(command, spec=spec, close_fds=False, stderr=2 if keeps_stderr else None))


def ended(child: "Popen[bytes]") -> int:
    """Hand signals on until a command has ended; its exit status as a shell tells it."""
    # The terminal sends these to the command as well, which decides what they mean.
    for number in (signal.SIGINT, signal.SIGQUIT):
        signal.signal(number, signal.SIG_IGN)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, frame: child.send_signal(number))
    try:
        status = child.wait() if child.terminal is None else child.relay()
    except Error:
        # As pid 1 it would outlive its terminal.
        child.kill()
        raise
    return status if status >= 0 else SIGNALLED - status


def _wants_a_terminal(spec: Spec) -> bool:
    """In namespaces of its own between terminals, unless its session is arranged in another way."""
    arranged = spec.new_session or spec.process_group is not None or spec.controlling_terminal is not None
    return bool(spec.unshare or spec.join) and not arranged and os.isatty(0) and os.isatty(1)


def table(rows: list[tuple[str, ...]]) -> str:
    """Lay columns out as wide as they must be, the last one as it is."""
    widths = [max(map(len, column)) for column in itertools.zip_longest(*rows, fillvalue="")]
    lines = ("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)
    return "\n".join(lines)


def refused(error: Error) -> int:
    print(f"nsiso: {one_line(error)}", file=sys.stderr)
    if error.step != "exec":
        return SET_UP_FAILED
    return NOT_FOUND if error.errno in (errno.ENOENT, errno.ENOTDIR) else NOT_EXECUTABLE
