"""A run without unfinished task instances. The host reads a few facts to end it, which need no objects.

`DagRun.update_state` reads the lists of such a decision as follows.

    tis             the states of the effective leaves. By a callback of Airflow 3: among those that failed, or
                    succeeded, as the run does, the one that ended last.
    finished_tis    whether there are any; when the first of them started.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from airflow.models.dagrun import TISchedulingDecision
from airflow.utils.state import TaskInstanceState
from sqlalchemy.orm import Session

from sched_cache.format import CompactDag
from sched_cache.scheduling import SlimTaskInstances
from sched_cache.scheduling.effective_leaves import effective_leaves
from sched_cache_airflow.hosts.contract import HostDecisions

_REMOVED: Final = "removed"
_NAMED_BY_CALLBACKS: Final = (TaskInstanceState.FAILED, TaskInstanceState.SUCCESS)


@dataclass(frozen=True, slots=True)
class Leaf:
    """The attributes of an effective leaf's task instance that the host reads."""

    task_id: str
    map_index: int
    state: str | None


@dataclass(frozen=True, slots=True)
class FirstStarted:
    """A replacement for the list of all finished task instances of a run."""

    start_date: datetime | None


class RunEnd:
    """The rows of a run in which nothing is unfinished.

    dag: the content that they were read with. rows: only those of tasks in `dag`.
    """

    is_outdated: Final = False

    def __init__(self, host: HostDecisions, dag: CompactDag, rows: SlimTaskInstances) -> None:
        self.host = host
        self.dag = dag
        self.rows = rows
        self._finished: list[FirstStarted] = []

    def is_confirmed(self, dag_run: Any, session: Session) -> bool:
        """Whether the rows are still correct at the end of the run. One query, which returns one row per state.

        False also if the run has task instances of tasks that the content does not have: the host handles those.
        """
        if self.rows.unknown:
            return False
        states = self.host.rows.read_states(dag_run, session)
        names = self.rows.state_names
        expected = {names[code]: n_rows for code, n_rows in Counter(self.rows.state).items()}
        if {state: n_rows for state, (n_rows, _) in states.items()} != expected:
            return False
        started = [first for _, first in states.values() if first is not None]
        self._finished = [FirstStarted(min(started, default=None))] if states else []
        return True

    def decision(self, dag_run: Any, session: Session) -> Any:
        """The result of the host's `task_instance_scheduling_decisions`."""
        return TISchedulingDecision(
            tis=EndedTaskInstances(self, dag_run, session),
            schedulable_tis=[],
            changed_tis=False,
            unfinished_tis=[],
            finished_tis=self._finished,
        )

    def leaves(self) -> list[Leaf]:
        """The task instances whose states decide the state of the run."""
        is_leaf = bytearray(self.dag.n_tasks)
        for index in effective_leaves(self.dag, self.host.rules):
            is_leaf[index] = 1
        rows = self.rows
        found = (Leaf(*rows[row][:3]) for row, index in enumerate(rows.task_index) if is_leaf[index])
        return [leaf for leaf in found if leaf.state != _REMOVED]

    def last_ended(self, state: str, dag_run: Any, session: Session) -> Any:
        """The host's object of the task instance that ended last among those in this state, or None. One query."""
        if state not in {self.rows.state_names[code] for code in set(self.rows.state)}:
            return None
        found = self.host.rows.load_last_ended(dag_run, state, session)
        if found is not None:
            found.task = dag_run.dag.get_task(found.task_id)
        return found


class EndedTaskInstances(Sequence[Any]):
    """`TISchedulingDecision.tis` of a run that ends. Iteration yields those that callbacks may name."""

    def __init__(self, end: RunEnd, dag_run: Any, session: Session) -> None:
        self.end = end
        self._dag_run, self._session = dag_run, session

    def __iter__(self) -> Iterator[Any]:
        for state in _NAMED_BY_CALLBACKS if self.end.host.names_last_ended else ():
            found = self.end.last_ended(state, self._dag_run, self._session)
            if found is not None:
                yield found

    def __len__(self) -> int:
        return len(self.end.rows)

    def __getitem__(self, index: Any) -> Any:
        return list(self)[index]
