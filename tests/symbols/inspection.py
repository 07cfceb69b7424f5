"""What does compiled code want of others: an object of the linker, a program of a loader?"""

import re
import subprocess
from pathlib import Path

# What the compiler calls by itself to copy, fill and compare memory. They take no lock and leave errno alone.
MEMORY = frozenset({"memcpy", "memmove", "memset", "memcmp"})
# What a debug build's own checks lead to (of sums, of core's preconditions), and the way out of them.
CHECKS = re.compile(r"core9panicking|^_Unwind_Resume$|^rust_eh_personality$")


def tool(*command: str) -> str:
    """What a tool says, in the words that are looked for here."""
    return subprocess.run(["env", "LC_ALL=C", *command], capture_output=True, text=True, check=True).stdout


def symbols(which: str, *objects: Path) -> set[str]:
    """The names that nm(1) lists, as the linker sees them; weak ones too."""
    lines = tool("nm", which, *map(str, objects)).splitlines()
    return {line.split()[-1] for line in lines if line and not line.endswith(":")}


def wanted(*objects: Path) -> set[str]:
    """What these objects, taken together, want of others beside MEMORY."""
    return symbols("--undefined-only", *objects) - symbols("--defined-only", *objects) - MEMORY


def complaints(program: Path) -> set[str]:
    """Why a program is not one that runs by itself, by the kernel's work alone, and cannot panic."""
    headers = tool("readelf", "--file-header", "--program-headers", "--relocs", "--wide", str(program))
    found = set(re.findall(r"^ +(INTERP|DYNAMIC|TLS) ", headers, re.MULTILINE))
    if not re.search(r"^ +Type: +EXEC ", headers, re.MULTILINE):
        found.add("is loaded anywhere")
    if "There are no relocations in this file." not in headers:
        found.add("is relocated")
    # Both at once.
    if re.search(r"^ +\w+ .* R?WE ", headers, re.MULTILINE):
        found.add("memory to write and execute")
    found |= {f"wants {name}" for name in symbols("--undefined-only", program)}
    # Every panic knows where it came from, by its file's name.
    if b".rs" in loaded(program):
        found.add("panics")
    return found


def loaded(program: Path) -> bytes:
    """What the kernel maps of a program's file."""
    headers = tool("readelf", "--program-headers", "--wide", str(program))
    content = program.read_bytes()
    segments = re.findall(r"^ +LOAD +(0x\w+) 0x\w+ 0x\w+ (0x\w+)", headers, re.MULTILINE)
    assert segments, f"{program} has nothing to load"
    return b"".join(content[int(start, 16) :][: int(length, 16)] for start, length in segments)
