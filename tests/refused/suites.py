"""Which tests fail where system calls are refused, and are these exactly the ones that have no other road?

usage: suites.py REFUSE ARTIFACTS     `run` calls it: REFUSE is refuse.c compiled, ARTIFACTS what cargo built
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
PIDFD = "pidfd_open,pidfd_send_signal,pidfd_getfd"
MOUNT = "open_tree,move_mount,fsopen,fsconfig,fsmount,fspick,mount_setattr,openat2"

# What is refused, and how. libc's threads would not start with EPERM to its own clone3; before Linux 5.4
# waitid says EINVAL to a kind that it does not know, and no filter tells the kinds apart.
ROWS = [
    ("ENOSYS", "clone3"),
    ("EPERM", "clone3:program"),
    ("ENOSYS", PIDFD),
    ("EPERM", PIDFD),
    ("EINVAL", "waitid:pidfd"),
    ("ENOSYS", "close_range"),
    ("EPERM", "close_range"),
    ("ENOSYS", MOUNT),
    ("EPERM", MOUNT),
]
# Only one suite has to do with these.
STATMOUNT = "statmount,listmount"
STATMOUNT_ROWS = [("ENOSYS", STATMOUNT), ("EPERM", STATMOUNT)]


class Missing(NamedTuple):
    """A test that cannot pass while `calls` are refused, because it asks for what has no other road."""

    calls: str
    test: str  # or how its name begins
    words: str  # with which it must fail, beside the errno's name: an answer "missing" says what is missing
    users: tuple[str, ...] = ("root", "ordinary")


# A test that is not here must pass; one that is here must not.
MISSING = [
    # A companion knows its command by a pidfd, and that one comes by pidfd_open once it has joined pid 1.
    Missing(PIDFD, "companion::the_reaper_is_pid_1_and_the_command_the_callers_child", "companion"),
    Missing(PIDFD, "function::a_function_sees_its_namespaces_while_others_allocate", "companion"),
    Missing(PIDFD, "signals::what_comes_early_waits_for_pid_1", "companion"),
    # An ordinary user's comes to its end before there is any.
    Missing(PIDFD, "cgroup::beside_pid_1_it_is_the_root_too", "companion", ("root",)),
    Missing(PIDFD, "causes::probing::of_a_reaper_by_inner_root", "companion"),
    Missing(PIDFD, "old_time::and_beside_pid_1_too", "companion"),
    # Only clone3 can; without it the parent places the child, as the other tests there see.
    Missing("clone3", "cgroup::version_2_is_where_it_is_born", "parent: clone uts"),
    Missing("clone3:program", "cgroup::version_2_is_where_it_is_born", "parent: clone uts"),
    # Time namespaces in clone(2) by way of a process in between, whose end is told by the same signal.
    Missing("clone3", "C::test_pointers[the_exit_signal_beside_newtime_is_kept", "si_pid"),
    Missing(PIDFD, "nsiso::namespace::tests::the_number_behind_a_pidfd", "pidfd_open"),
    # No other call gives a copy of another process's socket.
    Missing(PIDFD, "snapshot::whatever_holds_a_namespace_is_found", "sockets"),
    # These join by pidfd, and open it themselves.
    Missing(PIDFD, "C::test_trap", "pidfd >= 0"),
]

# Suites that this is not the place for.
LEFT_OUT = {
    "flood": "counts and takes long; threads is its like",
    "given_up": "a start that is given up is not one of those that need a road; and takes long",
    "parsers": "asks nothing of the kernel",
    "host": "all of it is about the companion, which needs pidfds",
    "recycled": "traces the calls of a host, and knows which they are",
}

# Who is no root cannot have a filter without no_new_privs, under which newuidmap has no power.
POWERLESS = [
    "ids_of_several_ranges_are_written_by_the_parent_or_its_helper",
    "all_subordinate_ids_follow_root",
    "a_second_user_exists_inside",
    "no_child_allocates_whatever_it_is_told_to_do",
]

# The C functions' own promises, which are in a library as libc is: so no filter that tells the two apart. One
# run as root takes on both parts.
SPECIAL = ["-m", "pytest", "-rA", "--tb=short", "-p", "no:cacheprovider", "tests/contract/test_special.py"]
SPECIAL_ROWS = [("ENOSYS", "clone3"), ("EPERM", PIDFD), ("EPERM", "close_range")]

TIMEOUT = 300


class Suite(NamedTuple):
    """A compiled file of tests."""

    name: str
    path: str


def suites(artifacts: Path) -> Iterator[Suite]:
    """All that cargo built of the core, but those left out."""
    for line in artifacts.read_text().splitlines():
        artifact = json.loads(line)
        is_test = artifact.get("executable") and artifact["profile"]["test"]
        if is_test and artifact["target"]["name"] not in LEFT_OUT:
            yield Suite(artifact["target"]["name"], artifact["executable"])


def under(refuse: str, error: str, calls: str, user: str, command: list[str]) -> tuple[int, str]:
    """Status and output of a command whose calls are refused; 124 where it hangs."""
    # The filter first: an ordinary user would have to give up newuidmap for it.
    drop = ["tests/as_user"] if user == "ordinary" and os.geteuid() == 0 else []
    words = [refuse, error, calls, *drop, *command]
    try:
        done = subprocess.run(
            words,
            cwd=ROOT,
            timeout=TIMEOUT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
    except subprocess.TimeoutExpired as expired:
        return 124, (expired.stdout or b"").decode(errors="replace") + f"\nno end within {TIMEOUT} s"
    return done.returncode, done.stdout.decode(errors="replace")


class Run(NamedTuple):
    """What a suite's output says: each test's verdict, the words of those that failed, how many there are."""

    verdicts: dict[str, str]
    words: dict[str, str]
    announced: int


def of_rust(output: str) -> Run:
    """Read libtest's output; a test may itself run some, and their words come later."""
    announced = re.search(r"^running (\d+) tests?$", output, re.MULTILINE)
    own = output.split("\nfailures:\n")[0]
    verdicts = dict(re.findall(r"^test (\S+) \.\.\. (ok|FAILED|ignored)", own, re.MULTILINE))
    parts = re.split(r"^---- (\S+) stdout ----$", output, flags=re.MULTILINE)
    return Run(verdicts, dict(zip(parts[1::2], parts[2::2])), int(announced[1]) if announced else 0)


