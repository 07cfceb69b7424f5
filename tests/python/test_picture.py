"""Is the picture of a snapshot true, and are its boxes in each other, and not on each other?"""

import contextlib
import itertools
import os
import random
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple
from xml.etree import ElementTree

import nsiso
import pytest
from nsiso import Kind, NamespaceInfo, Snapshot, Spec, snapshot
from nsiso._boxes import Box, host
from nsiso._layout import BOLD, TITLE, Placed, measure, place
from nsiso._picture import COLOURS, dot, svg
from spawning import ROOT, here, inode, running, spec
from test_snapshot import program

# What a container shares with others of its pod.
SHARED = "net,ipc,uts" if ROOT else "user,net,ipc,uts"
SVG = "{http://www.w3.org/2000/svg}"


class Area(NamedTuple):
    """A rectangle, by its edges."""

    left: float
    top: float
    right: float
    bottom: float

    def holds(self, other: "Area") -> bool:
        """Whether another one is inside, edges and the roundings of a decimal apart."""
        near = 0.11
        return (
            self.left - near <= other.left
            and self.top - near <= other.top
            and other.right <= self.right + near
            and other.bottom <= self.bottom + near
        )

    def meets(self, other: "Area") -> bool:
        """Whether another one has room in common with this."""
        across = self.left < other.right and other.left < self.right
        return across and self.top < other.bottom and other.top < self.bottom


def area(rect: ElementTree.Element) -> Area:
    """Where a rectangle of the picture is."""
    x, y, width, height = (float(rect.attrib[name]) for name in ("x", "y", "width", "height"))
    return Area(x, y, x + width, y + height)


def taken() -> Snapshot:
    """What a picture is drawn of."""
    return snapshot("all", lineage=True, particulars=True)


def find(box: Box, link: str) -> Box:
    """The box on which a namespace stands, by its link under /proc."""
    (found,) = (one for one in box.walk() if inode(link) in [chip.inode for chip in one.chips])
    return found


def check_drawn(group: ElementTree.Element) -> int:
    """What is in a box is inside of it, and nothing is on anything else; gives how many boxes there are."""
    rect, *words = group.findall(f"{SVG}rect")
    outer, inner = area(rect), group.findall(f"{SVG}g")
    areas = [area(one) for one in words] + [area(one.findall(f"{SVG}rect")[0]) for one in inner]
    for one in areas:
        assert outer.holds(one)
    for one, other in itertools.combinations(areas, 2):
        assert not one.meets(other)
    for line in group.findall(f"{SVG}text"):
        size = float(line.attrib["font-size"])
        bold = BOLD if line.get("font-weight") else 1
        assert float(line.attrib["x"]) + measure(line.text or "", size) * bold <= outer.right
        assert outer.top < float(line.attrib["y"]) < outer.bottom and size >= 12
    return 1 + sum(check_drawn(one) for one in inner)


def drawn(picture: str) -> ElementTree.Element:
    """The outermost box of a picture."""
    (box,) = ElementTree.fromstring(picture).findall(f"{SVG}g[@class='box']")
    return box


def test_it_is_true() -> None:
    """Every process stands once, and in its namespaces; every namespace stands somewhere."""
    box_spec, with_uts = Spec("user,pid,net", map_root=True), spec("uts,ipc")
    with nsiso.hold("user,uts", map_root=True), running(box_spec), running(with_uts):
        seen = taken()
        box = host(seen)
        stood: list[int] = []

        def look(box: Box, around: "dict[Kind, NamespaceInfo]") -> None:
            around = {**around, **{chip.kind: chip for chip in box.chips}}
            for process in box.processes:
                assert process.namespaces.items() <= around.items()
                stood.append(process.pid)
            for inner in box.inner:
                look(inner, around)

        look(box, {})
        assert sorted(stood) == list(seen.pids)
        assert {chip for one in box.walk() for chip in one.chips} >= set(seen)
        for one in box.walk():
            if not one.held and not one.is_host:
                assert len({chip.kind for chip in one.chips}) == len(one.chips) > 0


def test_containers_stand_as_they_were_made() -> None:
    """A pod around its containers, a user namespace in another one, and what is held by a mere descriptor."""
    inner = "child = nsiso.Popen(['sleep', '600'], unshare='user,pid', map_root=True, kill_with_parent=True)"
    with contextlib.ExitStack() as stack:
        pause = stack.enter_context(running(spec("net,ipc,uts,mnt", hostname="shop")))
        web = stack.enter_context(running(Spec("mnt", join=(pause, SHARED))))
        outer = stack.enter_context(program(inner, unshare="user,pid", map_root=True))
        uts = stack.enter_context(nsiso.hold("user,uts", map_root=True))["uts"]
        seen = taken()
        box = host(seen)
        pod = find(box, f"/proc/{pause.pid}/ns/net")
        assert pod is find(box, f"/proc/{web.pid}/ns/uts") and not pod.processes
        assert sorted(one.processes[0].pid for one in pod.inner) == sorted((pause.pid, web.pid))
        assert [chip.kind for one in pod.inner for chip in one.chips] == [Kind.MNT] * 2
        away = find(box, f"/proc/{outer.pid}/ns/pid")
        (deeper,) = away.inner
        assert [chip.kind for chip in deeper.chips] == [Kind.PID, Kind.USER]
        assert f"of user {seen._user(os.geteuid())}" in away.caption
        kept = find(box, f"/proc/self/fd/{uts.fileno()}")
        assert kept.held and not kept.processes and str(os.getpid()) in kept.title
        picture = ElementTree.fromstring(svg(seen))
        dashed = [rect for rect in picture.iter(f"{SVG}rect") if "stroke-dasharray" in rect.attrib]
        assert len(dashed) == sum(bool(one.held) for one in box.walk()) > 0
        if ROOT:
            assert pod.title == "shop"


