"""Can a command in namespaces of its own type into the terminal of its host what runs outside?"""

import os
import pty
import sys
from pathlib import Path

import nsiso
import pytest

ROOT = os.geteuid() == 0
# The host leads the terminal's session, makes the attempt, and says how it ended.
HOST = """
import sys, nsiso
attempt = "import fcntl, termios; fcntl.ioctl(0, termios.TIOCSTI, b'x')"
done = nsiso.run([sys.executable, "-c", attempt], stderr=-3, **eval(sys.argv[1]))
sys.exit(done.returncode)
"""


def attempted(**options: object) -> bool:
    """Whether the byte was typed."""
    leader, follower = pty.openpty()
    try:
        command = [sys.executable, "-c", HOST, repr(options)]
        with nsiso.Popen(
            command, stdin=follower, stdout=follower, stderr=follower, controlling_terminal=0
        ) as host:
            return host.wait(timeout=60) == 0
    finally:
        os.close(leader)
        os.close(follower)


def kernel_allows_typing() -> bool:
    """Whether this kernel takes the request from the terminal's session (since Linux 6.2 a sysctl says)."""
    setting = Path("/proc/sys/dev/tty/legacy_tiocsti")
    return not setting.exists() or setting.read_text().strip() == "1"


@pytest.mark.parametrize("kinds", ["user", "user,pid,mnt"] + (["uts"] if ROOT else []))
def test_it_cannot(kinds: str) -> None:
    """Neither as root of its own user namespace nor, where root keeps all its rights, through them."""
    assert not attempted(unshare=kinds, map_root="user" in kinds)


def test_it_can_where_the_terminal_is_shared() -> None:
    """Else the test above would prove nothing; and without a spec all is as with subprocess."""
    if not kernel_allows_typing():
        # Then nobody can, and the attempts above fail for that reason alone.
        assert not attempted(unshare="user", map_root=True, terminal="share") or ROOT
        return
    assert attempted(unshare="user", map_root=True, terminal="share")
    assert attempted()
