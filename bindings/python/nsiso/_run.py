"""How a command is run to its end: run and check_output, as subprocess has them."""

import subprocess
from typing import TYPE_CHECKING, Any, Literal, Optional, overload

from ._popen import Popen
from ._types import Args

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from ._types import ProcessOptions, RunOptions


@overload
def run(
    args: Args,
    *positional: Any,
    text: Literal[True],
    encoding: Optional[str] = ...,
    errors: Optional[str] = ...,
    input: Optional[str] = ...,
    **options: "Unpack[RunOptions]",
) -> subprocess.CompletedProcess[str]: ...
@overload
def run(
    args: Args,
    *positional: Any,
    encoding: str,
    text: Optional[bool] = ...,
    errors: Optional[str] = ...,
    input: Optional[str] = ...,
    **options: "Unpack[RunOptions]",
) -> subprocess.CompletedProcess[str]: ...
@overload
def run(
    args: Args,
    *positional: Any,
    input: Optional[bytes] = ...,
    **options: "Unpack[RunOptions]",
) -> subprocess.CompletedProcess[bytes]: ...
@overload
def run(
    args: Args,
    *positional: Any,
    text: Optional[bool] = ...,
    encoding: Optional[str] = ...,
    errors: Optional[str] = ...,
    universal_newlines: Optional[bool] = ...,
    input: Any = ...,
    **options: "Unpack[RunOptions]",
) -> subprocess.CompletedProcess[Any]: ...
def run(
    *args: Any,
    input: Any = None,
    capture_output: bool = False,
    timeout: Optional[float] = None,
    check: bool = False,
    **options: Any,
) -> subprocess.CompletedProcess[Any]:
    """Run a command in namespaces, wait for it, and tell how it ended: :func:`subprocess.run`.

        nsiso.run(["hostname"], unshare="user,uts", map_root=True, hostname="box", check=True)

    :param args: the command, and as there the first of the other parameters of :class:`nsiso.Popen`.
    :param input: what the command reads on its stdin: bytes, or text in a text mode.
    :param capture_output: keep what it writes: the result's ``stdout`` and ``stderr``.
    :param timeout: seconds; the command is killed then. The set-up has its own: *setup_timeout*.
    :param check: raise if it ends with something else than 0.
    :param options: those of :class:`nsiso.Popen`: *spec*, a spec's options and subprocess's. With
        ``terminal="own"`` the caller's terminal is relayed (:meth:`nsiso.Popen.relay`), and neither a timeout
        nor pipes can be had.
    :returns: :class:`subprocess.CompletedProcess`; ``returncode`` is minus the signal that ended it.
    :raises subprocess.TimeoutExpired: it took longer than *timeout*.
    :raises subprocess.CalledProcessError: *check*, and it did not end with 0.
    :raises Error: as :class:`nsiso.Popen`.
    """
    if input is not None:
        if options.get("stdin") is not None:
            raise ValueError("stdin and input arguments may not both be used.")
        options["stdin"] = subprocess.PIPE
    if capture_output:
        if options.get("stdout") is not None or options.get("stderr") is not None:
            raise ValueError("stdout and stderr arguments may not be used with capture_output.")
        options["stdout"] = options["stderr"] = subprocess.PIPE
    spec = options.get("spec")
    if options.get("terminal", None if spec is None else spec.terminal) == "own" and (
        timeout is not None
        or any(options.get(end) == subprocess.PIPE for end in ("stdin", "stdout", "stderr"))
    ):
        raise ValueError(
            'terminal="own" is relayed, beside which run serves no pipes and no timeout: use Popen'
        )
    process: Popen[Any]
    with Popen(*args, **options) as process:
        try:
            if process.terminal is not None:
                process.relay()
            stdout, stderr = process.communicate(input, timeout=timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            # What it has written so far stands in the exception.
            process.wait()
            raise
        except BaseException:
            process.kill()
            raise
        returncode = process.poll() or 0
    if check and returncode:
        raise subprocess.CalledProcessError(returncode, process.args, output=stdout, stderr=stderr)
    return subprocess.CompletedProcess(process.args, returncode, stdout, stderr)


@overload
def check_output(
    args: Args,
    *positional: Any,
    text: Literal[True],
    encoding: Optional[str] = ...,
    errors: Optional[str] = ...,
    input: Optional[str] = ...,
    timeout: Optional[float] = ...,
    **options: "Unpack[ProcessOptions]",
) -> str: ...
@overload
def check_output(
    args: Args,
    *positional: Any,
    encoding: str,
    text: Optional[bool] = ...,
    errors: Optional[str] = ...,
    input: Optional[str] = ...,
    timeout: Optional[float] = ...,
    **options: "Unpack[ProcessOptions]",
) -> str: ...
@overload
def check_output(
    args: Args,
    *positional: Any,
    input: Optional[bytes] = ...,
    timeout: Optional[float] = ...,
    **options: "Unpack[ProcessOptions]",
) -> bytes: ...
@overload
def check_output(
    args: Args,
    *positional: Any,
    text: Optional[bool] = ...,
    encoding: Optional[str] = ...,
    errors: Optional[str] = ...,
    universal_newlines: Optional[bool] = ...,
    input: Any = ...,
    timeout: Optional[float] = ...,
    **options: "Unpack[ProcessOptions]",
) -> Any: ...
def check_output(*args: Any, timeout: Optional[float] = None, **options: Any) -> Any:
    """Run a command in namespaces and return what it writes on its stdout: :func:`subprocess.check_output`.

    :param args: as :func:`run`; so are *input*, *timeout*, *spec* and all other options but *stdout*.
    :returns: bytes, or text in a text mode.
    :raises subprocess.CalledProcessError: it did not end with 0; ``output`` is what it has written.
    :raises subprocess.TimeoutExpired, Error: as :func:`run`.
    """
    for option in ("stdout", "check"):
        if option in options:
            raise ValueError(f"{option} argument not allowed, it will be overridden.")
    if "input" in options and options["input"] is None:
        # As there: an empty input, not the caller's own.
        modes = ("text", "encoding", "errors", "universal_newlines")
        options["input"] = "" if any(map(options.get, modes)) else b""
    return run(*args, stdout=subprocess.PIPE, timeout=timeout, check=True, **options).stdout
