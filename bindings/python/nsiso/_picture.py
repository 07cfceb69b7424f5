"""The picture of a snapshot: containers in a host, as SVG and for graphviz."""

from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from ._boxes import Box, host
from ._inspect import kinds
from ._layout import PAD, PILL, SIDE, TITLE, WORDS, Placed, Word, fitted, flow, place
from ._terminal import harmless

if TYPE_CHECKING:
    from ._snapshot import Snapshot

# Of each kind: what its chip is filled with, and its edge.
COLOURS = {
    "mnt": ("#fdecc8", "#92580c"),
    "uts": ("#cff1ec", "#0f766e"),
    "ipc": ("#ecdcfb", "#7e22ce"),
    "pid": ("#d6f2d6", "#166534"),
    "net": ("#d8e6fd", "#1d4ed8"),
    "user": ("#fddcdc", "#b91c1c"),
    "cgroup": ("#e2e8f0", "#475569"),
    "time": ("#fbdcef", "#be185d"),
}
_INK, _FAINT, _EDGE = "#1e293b", "#64748b", "#94a3b8"
_FILLS = ("#f8fafc", "#ffffff")
_HELD = "#fffbeb"
_FONT = "DejaVu Sans, Verdana, Helvetica, Arial, sans-serif"
_MOST = 6


def svg(snapshot: "Snapshot", most: int = _MOST) -> str:
    """Draw it; of the processes in a box at most so many are shown."""
    root = place(host(snapshot), most)
    used = {word.kind for placed in _walk(root) for word in placed.words}
    legend = [Word(kind.name, kind.name, kind.isolates) for kind in kinds() if kind.name in used]
    room = root.width - 2 * PAD
    # In the room of the outermost box, so that it has the same ground.
    bottom = flow(legend, room, root.height + PAD)
    lines = []
    for missing in snapshot.incomplete:
        lines.append(
            _text(PAD, bottom + WORDS, fitted(harmless(f"not seen: {missing}"), room, WORDS), _FAINT)
        )
        bottom += 1.5 * WORDS
    width, height = root.width, max(bottom, root.height + PAD)
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{_n(-PAD)} {_n(-PAD)} {_size(width, height)}"'
        f' width="{_n(width + 2 * PAD)}" height="{_n(height + 2 * PAD)}" font-family="{_FONT}" role="img">'
    )
    about = f"{len(snapshot.namespaces)} namespaces, {len(snapshot.processes)} processes"
    ground = _rect(-PAD, -PAD, width + 2 * PAD, height + 2 * PAD, 'rx="10" fill="#ffffff"')
    drawn = [head, f"<title>{escape(root.title)}: {about}</title>", ground, *_box(root, 0)]
    drawn += ['<g class="legend">', *(line for word in legend for line in _word(word)), "</g>", *lines]
    return "\n".join([*drawn, "</svg>", ""])


def dot(snapshot: "Snapshot", most: int = _MOST) -> str:
    """Write it down for graphviz, each box as a cluster; of its processes at most so many are shown."""
    lines = [
        "graph namespaces {",
        f'  node [shape=box, style="rounded,filled", fillcolor="#eef2f7", fontname="{_FONT}"];',
        f'  graph [fontname="{_FONT}", style=rounded, labeljust=l];',
        *_cluster(host(snapshot), most, "  ", [0]),
        "}",
    ]
    return "\n".join([*lines, ""])


def _cluster(box: Box, most: int, indent: str, count: list[int]) -> list[str]:
    number = count[0]
    count[0] += 1
    words = [harmless(box.title), harmless(box.caption), *(str(chip) for chip in box.chips)]
    style = "rounded,dashed" if box.held else "rounded"
    lines = [
        f"{indent}subgraph cluster_{number} {{",
        f'{indent}  label="{_quoted(words)}"; style="{style}";',
    ]
    for process in box.processes[:most]:
        label = _quoted([harmless(process.name or "process"), str(process.pid)])
        lines.append(f'{indent}  p{process.pid} [label="{label}"];')
    left = len(box.processes) - most
    if left > 0:
        lines.append(f'{indent}  more_{number} [label="… {left} more"];')
    if not box.processes and not box.inner:
        # Graphviz leaves a cluster without nodes out.
        lines.append(f'{indent}  none_{number} [label="", style=invis];')
    for inner in box.inner:
        lines += _cluster(inner, most, f"{indent}  ", count)
    return [*lines, f"{indent}}}"]


def _quoted(words: list[str]) -> str:
    r"""As a label of graphviz's, a line each, which end by ``\l``: on the left."""
    lines = (word.replace("\\", "\\\\").replace('"', '\\"') for word in words if word)
    return "".join(f"{line}\\l" for line in lines)


def _walk(placed: Placed) -> list[Placed]:
    return [placed, *(below for one in placed.inner for below in _walk(one))]


def _box(placed: Placed, depth: int) -> list[str]:
    fill = _HELD if placed.box.held else _FILLS[depth % 2]
    dashes = ' stroke-dasharray="6 4"' if placed.box.held else ""
    look = f'rx="8" fill="{fill}" stroke="{_EDGE}" stroke-width="1.5"{dashes}'
    lines = [
        f'<g class="{"held" if placed.box.held else "box"}">',
        f"<title>{escape(harmless(placed.box.title))}</title>",
        _rect(placed.x, placed.y, placed.width, placed.height, look),
        _text(placed.x + PAD, placed.y + PAD + TITLE * 0.8, placed.title, _INK, TITLE, bold=True),
    ]
    if placed.caption:
        lines.append(_text(placed.x + PAD, placed.y + PAD + 24 + WORDS, placed.caption, _FAINT))
    lines += [line for word in placed.words for line in _word(word)]
    lines += [line for one in placed.inner for line in _box(one, depth + 1)]
    return [*lines, "</g>"]


def _word(word: Word) -> list[str]:
    fill, edge = COLOURS.get(word.kind, ("#eef2f7", "none"))
    name = _text(
        word.x + SIDE, word.y + PILL * 0.7, word.text, edge if word.kind else _INK, bold=bool(word.kind)
    )
    radius = 4 if word.kind else PILL / 2
    look = f'rx="{_n(radius)}" fill="{fill}" stroke="{edge}" stroke-width="0.75"'
    lines = [_rect(word.x, word.y, word.width, PILL, look), name]
    if word.more:
        ink = _INK if word.kind else _FAINT
        lines.append(_text(word.x + SIDE + word.shift, word.y + PILL * 0.7, word.more, ink))
    return lines


def _text(x: float, y: float, words: str, ink: str, size: float = WORDS, *, bold: bool = False) -> str:
    weight = ' font-weight="bold"' if bold else ""
    return f'<text x="{_n(x)}" y="{_n(y)}" font-size="{_n(size)}" fill="{ink}"{weight}>{escape(words)}</text>'


def _rect(x: float, y: float, width: float, height: float, look: str) -> str:
    return f'<rect x="{_n(x)}" y="{_n(y)}" width="{_n(width)}" height="{_n(height)}" {look}/>'


def _n(length: float) -> str:
    """A length as short as it may be."""
    return f"{length:.1f}".removesuffix(".0")


def _size(width: float, height: float) -> str:
    return f"{_n(width + 2 * PAD)} {_n(height + 2 * PAD)}"
