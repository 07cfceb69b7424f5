"""Linux namespaces as a library: create, join and inspect them from Python.

The documented calls, as the manual has them:

    >>> import nsiso, os
    >>> pid = nsiso.clone(lambda: 7, nsiso.Kind.USER | nsiso.Kind.UTS)
    >>> os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    7

``clone`` runs a function in new namespaces, ``unshare`` moves the calling thread into new ones,
``setns`` into existing ones. ``links`` and ``same`` tell which namespaces a process is in, ``kinds``
which there are, and ``probe`` which of them may be created here and why not the others.

A failure raises :class:`Error`, an :class:`OSError` that knows the step, the object, the cause and a
remedy; ``except PermissionError`` and its like work as usual.
"""

from ._calls import clone, setns, unshare
from ._errors import Error
from ._inspect import Answer, KindInfo, Link, kinds, links, probe, same
from ._kind import NS, Kind
from ._nsiso import VERSION

__version__ = VERSION

__all__ = [
    "NS",
    "Answer",
    "Error",
    "Kind",
    "KindInfo",
    "Link",
    "__version__",
    "clone",
    "kinds",
    "links",
    "probe",
    "same",
    "setns",
    "unshare",
]
