"""Named namespaces in a directory: which there are, and how one is added, opened and removed."""

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Optional, Union

from . import _nsiso
from ._kind import Kind
from ._namespace import Namespace, one_kind
from ._options import name as checked_name
from ._options import path as checked_path

if TYPE_CHECKING:
    from ._types import KindsLike, Path


@dataclass(frozen=True)
class RegistryEntry:
    """A name in a registry, and what it stands for.

    ``holder`` is the process that holds it; ``None`` if it is kept by a mount.
    """

    name: str
    kind: Kind
    inode: int
    holder: Optional[int]


# In the class below, a list is what it lists.
Entries = list[RegistryEntry]


class Registry:
    """A directory of named namespaces, which live on without a process of their own until they are removed.

        registry = nsiso.Registry()
        registry.add("blue", nsiso.Namespace.current("net"))
        nsiso.run(["ip", "link"], join=registry.open("blue", "net"))

    A name is one kind's: ``DIRECTORY/KIND/NAME``; 1 to 200 bytes, without ``/`` and not beginning with a dot.
    Whoever may mount keeps a namespace there by a bind mount; anybody else by a tiny process, and so is a mnt
    namespace that the kernel does not let be mounted. That process ignores what it can: it ends by SIGKILL,
    as where a service or a login session is ended with all its processes, and with its pid namespace. Names
    are seen where they were added: in the same mount namespace and its later copies, or in the same pid
    namespace.

    Many threads may use one at once, and many programs its directory: each call waits while another one
    changes it. Whatever is left of a program that was killed meanwhile, later calls remove.

    :param directory: made with mode 0700 if it is not there. ``None`` is the default: ``/run/nsiso`` for
        whoever may mount and write there, with the net namespaces of ip-netns(8) in ``/run/netns``; else
        ``$XDG_RUNTIME_DIR/nsiso``.
    :raises FileNotFoundError: the directory that it would be in does not exist, or by default
        ``XDG_RUNTIME_DIR`` is not set to an absolute path.
    :raises PermissionError: the caller may not write to that; or EPERM, the directory belongs to another
        user, or others may write to it.
    """

    __slots__ = ("_core",)

    def __init__(self, directory: "Optional[Path]" = None) -> None:
        given = None if directory is None else os.fsencode(checked_path("directory", directory))
        self._core = _nsiso.Registry(given)

    @property
    def directory(self) -> str:
        """Its directory, without links on the way."""
        return os.fsdecode(self._core.directory)

    def add(self, name: Union[str, bytes], namespace: Namespace) -> None:
        """Keep a namespace under a name. When this returns, it is kept whatever becomes of the caller.

        :raises FileExistsError: there is a namespace of this kind with the name.
        :raises Error: EINVAL, the name is none.
        :raises PermissionError: EPERM, the names are those of ip-netns(8), and the caller may not mount.
        """
        if not isinstance(namespace, Namespace):
            raise TypeError(f"namespace must be a Namespace, not {type(namespace).__name__}")
        self._core.add(_name(name), namespace._core)

    def list(self) -> Entries:
        """Find all that are kept here, by kind and name. What is stale is removed.

        :raises OSError: those of open(2), of the registry's own directories.
        """
        rows = self._core.list()
        return [
            RegistryEntry(os.fsdecode(name), Kind(kind), inode, holder) for name, kind, inode, holder in rows
        ]

    def open(self, name: Union[str, bytes], kind: "KindsLike") -> Namespace:
        """Open the namespace of this kind with this name.

        :raises FileNotFoundError: there is none.
        :raises Error: EINVAL, the name is none, or stands for something else; EXDEV, it is kept in another
            mount or pid namespace.
        :raises PermissionError: another user's process holds it.
        """
        return Namespace._of_core(self._core.open(_name(name), one_kind(kind)))

    def remove(self, name: Union[str, bytes], kind: "KindsLike") -> None:
        """End what :meth:`add` began. The namespace goes with whoever holds it last.

        :raises FileNotFoundError: there is none.
        :raises Error: as :meth:`open`.
        :raises PermissionError: it is kept by a bind mount, and the caller may not unmount.
        """
        self._core.remove(_name(name), one_kind(kind))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.directory!r})"


def _name(name: Any) -> bytes:
    """A name as the kernel has it."""
    checked = checked_name("name", name)
    if checked is None:
        raise TypeError("name must be text or bytes, not NoneType")
    return os.fsencode(checked)
