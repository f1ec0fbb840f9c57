"""The protocol of the functions of a host that the fast path uses and that differ between the hosts."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from sqlalchemy.orm import Session

from sched_cache.scheduling import HostRules
from sched_cache_airflow.fast_path.raw_rows import RawRows


class SlimRows(Protocol):
    """How a host's tables are read: `slim_rows.py` of that host."""

    def read_rows(self, dag_runs: Collection[Any], session: Session) -> dict[int, RawRows]:
        """Every task instance of these runs, by the run's id. One query, however many runs."""

    def read_skip_decisions(self, dag_run_ids: Collection[int], session: Session) -> dict[int, set[str]]:
        """The ids of the tasks that hold a skip decision, for each of these runs. One query."""

    def read_states(self, dag_run: Any, session: Session) -> dict[str | None, tuple[int, datetime | None]]:
        """State -> how many task instances of the run have it, and when the first of these started. One query."""

    def load_last_ended(self, dag_run: Any, state: str, session: Session) -> Any:
        """The host's object of the one that ended last among those in this state, or None.

        Of several that ended at that time the first in the order in which the host asks for them. One query.
        """

    def read_task_order(self, dag_run: Any, session: Session) -> Sequence[str]:
        """The tasks that have an instance in the run, in the order in which the host asks for them. One query."""

    def load_task_instances(self, ids: Iterable[Any], session: Session) -> dict[Any, Any]:
        """The host's objects by their id. Those that are gone by now are missing."""


@dataclass(frozen=True, slots=True)
class DecidingHost:
    """A host as the fast path sees it: `fast_path.py` of that host.

    rules: what may make a task instance change. rows: how its tables are read. is_ordered: whether it asks for task
    instances by task and map index; else it takes them as the database gives them, and so do we. names_last_ended:
    whether the callback of a run that ends names the task instance that ended last. dag_class: DAGs over the compact
    form, which they have as `compact`. loop_of: what is current in the loop that a session is in, None outside of one;
    another object in the next loop. predicted_dag: the DAG that a run is going to be decided with, if this process has
    it; no query.
    """

    rules: HostRules
    rows: SlimRows
    is_ordered: bool
    names_last_ended: bool
    dag_class: type[Any]
    loop_of: Callable[[Session], object | None]
    predicted_dag: Callable[[Any, Session], Any]
