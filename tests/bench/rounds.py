"""How are ways to do one thing timed fairly from Python? The twin of rounds.h, which says how."""

from __future__ import annotations

import random
import statistics
from typing import Callable

WARM_UP = 5
MIN_CALLS = 40
MAX_CALLS = 2000
# In microseconds: who is so slow that MIN_CALLS take longer than this is called less often.
LONGEST = 30e3

# Does a thing once; gives how many microseconds that took.
Take = Callable[[], float]


def calls_in_a_round(milliseconds: float, sides: dict[str, Take]) -> int:
    """Call each side some times that nobody notes; give how often they can be called in a round."""
    slowest = max(statistics.median(take() for _ in range(WARM_UP)) for take in sides.values())
    least = min(max(LONGEST / slowest, 1), MIN_CALLS)
    return int(min(max(milliseconds * 1e3 / slowest, least), MAX_CALLS))


def take_round(sides: dict[str, Take], calls: int) -> dict[str, float]:
    """Call the sides in turn, in an order drawn anew each time; give each one's median."""
    samples: dict[str, list[float]] = {name: [] for name in sides}
    order = list(sides.items())
    for _ in range(calls):
        random.shuffle(order)
        for name, take in order:
            samples[name].append(take())
    return {name: statistics.median(values) for name, values in samples.items()}
