"""How a table is shown on a terminal: in columns, coloured, and without what others wrote to act on it."""

import os
import shutil
import unicodedata
from collections.abc import Sequence
from typing import IO, NamedTuple

# Where a column that is cut would tell nothing any more.
_LEAST = 12
_GAP = "  "


class Cell(NamedTuple):
    """A word of a table: its text, and the colour that it has on a terminal (`ESC [ … m`), if any."""

    text: str
    colour: str = ""


def harmless(words: str) -> str:
    r"""Write what could act on a terminal as ``\x1b`` or ``\n``, and bytes that are no text as ``\xff``."""
    if words.isprintable():
        return words
    return "".join(one if one.isprintable() else _written(one) for one in words)


def width(words: str) -> int:
    """How many columns a terminal takes for harmless text."""
    if words.isascii():
        return len(words)
    return sum(_columns(one) for one in words)


def cut(words: str, columns: int) -> str:
    """As much of harmless text as there is room for."""
    if width(words) <= columns:
        return words
    room, kept = columns - 1, []
    for one in words:
        room -= _columns(one)
        if room < 0:
            break
        kept.append(one)
    return "".join(kept) + "…"


def is_coloured(stream: IO[str]) -> bool:
    """Whether colours are wanted there: see https://no-color.org."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def room(stream: IO[str]) -> int:
    """How many columns a line may have there; 0 where there is no terminal, and so no end."""
    return shutil.get_terminal_size().columns if stream.isatty() else 0


def lines(
    rows: Sequence[Sequence[Cell]], *, right: Sequence[bool], columns: int, coloured: bool
) -> list[str]:
    """Line the cells of harmless text up, the first row being the head.

    :param right: of each column, whether its numbers end below each other.
    :param columns: what a line has room for, to which the last cell is cut; 0 is no end.
    """
    widths = [max(width(cell.text) for cell in column) for column in zip(*rows)]
    taken = sum(widths[:-1]) + len(_GAP) * (len(widths) - 1)
    if columns:
        widths[-1] = max(columns - taken, _LEAST)
    made = []
    for number, row in enumerate(rows):
        words = []
        for place, (cell, room_for, is_right) in enumerate(zip(row, widths, right)):
            is_last = place == len(widths) - 1
            text = cut(cell.text, room_for) if columns and is_last else cell.text
            space = " " * (room_for - width(text))
            colour = "1" if number == 0 else cell.colour
            shown = f"\x1b[{colour}m{text}\x1b[0m" if coloured and colour and text else text
            words.append(space + shown if is_right else shown if is_last else shown + space)
        made.append(_GAP.join(words).rstrip())
    return made


def _written(one: str) -> str:
    code = ord(one)
    # A byte that is no text.
    if 0xDC80 <= code <= 0xDCFF:
        return f"\\x{code - 0xDC00:02x}"
    return one.encode("unicode_escape").decode()


def _columns(one: str) -> int:
    if unicodedata.combining(one):
        return 0
    return 2 if unicodedata.east_asian_width(one) in "WF" else 1
