"""Who runs a test function in a throw-away process of either user, and finds what it leaves behind?

    python -m contract.server < requests > answers

A request line is {"function": "module:name", "caller": "root" | "ordinary", "arguments": {…}}; the answer is
{"value": …, "failure": traceback or null, "stdout": …, "stderr": …, "left": number of processes left behind}.
The server imports everything before it forks: an ordinary user may be unable to read the interpreter's files.
It has one thread, so that its forked children are whole.
"""

from __future__ import annotations

import importlib
import json
import os
import select
import sys
import traceback
from typing import Any

from . import abi

TIME_LIMIT = 40.0
# Whatever a request may name; imported now, see above.
MODULES = {name: importlib.import_module(f".{name}", __package__) for name in ("observe", "bad_input")}


def _run(request: dict[str, Any], answer: int) -> None:
    """In the throw-away process: perform the request and write its result as JSON."""
    module, _, name = request["function"].partition(":")
    result: dict[str, Any] = {"value": None, "failure": None}
    try:
        abi.end_with_parent()
        if request["caller"] == "ordinary" and os.geteuid() == 0:
            abi.become_ordinary()
            abi.end_with_parent()  # a change of ids clears it
        result["value"] = getattr(MODULES[module], name)(**request["arguments"])
    except BaseException:
        result["failure"] = traceback.format_exc()
    with os.fdopen(answer, "w") as file:
        file.write(json.dumps(result) + "\n")


def _read_line(fd: int, pid: int) -> str:
    """The answer; a process over its time is killed. Not until the pipe's end: a stray may hold that open."""
    data = b""
    while not data.endswith(b"\n"):
        ready, _, _ = select.select([fd], [], [], TIME_LIMIT)
        chunk = os.read(fd, 65536) if ready else b""
        if not chunk:
            if not ready:
                os.kill(pid, abi.SIGKILL)
            return ""
        data += chunk
    return data.decode()


def _reap_strays() -> int:
    """Kill and reap what the throw-away process left behind: this process inherits its orphans."""
    count = 0
    while True:
        try:
            pid, _ = os.waitpid(-1, os.WNOHANG | abi.WALL)
        except ChildProcessError:
            return count
        if pid:
            count += 1
            continue
        with open(f"/proc/self/task/{os.getpid()}/children") as file:
            for word in file.read().split():
                os.kill(int(word), abi.SIGKILL)


def _serve(line: str) -> dict[str, Any]:
    outputs = {name: os.memfd_create(name) for name in ("stdout", "stderr")}
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.close(reader)
            os.dup2(outputs["stdout"], 1)
            os.dup2(outputs["stderr"], 2)
            _run(json.loads(line), writer)
            sys.stdout.flush()
            sys.stderr.flush()
        finally:
            os._exit(0)
    os.close(writer)
    text = _read_line(reader, pid)
    os.close(reader)
    os.waitpid(pid, 0)
    answer: dict[str, Any] = json.loads(text) if text else {"value": None, "failure": "it gave no answer"}
    answer["left"] = _reap_strays()
    for name, fd in outputs.items():
        os.lseek(fd, 0, os.SEEK_SET)
        with os.fdopen(fd, "rb") as file:
            answer[name] = file.read().decode(errors="replace")
    return answer


def main() -> None:
    """Answer requests until there are no more."""
    abi.prctl(abi.PR_SET_CHILD_SUBREAPER, 1)
    answers = os.fdopen(os.dup(1), "w")  # a request's process has its own descriptor 1
    requests = os.fdopen(os.dup(0))  # nor may it read requests
    with open(os.devnull) as nothing:
        os.dup2(nothing.fileno(), 0)
    for line in requests:
        answers.write(json.dumps(_serve(line)) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