def test_boxes_stand_in_each_other_and_not_on_each_other() -> None:
    """As they are drawn, of this machine with all that runs on it."""
    with running(Spec("user,pid,net,mnt,uts,ipc", map_root=True, hostname="box")), running(spec("uts,ipc")):
        seen = taken()
        for most in (0, 1, 100):
            picture = svg(seen, most)
            assert check_drawn(drawn(picture)) == len(list(host(seen).walk()))
            (paper,) = (area(one) for one in ElementTree.fromstring(picture).findall(f"{SVG}rect"))
            for rect in ElementTree.fromstring(picture).iter(f"{SVG}rect"):
                assert paper.holds(area(rect))


@dataclass(frozen=True)
class Chip:
    """In place of a namespace."""

    kind: Kind
    inode: int
    hostname: None = None
    uid_map: None = None
    owner_uid: int = 0
    owner_user: str = "root"


@dataclass(frozen=True)
class Process:
    """In place of a process."""

    name: str
    pid: int


def boxes(chance: random.Random, depth: int) -> Box:
    """Some box, with some in it."""
    kinds = [kind for kind in Kind if chance.random() < 0.4]
    chips: list[Any] = [Chip(kind, 4026531840 + chance.randrange(10000)) for kind in kinds]
    names = ["x", "a long name of it", "<b>&amp;", "漢字の名前です", "…é\x1b\n\udcff", "W" * 15]
    processes: list[Any] = [Process(chance.choice(names), pid) for pid in range(chance.choice((0, 1, 3, 30)))]
    inner = [boxes(chance, depth - 1) for _ in range(chance.choice((0, 1, 2, 9)))] if depth else []
    return Box(chips, processes, inner, held=chance.choice(("", "", "held by " + "x" * 300)))


def areas(placed: Placed) -> Iterator[tuple[Area, "list[Area]"]]:
    """Each box with what is in it."""

    def of(one: Any, height: float) -> Area:
        return Area(one.x, one.y, one.x + one.width, one.y + height)

    inner = [of(word, 20) for word in placed.words] + [of(one, one.height) for one in placed.inner]
    yield of(placed, placed.height), inner
    for one in placed.inner:
        yield from areas(one)


def test_any_boxes_find_room() -> None:
    """However many, however large, whatever they are called."""
    chance = random.Random(7)
    for _ in range(20):
        placed = place(boxes(chance, 3), 6)
        for outer, inner in areas(placed):
            assert all(outer.holds(one) for one in inner)
            assert not any(one.meets(other) for one, other in itertools.combinations(inner, 2))
        assert measure(placed.title, TITLE) * BOLD <= placed.width


def test_hostile_names_are_text() -> None:
    """Whatever a process calls itself, the picture is XML that any reader takes, and the graph is whole."""
    name = b'\x1b[2J"\\<&]]>\n\xff'
    with program(f"import ctypes; ctypes.CDLL(None).prctl(15, {name!r}, 0, 0, 0)", spec=spec("uts")) as child:
        seen = taken()
        picture, graph = svg(seen), dot(seen)
        assert drawn(picture) is not None and picture.encode()
        words = [one.text for one in ElementTree.fromstring(picture).iter(f"{SVG}text")]
        assert '\\x1b[2J"\\<&]]>\\n\\xff' in words and str(child.pid) in words
        for written in (picture, graph):
            assert all(one.isprintable() or one == "\n" for one in written)
        # Nothing but quoted text, words and punctuation.
        strings = r'"(?:[^"\\]|\\.)*"'
        assert re.fullmatch(rf"(?:{strings}|[\w\s\[\]=,;{{}}])*", graph)
        rest = re.sub(strings, "", graph)
        assert rest.count("{") == rest.count("}") == 1 + len(list(host(seen).walk()))


def test_graphviz_takes_it() -> None:
    """If it is there."""
    graph = dot(taken())
    assert graph.startswith("graph namespaces {") and "subgraph cluster_0 {" in graph
    if shutil.which("dot"):
        done = subprocess.run(["dot", "-Tsvg"], input=graph, capture_output=True, text=True, check=True)
        assert ElementTree.fromstring(done.stdout).tag == f"{SVG}svg"


def test_a_notebook_shows_it() -> None:
    """With what the snapshot has; the legend has the kinds that there are, and what is missing is below."""
    seen = snapshot(kinds="net")
    picture = seen._repr_svg_()
    assert picture == svg(seen) and f"net {here('net')}" in " ".join(
        one.text or "" for one in ElementTree.fromstring(picture).iter(f"{SVG}text")
    )
    (legend,) = ElementTree.fromstring(picture).findall(f"{SVG}g[@class='legend']")
    kinds = [one.text for one in legend.findall(f"{SVG}text")][::2]
    assert set(kinds) <= {"net", "user"} and "net" in kinds
    for missing in seen.incomplete:
        assert f"not seen: {missing.what}" in picture


def luminance(colour: str) -> float:
    """As WCAG has it."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("kind", COLOURS)
def test_colours_can_be_read(kind: str) -> None:
    """Each kind has its own, and the name of the kind stands out from it."""
    fill, ink = COLOURS[kind]
    assert (luminance(fill) + 0.05) / (luminance(ink) + 0.05) >= 4.5
    assert list(COLOURS) == [info.name for info in nsiso.kinds()]
    assert len(set(COLOURS.values())) == len(COLOURS)
