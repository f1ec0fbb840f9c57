"""The patches of a host as data: one row for each class or function. Imports nothing of the host."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Final

ANY: Final = ""
"""Any code fits, including that of a site, because the wrapper always calls it."""
OWN: Final = "the host's own"
"""Only the host's own code fits, because the wrapper does not always call it."""


@dataclass(frozen=True, slots=True)
class Patch:
    """One class or function of the host, and its replacement."""

    target: str
    """`module:Class.function`, or `module:name` for a name of a module."""
    wrapper: str
    """`module:name` in this package: a function that makes the replacement of the original, or a class that is it."""
    group: str
    """The name of a group: patches of one module of which all are applied, or none."""
    why: str
    fits: str = ANY
    """The code that the target must have: `ANY`, `OWN`, or the name of known code in `releases.py`."""
    is_optional: bool = False
    """Whether the host may lack the target. If it lacks any other target, nothing at all is replaced."""

    with_process: bool = False
    """Whether what makes the replacement is given the process beside the original; a class has it as `host_process`."""

    named_by: str = ""
    """`module:name` in this package: the target in the installed release, where releases differ: `Class.function`,
    or `name` for a name of the module, or a function that finds this in the module."""

    @property
    def module(self) -> str:
        """The module of the host."""
        return self.target.partition(":")[0]

    @property
    def owner(self) -> str:
        """The class in that module; empty if the name is one of the module's own."""
        return self.target.partition(":")[2].rpartition(".")[0]

    @property
    def name(self) -> str:
        """The attribute of the class or module."""
        return self.target.partition(":")[2].rpartition(".")[2]


@dataclass(frozen=True, slots=True)
class PatchTable:
    """The patches of one host, and when they are applied. Of two patches of one target, the later one is outside."""

    users: tuple[str, ...]
    """Modules that use the targets, and have imported the modules of the targets completely when their own import ends.
    Then the patches are applied. Code of ours could not import a module that is still being imported."""
    writers: tuple[str, ...]
    """Modules that write or delete contents. Commands that do so import none of the modules above."""
    bases: tuple[str, ...]
    """Modules with the base classes of ours; they are imported first."""
    rows: tuple[Patch, ...]

    @property
    def modules(self) -> tuple[str, ...]:
        """The modules that have a target, in the order of the rows."""
        return tuple(dict.fromkeys(row.module for row in self.rows))

    def groups(self, module: str) -> Iterator[tuple[Patch, ...]]:
        """The patches of one module, group by group."""
        rows = (row for row in self.rows if row.module == module)
        for _, group in groupby(rows, key=lambda row: row.group):
            yield tuple(group)
