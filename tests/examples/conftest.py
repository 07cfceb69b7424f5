"""What do the tests of the examples share? The C programs, compiled."""

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
STAGE = Path(os.environ.get("NSISO_STAGE", ROOT / "target/stage"))
COMPILED = ROOT / "target/examples"


@pytest.fixture(scope="session", autouse=True)
def compiled() -> Path:
    """Where they are, as `make demo` builds them; an ordinary user finds them made by root."""
    make = ["make", "--no-print-directory", "-C", str(ROOT / "examples/c")]
    subprocess.run([*make, f"STAGE={STAGE}", f"OUT={COMPILED}"], check=True, capture_output=True)
    return COMPILED
