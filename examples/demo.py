"""What `make demo` shows: every row of the walk-through, run in C and in Python, side by side.

Run: python demo.py --c-dir DIRECTORY [--python PYTHON] [--only ROW] [--strict] [--json]
Exit status: 0, or 1 when a row failed; what is not allowed here fails only with --strict.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple

TIME_LIMIT = 120  # seconds for one example
WIDTH = 100
INDENT = 4
KEYS = ("did", "outside", "inside", "after")
STATUS_OF_EXIT = {0: "ok", 1: "failed", 77: "cannot"}


class Row(NamedTuple):
    """One row of the walk-through, and the base name of the programs that show it."""

    row: str
    name: str
    title: str


ROWS = (
    Row("V1", "kinds", "The kinds of namespace, and what may be created here"),
    Row("V2", "links", "The namespaces of a process"),
    Row("V3", "same", "Two processes share a namespace, or not"),
    Row("V4", "alive", "A descriptor keeps a namespace alive"),
    Row("V5", "kept", "A bind mount keeps a namespace alive"),
    Row("A1", "clone", "clone: a function in several new namespaces"),
    Row("A2", "setns", "setns: join by descriptor"),
    Row("A3", "unshare", "unshare: leave into new namespaces"),
    Row("M1", "mount", "mnt: mounts inside stay inside"),
    Row("M2", "proc", "mnt and pid: a /proc of one's own"),
    Row("M3", "mountinfo", "mnt: a mount table, field by field"),
    Row("U1", "uts", "uts: host name and NIS domain name"),
    Row("I1", "ipc", "ipc: queues, semaphores, shared memory"),
    Row("P1", "pid", "pid: number 1"),
    Row("P2", "pid_numbers", "pid: one process, two numbers"),
    Row("P3", "pid_levels", "pid: namespaces beside and in each other"),
    Row("S1", "user", "user: nobody, without an id map"),
    Row("S2", "user_root", "user: root inside, an ordinary user outside"),
    Row("S3", "user_range", "user: a second user, from a range of ids"),
    Row("N1", "net", "net: nothing but lo"),
    Row("C1", "cgroup", "cgroup: the own one is /"),
    Row("T1", "clocks", "time: shifted clocks"),
    Row("X1", "terminal", "All at once: a shell in a terminal"),
)


class Line(NamedTuple):
    """One line that an example printed."""

    key: str
    text: str


@dataclass(frozen=True)
class Run:
    """What came of one example in one language."""

    language: str
    status: str  # ok, failed or cannot
    reason: str  # the text of the last line: the claim, or why it is not shown
    lines: list[Line]
    seconds: float


# ---- running ----


def stop(process: subprocess.Popen[str]) -> None:
    """End an example with all its children; at first so that it can clean up."""
    for how in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, how)
            process.wait(timeout=2)
        except ProcessLookupError:
            return
        except subprocess.TimeoutExpired:
            continue


def judge(code: int, output: str, errors: str) -> tuple[str, str, list[Line]]:
    """Read status, reason and lines; the last line and the exit status must say the same."""
    lines = [Line(*line.split(": ", 1)) for line in output.splitlines() if ": " in line]
    told = [line for line in lines if line.key in KEYS]
    status = STATUS_OF_EXIT.get(code, "failed")
    if lines and lines[-1].key == status:
        return status, lines[-1].text, told
    complaint = errors.strip().splitlines()[-1:] or ["it did not say why"]
    return "failed", f"ended with {code}: {complaint[0]}", told


def run(language: str, command: list[str]) -> Run:
    """Run one example, in a session of its own, so that it can be stopped with its children."""
    start = time.monotonic()
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            env=environment,
            start_new_session=True,
        )
    except OSError as error:
        return Run(language, "failed", f"{error.filename or command[0]}: {error.strerror}", [], 0.0)
    try:
        output, errors = process.communicate(timeout=TIME_LIMIT)
        status, reason, lines = judge(process.returncode, output, errors)
    except subprocess.TimeoutExpired:
        stop(process)
        output, _ = process.communicate()
        _, _, lines = judge(0, output, "")
        status, reason = "failed", f"not finished after {TIME_LIMIT} seconds"
    except BaseException:
        stop(process)
        raise
    return Run(language, status, reason, lines, time.monotonic() - start)


def run_both(row: Row, c_dir: Path, python: str) -> list[Run]:
    """Run a row in both languages, one after the other."""
    script = Path(__file__).resolve().parent / "python" / f"{row.name}.py"
    return [
        run("C", [str(c_dir.resolve() / row.name)]),
        run("Python", [python, str(script)]),
    ]


# ---- showing ----


class Look:
    """How things look: in colour on a terminal, with symbols where they can be written."""

    def __init__(self) -> None:
        terminal = sys.stdout.isatty()
        self.colour = terminal and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"
        self.width = min(WIDTH, shutil.get_terminal_size((WIDTH, 24)).columns) if terminal else WIDTH
        try:
            "✓✗─·".encode(sys.stdout.encoding or "ascii")
            self.marks = {"ok": "✓", "failed": "✗", "cannot": "·"}
            self.rule = "─"
        except UnicodeEncodeError:
            self.marks = {"ok": "+", "failed": "!", "cannot": "-"}
            self.rule = "-"

    def paint(self, style: str, text: str) -> str:
        """Colour a text: a style is ok, failed, cannot, bold or dim."""
        codes = {"ok": "32", "failed": "1;31", "cannot": "33", "bold": "1", "dim": "2"}
        return f"\033[{codes[style]}m{text}\033[0m" if self.colour else text

    def entry(self, label: str, tag: str, text: str, style: str = "dim") -> Iterator[str]:
        """Lay out one line: label and language in columns, the text wrapped beside them."""
        left = f"{label:9}" + (f"{tag:8}" if tag else "")
        room = max(20, self.width - INDENT - len(left))
        deeper = " " * (len(text) - len(text.lstrip()) + 2)
        for number, part in enumerate(textwrap.wrap(text, room, subsequent_indent=deeper) or [""]):
            shown = self.paint(style, left) if number == 0 else " " * len(left)
            yield f"{' ' * INDENT}{shown}{part}".rstrip()

    def title(self, row: Row, runs: list[Run]) -> str:
        """Lay out the first line of a row, with the outcome at its right end."""
        plain = "  ".join(f"{run.language} {self.marks[run.status]}" for run in runs)
        shown = "  ".join(f"{run.language} {self.paint(run.status, self.marks[run.status])}" for run in runs)
        left = f"{row.row:{INDENT}}{row.title}"
        fill = self.rule * max(3, self.width - len(left) - len(plain) - 2)
        return f"{self.paint('bold', left)} {self.paint('dim', fill)} {shown}"


def merged(runs: list[Run]) -> Iterator[tuple[str, str, str]]:
    """Yield key, language and text; the language is empty where all said the same."""
    if len({tuple(line.key for line in run.lines) for run in runs}) > 1:
        for run in runs:
            for line in run.lines:
                yield line.key, run.language, line.text
        return
    for lines in zip(*(run.lines for run in runs)):
        if len({line.text for line in lines}) == 1:
            yield lines[0].key, "", lines[0].text
        else:
            for run, line in zip(runs, lines):
                yield line.key, run.language, line.text


def show(look: Look, row: Row, runs: list[Run]) -> None:
    """Print one row."""
    print(look.title(row, runs))
    label = None
    for key, language, text in merged(runs):
        for line in look.entry(key if key != label else "", language, text):
            print(line)
        label = key
    verdicts = dict.fromkeys((run.status, run.reason) for run in runs)
    for status, reason in verdicts:
        who = [run.language for run in runs if (run.status, run.reason) == (status, reason)]
        tag = "" if len(who) == len(runs) else who[0]
        for line in look.entry(status, tag, reason, status):
            print(line)
    print(flush=True)


def caller() -> str:
    """Say who runs this, as it decides what the kernel allows."""
    uid = os.geteuid()
    return "root (uid 0)" if uid == 0 else f"an ordinary user (uid {uid})"


def summary(look: Look, runs: list[Run], seconds: float) -> str:
    """Count what came of it."""
    counts = {status: sum(run.status == status for run in runs) for status in look.marks}
    words = {"ok": "shown to be true", "failed": "failed", "cannot": "not allowed here"}
    parts = [look.paint(s, f"{look.marks[s]} {n} {words[s]}") for s, n in counts.items() if n or s == "ok"]
    return f"{len(runs)} programs in {seconds:.1f} s:  " + "   ".join(parts)


# ---- the command ----


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Walk through all kinds of namespace, in C and in Python.")
    parser.add_argument("--c-dir", type=Path, required=True, help="where the compiled C examples are")
    parser.add_argument("--python", default=sys.executable, help="a Python that has the nsiso module")
    names = [row.row for row in ROWS]
    parser.add_argument(
        "--only", choices=names, action="append", metavar="ROW", help="one of " + " ".join(names)
    )
    parser.add_argument("--strict", action="store_true", help="what is not allowed here is a failure, too")
    parser.add_argument("--json", action="store_true", help="the same for programs")
    return parser.parse_args()


def main() -> int:
    """Run the rows that were asked for and show them."""
    options = arguments()
    look = Look()
    kernel = f"{platform.system()} {platform.release()} {platform.machine()}"
    if not options.json:
        print(look.paint("bold", "nsiso: Linux namespaces, in C and in Python"))
        print(f"run by {caller()} on {kernel}\n", flush=True)

    start = time.monotonic()
    all_runs: list[Run] = []
    records = []
    for row in ROWS:
        if options.only and row.row not in options.only:
            continue
        runs = run_both(row, options.c_dir, options.python)
        all_runs += runs
        texts = [{**asdict(run), "lines": [line._asdict() for line in run.lines]} for run in runs]
        records.append({**row._asdict(), "runs": texts})
        if not options.json:
            show(look, row, runs)

    if options.json:
        print(json.dumps({"uid": os.geteuid(), "kernel": kernel, "rows": records}, indent=2))
    else:
        print(summary(look, all_runs, time.monotonic() - start))
    bad = {"failed", "cannot"} if options.strict else {"failed"}
    return 1 if any(run.status in bad for run in all_runs) else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)
