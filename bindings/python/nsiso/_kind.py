"""Which kinds of namespace there are."""

import enum


class Kind(enum.IntFlag):
    """Kinds of namespace; the values are the kernel's ``CLONE_NEW*`` (namespaces(7)).

    Sets of them are or-ed together: ``Kind.USER | Kind.NET``.
    """

    TIME = 0x0000_0080
    MNT = 0x0002_0000
    CGROUP = 0x0200_0000
    UTS = 0x0400_0000
    IPC = 0x0800_0000
    USER = 0x1000_0000
    PID = 0x2000_0000
    NET = 0x4000_0000


NS = Kind
