"""Does the drop-in for lsns say what the installed one says, byte for byte, of the same state of a machine?

Where it does not, on purpose:

| what | installed | ours |
|---|---|---|
| --help, --version | its own words | ours |
| bytes in JSON that are no UTF-8 | as they are, which is no JSON | U+FFFD |
| an abbreviation of a word that newer versions have two of | that word | ambiguous |
| options that came after 2.38, and --depth | refused | as test_lsns_newer.py says |
"""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from listed import AS_ROOT, Machine, machine
from lsns_machine import MANY

__all__ = ["machine"]

# Lines of options. A word is its own line's; "~" stands for an empty one.
FORMS = ["-l", "-T", "-Tprocess", "-Tparent", "-Towner", "-J", "-r", "-n", "-u", "-W", "--output-all"]
MIXED = [f"{one} {other}" for one in FORMS for other in FORMS if one < other]
CHOSEN = """
-t net
-t mnt
-t user
-t pid
-t uts
-t ipc
-t cgroup
-t time
-t net -t uts
-t time -t cgroup -T
-t user -t pid -T -o NS,TYPE,PNS,ONS,NPROCS
-t net -W -J
-t net -T -r
-t net --output-all
-t net -Tprocess --output-all
-t mnt -T -J --output-all
-t mnt -Tparent
-t mnt -T -r --output-all
-t pid -Tparent
-p 1
-p 1 -T
-p 2 -T -J
-p 6
-p 6 -T
-p 6 -Tparent
-p 6 -t pid -T
-p 6 -t uts -T
-p 2 -t uts -Tparent
-p 7 -r -o NS,PID
-p 99999
-p 99999 -J
-p -1
-p 0
""".strip().splitlines()
COLUMNS = """
-o ns,type
-o +PATH
-o COMMAND,NS,COMMAND
-o COMMAND,PATH,NS
-o USER,UID,PPID
-o NETNSID
-o NETNSID,NS
-o NSFS
-o NSFS,NS -t net
-o NS,NSFS -t net
-o COMMAND,NSFS -t net
-o NSFS,COMMAND -t net -T
-o NS -o TYPE
-n -o NPROCS
-T -o TYPE
-T -o TYPE,NS,NS
-Tparent -o TYPE
-t user -t net -o TYPE
--output-all -o NS
--output-all -o COMMAND,NS
--output-all -o +NS
-o +UID --output-all
""".strip().splitlines()
PROCESSES = """
{user}
{user} -J
{user} -r
{user} -l
{user} -T
{user} -Tprocess -n
{user} --output-all
{user} -J -o NS,NPROCS,PATH,TYPE
{user} -t uts
{user} {pid}
{user} -p 1
+{user}
0
0 -T
0 -J
99
""".strip().splitlines()
REFUSED = """
foo
~
-- -5
99999999999999999999
-t foo
-t MNT
-t
-o
-o foo
-o ~
-o NS,
-o ,NS
-o +
-o +foo
-o NS,+TYPE
-o foo -t bar
-p
-p ~
-p foo
-p 1x
-p 0x1
-p 99999999999
-J -r
-r -J
-T foo
-Tfoo
-T=owner
-T=foo
--tree=parent
--tree=process -J
--list
--list --tree
--raw --json
--js
--no
--out
--output-al -t uts
--foo
-x
""".strip().splitlines()
LINES = ["", *FORMS, *MIXED, *CHOSEN, *COLUMNS, *PROCESSES, *REFUSED]


def words_of(machine: Machine, line: str) -> list[str]:
    """The words of a line, with inodes in their places."""
    return ["" if word == "~" else word.format(**machine.inodes) for word in line.split()]


def as_json_can(answer: dict[str, Any]) -> dict[str, Any]:
    """What was said, with U+FFFD for each byte that is no UTF-8."""
    text = answer["output"].encode("latin-1")
    return answer | {"output": re.sub(r"[\udc80-\udcff]", "\ufffd", text.decode("utf-8", "surrogateescape"))}


@pytest.mark.parametrize("locale", ["C.UTF-8", "C"])
@pytest.mark.parametrize("uid", [None, 12345] if AS_ROOT else [None], ids=lambda uid: f"uid-{uid or 'own'}")
def test_the_same_words_bring_the_same(machine: Machine, uid: int | None, locale: str) -> None:
    """Every option of the installed version, alone and with others: output, complaint and status."""
    different = []
    for line in LINES:
        ours, theirs = machine.both(words_of(machine, line), uid=uid, env={"LC_ALL": locale})
        if ours["output"].startswith("{"):
            ours, theirs = as_json_can(ours), as_json_can(theirs)
            json.loads(ours["output"])
        if ours != theirs:
            different.append((line, ours, theirs))
    assert not different, (len(different), different[0])


@pytest.mark.parametrize("width", [200, 80, 47, 20, 3, 0])
def test_a_terminal_is_filled_in_the_same_way(machine: Machine, width: int) -> None:
    """Cut where it ends, unless it is not to be."""
    lines = ["", "-T", "-u", "-r", "-n", "-t net", "-t net -W", "--output-all", "-o COMMAND,COMMAND,NS"]
    for line in [*lines, "-o COMMAND,PATH", "-o NSFS,PATH -t net", "-J -t uts"]:
        ours, theirs = machine.both(words_of(machine, line), width=width)
        if "J" in line:
            ours, theirs = as_json_can(ours), as_json_can(theirs)
        assert ours == theirs, line


def test_help_and_version_are_its_own(machine: Machine) -> None:
    """And yet there, with every option and column of the installed one."""
    for word in ("-h", "--help", "-V", "--version", "-Vx"):
        ours, theirs = machine.both([word])
        assert ours["status"] == theirs["status"] == 0 and not ours["complaint"]
        if "V" in word or "version" in word:
            assert re.fullmatch(r"lsns from nsiso \d+\.\d+\.\d+\n", ours["output"])
            continue
        for option in re.findall(r"(?<!\w)--?\w[\w-]*", theirs["output"]):
            assert option in ours["output"], option
        columns = theirs["output"].split("columns:")[1]
        for column in re.findall(r"^ +([A-Z]+)  ", columns, re.MULTILINE):
            assert re.search(rf"^ +{column}  ", ours["output"], re.MULTILINE), column


def test_an_abbreviation_that_became_ambiguous(machine: Machine) -> None:
    """As with every version that has both words."""
    ours, theirs = machine.both(["--l"])
    assert ours["status"] == 1 and "'--list' '--list-columns'" in ours["complaint"]
    assert theirs["status"] == 0


def test_three_hundred_namespaces(machine: Machine) -> None:
    """The same content, in the same order."""
    before = machine.both(["-J"])[1]
    machine.make("many")
    ours, theirs = machine.both(["-J"])
    rows = json.loads(as_json_can(ours)["output"])["namespaces"]
    assert rows == json.loads(as_json_can(theirs)["output"])["namespaces"] and ours["status"] == 0
    assert theirs["output"].count('"ns"') - before["output"].count('"ns"') == MANY