def of_pytest(output: str) -> Run:
    """Read pytest's output with its summary of all."""
    lines = re.findall(r"^(PASSED|FAILED|SKIPPED|ERROR) \S+?::(\S+)", output, re.MULTILINE)
    verdicts = {test: "ok" if verdict == "PASSED" else verdict for verdict, test in lines}
    parts = re.split(r"^_{3,} (\S+) _{3,}$", output, flags=re.MULTILINE)
    counts = re.findall(r"(\d+) (?:passed|failed|errors?)", output.strip().splitlines()[-1])
    return Run(verdicts, dict(zip(parts[1::2], parts[2::2])), sum(map(int, counts)))


def complaints(suite: str, run: Run, output: str, error: str, calls: str, user: str) -> Iterator[str]:
    """What is wrong with a suite's run."""
    if len(run.verdicts) != run.announced or not run.announced:
        yield f"{suite}: {len(run.verdicts)} of {run.announced} tests came to an end: {output[-2000:]}"
        return
    listed = [m for m in MISSING if m.calls == calls and user in m.users and m.test.startswith(f"{suite}::")]
    for test, verdict in sorted(run.verdicts.items()):
        name, said = f"{suite}::{test}", run.words.get(test, "")
        entry = next((entry for entry in listed if name.startswith(entry.test)), None)
        if verdict not in ("ok", "FAILED", "ignored"):
            yield f"{name} is {verdict}"
        elif verdict == "FAILED" and entry is None:
            yield f"{name} fails: {said.strip()}"
        elif verdict == "FAILED" and entry and entry.words not in said:
            yield f"{name} fails without saying that {entry.words!r} is missing: {said.strip()}"
        elif verdict == "ok" and entry:
            yield f"{name} passes, but the list has it as missing"
    for entry in listed:
        if not any(f"{suite}::{test}".startswith(entry.test) for test in run.verdicts):
            yield f"{entry.test} is in the list and nowhere else"


def report(error: str, calls: str, user: str, runs: list[Run], found: list[str]) -> list[str]:
    """Say how a row went, and hand on its complaints."""
    verdicts = [verdict for run in runs for verdict in run.verdicts.values()]
    failed = verdicts.count("FAILED")
    listed = f", {failed} without another road" if failed and not found else ""
    wrong = f", {len(found)} NOT AS LISTED" if found else ""
    print(f"{error} to {calls}, {user}: {verdicts.count('ok')} passed{listed}{wrong}", flush=True)
    return [f"{error} to {calls}, {user}: {complaint}" for complaint in found]


def run_row(refuse: str, error: str, calls: str, user: str, built: list[Suite]) -> list[str]:
    """All suites at once under one refusal: what is wrong."""
    check = [refuse, "--check", error, calls]
    if under(refuse, error, calls, user, check)[0] != 0:
        return [f"{error} to {calls}, {user}: the filter does not refuse"]
    if subprocess.run(check, check=False, stderr=subprocess.DEVNULL).returncode != 1:
        return [
            f"{error} to {calls}, {user}: refused without a filter too, so that nothing can be shown here"
        ]
    options = ["--test-threads=2"]
    if os.geteuid() != 0:
        options += [word for test in POWERLESS for word in ("--skip", test)]
    with ThreadPoolExecutor(len(built)) as pool:
        outputs = list(pool.map(lambda s: under(refuse, error, calls, user, [s.path, *options])[1], built))
    runs = [of_rust(output) for output in outputs]
    found = [
        complaint
        for suite, run, output in zip(built, runs, outputs)
        for complaint in complaints(suite.name, run, output, error, calls, user)
    ]
    return report(error, calls, user, runs, found)


def run_special(refuse: str, error: str, calls: str) -> list[str]:
    """The contract's special cases under one refusal: what is wrong."""
    _, output = under(refuse, error, calls, "root", [sys.executable, *SPECIAL])
    run = of_pytest(output)
    return report(error, calls, "C", [run], list(complaints("C", run, output, error, calls, "root")))


def main() -> int:
    """Run everything; 1 if anything is not as the lists say."""
    refuse, artifacts = sys.argv[1:]
    built = list(suites(Path(artifacts)))
    users = ["root", "ordinary"] if os.geteuid() == 0 else ["ordinary"]
    if users == ["ordinary"]:
        print(f"left out, for want of newuidmap under no_new_privs: {', '.join(POWERLESS)}")
    found = [complaint for row in ROWS for user in users for complaint in run_row(refuse, *row, user, built)]
    mounts = [suite for suite in built if suite.name == "mounts"]
    found += [
        complaint
        for row in STATMOUNT_ROWS
        for user in users
        for complaint in run_row(refuse, *row, user, mounts)
    ]
    if "root" in users:
        found += [complaint for row in SPECIAL_ROWS for complaint in run_special(refuse, *row)]
    for complaint in found:
        print(f"\n{complaint}", file=sys.stderr)
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
