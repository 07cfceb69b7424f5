"""What the shell can ask: run a command in namespaces, tell the plan of it, probe what is allowed here."""

import argparse
import contextlib
import errno
import itertools
import json
import os
import resource
import signal
import sys
from collections.abc import Sequence
from typing import Any, NoReturn, Optional

from ._errors import Error, one_line
from ._kind import text
from ._popen import Popen
from ._probe import Answer, features, probe
from ._spec import Spec

# As env(1), nohup(1) and timeout(1) have them.
SET_UP_FAILED = 125
NOT_EXECUTABLE = 126
NOT_FOUND = 127
SIGNALLED = 128

_ABOUT = "Linux namespaces: run a command in them, tell in which steps, probe what is allowed here."
_USAGE = "[option ...] -- COMMAND [ARGUMENT ...]"
_EXAMPLES = """examples:
  nsiso run --unshare user,pid,mnt --map-root --proc -- ps aux
  nsiso run --join 1234:net,uts -- ip address
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


class _Parser(argparse.ArgumentParser):
    """Ends with a status that tells a wrong option from what a command says."""

    status = 2

    def error(self, message: str) -> NoReturn:
        """Say what is wrong."""
        self.print_usage(sys.stderr)
        self.exit(self.status, f"{self.prog}: {message}\n")


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Do what the arguments say and return the exit status."""
    parser = _Parser(prog="nsiso", description=_ABOUT, epilog=_EXAMPLES, formatter_class=_Format)
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="{run,plan,probe}")
    run = _verb(verbs, "run", f"nsiso run {_USAGE}", "run a command in namespaces", _RUN)
    run.status = SET_UP_FAILED
    plan = _verb(
        verbs,
        "plan",
        f"nsiso plan [--json] {_USAGE}",
        "tell in which steps a command would be started",
        _PLAN,
    )
    about = "tell what can be had here, and why not the rest"
    asks = _verb(verbs, "probe", "nsiso probe [--json]", about, _PROBE)
    for verb in (run, plan):
        _add_spec(verb)
        verb.add_argument("command", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)
    for verb in (plan, asks):
        verb.add_argument("--json", action="store_true", help="as data")
    known, unknown = parser.parse_known_args(argv)
    given = vars(known)
    name = given.pop("verb")
    if unknown:
        verbs.choices[name].error(f"unrecognized arguments: {' '.join(unknown)}")
    try:
        if name == "probe":
            return _probe(given["json"])
        return _run(run, given) if name == "run" else _plan(plan, given)
    except BrokenPipeError:
        # Whoever read this has seen enough; nothing more is to be written at the end either.
        with contextlib.suppress(OSError):
            sys.stdout.close()
        return SIGNALLED + signal.SIGPIPE
    except Error as error:
        return _refused(error)


def _run(parser: _Parser, given: dict[str, Any]) -> int:
    command = _command(given)
    if not command:
        parser.error("there is no command")
    # As a shell would: the command gets the descriptors that were meant for it.
    spec = _spec(parser, given)
    if "terminal" not in given and _wants_a_terminal(spec):
        spec = spec.replace(terminal="own")
    # A terminal of its own takes all three places, but for what is redirected on purpose.
    keeps_stderr = sys.stderr is not None and not sys.stderr.isatty()
    child: Popen[bytes] = Popen(command, spec=spec, close_fds=False, stderr=2 if keeps_stderr else None)
    # The terminal sends these to the command as well, which decides what they mean.
    for number in (signal.SIGINT, signal.SIGQUIT):
        signal.signal(number, signal.SIG_IGN)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, frame: child.send_signal(number))
    try:
        status = child.wait() if child.terminal is None else child.relay()
    except Error:
        # As pid 1 it would outlive its terminal.
        child.kill()
        raise
    return status if status >= 0 else SIGNALLED - status


def _wants_a_terminal(spec: Spec) -> bool:
    """In namespaces of its own between terminals, unless its session is arranged in another way."""
    arranged = spec.new_session or spec.process_group is not None or spec.controlling_terminal is not None
    return bool(spec.unshare or spec.join) and not arranged and os.isatty(0) and os.isatty(1)


def _plan(parser: _Parser, given: dict[str, Any]) -> int:
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
        print(_table([*kind_rows, (), ("FEATURE", *_HEADS), *map(_row, others)]), flush=True)
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


def _table(rows: list[tuple[str, ...]]) -> str:
    """Lay columns out as wide as they must be, the last one as it is."""
    widths = [max(map(len, column)) for column in itertools.zip_longest(*rows, fillvalue="")]
    lines = ("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)
    return "\n".join(lines)


def _refused(error: Error) -> int:
    print(f"nsiso: {one_line(error)}", file=sys.stderr)
    if error.step != "exec":
        return SET_UP_FAILED
    return NOT_FOUND if error.errno in (errno.ENOENT, errno.ENOTDIR) else NOT_EXECUTABLE


def _command(given: dict[str, Any]) -> list[str]:
    words: list[str] = given.pop("command")
    return words[1:] if words[:1] == ["--"] else words


def _spec(parser: _Parser, given: dict[str, Any]) -> Spec:
    try:
        return Spec(**given)
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


class _Format(argparse.RawDescriptionHelpFormatter):
    """Wide enough for the options and what they mean."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=36, width=100)


def _verb(verbs: Any, name: str, usage: str, about: str, more: str) -> _Parser:
    verb: _Parser = verbs.add_parser(
        name, help=about, description=about, usage=usage, epilog=more, formatter_class=_Format
    )
    return verb


def _add_spec(parser: _Parser) -> None:
    for option, how in OPTIONS.items():
        flag = option.replace("_", "-") if option != "loopback" else "no-loopback"
        parser.add_argument(f"--{flag}", dest=option, default=argparse.SUPPRESS, **how)
