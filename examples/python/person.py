"""A person at a terminal, for programs that are to be used by one: what is typed, what is seen."""

from __future__ import annotations

import fcntl
import os
import select
import struct
import termios
import time

import nsiso

PATIENCE = 60  # seconds until a person gives up


class Person:
    """A program on a terminal of its own, somebody who types there, and all that was to be seen."""

    def __init__(self, command: list[str], **variables: str) -> None:
        self.hand, self.terminal = os.openpty()
        self.resize(24, 80)
        self.seen = ""
        self.unread = ""
        self.program = nsiso.Popen(
            command,
            stdin=self.terminal,
            stdout=self.terminal,
            stderr=self.terminal,
            controlling_terminal=0,
            # Nothing but what was written is to be seen: no colours, no brackets around what is typed.
            env={**os.environ, "TERM": "dumb", **variables},
            kill_on_drop=True,
        )

    def type(self, keys: str) -> None:
        """Type these keys; Ctrl with a letter is the letter's number in the alphabet."""
        os.write(self.hand, keys.encode())

    def see(self, text: str, patience: float = PATIENCE) -> None:
        """Wait until this is to be seen, behind all that was waited for before."""
        deadline = time.monotonic() + patience
        while text not in self.unread:
            left = max(0.0, deadline - time.monotonic())
            if not select.select([self.hand], [], [], left)[0]:
                raise TimeoutError(f"{text!r} is not to be seen after {self.seen!r}")
            shown = os.read(self.hand, 4096).decode(errors="replace")
            self.seen += shown
            self.unread += shown
        self.unread = self.unread.partition(text)[2]

    def ask(self, line: str, answer: str) -> None:
        """Type a line and wait for an answer that is not in the line itself."""
        self.type(line + "\n")
        self.see(answer)

    def resize(self, rows: int, columns: int) -> None:
        """Give the window another size."""
        fcntl.ioctl(self.terminal, termios.TIOCSWINSZ, struct.pack("4H", rows, columns, 0, 0))

    def settings(self) -> bytes:
        """Read the terminal's settings as the kernel has them, to the byte."""
        return fcntl.ioctl(self.terminal, termios.TCGETS, bytes(64))

    def is_typed_into(self) -> bool:
        """Tell whether a program would find input on the terminal."""
        return bool(select.select([self.terminal], [], [], 0)[0])

    def wait(self) -> int:
        """Wait for the program's end and return its status."""
        return self.program.wait(timeout=PATIENCE)

    def leave(self) -> None:
        """Close the terminal, which hangs it up."""
        for end in (self.hand, self.terminal):
            os.close(end)
