"""What the shell can ask: run a command in namespaces, enter, hold or list some, tell a plan, probe."""

import argparse
import contextlib
import json
import os
import resource
import signal
import sys
from collections.abc import Iterator, Sequence
from typing import Any, Optional

from . import _cli_held as of_held
from . import _ls as of_list
from ._errors import Error
from ._kind import kinds_of, text
from ._probe import Answer, features, probe
from ._registry import Registry
from ._shell import SET_UP_FAILED, SIGNALLED, Format, Parser, add_verb, refused, run, table
from ._spec import Spec

_ABOUT = """Linux namespaces: run a command in new ones, enter those that are there, hold some without a
process, list all there are, tell in which steps, probe what is allowed here."""
_USAGE = "[option ...] -- COMMAND [ARGUMENT ...]"
_ENTER = "nsiso enter [option ...] TARGET ... [-- COMMAND [ARGUMENT ...]]"
_HOLD = """nsiso hold [option ...] [-- COMMAND [ARGUMENT ...]]
       nsiso hold [option ...] --name NAME
       nsiso hold --list | --remove NAME"""
_EXAMPLES = """examples:
  nsiso run --unshare user,pid,mnt --map-root --proc -- ps aux
  nsiso enter 1234 --kinds net,uts -- ip address
  nsiso hold --unshare user,net --map-root --name blue
  nsiso enter blue -- ip address
  nsiso ls --tree
  nsiso plan --unshare user,uts --map-root --hostname box -- hostname
  nsiso probe --json
"""
_RUN = """exit status:
  the command's own; 128 and the signal's number if a signal ended it
  125  the set-up failed, and one line on stderr says at which step and why
  126  the command cannot be executed
  127  there is no such command

examples:
  nsiso run --unshare user,pid,mnt --map-root --proc -- ps aux
  nsiso run --unshare user,net --map-root -- ip address
  nsiso run --unshare user,time --map-root --time-offsets boottime=86400 -- uptime
  nsiso run --join /run/netns/blue --rlimits nofile=64:64 -- sh
"""
_PLAN = """The plan is made without privilege, and nothing is done.

example:
  nsiso plan --unshare user,uts --map-root --hostname box -- hostname
"""
_PROBE = """Each kind of namespace and each feature is tried in a child that ends at once, and which is
started as `nsiso run` starts a command: "with user" is had together with --unshare user.

example:
  nsiso probe --json
"""


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Do what the arguments say and return the exit status."""
    parser = Parser(prog="nsiso", description=_ABOUT, epilog=_EXAMPLES, formatter_class=Format)
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="{run,enter,hold,ls,plan,probe}")
    add_verb(verbs, "run", f"nsiso run {_USAGE}", "run a command in namespaces", _RUN)
    add_verb(verbs, "enter", _ENTER, "run a command in namespaces that are there", of_held.ENTER)
    add_verb(verbs, "hold", _HOLD, "make namespaces without a process in them", of_held.HOLD)
    add_verb(verbs, "ls", of_list.USAGE, "list the machine's namespaces", of_list.MORE)
    about = "tell in which steps a command would be started"
    add_verb(verbs, "plan", f"nsiso plan [--json] {_USAGE}", about, _PLAN)
    about = "tell what can be had here, and why not the rest"
    add_verb(verbs, "probe", "nsiso probe [--json]", about, _PROBE)
    _add_options(verbs.choices)
    words = list(sys.argv[1:] if argv is None else argv)
    behind: list[str] = []
    if words[:1] in (["enter"], ["hold"]) and "--" in words:
        dashes = words.index("--")
        words, behind = words[:dashes], words[dashes + 1 :]
    known, unknown = parser.parse_known_args(words)
    given = vars(known)
    name = given.pop("verb")
    verb = verbs.choices[name]
    targets = [word for word in unknown if name == "enter" and not word.startswith("-")]
    if len(unknown) > len(targets):
        verb.error(f"unrecognized arguments: {' '.join(word for word in unknown if word not in targets)}")
    try:
        if name in ("ls", "probe"):
            return of_list.run(verb, given) if name == "ls" else _probe(given["json"])
        if name == "enter":
            return _enter(verb, given, targets, behind)
        if name == "hold":
            return _hold(verb, given, behind)
        return _run(verb, given) if name == "run" else _plan(verb, given)
    except BrokenPipeError:
        # Whoever read this has seen enough; nothing more is to be written at the end either.
        with contextlib.suppress(OSError):
            sys.stdout.close()
        return SIGNALLED + signal.SIGPIPE
    except Error as error:
        return refused(error)


def _run(parser: Parser, given: dict[str, Any]) -> int:
    command = _command(given)
    if not command:
        parser.error("there is no command")
    return run(_spec(parser, given), command, given)


def _enter(parser: Parser, given: dict[str, Any], targets: list[str], command: list[str]) -> int:
    if not targets:
        parser.error("there is no target")
    with _complaints(parser):
        spec = of_held.spec_inside(given, targets)
    return run(spec, command or [os.environ.get("SHELL") or "/bin/sh"], given)


def _hold(parser: Parser, given: dict[str, Any], command: list[str]) -> int:
    as_data, directory = given.pop("json"), given.pop("registry", None)
    name, gone, lists = given.pop("name", None), given.pop("remove", None), given.pop("list", False)
    with _complaints(parser):
        kinds = kinds_of("kinds", given.pop("kinds", ""))
    if (lists or gone is not None) and (given or command):
        parser.error("--list and --remove make nothing, and run no command")
    if command and name is not None:
        parser.error("a name is kept without a command")
    if kinds and gone is None:
        parser.error("--kinds goes with --remove")
    if directory is not None and not lists and name is gone is None:
        parser.error("--registry goes with --name, --list and --remove")
    if lists:
        of_held.tell_entries(Registry(directory).list(), as_data)
    elif gone is not None:
        of_held.let_go(gone, kinds, directory)
    elif name is not None:
        of_held.tell_entries(of_held.keep(_spec(parser, given), name, directory), as_data)
    else:
        return of_held.hold_meanwhile(_spec(parser, given), command, as_data)
    return 0


def _plan(parser: Parser, given: dict[str, Any]) -> int:
    as_data = given.pop("json")
    command = _command(given) or ["true"]
    plan = _spec(parser, given).plan(command)
    print(json.dumps([step._asdict() for step in plan], indent=2) if as_data else plan, flush=True)
    return 0


def _probe(as_data: bool) -> int:
    found = probe()
    kinds, others = found.kinds.values(), found.features.values()
    if as_data:
        needs = {feature.name: text(feature.needs) for feature in features()}
        rows: list[dict[str, Any]] = [{"kind": answer.name, **_data(answer)} for answer in kinds]
        rows += [{"feature": name, "needs": needs[name], **_data(found[name])} for name in found.features]
        print(json.dumps(rows, indent=2), flush=True)
    else:
        kind_rows = [("KIND", *_HEADS), *map(_row, kinds)]
        print(table([*kind_rows, (), ("FEATURE", *_HEADS), *map(_row, others)]), flush=True)
    return 0


_HEADS = ("ANSWER", "BECAUSE", "DO")
_ANSWER = ("allowed", "with_user", "cause", "remedy", "step", "object", "errno")


def _data(answer: Answer) -> dict[str, Any]:
    return {key: getattr(answer, key) for key in _ANSWER}


def _row(answer: Answer) -> tuple[str, ...]:
    if answer.allowed:
        return answer.name, "with user" if answer.with_user else "yes"
    where = f"{answer.step} {answer.object}".strip()
    return answer.name, "no", f"{answer.cause} ({where})", answer.remedy or ""


def _command(given: dict[str, Any]) -> list[str]:
    words: list[str] = given.pop("command")
    return words[1:] if words[:1] == ["--"] else words


def _spec(parser: Parser, given: dict[str, Any]) -> Spec:
    with _complaints(parser):
        return Spec(**given)


@contextlib.contextmanager
def _complaints(parser: Parser) -> Iterator[None]:
    """What makes no sense is told as a wrong option is."""
    try:
        yield
    except (TypeError, ValueError) as error:
        parser.error(str(error))


def _join(word: str) -> Any:
    """``PID:KINDS``, or a path."""
    pid, colon, kinds = word.partition(":")
    return (int(pid), kinds) if colon and pid.isdigit() else word


def _ids(word: str) -> tuple[int, ...]:
    return tuple(map(int, word.split(":")))


def _numbers(word: str) -> list[int]:
    return [int(number) for number in word.split(",") if number]


def _offset(word: str) -> tuple[str, float]:
    clock, _, seconds = word.partition("=")
    return clock, float(seconds) if "." in seconds else int(seconds)


def _limit(word: str) -> tuple[int, tuple[int, int]]:
    name, _, limits = word.partition("=")
    soft, _, hard = limits.partition(":")
    number = getattr(resource, f"RLIMIT_{name.upper()}", None)
    if number is None:
        raise argparse.ArgumentTypeError(f"there is no limit called {name!r}")
    return number, (_bound(soft), _bound(hard or soft))


def _bound(word: str) -> int:
    return resource.RLIM_INFINITY if word == "unlimited" else int(word)


def _quota(word: str) -> tuple[int, int]:
    quota, period = word.split(":")
    return int(quota), int(period)


def _like(word: str) -> tuple[int, str]:
    pid, words = word.split(":")
    return int(pid), words


def _like_target(word: str) -> tuple[Optional[int], str]:
    return _like(word) if ":" in word else (None, word)


def _octal(word: str) -> int:
    return int(word, 8)


_SWITCH = {"action": "store_true"}
OPTIONS: dict[str, dict[str, Any]] = {
    "unshare": {"metavar": "KINDS", "help": "new namespaces: user,pid,mnt,uts,ipc,net,cgroup,time"},
    "join": {
        "metavar": "PID:KINDS|PATH",
        "action": "append",
        "type": _join,
        "help": "a process's namespaces, or the one that a path leads to",
    },
    "map_root": {**_SWITCH, "help": "you are root inside"},
    "map_current": {**_SWITCH, "help": "you keep your ids inside"},
    "map_auto": {**_SWITCH, "help": "root inside, and all ids that /etc/subuid and /etc/subgid grant"},
    "uid_map": {"metavar": "INSIDE:OUTSIDE:COUNT", "action": "append", "type": _ids, "help": "users"},
    "gid_map": {"metavar": "INSIDE:OUTSIDE:COUNT", "action": "append", "type": _ids, "help": "groups"},
    "hostname": {"metavar": "NAME", "help": "the host name inside"},
    "domainname": {"metavar": "NAME", "help": "the NIS domain name inside"},
    "proc": {**_SWITCH, "help": "mount a /proc that shows the new pid namespace"},
    "loopback": {"action": "store_false", "help": "lo stays down in a new net namespace"},
    "time_offsets": {
        "metavar": "CLOCK=SECONDS",
        "action": "append",
        "type": _offset,
        "help": "set boottime or monotonic forward",
    },
    "cwd": {"metavar": "DIRECTORY", "help": "where the command starts"},
    "umask": {"metavar": "OCTAL", "type": _octal, "help": "its umask"},
    "uid": {"metavar": "NUMBER", "type": int, "help": "its user, as numbered inside"},
    "gid": {"metavar": "NUMBER", "type": int, "help": "its group"},
    "groups": {"metavar": "NUMBER,...", "type": _numbers, "help": "its supplementary groups"},
    "new_session": {**_SWITCH, "help": "it leads a session of its own"},
    "process_group": {"metavar": "NUMBER", "type": int, "help": "it joins this process group; 0: its own"},
    "controlling_terminal": {"metavar": "FD", "type": int, "help": "the terminal of its own session"},
    "rlimits": {
        "metavar": "NAME=SOFT:HARD",
        "action": "append",
        "type": _limit,
        "help": "a resource limit, nofile=64:1024 or core=unlimited",
    },
    "oom_score_adj": {"metavar": "NUMBER", "type": int, "help": "-1000 to 1000"},
    "no_new_privs": {**_SWITCH, "help": "executing gives it no privilege"},
    "init": {**_SWITCH, "help": "a reaper is pid 1; all inside ends with the command"},
    "kill_with_parent": {**_SWITCH, "help": "it ends when this process ends"},
    "terminal": {
        "choices": ("apart", "share", "own"),
        "help": "none of yours; yours; a new one, which is the default between terminals with namespaces",
    },
    "capabilities": {"metavar": "NAMES", "help": "keep these at most: net_raw,sys_admin; or all"},
    "cgroup": {"metavar": "DIRECTORY", "action": "append", "help": "the control group that it is placed in"},
    "memory_limit": {"metavar": "BYTES", "type": int, "help": "memory of that group"},
    "pids_limit": {"metavar": "NUMBER", "type": int, "help": "processes of that group"},
    "cpu_limit": {"metavar": "QUOTA:PERIOD", "type": _quota, "help": "microseconds on a CPU in each period"},
    "setup_timeout": {"metavar": "SECONDS", "type": float, "help": "give up when the set-up takes longer"},
    "own_memory": {**_SWITCH, "help": "start from a copy of this process, as fork does"},
    "like": {
        "metavar": "PID:WORDS",
        "type": _like,
        "help": "as that process in root,cwd,environment,cgroup,ids",
    },
}


def _add_options(verbs: dict[str, Parser]) -> None:
    of_list.add_arguments(verbs["ls"])
    for name in ("run", "enter", "hold"):
        verbs[name].status = SET_UP_FAILED
    for name in ("run", "plan"):
        _add_spec(verbs[name], OPTIONS)
    likeness = {
        "metavar": "[PID:]WORDS",
        "type": _like_target,
        "help": f"{OPTIONS['like']['help']}; else the first target's",
    }
    _add_spec(verbs["enter"], {**OPTIONS, "like": {**OPTIONS["like"], **likeness}})
    _add_spec(verbs["hold"], {key: how for key, how in OPTIONS.items() if key not in of_held.OF_A_PROCESS})
    for name in ("run", "plan"):
        verbs[name].add_argument("command", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)
    for name, what in (("enter", "of a process or name"), ("hold", "of a name to remove")):
        kinds = {"metavar": "KINDS", "help": f"not all namespaces {what}, but these"}
        where = {"metavar": "DIRECTORY", "help": "where names are; else /run/nsiso or $XDG_RUNTIME_DIR/nsiso"}
        _add_spec(verbs[name], {"kinds": kinds, "registry": where})
    one = verbs["hold"].add_mutually_exclusive_group()
    _add_spec(one, {"name": {"metavar": "NAME", "help": "keep them under this name, until it is removed"}})
    _add_spec(one, {"list": {**_SWITCH, "help": "tell what is kept, under which names"}})
    _add_spec(one, {"remove": {"metavar": "NAME", "help": "end what --name began"}})
    for name in ("plan", "probe", "hold"):
        verbs[name].add_argument("--json", action="store_true", help="as data")


def _add_spec(parser: Any, options: dict[str, dict[str, Any]]) -> None:
    for option, how in options.items():
        flag = option.replace("_", "-") if option != "loopback" else "no-loopback"
        parser.add_argument(f"--{flag}", dest=option, default=argparse.SUPPRESS, **how)
