"""The patches of a host as data: one row for each class or function. Imports nothing of the host."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Final

ANY: Final = ""
"""Whatever stands there fits, code of a site's too: the wrapper always calls it."""
OWN: Final = "the host's own"
"""Only code of the host's fits: the wrapper does not always call it."""


@dataclass(frozen=True, slots=True)
class Patch:
    """One class or function of the host, and what stands in for it."""

    target: str
    """`module:Class.function`, or `module:name` for a name of a module."""
    wrapper: str
    """`module:name` in this package: a function that makes the replacement of the original, or a class that is it."""
    group: str
    """Patches of one module that are of use together only: all of them are applied, or none."""
    why: str
    fits: str = ANY
    """The code that the target must have: `ANY`, `OWN`, or the name of known code in `releases.py`."""
    is_optional: bool = False
    """Whether the host may be without the target. Without any other one nothing at all is replaced."""

    named_by: str = ""
    """`module:name` in this package: the attribute's name in the installed release, where releases differ in it."""

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
    """All that is replaced in one host, and when. Of two patches of one target the later one is the outer one."""

    users: tuple[str, ...]
    """Modules after whose import everything is replaced that is there: those that use what is replaced, and import its
    modules completely before. While a module is being imported nothing of ours could import it."""
    writers: tuple[str, ...]
    """Modules that write contents or delete them. Commands that do so import none of the above."""
    bases: tuple[str, ...]
    """Modules that ours derive from; they are imported first."""
    rows: tuple[Patch, ...]

    @property
    def modules(self) -> tuple[str, ...]:
        """Those in which something is replaced, in the order of the rows."""
        return tuple(dict.fromkeys(row.module for row in self.rows))

    def groups(self, module: str) -> Iterator[tuple[Patch, ...]]:
        """The patches of one module, group by group."""
        rows = (row for row in self.rows if row.module == module)
        for _, group in groupby(rows, key=lambda row: row.group):
            yield tuple(group)
