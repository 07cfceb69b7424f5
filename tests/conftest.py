"""What counts as green: in CI a skipped test is a failure, for CI promises root and user namespaces.

And what do tests begin with? With signals that are not ignored, as where they run in the background.
"""

import os
import signal

import pytest


def pytest_configure() -> None:
    """Else Ctrl-C at a terminal, and a shell's trap for it, would come to nothing."""
    for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP):
        if signal.getsignal(number) == signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail a run in CI that skipped anything; the reasons stand in its summary."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("CI") and reporter is not None and reporter.stats.get("skipped"):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
