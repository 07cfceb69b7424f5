r"""Linux namespaces as a library: create, join and inspect them from Python.

A command in namespaces, with the arguments of :mod:`subprocess` and those of a :class:`Spec`:

    >>> import nsiso
    >>> box = nsiso.Spec("user,pid,mnt,uts", map_root=True, hostname="box", proc=True)
    >>> nsiso.run("hostname; id -u; echo $$", shell=True, spec=box, capture_output=True, text=True).stdout
    'box\n0\n1\n'

And a function, in a process of its own, whose result or exception comes back:

    >>> import os
    >>> nsiso.call(os.getpid, spec=box)
    1

:class:`Popen` is a ``subprocess.Popen`` with a spec; ``run`` and ``check_output`` are theirs as well, and
under asyncio ``create_subprocess_exec`` and ``create_subprocess_shell``.
``Spec.plan()`` tells in which steps it is done, without doing it. ``python -m nsiso`` has ``run``, ``enter``,
``hold``, ``ls``, ``plan`` and ``probe`` for the shell.

A :class:`Namespace` is held, asked, and visited by a thread; a spec joins it:

    >>> nsiso.Namespace.current("uts").kind
    <Kind.UTS: 67108864>

The documented calls, as the manual has them:

    >>> pid = nsiso.clone(lambda: 7, nsiso.Kind.USER | nsiso.Kind.UTS)
    >>> os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    7

``clone`` runs a function in new namespaces, ``unshare`` moves the calling thread into new ones,
``setns`` into existing ones. ``links`` and ``same`` tell which namespaces a process is in, ``kinds``
which there are, and ``probe`` which of them, and of the ``features`` of a spec, can be had here and why
not the others. ``mountinfo`` tells what a process sees mounted.

``Namespace`` is one that a program holds: asked, visited, joined. ``hold`` makes some without a process,
and ``enter`` moves the caller itself into some. A ``Registry`` keeps them under names, beyond the program.
``snapshot`` reads which there are on the machine, who is in each, and what holds it.

A failure raises :class:`Error`, an :class:`OSError` that knows the step, the object, the cause and a
remedy; ``except PermissionError`` and its like work as usual.
"""

import importlib
from typing import TYPE_CHECKING, Any

from ._call import NoResult, call
from ._calls import clone, setns, unshare
from ._cancel import Cancel
from ._errors import Error
from ._hold import Held, enter, hold
from ._inspect import Description, KindInfo, Link, describe, kinds, links, same
from ._kind import NS, Kind
from ._mounts import MountInfo, MountNode, MountTable, MountTree, mountinfo
from ._namespace import Namespace
from ._nsiso import VERSION
from ._plan import Plan, Step
from ._pool import Pool
from ._popen import Popen, Usage
from ._probe import Answer, FeatureInfo, Probe, features, probe
from ._records import Holder, NamespaceInfo, Particulars, ProcessInfo
from ._registry import Registry, RegistryEntry
from ._relations import Difference, Incomplete, Moved, Tree
from ._run import check_output, run
from ._snapshot import Snapshot, snapshot
from ._spec import Spec

if TYPE_CHECKING:
    from ._async import AsyncProcess, create_subprocess_exec, create_subprocess_shell

__version__ = VERSION

__all__ = [
    "NS",
    "Answer",
    "AsyncProcess",
    "Cancel",
    "Description",
    "Difference",
    "Error",
    "FeatureInfo",
    "Held",
    "Holder",
    "Incomplete",
    "Kind",
    "KindInfo",
    "Link",
    "MountInfo",
    "MountNode",
    "MountTable",
    "MountTree",
    "Moved",
    "Namespace",
    "NamespaceInfo",
    "NoResult",
    "Particulars",
    "Plan",
    "Pool",
    "Popen",
    "Probe",
    "ProcessInfo",
    "Registry",
    "RegistryEntry",
    "Snapshot",
    "Spec",
    "Step",
    "Tree",
    "Usage",
    "__version__",
    "call",
    "check_output",
    "clone",
    "create_subprocess_exec",
    "create_subprocess_shell",
    "describe",
    "enter",
    "features",
    "hold",
    "kinds",
    "links",
    "mountinfo",
    "probe",
    "run",
    "same",
    "setns",
    "snapshot",
    "unshare",
]


def __getattr__(name: str) -> Any:
    """What asyncio is needed for, which takes longer to import than all the rest."""
    if name not in {"AsyncProcess", "create_subprocess_exec", "create_subprocess_shell"}:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module("._async", __name__), name)
