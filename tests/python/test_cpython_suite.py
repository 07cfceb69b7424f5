"""Do CPython's own suites pass with nsiso.Popen, and what asyncio makes, in the place of its own?"""

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


# Each of them patches CPython's own way, or asks for what has been deprecated since Python 3.8.
EXCLUDED_OF_ASYNCIO = {
    "test_popen_error": "patches subprocess.Popen",
    "test_popen_error_with_stdin_pipe": "patches subprocess.Popen",
    "test_exec_loop_deprecated": "passes the loop",
    "test_shell_loop_deprecated": "passes the loop",
}
# One of the classes, which differ in the watcher, of which there is none here.
RUN_OF_ASYNCIO = """
import asyncio, sys, unittest
import nsiso
asyncio.create_subprocess_exec = asyncio.subprocess.create_subprocess_exec = nsiso.create_subprocess_exec
asyncio.create_subprocess_shell = asyncio.subprocess.create_subprocess_shell = nsiso.create_subprocess_shell
import test.test_asyncio.test_subprocess as suite
tests = unittest.defaultTestLoader.loadTestsFromTestCase(suite.SubprocessThreadedWatcherTests)
tests = unittest.TestSuite(test for test in tests if test.id().rpartition(".")[2] not in sys.argv[1:])
result = unittest.TextTestRunner(verbosity=0).run(tests)
sys.exit(not result.wasSuccessful() or result.testsRun < 25)
"""


@pytest.mark.parametrize(
    ("run", "excluded"),
    [(RUN, EXCLUDED), (RUN_OF_ASYNCIO, EXCLUDED_OF_ASYNCIO)],
    ids=["subprocess", "asyncio"],
)
@pytest.mark.skipif(
    importlib.util.find_spec("test") is None or importlib.util.find_spec("test.test_subprocess") is None,
    reason="this Python comes without its own tests (Debian: libpython3-testsuite)",
)
def test_cpythons_own_tests_pass(run: str, excluded: dict[str, str], tmp_path: object) -> None:
    """All but those that patch CPython's own way of starting and waiting."""
    done = subprocess.run(
        [sys.executable, "-c", run, *excluded],
        cwd=str(tmp_path),
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-20_000:]
