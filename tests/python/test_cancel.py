"""Does a token call off what it was given to, from another thread, and nothing else?"""

import errno
import os
import threading
import time

import nsiso
import pytest
from spawning import children, spec


def test_a_start_is_called_off_wherever_it_is() -> None:
    """Whether a set-up is under way then or none, what is heard is ECANCELED, and nothing is left."""
    before = children()
    token = nsiso.Cancel()
    assert not token.is_cancelled
    timer = threading.Timer(0.1, token.cancel)
    timer.start()
    with pytest.raises(nsiso.Error) as caught:
        while True:
            nsiso.run(["true"], spec=spec("uts,ipc"), cancel=token)
    timer.join()
    assert caught.value.errno == errno.ECANCELED and token.is_cancelled
    assert children() == before


def test_later_starts_are_called_off_at_once() -> None:
    """Of commands and functions alike; without the token all goes on as before."""
    token = nsiso.Cancel()
    token.cancel()
    token.cancel()
    for start in (
        lambda: nsiso.Popen(["true"], unshare="user", map_root=True, cancel=token),
        lambda: nsiso.run(["true"], cancel=token),
        lambda: nsiso.call(os.getpid, cancel=token),
    ):
        with pytest.raises(nsiso.Error) as caught:
            start()
        assert caught.value.errno == errno.ECANCELED
    assert nsiso.run(["true"], check=True).returncode == 0


def test_a_command_that_runs_runs_on() -> None:
    """The token is about its start."""
    token = nsiso.Cancel()
    with nsiso.Popen(["sleep", "600"], cancel=token, kill_on_drop=True) as child:
        token.cancel()
        assert child.poll() is None
        child.kill()


@pytest.mark.parametrize("kinds", ["", "user,pid,uts"])
def test_a_function_that_runs_is_killed(kinds: str) -> None:
    """And reaped, and the call says so."""
    before = children()
    token = nsiso.Cancel()
    isolated = nsiso.Spec(kinds, map_root=bool(kinds))
    threading.Timer(0.2, token.cancel).start()
    began = time.monotonic()
    with pytest.raises(nsiso.Error, match=r"called off|cancelled") as caught:
        nsiso.call(time.sleep, 600, spec=isolated, cancel=token)
    assert caught.value.errno == errno.ECANCELED
    assert time.monotonic() - began < 60
    assert children() == before


def test_a_function_that_has_ended_keeps_its_result() -> None:
    """Calling off afterwards changes nothing."""
    token = nsiso.Cancel()
    assert nsiso.call(lambda: 7, cancel=token) == 7
    token.cancel()
