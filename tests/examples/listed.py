"""How do the tests of lsns get a machine on which nothing changes, and ask both programs of it?"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
STAGE = Path(os.environ.get("NSISO_STAGE", ROOT / "target/stage"))
OURS = str(ROOT / "target/examples/lsns")
AS_ROOT = os.geteuid() == 0


class Machine:
    """lsns_machine.py, in namespaces of its own.

    Attributes:
        inodes: of its own namespaces, by kind.
    """

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.inodes: dict[str, int] = self._answer()

    def _answer(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "the machine has ended"
        return json.loads(line)

    def _ask(self, **order: Any) -> Any:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        return self._answer()

    def both(self, words: list[str], **how: Any) -> list[dict[str, Any]]:
        """What becomes of these words with ours and with the installed one: status, output and complaint."""
        answers: list[dict[str, Any]] = self._ask(words=words, **how)
        return answers

    def ours(self, *words: str, status: int = 0) -> str:
        """What ours says."""
        answer = self.both([*words])[0]
        assert answer["status"] == status, answer
        output: str = answer["complaint" if status else "output"]
        return output

    def make(self, what: str) -> dict[str, int]:
        """Have more there; its inodes by kind."""
        made: dict[str, int] = self._ask(make=what)
        return made


def _where_anybody_may_go(compiled: Path, place: Path) -> list[str]:
    """The machine's program, and ours with its library: this tree may be one that others cannot enter."""
    place.chmod(0o755)
    for file in (compiled / "lsns", *(STAGE / "lib").glob("libnsiso.so*")):
        shutil.copy(file, place)
    return [sys.executable, str(HERE / "lsns_machine.py"), str(place / "lsns")]


@pytest.fixture(scope="module")
def machine(compiled: Path) -> Iterator[Machine]:
    """One for all tests of a file."""
    installed = shutil.which("lsns", path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
    assert installed is not None, "lsns (util-linux) is missing"
    own = [] if AS_ROOT else ["--user", "--map-root-user"]
    apart = ["unshare", *own, "--net", "--pid", "--mount", "--fork", "--kill-child", "--mount-proc"]
    with (
        tempfile.TemporaryDirectory() as place,
        subprocess.Popen(
            [*apart, "--propagation", "private", *_where_anybody_may_go(compiled, Path(place)), installed],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as process,
    ):
        try:
            yield Machine(process)
        finally:
            assert process.stdin is not None
            process.stdin.close()
            process.wait(timeout=60)
