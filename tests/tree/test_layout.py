"""Does each file of the core use only what it may, and is unsafe code only where it belongs?"""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
RUST = ROOT / "rust"
CORE = sorted(path for path in RUST.rglob("*.rs") if RUST / "child" not in path.parents)

# Who may use whom: bindings -> verbs -> plan -> spec -> words; everything -> sys -> libc.
WORDS = {"kind", "errno", "error", "idmap"}
MAY_USE = {
    "kind": set[str](),
    "idmap": {"error"},
    "errno": set[str](),
    "error": {"errno"},
    "cancel": {"sys"},
    "caps": {"error"},
    "cgroup": WORDS | {"sys"},
    "command": {"error", "sys"},
    "caller": set[str](),
    "subid": WORDS | {"sys"},
    "terminal": WORDS | {"command", "sys"},
    "relay": WORDS | {"process", "status", "sys"},
    "spec": WORDS
    | {
        "cancel",
        "caps",
        "cgroup",
        "command",
        "hold",
        "join",
        "like",
        "plan",
        "process",
        "spawn",
        "sys",
        "terminal",
    },
    "companion": WORDS | {"command", "process", "spec", "sys"},
    "plan": WORDS
    | {
        "caller",
        "cancel",
        "caps",
        "cgroup",
        "command",
        "companion",
        "join",
        "spec",
        "subid",
        "sys",
        "terminal",
    },
    "idmap_writer": WORDS | {"cancel", "command", "spec", "subid", "sys"},
    "spawn": WORDS
    | {
        "command",
        "cancel",
        "cgroup",
        "companion",
        "explain",
        "idmap_writer",
        "namespace",
        "plan",
        "prepare",
        "process",
        "spec",
        "sys",
        "terminal",
    },
    "prepare": WORDS | {"command", "companion", "explain", "join", "plan", "sys"},
    "status": set[str](),
    "process": WORDS | {"namespace", "status", "sys"},
    "namespace": WORDS | {"caller", "sys"},
    "registry": WORDS | {"caller", "command", "namespace", "process", "spec", "sys"},
    "visit": WORDS | {"explain", "namespace", "sys"},
    "pool": WORDS | {"hold", "spec", "sys"},
    "like": WORDS | {"caller", "sys"},
    "enter": WORDS | {"calls", "explain", "join", "namespace", "plan", "spec", "sys"},
    "power": WORDS | {"caller", "namespace", "sys"},
    "join": WORDS | {"hold", "namespace", "power", "sys"},
    "hold": WORDS | {"companion", "namespace", "plan", "spawn", "spec", "sys"},
    "explain": WORDS | {"caller", "join", "namespace", "plan", "power", "spec", "sys"},
    "feature": {"kind"},
    "probe": WORDS
    | {
        "caller",
        "cancel",
        "caps",
        "command",
        "companion",
        "explain",
        "feature",
        "spawn",
        "spec",
        "subid",
        "sys",
    },
    "calls": WORDS | {"explain", "sys"},
    "inspect": WORDS | {"caller", "namespace", "spec", "sys", "visit"},
    "sys": WORDS,
}


def module(path: Path) -> str:
    """The name under which the rest of the core knows a file."""
    return path.relative_to(RUST).parts[0].removesuffix(".rs")


def code(path: Path) -> str:
    """A file without comments and without its unit tests."""
    text = path.read_text().split("#[cfg(test)]")[0]
    return re.sub(r"//.*", "", text)


@pytest.mark.parametrize("path", CORE, ids=lambda path: str(path.relative_to(RUST)))
def test_uses_point_downwards(path: Path) -> None:
    """A module uses those below it, and inspect never those that act."""
    name = module(path)
    if name == "lib":
        return
    used = set(re.findall(r"\bcrate::([a-z_]+)", code(path)))
    used |= {"kind" for _ in re.findall(r"\bcrate::Kinds?\b", code(path))}
    assert used - {name} <= MAY_USE[name], f"{path} uses {used - MAY_USE[name] - {name}}"


@pytest.mark.parametrize("path", CORE, ids=lambda path: str(path.relative_to(RUST)))
def test_unsafe_code_is_fenced(path: Path) -> None:
    """Outside sys a file forbids unsafe code; inside, it says why it may."""
    text = path.read_text()
    if module(path) == "sys":
        is_safe = "#![forbid(unsafe_code)]" in text or "unsafe" not in code(path)
        assert is_safe or re.search(r"//! # Safety\n", text), f"{path}: no Safety section"
    elif module(path) != "lib":
        assert "#![forbid(unsafe_code)]" in text, f"{path} does not forbid unsafe code"


def sources(*folders: str) -> list[Path]:
    """Every Rust file below these folders."""
    return [path for folder in folders for path in sorted((ROOT / folder).rglob("*.rs"))]


@pytest.mark.parametrize("path", sources("rust", "bindings"), ids=lambda path: str(path.relative_to(ROOT)))
def test_the_library_neither_prints_nor_panics_nor_exits(path: Path) -> None:
    """Not in any file that ends up in a host; build scripts and tests are not among them."""
    if path.name == "build.rs" or "tests" in path.parts:
        return
    found = re.findall(
        r"\b(?:e?println!|dbg!|panic!|todo!|unimplemented!|unreachable!|process::exit)|\.unwrap\(\)|\.expect\(",
        code(path),
    )
    assert not found, f"{path}: {found}"


@pytest.mark.parametrize("path", sources("rust", "bindings"), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_says_first_what_it_answers(path: Path) -> None:
    """And is short enough to read in one go."""
    lines = path.read_text().splitlines()
    assert lines[0].startswith("//! ") and lines[0].endswith((".", "?", ":")), f"{path}: {lines[0]}"
    assert len(lines) <= 400, f"{path} has {len(lines)} lines"


def test_the_child_depends_on_nothing() -> None:
    """No other crate but to compare its numbers with, no std, no allocator."""
    manifest = (RUST / "child/Cargo.toml").read_text()
    assert "[dependencies]" not in manifest and "[build-dependencies]" not in manifest
    library = (RUST / "child/src/lib.rs").read_text()
    assert "#![no_std]" in library
    assert not re.search(r"extern crate|\balloc::", library)
