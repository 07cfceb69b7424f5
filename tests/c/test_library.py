"""Does the C library compile, link, install and export as a C programmer expects?"""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
STAGE = Path(os.environ.get("NSISO_STAGE", ROOT / "target/stage"))
LIBRARY = STAGE / "lib/libnsiso.so.0"
COMPILERS = {
    "c99": ("gcc", "clang"),
    "c11": ("gcc", "clang"),
    "c17": ("gcc", "clang"),
    "c++11": ("g++", "clang++"),
    "c++17": ("g++", "clang++"),
    "c++20": ("g++", "clang++"),
}
# Where a compiler need not be there, its absence is no gap: gcc proves the standard, clang the other reading.
CASES = [
    (standard, compiler)
    for standard, compilers in COMPILERS.items()
    for compiler in compilers
    if compiler in ("gcc", "g++") or shutil.which(compiler)
]


@pytest.mark.parametrize(("standard", "compiler"), CASES)
def test_the_header_compiles_alone_and_first(standard: str, compiler: str, tmp_path: Path) -> None:
    """In every standard, with nothing included before it, without a single complaint."""
    source = tmp_path / ("first.cc" if "++" in standard else "first.c")
    source.write_text("#include <nsiso.h>\n\nint main(void)\n{\n    return nsiso_version()[0] == 0;\n}\n")
    strict = ["-Wall", "-Wextra", "-pedantic-errors", "-Werror", f"-std={standard}", f"-I{STAGE}/include"]
    subprocess.run([compiler, *strict, "-c", str(source), "-o", str(tmp_path / "first.o")], check=True)


def exported() -> set[str]:
    """The dynamic symbols that the library defines."""
    table = subprocess.run(
        ["nm", "-D", "--defined-only", str(LIBRARY)], capture_output=True, text=True, check=True
    )
    return {line.split()[-1] for line in table.stdout.splitlines()}


def declared() -> set[str]:
    """The functions that the header declares."""
    header = re.sub(r"/\*.*?\*/", "", (STAGE / "include/nsiso.h").read_text(), flags=re.DOTALL)
    return set(re.findall(r"\b(nsiso_\w+)\(", header))


def test_the_library_exports_what_the_header_declares_and_nothing_else() -> None:
    """Only nsiso_* leaves the library, and no declaration is empty talk."""
    assert exported() == declared()
    assert all(name.startswith("nsiso_") for name in exported())


def test_the_soname_is_the_abis() -> None:
    """A program linked today asks for libnsiso.so.0."""
    dynamic = subprocess.run(
        ["readelf", "-d", str(LIBRARY)], capture_output=True, text=True, check=True
    ).stdout
    assert "Library soname: [libnsiso.so.0]" in dynamic
    assert (STAGE / "lib/libnsiso.so").resolve() == LIBRARY.resolve()


def test_the_python_module_exports_no_c_interface() -> None:
    """Its only symbol is the one that Python calls."""
    from nsiso import _nsiso

    assert _nsiso.__file__ is not None
    table = subprocess.run(
        ["nm", "-D", "--defined-only", _nsiso.__file__], capture_output=True, text=True, check=True
    )
    assert {line.split()[-1] for line in table.stdout.splitlines()} == {"PyInit__nsiso"}


PROGRAM = r"""
#include <nsiso.h>
#include <stdio.h>

int main(void)
{
    nsiso_error *error = NULL;
    nsiso_ns_link links[16];
    int count = nsiso_ns_links(0, links, sizeof links[0], 16, 0, &error);
    if (count < 0) {
        fprintf(stderr, "%s\n", nsiso_error_message(error));
        error = nsiso_error_free(error);
        return 1;
    }
    for (int i = 0; i < count; i++)
        printf("%s %llu %llu\n", links[i].name, (unsigned long long)links[i].device,
               (unsigned long long)links[i].inode);
    return 0;
}
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A system root with the library where a distribution puts it."""
    if not os.access(ROOT / "target/release", os.W_OK):
        pytest.skip("installing builds in the tree, which belongs to another user")
    root = tmp_path_factory.mktemp("root")
    arguments = [f"DESTDIR={root}", "PREFIX=/usr", "LIBDIR=/usr/lib/somewhere"]
    subprocess.run(
        ["make", "-C", str(ROOT / "bindings/c"), "install", *arguments], check=True, capture_output=True
    )
    yield root


# A static program needs libc's archive, which is not in every distribution's package of headers.
LIBC = subprocess.run(
    ["cc", "-print-file-name=libc.a"], capture_output=True, text=True, check=True
).stdout.strip()


