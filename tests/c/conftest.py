"""How do the tests of the C interface get their compiled programs?"""

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from spawn_driver import SANITIZED, STAGE, STRICT

HERE = Path(__file__).resolve().parent


@pytest.fixture(scope="session")
def programs() -> Iterator[Path]:
    """A directory with programs and library, which any user can enter (pytest's own cannot be)."""
    directory = Path(tempfile.mkdtemp(prefix="nsiso-c-"))
    directory.chmod(0o755)
    try:
        shutil.copy(STAGE / "lib/libnsiso.so.0", directory)
        for source in sorted((HERE / "spawn").glob("*.c")):
            for suffix, extra in (("", []), (".sanitized", SANITIZED)):
                command = ["cc", *STRICT, *extra, f"-I{STAGE}/include", str(source)]
                command += ["-o", str(directory / source.stem) + suffix]
                subprocess.run([*command, f"-L{STAGE}/lib", "-lnsiso", "-Wl,-rpath,$ORIGIN"], check=True)
        yield directory
    finally:
        shutil.rmtree(directory)
