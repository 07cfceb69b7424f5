"""Do the programs in spawn/ find each refusal, each end of a child, and no leak, as either user?"""

import re
import subprocess
from pathlib import Path

import pytest
from spawn_driver import CALLERS, ROADS, SANITIZED, STAGE, STRICT, as_caller

HERE = Path(__file__).resolve().parent


def names_of(program: str) -> list[str]:
    """The checks that a program runs by name."""
    return re.findall(r"CASE\((\w+)\)", (HERE / "spawn" / f"{program}.c").read_text().split("checks[]")[1])


def run(caller: str, *command: str) -> None:
    """Run a program that says itself what is wrong."""
    result = subprocess.run(
        [*as_caller(caller), *command],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
        cwd="/",
    )
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize("check", names_of("refuse"))
def test_refusals(programs: Path, check: str, caller: str) -> None:
    """No function takes what cannot be meant."""
    run(caller, str(programs / "refuse"), check)


@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize("check", names_of("probe"))
def test_probe(programs: Path, check: str, caller: str) -> None:
    """What is said beforehand is what comes of it."""
    run(caller, str(programs / "probe"), check)


@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize("check", names_of("namespace"))
def test_namespaces(programs: Path, check: str, caller: str) -> None:
    """A descriptor is the namespace that was meant, and a visit leads there and back."""
    run(caller, str(programs / "namespace"), check)


@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize("check", names_of("ready"))
def test_pools(programs: Path, check: str, caller: str) -> None:
    """What is ready is given out once, and a command is like another process."""
    run(caller, str(programs / "ready"), check)


@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize(
    ("program", "check"), [(of, name) for of in ("hold", "keep") for name in names_of(of)]
)
def test_keeping(programs: Path, program: str, check: str, caller: str) -> None:
    """What is held, kept at a path or under a name lives without a process, and is gone afterwards."""
    run(caller, str(programs / program), check)


@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize("check", names_of("mounts"))
def test_mounts(programs: Path, check: str, caller: str) -> None:
    """A mount table is the kernel's text, in strings of its own."""
    run(caller, str(programs / "mounts"), check)


@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize(
    ("program", "check"), [(of, name) for of in ("snapshot", "inside") for name in names_of(of)]
)
def test_snapshots(programs: Path, program: str, check: str, caller: str) -> None:
    """What is told of the machine is what /proc says, and leads there."""
    run(caller, str(programs / program), check)


@pytest.mark.parametrize("road", ROADS)
@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize(
    ("program", "check"), [(of, name) for of in ("life", "held") for name in names_of(of)]
)
def test_life(programs: Path, program: str, check: str, caller: str, road: str) -> None:
    """From start to end a child is what its handle says, running or held."""
    run(caller, str(programs / program), check, road)


@pytest.mark.parametrize("road", ROADS)
@pytest.mark.parametrize("caller", CALLERS)
def test_the_whole_interface_is_clean(programs: Path, caller: str, road: str) -> None:
    """Under the address, undefined-behaviour and leak sanitizers."""
    run(caller, str(programs / "whole.sanitized"), road)
    names = ("refuse", "probe", "namespace", "hold", "keep", "mounts", "ready", "life", "held")
    for program in (*names, "snapshot", "inside"):
        for check in names_of(program):
            run(caller, str(programs / f"{program}.sanitized"), check, road)


def test_the_leak_sanitizer_sees_the_librarys_leaks(programs: Path, tmp_path: Path) -> None:
    """Else the test above would prove nothing."""
    (tmp_path / "leak.c").write_text(
        "#include <nsiso.h>\n"
        "int main(void)\n{\n    nsiso_spec *spec = NULL;\n"
        "    int made = nsiso_spec_new(0, &spec, NULL);\n    spec = NULL;\n    return made;\n}\n"
    )
    command = ["cc", *STRICT, *SANITIZED, f"-I{STAGE}/include", str(tmp_path / "leak.c")]
    command += ["-o", str(tmp_path / "leak"), f"-L{programs}", "-l:libnsiso.so.0", f"-Wl,-rpath,{programs}"]
    subprocess.run(command, check=True)
    result = subprocess.run([str(tmp_path / "leak")], capture_output=True, text=True, check=False)
    assert result.returncode != 0 and "nsiso_spec" in result.stderr, result.stderr


def test_no_function_is_left_out() -> None:
    """Of these objects, the programs that run under the sanitizers call every function of the header."""
    header = re.sub(r"/\*.*?\*/", "", (STAGE / "include/nsiso.h").read_text(), flags=re.DOTALL)
    objects = "spec|command|process|hold|held|enter|mounts|plan|pool|spawn|cancel|namespaces|registry"
    objects += "|ns_(?!links|same)|snapshot|difference|particulars|describe|description"
    declared = set(re.findall(rf"\b(nsiso_(?:{objects})\w*)\(", header))
    names = ("whole.c", "namespace.c", "hold.c", "keep.c", "mounts.c", "ready.c", "check.h")
    sources = [
        (HERE / "spawn" / name).read_text() for name in (*names, "snapshot.c", "snapshots.h", "inside.c")
    ]
    used = set(re.findall(r"\bnsiso_\w+", "".join(sources)))
    assert len(declared) > 90 and declared <= used, declared - used