@pytest.mark.parametrize("kind", ["shared", "static", *(["alone"] if Path(LIBC).is_absolute() else [])])
def test_an_installed_library_builds_a_program(installed: Path, kind: str, tmp_path: Path) -> None:
    """With the flags of its .pc file alone, which name no place of the build."""
    pc = (installed / "usr/lib/somewhere/pkgconfig/nsiso.pc").read_text()
    assert str(ROOT) not in pc and str(installed) not in pc
    fields = dict(re.findall(r"^([\w.]+): (.*)$", pc, re.MULTILINE))
    variables = dict(re.findall(r"^(\w+)=(.*)$", pc, re.MULTILINE))
    version = re.search(r'^version = "(.*)"', (ROOT / "Cargo.toml").read_text(), re.MULTILINE)
    assert version is not None and fields["Version"] == version[1]

    def flags(name: str) -> list[str]:
        text: str = fields[name].replace("${includedir}", f"{installed}{variables['includedir']}")
        return text.replace("${libdir}", f"{installed}{variables['libdir']}").split()

    library = f"{installed}{variables['libdir']}"
    link = flags("Libs") if kind == "shared" else [f"{library}/libnsiso.a", *flags("Libs.private")]
    link += ["-static"] if kind == "alone" else []
    source, program = tmp_path / "program.c", tmp_path / "program"
    source.write_text(PROGRAM)
    strict = ["-std=c11", "-Wall", "-Wextra", "-pedantic", "-Werror"]
    subprocess.run(["cc", *strict, *flags("Cflags"), str(source), "-o", str(program), *link], check=True)
    needed = subprocess.run(
        ["readelf", "-d", str(program)], capture_output=True, text=True, check=True
    ).stdout
    assert ("libnsiso.so.0" in needed) == (kind == "shared")
    environment = {**os.environ, "LD_LIBRARY_PATH": library}
    lines = subprocess.run(
        [str(program)], env=environment, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    seen = {line.split()[0]: os.stat(f"/proc/self/ns/{line.split()[0]}") for line in lines}
    assert lines == [f"{name} {stat.st_dev} {stat.st_ino}" for name, stat in sorted(seen.items())]
    assert set(seen) == set(os.listdir("/proc/self/ns"))


def test_uninstall_leaves_nothing(installed: Path, tmp_path: Path) -> None:
    """Every file that install brought goes again."""
    copy = tmp_path / "copy"
    shutil.copytree(installed, copy, symlinks=True)
    arguments = [f"DESTDIR={copy}", "PREFIX=/usr", "LIBDIR=/usr/lib/somewhere"]
    subprocess.run(
        ["make", "-C", str(ROOT / "bindings/c"), "uninstall", *arguments], check=True, capture_output=True
    )
    assert not [path for path in copy.rglob("*") if not path.is_dir()]


# Beside the options of a spec and a command, which are no verbs.
WITHOUT_FLAGS = (
    "nsiso_ns_equal|nsiso_(registry_entries|mounts|snapshot|difference|particulars|description)_get.*"
)


def test_every_verb_has_flags() -> None:
    """What can fail takes them, but for options and for what only looks at two descriptors or at a record."""
    header = re.sub(r"/\*.*?\*/", "", (STAGE / "include/nsiso.h").read_text(), flags=re.DOTALL)
    fail = dict(re.findall(r"\b(nsiso_\w+)\(([^;]*\breterr)\)", header))
    verbs = {name for name in fail if not re.match("nsiso_(spec|command)_(?!new$)", name)}
    without = {name for name in verbs if "uint32_t flags" not in fail[name]}
    assert without == {name for name in verbs if re.fullmatch(WITHOUT_FLAGS, name)}


PAGES = sorted((ROOT / "bindings/c/man").glob("*.3"))
DOCUMENTED = {"nsiso_clone", "nsiso_clone_with", "nsiso_fork", "nsiso_setns", "nsiso_unshare"}
LINKED = {"nsiso_ns_links", "nsiso_ns_same"}
ENTERED = {"nsiso_hold", "nsiso_spec_join_namespaces", "nsiso_spec_like", "nsiso_enter"}
RELAYED = {"nsiso_spec_terminal", "nsiso_process_terminal", "nsiso_process_relay"}


WITH_PAGES = "nsiso_(ns|namespaces|registry|pool|mounts|snapshot|difference|particulars|description)_"
WITH_PAGES += "|nsiso_describe$"


def test_the_documented_calls_have_a_manual_page() -> None:
    """Each by its name; what is an alias leads to a page that is there."""
    held = {name for name in declared() if re.match(WITH_PAGES, name)} - LINKED
    assert {page.stem for page in PAGES} == DOCUMENTED | RELAYED | ENTERED | held
    for page in PAGES:
        for alias in re.findall(r"^\.so man3/(.+)$", page.read_text(), re.MULTILINE):
            assert (page.parent / alias).read_text().startswith('.\\"')


@pytest.mark.parametrize(
    "page", [page for page in PAGES if ".EX" in page.read_text()], ids=lambda page: page.stem
)
def test_a_manual_pages_example_runs(page: Path, tmp_path: Path) -> None:
    """As it stands there; and the page has all its sections."""
    text = page.read_text()
    for section in ("NAME", "SYNOPSIS", "RETURN VALUE", "ERRORS", "THREAD SAFETY", "VERSIONS", "EXAMPLES"):
        assert f".SH {section}\n" in text
    code = text.split(".EX\n")[1].split("\n.EE")[0]
    source, program = tmp_path / "example.c", tmp_path / "example"
    source.write_text(code.replace("\\&\n", "\n").replace("\\e", "\\") + "\n")
    strict = ["-std=gnu11", "-Wall", "-Wextra", "-pedantic", "-Werror", f"-I{STAGE}/include"]
    link = [f"-L{STAGE}/lib", f"-Wl,-rpath,{STAGE}/lib", "-lnsiso"]
    subprocess.run(["cc", *strict, str(source), "-o", str(program), *link], check=True)
    said = subprocess.run([str(program)], capture_output=True, text=True, check=True).stdout
    lines = "inside I am process 1|a wrong nstype: .+|without an id map I am 65534|a terminal of its own"
    lines += "|during the visit: there|kept as blue: uts|entered what is held"
    lines += "|taken: fresh, ready: 1|like it in /usr"
    lines += r"|with \d+ processes in uts:\[\d+\]"
    lines += r"|/: \w+, r[ow].*"
    assert re.fullmatch(f"({lines})\n", said), said
