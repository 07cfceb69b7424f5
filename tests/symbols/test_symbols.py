"""Does the child's code want anything of anybody: of libc, an allocator, a panic, an unwinder, a loader?"""

import json
import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from inspection import CHECKS, complaints, symbols, wanted

ROOT = Path(__file__).resolve().parents[2]
ELF = b"\x7fELF"
OBJECT = ["--emit=obj", "-C", "codegen-units=1"]
# As build.rs links the helper.
ALONE = ["-nostartfiles", "-nostdlib", "-static", "-no-pie"]


def child(profile: str, folder: Path) -> Path:
    """The object of the crate nsiso-child, compiled anew in this profile."""
    cargo = ["cargo", "rustc", "--quiet", "--locked", "--package", "nsiso-child", "--profile", profile]
    environment = os.environ | {"CARGO_TARGET_DIR": str(folder)}
    subprocess.run([*cargo, "--lib", "--", *OBJECT], cwd=ROOT, env=environment, check=True)
    [found] = folder.glob("*/deps/nsiso_child-*.o")
    assert any("nsiso_child3run3run" in name for name in symbols("--defined-only", found)), "where it begins"
    return found


@pytest.fixture
def folder() -> Iterator[Path]:
    """A directory from which build scripts may be executed."""
    with tempfile.TemporaryDirectory(dir=ROOT / "target") as name:
        yield Path(name)


def test_the_child_wants_nothing(folder: Path) -> None:
    """As it is released: neither libc (errno is the parent's), nor an allocator, nor a panic."""
    assert wanted(child("release", folder)) == set()


def test_the_childs_debug_build_wants_its_checks_alone(folder: Path) -> None:
    """A debug build checks its sums, and nothing else comes on top."""
    assert {name for name in wanted(child("dev", folder)) if not CHECKS.search(name)} == set()


