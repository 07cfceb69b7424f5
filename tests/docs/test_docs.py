"""Does the README tell the truth? Its samples run and print what it says, its tables and commands hold.

A sample is a fenced block of C, Python or Rust; a text block right after it is what it prints, to the letter.
Each sample runs as an ordinary user, and as root too when the tests are root's. The HTML comment
`sample: ordinary user only` right before the fence leaves root out.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Callable, NamedTuple

import nsiso
import pytest

ROOT = Path(__file__).resolve().parents[2]
STAGE = Path(os.environ.get("NSISO_STAGE", ROOT / "target" / "stage"))
README = (ROOT / "README.md").read_text()

ORDINARY_ID = 12345
AS_ROOT = os.geteuid() == 0
# The first use of the core from outside its workspace compiles it.
BUILD_SECONDS, RUN_SECONDS = 500, 60

SAMPLE = re.compile(
    r"(?P<comment><!--[^\n]*-->\n)?^```(?P<language>c|python|rust)\n(?P<source>.*?)^```\n"
    r"(?:\n?```text\n(?P<output>.*?)^```$)?",
    re.M | re.S,
)
ORDINARY_ONLY = "sample: ordinary user only"

CFLAGS = ("-std=c11", "-Wall", "-Wextra", "-pedantic", "-Werror")
CARGO_TOML = """\
[package]
name = "nsiso-readme"
version = "0.0.0"
edition = "2021"

[[bin]]
name = "{name}"
path = "main.rs"

[dependencies]
nsiso = {{ path = '{root}' }}

[lints.rust]
warnings = "deny"

[workspace]
"""
# Runs a Python sample as an ordinary user, who may not reach the modules: root imports them first.
AS_ORDINARY_USER = """\
import ast, ctypes, importlib, os, sys
path, user = sys.argv[1], int(sys.argv[2])
with open(path) as file:
    code = file.read()
for node in ast.walk(ast.parse(code)):
    if isinstance(node, ast.Import):
        for alias in node.names: importlib.import_module(alias.name)
    elif isinstance(node, ast.ImportFrom):
        importlib.import_module(node.module)
os.setgroups([]), os.setresgid(user, user, user), os.setresuid(user, user, user)
PR_SET_DUMPABLE = 4  # or /proc/self would be root's, unlike that of a process which an ordinary user started
assert ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) == 0
exec(compile(code, path, "exec"), {"__name__": "__main__"})
"""


class Sample(NamedTuple):
    """One program that the README shows."""

    language: str
    line: int
    source: str
    output: str | None
    ordinary_only: bool

    @property
    def name(self) -> str:
        """Name it by the line of its fence."""
        return f"nsiso-readme-{self.language}-{self.line}"


def find_samples() -> Iterator[Sample]:
    """Cut the README's samples out, each with its output if that is shown."""
    for found in SAMPLE.finditer(README):
        line = README.count("\n", 0, found.start("language")) + 1
        ordinary_only = ORDINARY_ONLY in (found["comment"] or "")
        yield Sample(found["language"], line, found["source"], found["output"], ordinary_only)


SAMPLES = tuple(find_samples())
CASES = [
    pytest.param(sample, caller, id=f"{sample.language}-{sample.line}-{caller}")
    for sample in SAMPLES
    for caller in ("root", "ordinary")
    if caller == "ordinary" or (AS_ROOT and not sample.ordinary_only)
]


def compile_by(command: list[str], **options: Any) -> None:
    """Run a compiler, or fail with what it says."""
    result = subprocess.run(
        command, capture_output=True, text=True, timeout=BUILD_SECONDS, check=False, **options
    )
    if result.returncode != 0:
        pytest.fail(f"{' '.join(command)}\n{result.stderr}")


def build_c(sample: Sample, directory: Path) -> list[str]:
    """Compile as the README says, with the staged library in place of pkg-config's flags."""
    library = STAGE / "lib" / "libnsiso.so.0"
    if not library.exists():
        pytest.fail(f"{library} is missing: run `make build` first")
    # Beside the program: the stage may lie where an ordinary user cannot go.
    shutil.copy(library, directory)
    program = directory / sample.name
    source = program.with_suffix(".c")
    source.write_text(sample.source)
    flags = [*CFLAGS, f"-I{STAGE / 'include'}", f"-L{STAGE / 'lib'}", "-Wl,-rpath,$ORIGIN"]
    compile_by([os.environ.get("CC", "gcc"), *flags, str(source), "-o", str(program), "-lnsiso"])
    return [str(program)]


def build_rust(sample: Sample, directory: Path) -> list[str]:
    """Compile as a crate of its own that depends on this tree by path, as a user's would."""
    (directory / "main.rs").write_text(sample.source)
    (directory / "Cargo.toml").write_text(CARGO_TOML.format(name=sample.name, root=ROOT))
    # The versions that the tree's own build has fetched.
    shutil.copy(ROOT / "Cargo.lock", directory)
    target = ROOT / "target"
    compile_by(
        [os.environ.get("CARGO", "cargo"), "build", "--quiet", "--offline"],
        cwd=directory,
        env=os.environ | {"CARGO_TARGET_DIR": str(target)},
    )
    program = directory / sample.name
    shutil.move(target / "debug" / sample.name, program)
    return [str(program)]


