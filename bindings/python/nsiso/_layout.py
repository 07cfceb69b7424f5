"""Where on the paper each box of a picture lies, as large as its words and the boxes in it need.

Lengths are in pixels of SVG. Words are measured by the widths of DejaVu Sans, the widest of the usual fonts:
in others they take less room.
"""

import math
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field

from ._boxes import Box
from ._kind import text
from ._terminal import harmless

# Of the characters from space to tilde, in hundredths of the size.
_WIDTHS = bytes.fromhex(
    "20292e5440604e1c282832542025202240404040404040404040222254545436644545464e40"
    "3a4e4c1e1e4238574b4f3d4f46403e4a4563453e452822285432323e4037403e2440401c1c3a"
    "1c62403e40402a3528403c523c3c3540224054"
)
BOLD = 1.14
TITLE, WORDS = 15.0, 12.0
PAD = 12.0
GAP = 8.0
LINE = 24.0
# The height of a chip and of a process's pill, and the room beside their words.
PILL, SIDE = 20.0, 8.0
_HEAD = 24.0
_NARROW, _WIDE = 280.0, 520.0
_MOST_COLUMNS = 40
# A slide's.
_ASPECT = 1.5


@dataclass
class Word:
    """A chip or a process's pill: what stands there, and where."""

    text: str
    kind: str = ""
    more: str = ""
    x: float = 0.0
    y: float = 0.0

    @property
    def width(self) -> float:
        """With what is beside its words."""
        return self.shift + measure(self.more, WORDS) + 2 * SIDE

    @property
    def shift(self) -> float:
        """How far the second part is from the first one's beginning."""
        return measure(f"{self.text} " if self.more else self.text, WORDS) * (BOLD if self.kind else 1)


@dataclass
class Placed:
    """A box and where it lies, from the corner of the paper."""

    box: Box
    title: str
    caption: str
    words: list[Word]
    inner: "list[Placed]"
    x: float = 0.0
    y: float = 0.0
    width: float = 0.0
    height: float = 0.0
    columns: "list[list[Placed]]" = field(default_factory=list)


def measure(words: str, size: float) -> float:
    """How wide words are at most."""
    hundredths = 0
    for one in words:
        code = ord(one) - 32
        if code < 95:
            hundredths += _WIDTHS[code]
        elif not unicodedata.combining(one):
            hundredths += 110
    return hundredths * size / 100


def fitted(words: str, room: float, size: float) -> str:
    """As much of words as there is room for."""
    if measure(words, size) <= room:
        return words
    while words and measure(f"{words}…", size) > room:
        words = words[:-1]
    return f"{words}…"


def place(box: Box, most: int) -> Placed:
    """Lay a box out with all that is in it, at most so many processes in each."""
    placed = _sized(box, most)
    _fill(placed)
    _move(placed, 0, 0)
    return placed


def _sized(box: Box, most: int) -> Placed:
    inner = [_sized(one, most) for one in box.inner]
    placed = Placed(box, harmless(box.title), harmless(box.caption), _words(box, most), inner)
    placed.columns, room = _columned(inner)
    area = sum((word.width + GAP) * LINE for word in placed.words)
    wished = min(max(math.sqrt(area * 3 * _ASPECT), _NARROW), _WIDE)
    # No narrower than its longest word, nor than what would be cut of its title.
    longest = max((word.width for word in placed.words), default=0.0)
    heading = min(measure(placed.title, TITLE) * BOLD, _WIDE)
    room = max(room, wished, longest, heading, min(measure(placed.caption, WORDS), _WIDE))
    placed.title = fitted(placed.title, room / BOLD, TITLE)
    placed.caption = fitted(placed.caption, room, WORDS)
    y = PAD + _HEAD + (LINE if placed.caption else 0)
    y = flow(placed.words, room, y)
    y += GAP if inner else PAD - (LINE - PILL)
    deepest = y
    for column in placed.columns:
        below = y
        for one in column:
            one.y = below
            below += one.height + PAD
        deepest = max(deepest, below)
    placed.width, placed.height = room + 2 * PAD, deepest
    return placed


def _fill(placed: Placed) -> None:
    """Put the columns of boxes side by side, as wide as there is room."""
    widths = [max(one.width for one in column) for column in placed.columns]
    left = placed.width - PAD - sum(width + PAD for width in widths)
    x = PAD
    for column, width in zip(placed.columns, widths):
        wider = width + left / len(widths)
        for one in column:
            one.x, one.width = x, wider
            _fill(one)
        x += wider + PAD


def _words(box: Box, most: int) -> list[Word]:
    words = [Word(text(chip.kind), text(chip.kind), str(chip.inode)) for chip in box.chips]
    for process in box.processes[:most]:
        words.append(Word(harmless(process.name or "process"), more=str(process.pid)))
    left = len(box.processes) - most
    if left > 0:
        words.append(Word(f"… {left} more"))
    return words


def flow(words: Sequence[Word], room: float, y: float) -> float:
    """Put words beside each other in as many lines as they need; give where the next line would be."""
    x, was = PAD, words[0].kind != "" if words else False
    for word in words:
        is_chip = word.kind != ""
        if x > PAD and (x + word.width > PAD + room + 0.01 or is_chip != was):
            x, y = PAD, y + LINE + (0 if is_chip == was else GAP / 2)
        word.x, word.y, was = x, y, is_chip
        x += word.width + GAP
    return y + LINE if words else y


def _columned(some: Sequence[Placed]) -> tuple[list[list[Placed]], float]:
    """Put boxes into columns, so that the whole is about as wide as a slide; give how wide it is."""
    if not some:
        return [], 0.0
    area = sum((one.width + PAD) * (one.height + PAD) for one in some)
    tries = []
    for count in range(1, min(len(some), _MOST_COLUMNS) + 1):
        columns = _columns(some, count)
        width = sum(max(one.width for one in column) + PAD for column in columns) - PAD
        height = max(sum(one.height + PAD for one in column) for column in columns)
        # What is lost, and how far it is from a slide's shape.
        cost = width * height / area * (1 + abs(math.log(width / height / _ASPECT)))
        tries.append((cost, width, columns))
    _, width, columns = min(tries, key=lambda tried: tried[:2])
    return columns, width


def _columns(some: Sequence[Placed], count: int) -> list[list[Placed]]:
    """The largest first, each where there is least so far."""
    columns: list[list[Placed]] = [[] for _ in range(count)]
    heights = [0.0] * count
    for one in sorted(some, key=lambda one: -one.height):
        shortest = heights.index(min(heights))
        columns[shortest].append(one)
        heights[shortest] += one.height + PAD
    return columns


def _move(placed: Placed, x: float, y: float) -> None:
    """From the corner of the box around it to that of the paper."""
    placed.x += x
    placed.y += y
    for word in placed.words:
        word.x += placed.x
        word.y += placed.y
    for one in placed.inner:
        _move(one, placed.x, placed.y)
