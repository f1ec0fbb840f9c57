"""The findings of `sched-cache doctor`, and how a host adds its own.

An entry point of the group `sched_cache.doctor` is a function without arguments. It returns an `Examination`, or
None where its host is not installed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from importlib import metadata
from typing import TYPE_CHECKING, Any, TypeAlias

from sched_cache.config import Config

if TYPE_CHECKING:
    from sqlalchemy import Table

GROUP = "sched_cache.doctor"


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check. `advice` is empty if there is nothing to do.

    is_off: nothing is broken, but the thing that was checked is not in use.
    """

    what: str
    is_well: bool
    found: str
    advice: str = ""
    is_off: bool = False

    @property
    def word(self) -> str:
        """The word in the first column of the output."""
        return "BAD" if not self.is_well else "off" if self.is_off else "ok"


def no_tables(config: Config) -> list[Table]:
    """The tables of a host that has none."""
    return []


@dataclass(frozen=True, slots=True)
class Examination:
    """The contribution of one host.

    config: the cache that its processes use, None if it is unknown. findings: shown before those about the
    database and Redis of `config`; later: called after them. connect: opens the connections to the database of
    `config`, None for its driver. tables: tables that `sched-cache init-db` creates besides its own.
    """

    config: Config | None
    findings: list[Finding] = field(default_factory=list)
    later: Callable[[], list[Finding]] = list
    connect: Callable[[], Any] | None = None
    tables: Callable[[Config], list[Table]] = no_tables


Examine: TypeAlias = Callable[[], Examination | None]


def examinations() -> Iterator[Examination]:
    """The examinations of all installed hosts. A host whose code fails is a finding."""
    for entry in sorted(metadata.entry_points(group=GROUP), key=lambda entry: entry.name):
        try:
            examine: Examine = entry.load()
            found = examine()
        except Exception as error:
            reason = f"could not be examined: {type(error).__name__}: {error}"
            found = Examination(None, [Finding(entry.name, False, reason)])
        if found is not None:
            yield found