def write_python(sample: Sample, directory: Path) -> list[str]:
    """Put the sample where any user can read it."""
    source = directory / f"{sample.name}.py"
    source.write_text(sample.source)
    return [sys.executable, str(source)]


BUILD: dict[str, Callable[[Sample, Path], list[str]]] = {
    "c": build_c,
    "python": write_python,
    "rust": build_rust,
}


@pytest.fixture(scope="module")
def directory() -> Iterator[Path]:
    """Give a directory for the samples that any user can enter, unlike pytest's own."""
    made = Path(tempfile.mkdtemp(prefix="nsiso-readme-"))
    made.chmod(0o755)
    try:
        yield made
    finally:
        shutil.rmtree(made)


def as_ordinary_user(sample: Sample, command: list[str]) -> tuple[list[str], dict[str, Any]]:
    """Give the command, and subprocess's options, that run a sample without root's rights."""
    if sample.language == "python":
        interpreter, source = command
        return [interpreter, "-c", AS_ORDINARY_USER, source, str(ORDINARY_ID)], {}
    return command, {"user": ORDINARY_ID, "group": ORDINARY_ID, "extra_groups": []}


@pytest.mark.parametrize(("sample", "caller"), CASES)
def test_sample(sample: Sample, caller: str, directory: Path) -> None:
    """A sample compiles without a warning, ends with 0 and prints what the README shows, and nothing else."""
    own = directory / f"{sample.line}-{caller}"
    own.mkdir(mode=0o755)
    command = BUILD[sample.language](sample, own)
    options: dict[str, Any] = {}
    if AS_ROOT and caller == "ordinary":
        command, options = as_ordinary_user(sample, command)
    result = subprocess.run(
        command, capture_output=True, text=True, cwd="/", timeout=RUN_SECONDS, check=False, **options
    )
    where = f"README.md:{sample.line}"
    assert (result.returncode, result.stderr) == (0, ""), f"{where}\n{result.stdout}"
    assert sample.output is None or result.stdout == sample.output, where


def test_no_sample_is_left_out() -> None:
    """Every language has a sample with its output, and every block with a language is run, shown or typed."""
    assert {sample.language for sample in SAMPLES if sample.output is not None} == set(BUILD)
    fences = re.findall(r"^ *```(.*)$", README, re.M)
    assert len(fences) % 2 == 0
    assert set(fences[::2]) <= {*BUILD, "text", "console"}
    assert set(fences[1::2]) == {""}
    assert sum(fence in BUILD for fence in fences) == len(SAMPLES)


def table(*header: str) -> list[list[str]]:
    """Read the rows of the one table with this header, without back-ticks."""
    head = "| " + " | ".join(header) + " |\n"
    assert README.count(head) == 1, head
    body = README.partition(head)[2].partition("\n\n")[0]
    return [[cell.strip(" `") for cell in line.strip("|").split("|")] for line in body.splitlines()[1:]]


def test_table_of_kinds_is_the_librarys() -> None:
    """The README's kinds are the library's, in its order."""
    own = [[info.name, info.flag_name, info.first_kernel, info.isolates] for info in nsiso.kinds()]
    assert table("kind", "flag", "first kernel", "isolates") == own


def test_debian_packages_are_those_that_the_prerequisites_check() -> None:
    """The README's list for Debian is that of tests/prerequisites, which knows Debian's names only."""
    script = (ROOT / "tests" / "prerequisites").read_text()
    # `need COMMAND PACKAGE`, and packages in brackets after words of the script's own.
    needed = re.findall(r"\bneed \S+ ([a-z][\w+-]*)", script) + re.findall(r"\(([a-z][\w+-]*)\),", script)
    [packages] = [row[1].split() for row in table("distribution", "packages") if "Debian" in row[0]]
    # Rust comes from rustup; make runs the script, which cannot miss it.
    assert sorted(packages) == sorted({*needed, "make"} - {"rustup"})


def test_oldest_versions_are_those_of_the_tree() -> None:
    """The README asks for the oldest Rust and Python that the manifests allow."""
    manifests = (ROOT / "Cargo.toml").read_text() + (ROOT / "bindings/python/pyproject.toml").read_text()
    for pattern, words in (
        (r'^rust-version = "(.+)"', "Rust {} or later"),
        (r'^requires-python = ">=(.+)"', "Python is {} or later"),
    ):
        [version] = re.findall(pattern, manifests, re.M)
        assert words.format(version) in README


def test_commands_are_there() -> None:
    """Every make target that the README names is in the Makefile, and pip installs what the Makefile does."""
    makefile = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z]+):", makefile, re.M))
    named = set(re.findall(r"(?:`|^\$ )make ([a-z]+)", README, re.M))
    assert {"demo", "test", "install"} <= named <= targets
    [path] = re.findall(r"`pip install (\S+)`", README)
    assert (ROOT / path / "pyproject.toml").exists()
    assert f" {path}\n" in makefile


def test_paths_are_there() -> None:
    """Every path in the README's tree and every link into the tree leads somewhere."""
    _, heading, rest = README.partition("## The tree\n\n```text\n")
    assert heading
    tree = rest.partition("```")[0].splitlines()
    paths = [path for line in tree for path in line.partition("  ")[0].split(", ")]
    links = re.findall(r"\]\((?!https:)([^)]+)\)", README)
    assert paths
    assert links
    assert [path for path in paths + links if not (ROOT / path).exists()] == []
