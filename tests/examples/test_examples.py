"""Does every row of the walk-through hold, in C and in Python, also where / is a shared mount?"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ROWS = ["V1", "V2", "V3", "V4", "V5", "A1", "A2", "A3", "M1", "M2", "M3", "U1", "I1"]
ROWS += ["P1", "P2", "P3", "S1", "S2", "S3", "N1", "C1", "T1", "X1"]
LANGUAGES = ["C", "Python"]


@pytest.fixture(scope="module")
def walk(compiled: Path) -> dict[tuple[str, str], dict[str, str]]:
    """One walk through all rows; its results by row and language."""
    command = [
        sys.executable,
        str(ROOT / "examples/demo.py"),
        "--c-dir",
        str(compiled),
        "--python",
        sys.executable,
    ]
    done = subprocess.run([*command, "--json"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    rows = json.loads(done.stdout)["rows"]
    return {(row["row"], run["language"]): run for row in rows for run in row["runs"]}


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("row", ROWS)
def test_the_row_holds(walk: dict[tuple[str, str], dict[str, str]], row: str, language: str) -> None:
    """It says so itself, having looked; what it cannot show here would count as a failure."""
    assert walk[row, language]["status"] == "ok", walk[row, language]


def test_there_is_no_other_row(walk: dict[tuple[str, str], dict[str, str]]) -> None:
    """Every row of the walk is named above."""
    assert set(walk) == {(row, language) for row in ROWS for language in LANGUAGES}


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("topic", ["mount", "proc"])
def test_a_shared_root_keeps_its_mounts(compiled: Path, topic: str, language: str) -> None:
    """The outside's mountinfo is the same to the byte, though every mount of it would spread."""
    programs = {"C": str(compiled / topic), "Python": f"{sys.executable} {ROOT}/examples/python/{topic}.py"}
    script = f"""
        grep -q ' / / .* shared:' /proc/self/mountinfo || exit 3
        before=$(cat /proc/self/mountinfo)
        {programs[language]} >&2 || exit 4
        test "$before" = "$(cat /proc/self/mountinfo)" || exit 5
    """
    unshare = shutil.which("unshare")
    assert unshare is not None
    own = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    shared = [unshare, *own, "--mount", "--propagation", "shared", "sh", "-c", script]
    done = subprocess.run(shared, capture_output=True, text=True, check=False)
    assert done.returncode == 0, (done.returncode, done.stderr)


@pytest.mark.parametrize("language", LANGUAGES)
def test_links_are_those_that_ls_shows(compiled: Path, language: str) -> None:
    """For another process than one's own, V2 against readlink."""
    sleeper = subprocess.Popen(["sleep", "60"])
    try:
        names = sorted(os.listdir(f"/proc/{sleeper.pid}/ns"))
        expected = [os.readlink(f"/proc/{sleeper.pid}/ns/{name}") for name in names]
        program = (
            [str(compiled / "links")]
            if language == "C"
            else [sys.executable, str(ROOT / "examples/python/links.py")]
        )
        done = subprocess.run([*program, str(sleeper.pid)], capture_output=True, text=True, check=True)
        for name, link in zip(names, expected):
            assert any(name in line and link in line for line in done.stdout.splitlines()), (
                name,
                link,
                done.stdout,
            )
    finally:
        sleeper.kill()
        sleeper.wait()


@pytest.mark.parametrize("language", LANGUAGES)
def test_mounts_of_any_name_are_told(compiled: Path, language: str) -> None:
    """M3 where the kernel has to escape, and where no text can be made of a name."""
    programs = {
        "C": str(compiled / "mountinfo"),
        "Python": f"{sys.executable} {ROOT}/examples/python/mountinfo.py",
    }
    script = f"""
        mount -t tmpfs none /mnt
        for name in 'a b' "$(printf 'new\\nline')" 'back\\slash' "$(printf '\\377\\376')" 'h#sh' '\\040'; do
            mkdir -p "/mnt/odd/$name" && mount -t tmpfs "$name" "/mnt/odd/$name" || exit 3
        done
        exec {programs[language]}
    """
    own = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    apart = ["unshare", *own, "--mount", "--propagation", "private", "sh", "-c", script]
    done = subprocess.run(apart, capture_output=True, check=False)
    assert done.returncode == 0, (done.stdout, done.stderr)
    assert (
        done.stdout.count(b"mount point /mnt/odd/") == 6 and b"mount point /mnt/odd/a\\040b," in done.stdout
    )


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_pidfd_trap_is_closed(compiled: Path, language: str) -> None:
    """Beside the rows: the manual page of setns leads to this example."""
    program = (
        [str(compiled / "pidfd")] if language == "C" else [sys.executable, f"{ROOT}/examples/python/pidfd.py"]
    )
    done = subprocess.run(program, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "still /proc/" in done.stdout and "ok: refused" in done.stdout
