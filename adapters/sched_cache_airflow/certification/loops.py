"""Loops of a host's scheduler over random DAGs: the host's part of the comparison, and the compared effects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import Enum
from random import Random
from typing import TYPE_CHECKING, Any, Protocol

from sched_cache.errors import SchedCacheError
from sched_cache_airflow.certification.decided_dag import DecidedDag, differences
from sched_cache_airflow.certification.strata import Stratum

if TYPE_CHECKING:  # the contract of a host imports this module, and opens no database
    from sqlalchemy.orm import Session


class GivenUpError(SchedCacheError):
    """The host rolled the work of a loop back, so that there is nothing to compare."""


class Pools(Enum):
    """The fate of scheduled task instances in a loop."""

    FULL = "the executor has no slot"
    FREE = "they are queued"
    LOCKED = "another scheduler queues them"


@dataclass(frozen=True, slots=True)
class Effects:
    """The effects of one loop.

    rows: all rows of each table that a loop decides about. callbacks: the requests for callbacks. others: metrics,
    calls of listeners and log lines of runs, in order.
    """

    rows: Mapping[str, Sequence[Mapping[str, Any]]]
    callbacks: Sequence[Any]
    others: Sequence[Any]

    def difference(self, host: Effects) -> str:
        """The difference from the effects of the host's own loop; empty if there is none."""
        for name, rows in host.rows.items():
            found = differences(rows, self.rows[name])
            if found:
                return f"{name}: {'; '.join(found)}"
        for what, ours, theirs in (
            ("callbacks", self.callbacks, host.callbacks),
            ("side effects", self.others, host.others),
        ):
            if ours != theirs:
                return f"{what} differ: {ours} instead of {theirs}"
        return ""


class LoopingScheduler(Protocol):
    """A scheduler of the host. Its executor runs nothing."""

    def loop(self, session: Session, pools: Pools) -> Effects:
        """One pass of its main loop. The session has no objects afterwards.

        Raises:
            GivenUpError: the host gave the loop up.
        """

    def answers(self, session: Session) -> Sequence[Any]:
        """The answers to questions that other processes than a scheduler ask about the task instances of running runs.

        They ask with the DAGs of this process, and may change rows.
        """

    def forget(self) -> None:
        """Makes it read every DAG again: the age that a bag allows is a matter of the bag."""


class HostLoops(Protocol):
    """The host's part of the comparison. `session`: one of `undone`."""

    unreachable: Mapping[str, Mapping[str, str]]
    """`module:Class.function` -> text of a pinned line -> the reason why no loop of a scheduler reaches it."""

    def comparable(self) -> AbstractContextManager[object]:
        """A block in which loops can be compared: for example, rows have an order that the host does not ask for."""

    def scheduler(self) -> LoopingScheduler:
        """A new one."""

    def undone(self) -> AbstractContextManager[Session]:
        """A session like that of the host's scheduler, whose work is undone in the end."""

    def tried(self, session: Session) -> AbstractContextManager[object]:
        """Undoes the work of the block."""

    def settle(self, session: Session) -> None:
        """Does what a commit does to the session."""

    def dag(
        self, session: Session, random: Random, dag_id: str, stratum: Stratum | None = None
    ) -> DecidedDag:
        """A new random DAG with its runs."""

    def is_running(self, session: Session) -> bool:
        """Whether a run is left that a loop decides."""
