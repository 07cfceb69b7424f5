"""How does a contract test get its compiled programs, and a throw-away process of either user?"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, NamedTuple

import pytest

from . import abi

HERE = Path(__file__).resolve().parent
STAGE = Path(os.environ.get("NSISO_STAGE", HERE.parents[1] / "target" / "stage"))
CFLAGS = ("-std=c11", "-Wall", "-Wextra", "-pedantic", "-Werror", "-pthread", "-g")


class Outcome(NamedTuple):
    """What a function in a throw-away process returned and wrote."""

    value: Any
    stdout: str
    stderr: str


def skip_unless_possible(caller: str) -> None:
    """Skip a case of root's where root is not there."""
    if caller == "root" and os.geteuid() != 0:
        pytest.skip("a case of root's: the tests run as an ordinary user")


class Runner:
    """The client of server.py."""

    def __init__(self, requests: IO[str], answers: IO[str]) -> None:
        self._requests = requests
        self._answers = answers

    def run(self, function: str, caller: str, **arguments: Any) -> Outcome:
        """Call `module:function` in a throw-away process that must leave no other process behind."""
        skip_unless_possible(caller)
        request = {"function": function, "caller": caller, "arguments": arguments}
        self._requests.write(json.dumps(request) + "\n")
        self._requests.flush()
        answer = json.loads(self._answers.readline())
        output = answer["stdout"] + answer["stderr"]
        assert answer["failure"] is None, f"{answer['failure']}\n{output}"
        assert answer["left"] == 0, f"{answer['left']} processes were left behind\n{output}"
        return Outcome(answer["value"], answer["stdout"], answer["stderr"])


@pytest.fixture(scope="session")
def runner() -> Iterator[Runner]:
    """Start server.py for the length of the session."""
    # The server is a module of this package, wherever the package's own root is.
    package = __package__ or HERE.name
    root = HERE.parents[package.count(".")]
    process = subprocess.Popen(
        [sys.executable, "-m", f"{package}.server"],
        env=os.environ | {"PYTHONPATH": str(root)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None and process.stdout is not None
    yield Runner(process.stdin, process.stdout)
    process.stdin.close()
    assert process.wait(timeout=30) == 0


@pytest.fixture(scope="session")
def programs() -> Iterator[Path]:
    """A directory with the compiled C programs, which any user can enter (pytest's own cannot be)."""
    library = STAGE / "lib" / "libnsiso.so.0"
    if not library.exists():
        pytest.fail(f"{library} is missing: run `make build` first")
    directory = Path(tempfile.mkdtemp(prefix="nsiso-contract-"))
    directory.chmod(0o755)
    try:
        # Beside the programs: the staged one may lie where an ordinary user cannot go.
        shutil.copy(library, directory)
        for source in sorted(HERE.glob("*.c")):
            _compile(source, directory)
        yield directory
    finally:
        shutil.rmtree(directory)


def _compile(source: Path, directory: Path) -> None:
    compiler = os.environ.get("CC", "gcc")
    command = [compiler, *CFLAGS, f"-I{STAGE / 'include'}", str(source), "-o", str(directory / source.stem)]
    # Bound now: a child with borrowed thread-local storage cannot resolve symbols.
    command += [f"-L{STAGE / 'lib'}", "-lnsiso", "-Wl,-z,now,-rpath,$ORIGIN"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        pytest.fail(result.stderr)


def run_program(programs: Path, name: str, *arguments: str, caller: str) -> None:
    """Run one check of a C program as the caller: it exits with 0, or says why not; with 77 to be skipped."""
    skip_unless_possible(caller)
    drop: dict[str, Any] = {}
    if caller == "ordinary" and os.geteuid() == 0:
        drop = {"user": abi.ORDINARY_ID, "group": abi.ORDINARY_ID, "extra_groups": []}
    command = [str(programs / name), *arguments]
    result = subprocess.run(command, capture_output=True, text=True, cwd="/", timeout=60, check=False, **drop)
    if result.returncode == 77:
        pytest.skip(result.stderr.strip())
    assert result.returncode == 0, result.stdout + result.stderr
