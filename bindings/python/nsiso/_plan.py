"""In which steps a spec is made true: a list to read, to print and to compare."""

from typing import NamedTuple


class Step(NamedTuple):
    """One step: who does it, what it is, and to what.

    Attributes:
        doer: ``"parent"`` is the caller, ``"child"`` the new process between clone and exec.
        name: the system call or calls in a word or two; an error's ``step`` is the same word.
        object: what it is done to; an error's ``object``. May be empty.
        needs: privileges, other programs, a kernel that has it. Empty where anybody can do it.
    """

    doer: str
    name: str
    object: str
    needs: str

    def __str__(self) -> str:
        return f"{self.doer}: {self.name} {self.object}".rstrip()


class Plan(tuple[Step, ...]):
    """The steps in their order; ``str(plan)`` is the list, a line a step, and behind it what that needs."""

    __slots__ = ()

    def __str__(self) -> str:
        return "\n".join(f"{step} (needs {step.needs})" if step.needs else str(step) for step in self)
