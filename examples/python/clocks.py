"""clocks (row T1): whether the boot-time and monotonic clocks can be shifted inside only.

Run: python clocks.py
"""

import time
from pathlib import Path
from typing import NamedTuple

import example
import nsiso
from nsiso import Kind

HOUR = 3600
MONOTONIC_SHIFT, BOOTTIME_SHIFT = 100 * HOUR, 200 * HOUR
TOLERANCE = 5  # within these many seconds two readings, one after the other, count as the same clock


class Clocks(NamedTuple):
    """One reading of all clocks, in seconds."""

    uptime: float
    monotonic: float
    boottime: float
    realtime: float

    def is_near(self, other: "Clocks", monotonic: int = 0, boottime: int = 0) -> bool:
        """Tell whether this is a reading just after the other one, shifted by these seconds."""
        expected = Clocks(
            other.uptime + boottime, other.monotonic + monotonic, other.boottime + boottime, other.realtime
        )
        return all(abs(mine - theirs) < TOLERANCE for mine, theirs in zip(self, expected))


def show_clocks(key: str) -> Clocks:
    """Read and show all clocks."""
    c = Clocks(
        uptime=float(example.run("cat", "/proc/uptime").split()[0]),
        monotonic=time.clock_gettime(time.CLOCK_MONOTONIC),
        boottime=time.clock_gettime(time.CLOCK_BOOTTIME),
        realtime=time.time(),
    )
    example.say(
        key,
        f"cat /proc/uptime: {c.uptime:.0f} s; monotonic {c.monotonic:.0f} s, boot time {c.boottime:.0f} s",
    )
    return c


@example.ending
def inside(outside: Clocks) -> int:
    """Compare with the reading of the outside."""
    example.check(
        show_clocks("inside").is_near(outside, MONOTONIC_SHIFT, BOOTTIME_SHIFT),
        "both clocks are shifted as asked for, and the time of day is not",
    )
    return example.OK


@example.ending
def prepare(flags: Kind, outside: Clocks) -> int:
    """Set the offsets: unshare(CLONE_NEWTIME) only prepares, and the first child enters."""
    example.settle_in(flags & Kind.USER)
    nsiso.unshare(Kind.TIME)
    offsets = f"monotonic {MONOTONIC_SHIFT} 0\nboottime {BOOTTIME_SHIFT} 0\n"
    Path("/proc/self/timens_offsets").write_text(offsets)
    return example.wait_for(nsiso.clone(inside, 0, (outside,)))


def main() -> str:
    """Read the clocks outside before and after."""
    flags = example.flags_for(Kind.TIME)
    user = flags & Kind.USER
    example.say(
        "did",
        f"in a child{' with Kind.USER' if user else ''}: nsiso.unshare(Kind.TIME), "
        f"offsets {MONOTONIC_SHIFT // HOUR} h and {BOOTTIME_SHIFT // HOUR} h, nsiso.clone",
    )
    before = show_clocks("outside")
    example.wait_for(nsiso.clone(prepare, user, (flags, before)))
    example.check(show_clocks("after").is_near(before), "the clocks outside are not shifted")
    return "the clocks are shifted inside and run on unshifted outside"


example.main(main)
