"""Does CPython's own suite for subprocess pass with nsiso.Popen in the place of subprocess.Popen?"""

import importlib.util
import subprocess
import sys

import pytest

# Each of them watches or patches how CPython itself makes and reaps a child, which is not ours.
EXCLUDED = {
    "test_exception_errpipe_normal": "patches the pipe over which CPython's child reports",
    "test_exception_errpipe_bad_data": "patches the pipe over which CPython's child reports",
    "test__use_vfork": "patches CPython's fork_exec",
    "test_stopped": "patches os.waitpid",
}
RUN = """
import subprocess, sys, unittest
import nsiso
subprocess.Popen = nsiso.Popen
import test.test_subprocess as suite
def wanted(tests):
    for test in tests:
        if isinstance(test, unittest.TestSuite):
            yield from wanted(test)
        elif test.id().rpartition(".")[2] not in sys.argv[1:]:
            yield test
tests = unittest.TestSuite(wanted(unittest.defaultTestLoader.loadTestsFromModule(suite)))
result = unittest.TextTestRunner(verbosity=0).run(tests)
sys.exit(not result.wasSuccessful() or result.testsRun < 250)
"""


@pytest.mark.skipif(
    importlib.util.find_spec("test") is None or importlib.util.find_spec("test.test_subprocess") is None,
    reason="this Python comes without its own tests (Debian: libpython3-testsuite)",
)
def test_cpythons_own_tests_pass(tmp_path: object) -> None:
    """All but those that patch CPython's own way of starting and waiting."""
    done = subprocess.run(
        [sys.executable, "-c", RUN, *EXCLUDED],
        cwd=str(tmp_path),
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-20_000:]
