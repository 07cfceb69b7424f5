"""Does the drop-in for lsns do what the manual says of options that are newer than the installed one?

lsns(8) and scols-filter(5) of util-linux 2.42. On purpose it is otherwise with namespaces that no process is
in: newer versions list them always, which takes twice as long; here --persistent lists them, or what --depth
says.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from listed import Machine, machine

__all__ = ["machine"]

COLUMNS = [
    "NS",
    "TYPE",
    "PATH",
    "NPROCS",
    "PID",
    "PPID",
    "COMMAND",
    "UID",
    "USER",
    "NETNSID",
    "NSFS",
    "PNS",
    "ONS",
]
Row = dict[str, Any]


def rows_of(machine: Machine, *words: str) -> list[Row]:
    """Every column of what is listed."""
    listed: list[Row] = json.loads(machine.ours("-J", "-l", "--output-all", *words))["namespaces"]
    return [{name: decoded(value) for name, value in row.items()} for row in listed]


def decoded(value: object) -> object:
    """Text as it was meant: output comes byte for byte."""
    return value.encode("latin-1").decode() if isinstance(value, str) else value


@pytest.fixture(scope="module")
def held(machine: Machine) -> dict[str, int]:
    """The inodes of namespaces that a descriptor, a socket, a mount and a thread hold."""
    return machine.make("held")


def test_persistent_namespaces_are_those_without_processes(machine: Machine, held: dict[str, int]) -> None:
    """None of which is listed otherwise, unless it is looked deeper."""
    rows = rows_of(machine, "-P")
    assert {row["ns"] for row in rows} == set(held.values())
    assert all(row["nprocs"] == 0 and row["pid"] is row["ppid"] is row["command"] is None for row in rows)
    assert {row["type"]: row["ns"] for row in rows} == held
    paths = {row["type"]: row["path"] for row in rows}
    assert paths["ipc"] == "/run/netns/ipc" and paths["uts"].startswith("/proc/1/fd/")
    assert paths["cgroup"].startswith("/proc/1/task/") and paths["net"] is None
    usual = {row["ns"] for row in rows_of(machine)}
    assert not usual & set(held.values())
    assert {row["ns"] for row in rows_of(machine, "--persistent", "-t", "uts")} == {held["uts"]}
    assert rows_of(machine, "-P", "-p", "1") == []
    everything = {row["ns"] for row in rows_of(machine, "--depth=descriptors")}
    assert everything == usual | set(held.values())
    threads = {row["ns"] for row in rows_of(machine, "--depth", "threads")}
    assert threads == usual | {held["cgroup"]}
    assert {row["ns"] for row in rows_of(machine, "--depth=all")} >= everything
    assert "unknown depth: far" in machine.ours("--depth=far", status=1)
    line = machine.ours("-P", "-n", "-t", "ipc", "-o", "NS,NPROCS,PID,USER")
    assert line.split()[:2] == [str(held["ipc"]), "0"]


def test_in_a_tree_what_no_process_is_in_stands_below_its_owner(
    machine: Machine, held: dict[str, int]
) -> None:
    """As all others do."""
    tree = json.loads(machine.ours("-J", "-T", "-P", "-o", "NS,TYPE"))["namespaces"]
    assert [root["type"] for root in tree] == ["user"]
    assert {row["ns"] for row in tree[0]["children"]} == set(held.values())


# An expression, and of which rows it is so.
FILTERS: dict[str, Callable[[Row], object]] = {
    "NPROCS > 1": lambda row: row["nprocs"] > 1,
    "NPROCS GT 1": lambda row: row["nprocs"] > 1,
    "nprocs>=2": lambda row: row["nprocs"] >= 2,
    "2 <= NPROCS": lambda row: row["nprocs"] >= 2,
    "NPROCS LT 3 and NPROCS NE 1": lambda row: row["nprocs"] == 2,
    "NPROCS < 3 && NPROCS != 1": lambda row: row["nprocs"] == 2,
    "NPROCS EQ 1 OR PID LE 1": lambda row: row["nprocs"] == 1 or row["pid"] == 1,
    "NPROCS == 1 || PID == 1": lambda row: row["nprocs"] == 1 or row["pid"] == 1,
    "TYPE == 'uts'": lambda row: row["type"] == "uts",
    'TYPE == "uts" or TYPE == "ipc" and NPROCS > 2': lambda row: (
        row["type"] == "uts" or (row["type"] == "ipc" and row["nprocs"] > 2)
    ),
    '(TYPE == "uts" or TYPE == "ipc") and NPROCS > 2': lambda row: (
        row["type"] in ("uts", "ipc") and row["nprocs"] > 2
    ),
    "not (TYPE == 'uts')": lambda row: row["type"] != "uts",
    # It binds more than the rest, as in C.
    "!TYPE == false": lambda _: True,
    "!(TYPE == 'uts' or TYPE == 'ipc')": lambda row: row["type"] not in ("uts", "ipc"),
    "TYPE > 'net'": lambda row: row["type"] > "net",
    "TYPE =~ '^u'": lambda row: row["type"].startswith("u"),
    "TYPE !~ '^u'": lambda row: not row["type"].startswith("u"),
    "COMMAND =~ '(sleep|x).*6'": lambda row: "sleep 6" in row["command"],
    "COMMAND =~ 'é$'": lambda row: row["command"].endswith("é"),
    "NS =~ '7$'": lambda row: str(row["ns"]).endswith("7"),
    "NSFS": lambda row: row["nsfs"],
    "!NSFS": lambda row: not row["nsfs"],
    "NETNSID == 7": lambda row: row["netnsid"] == "7",
    "NETNSID == '7'": lambda row: row["netnsid"] == "7",
    "NETNSID > 6": lambda row: row["netnsid"] == "7",
    "PNS": lambda row: row["pns"] != 0,
    "ONS != PNS": lambda row: row["ons"] != row["pns"],
    "USER != 'root' and NPROCS > 1": lambda row: row["user"] != "root" and row["nprocs"] > 1,
    "NPROCS > 1.5": lambda row: row["nprocs"] > 1.5,
    "NS < 4Gi": lambda _: None,
    "NS < 4GiB": lambda row: row["ns"] < 4 << 30,
    "NS < 3G": lambda row: row["ns"] < 3 << 30,
    "true": lambda _: True,
    "FALSE or NPROCS == 1": lambda row: row["nprocs"] == 1,
    "(NPROCS > 1) == true": lambda row: row["nprocs"] > 1,
    "'': ": lambda _: None,
    "''": lambda _: False,
}
REFUSED = {"NS < 4Gi", "'': "}


@pytest.mark.parametrize("expression", FILTERS)
def test_a_filter_lets_through_what_it_says(machine: Machine, expression: str) -> None:
    """The same rows that Python finds, also by columns that are not shown."""
    if expression in REFUSED:
        assert "failed to parse filter" in machine.ours("-Q", expression, status=1)
        return
    wanted = [row for row in rows_of(machine) if FILTERS[expression](row)]
    assert rows_of(machine, "--filter", expression) == wanted
    shown = machine.ours("-n", "-l", "-o", "NS", "-Q", expression).split()
    assert shown == [str(row["ns"]) for row in wanted]


@pytest.mark.parametrize(
    "expression",
    [
        "",
        "NPROCS >",
        "(NPROCS",
        "NPROCS)",
        "FOO == 1",
        "TYPE =~ NS",
        "TYPE =~ '('",
        "'open",
        "1x",
        "NS NS",
        "== 1",
    ],
)
def test_what_is_no_filter_is_refused(machine: Machine, expression: str) -> None:
    """With a word about it, and status 1."""
    assert "failed to parse filter" in machine.ours("-Q", expression, status=1)


def test_what_is_filtered_out_leaves_its_tree(machine: Machine) -> None:
    """Those below it stand by themselves."""
    tree = json.loads(machine.ours("-J", "-T", "-o", "NS,TYPE", "-Q", "TYPE != 'user'"))["namespaces"]
    assert tree and all(row["type"] != "user" and "children" not in row for row in tree)
    process = str(machine.inodes["user"])
    lines = machine.ours("-n", "-o", "PID,COMMAND", "-Q", "PID != 1", process).splitlines()
    assert lines and not any(line.split()[0] == "1" for line in lines)


def test_columns_are_listed(machine: Machine) -> None:
    """For people, and for programs."""
    lines = machine.ours("-H").splitlines()
    assert lines[0].split() == ["HOLDER", "TYPE", "DESCRIPTION"]
    assert [line.split()[0] for line in lines[1:]] == COLUMNS
    told = json.loads(machine.ours("--list-columns", "--json"))["lsns-columns"]
    assert [column["holder"] for column in told] == COLUMNS
    kinds = {column["holder"]: column["type"] for column in told}
    for name, value in rows_of(machine)[0].items():
        assert (kinds[name.upper()] == "<integer>") == isinstance(value, int), name
    raw = machine.ours("-H", "-r", "-n").splitlines()
    assert [len(line.split(" ")) for line in raw] == [3] * len(COLUMNS)