def carried() -> dict[str, Path]:
    """The programs that the child's build script has made and the released library carries; by name."""
    cargo = ["cargo", "build", "--quiet", "--release", "--locked", "--package", "nsiso-capi"]
    told = subprocess.run(
        [*cargo, "--message-format=json"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    messages = [json.loads(line) for line in told.stdout.splitlines()]
    files = [Path(name) for message in messages for name in message.get("filenames", ())]
    [library] = [file.read_bytes() for file in files if file.name == "libnsiso.so"]
    scripts = [message for message in messages if message["reason"] == "build-script-executed"]
    folders = [Path(script["out_dir"]) for script in scripts if "child" in script["package_id"]]
    programs = [file for folder in folders for file in folder.iterdir() if file.read_bytes().startswith(ELF)]
    # A file that an earlier build has left is no part of this one.
    return {program.name: program for program in programs if program.read_bytes() in library}


def test_a_program_that_the_library_carries_stands_alone() -> None:
    """It runs by the kernel's work alone, at a fixed place, and has no way to panic."""
    programs = carried()
    assert programs
    assert not {name: found for name, program in programs.items() if (found := complaints(program))}


def compiled(folder: Path, source: str, *options: str) -> Path:
    """Rust code, compiled for release."""
    (folder / "source.rs").write_text(source)
    output = folder / "compiled"
    rustc = ["rustc", "--edition=2021", "-C", "opt-level=3", *options, "-o", str(output)]
    subprocess.run([*rustc, str(folder / "source.rs")], check=True)
    return output


NO_STD = "#![no_std]\n"
# So small that a library leaves it to whoever calls it.
ALL = [*OBJECT, "-C", "link-dead-code"]
# What a child may not do, and by which name it shows.
OFFENCES = {
    "an index": ("pub fn f(bytes: &[u8], n: usize) -> u8 { bytes[n] }", "panic_bounds_check"),
    "an option": ("pub fn f(byte: Option<u8>) -> u8 { byte.unwrap() }", "unwrap_failed"),
    "a division": ("pub fn f(a: u8, b: u8) -> u8 { a / b }", "div_by_zero"),
    "a word": ('pub fn f(n: u8) { panic!("{n}") }', "panic_fmt"),
    "libc": ('extern "C" { fn getpid() -> i32; } pub fn f() -> i32 { unsafe { getpid() } }', "getpid"),
    "errno": (
        'extern "C" { fn __errno_location() -> *mut i32; } pub unsafe fn f() -> i32 { *__errno_location() }',
        "__errno_location",
    ),
    "a box": (
        "extern crate alloc; pub fn f(n: u64) -> alloc::boxed::Box<u64> { alloc::boxed::Box::new(n) }",
        "__rust_alloc",
    ),
    "an unwinding": (
        "pub struct G<'a>(&'a mut u8); impl Drop for G<'_> { fn drop(&mut self) { *self.0 = 1 } }"
        "pub fn f(g: fn(), n: &mut u8) { let _guard = G(n); g() }",
        "rust_eh_personality",
    ),
}


def test_what_copies_and_computes_wants_nothing(tmp_path: Path) -> None:
    """So that the offences below are no more than what they say."""
    source = "pub fn f(to: &mut [u8; 4096], from: &[u8; 4096]) -> u8 { *to = *from; to[9].wrapping_add(1) }"
    found = compiled(tmp_path, NO_STD + source, "--crate-type=lib", *ALL)
    assert "memcpy" in symbols("--undefined-only", found) and wanted(found) == set()


@pytest.mark.parametrize("offence", OFFENCES)
def test_an_offence_is_seen(offence: str, tmp_path: Path) -> None:
    """By the name that gives it away; and none but what is one passes for a check of a debug build."""
    source, name = OFFENCES[offence]
    found = wanted(compiled(tmp_path, NO_STD + source, "--crate-type=lib", *ALL))
    assert any(name in symbol for symbol in found), found
    is_check = all(CHECKS.search(symbol) for symbol in found)
    assert is_check == (offence in ("an index", "a division", "an unwinding")), found


def linked(folder: Path, source: str, *options: str) -> set[str]:
    """The complaints about a C program."""
    (folder / "source.c").write_text(source)
    subprocess.run(["cc", *options, "-o", str(folder / "linked"), str(folder / "source.c")], check=True)
    return complaints(folder / "linked")


def test_a_program_that_does_not_stand_alone_is_seen(tmp_path: Path) -> None:
    """One of each kind."""
    start = "void _start(void) { for (;;); }"
    assert linked(tmp_path, start, *ALONE) == set()
    ordinary = linked(tmp_path, "#include <unistd.h>\nint main(void) { return getpid(); }")
    assert ordinary >= {"INTERP", "DYNAMIC"} and any("wants getpid" in word for word in ordinary)
    address = f"void _start(void); void *here = _start; {start}"
    placed_by_loader = linked(tmp_path, address, *ALONE[:2], "-static-pie")
    assert placed_by_loader >= {"DYNAMIC", "is loaded anywhere", "is relocated"}
    assert linked(tmp_path, start, *ALONE, "-Wl,-z,execstack") == {"memory to write and execute"}
    assert linked(tmp_path, f"_Thread_local int own = 1; {start}", *ALONE) == {"TLS"}


BODIES = {"TABLE[(*n & 3) as usize]": set[str](), "TABLE[*n as usize]": {"panics"}}


@pytest.mark.parametrize(("body", "found"), BODIES.items())
def test_a_program_that_can_panic_is_seen(body: str, found: set[str], tmp_path: Path) -> None:
    """Though its handler says nothing."""
    source = f"""#![no_main]
static TABLE: [usize; 4] = [1, 2, 3, 4];
#[no_mangle]
unsafe extern "C" fn _start(n: *const u8) -> usize {{ core::hint::black_box(&TABLE); {body} }}
#[no_mangle]
extern "C" fn rust_eh_personality() {{}}
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {{ loop {{}} }}
"""
    link = [f"-Clink-arg={option}" for option in ALONE]
    options = ["--crate-type=bin", "-Cpanic=abort", "-Crelocation-model=static", "-Cstrip=symbols", *link]
    assert complaints(compiled(tmp_path, NO_STD + source, *options)) == found
