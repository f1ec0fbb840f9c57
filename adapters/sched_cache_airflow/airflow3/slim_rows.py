"""The task instances of runs as the fast path reads them: Core columns for all, ORM objects for those asked for."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any, Final
from uuid import UUID

from airflow.models.dagrun import DagRun
from airflow.models.taskinstance import TaskInstance
from airflow.models.xcom import XComModel
from sqlalchemy import String, and_, cast, select
from sqlalchemy.orm import Session, lazyload, load_only

_SKIP_DECISION: Final = "skipmixin_key"
_IDS_PER_QUERY: Final = 1000
_ROWS_AT_ONCE: Final = 500

# By the dependencies, `set_state`, `schedule_tis`, `expand_mapped_task` and `__repr__`.
_READ_BY_DECISIONS: Final = (
    TaskInstance.id,
    TaskInstance.dag_id,
    TaskInstance.run_id,
    TaskInstance.task_id,
    TaskInstance.map_index,
    TaskInstance.state,
    TaskInstance.try_number,
    TaskInstance.max_tries,
    TaskInstance.start_date,
    TaskInstance.end_date,
    TaskInstance.duration,
    TaskInstance.dag_version_id,
    TaskInstance.retry_delay_override,
)


@dataclass(slots=True)
class RawRows:
    """Rows of one run by column, in no order. ids: as text."""

    task_ids: list[str] = field(default_factory=list)
    map_indices: list[int] = field(default_factory=list)
    states: list[str | None] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)

    def extend(self, columns: Sequence[Sequence[Any]]) -> None:
        """Adds rows, given as the four columns."""
        task_ids, map_indices, states, ids = columns
        self.task_ids.extend(task_ids)
        self.map_indices.extend(map_indices)
        self.states.extend(states)
        self.ids.extend(ids)


def read_rows(dag_run_ids: Collection[int], session: Session) -> dict[int, RawRows]:
    """Every task instance of these runs. One query, however many runs.

    The id comes as text: drivers make an object of each UUID, and nearly none of them is used. Rows are taken in few
    at a time: ten thousand tuples at once would have the garbage collector walk through the whole process.
    """
    if any(isinstance(changed, TaskInstance) for changed in (*session.new, *session.dirty)):
        session.flush()  # the host's sessions do not do that by themselves
    rows = {dag_run_id: RawRows() for dag_run_id in dag_run_ids}
    ti, run = TaskInstance.__table__.c, DagRun.__table__.c
    found = session.execute(
        select(run.id, ti.task_id, ti.map_index, ti.state, cast(ti.id, String(36)))
        .join_from(
            DagRun.__table__,
            TaskInstance.__table__,
            and_(ti.dag_id == run.dag_id, ti.run_id == run.run_id),
        )
        .where(run.id.in_(sorted(dag_run_ids)))
    )
    for part in found.partitions(_ROWS_AT_ONCE):
        run_ids, *columns = zip(*part, strict=True)
        start = 0
        for dag_run_id, same in groupby(run_ids):
            end = start + sum(1 for _ in same)
            rows[dag_run_id].extend([column[start:end] for column in columns])
            start = end
    return rows


def read_skip_decisions(dag_run_ids: Collection[int], session: Session) -> dict[int, set[str]]:
    """The ids of the tasks that hold a skip decision, for each of these runs. One query."""
    deciders: dict[int, set[str]] = {dag_run_id: set() for dag_run_id in dag_run_ids}
    xcom = XComModel.__table__.c
    where = (xcom.dag_run_id.in_(sorted(dag_run_ids)), xcom.key == _SKIP_DECISION)
    for dag_run_id, task_id in session.execute(select(xcom.dag_run_id, xcom.task_id).where(*where)):
        deciders[dag_run_id].add(task_id)
    return deciders


def read_task_order(dag_run: Any, session: Session) -> Sequence[str]:
    """The tasks that have an instance in the run, as the database sorts them. One query.

    The host asks for task instances in this order, and it rests with the collation of the database.
    """
    ti = TaskInstance.__table__.c
    return list(
        session.scalars(
            select(ti.task_id)
            .where(ti.dag_id == dag_run.dag_id, ti.run_id == dag_run.run_id)
            .group_by(ti.task_id)
            .order_by(ti.task_id)
        )
    )


def load_task_instances(ids: Iterable[str], session: Session) -> dict[str, Any]:
    """The host's objects by their id as text. Those that are gone by now are missing. One query a thousand.

    They come with the columns that decisions read. The rest is read from the database one by one, should somebody
    ask for it; their run the caller has.
    """
    wanted = {UUID(text): text for text in ids}
    keys = list(wanted)
    found: dict[str, Any] = {}
    for start in range(0, len(keys), _IDS_PER_QUERY):
        query = (
            select(TaskInstance)
            .where(TaskInstance.id.in_(keys[start : start + _IDS_PER_QUERY]))
            .options(lazyload(TaskInstance.dag_run), load_only(*_READ_BY_DECISIONS))
        )
        for task_instance in session.scalars(query):
            found[wanted[task_instance.id]] = task_instance
    return found
