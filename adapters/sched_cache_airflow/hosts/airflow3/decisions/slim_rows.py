"""The queries of the fast path for task instances: Core columns of all, ORM objects of the requested ones."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from functools import cache
from typing import Any, Final
from uuid import UUID

from airflow.models.dagrun import DagRun
from airflow.models.taskinstance import TaskInstance
from airflow.models.xcom import XComModel
from sqlalchemy import String, and_, bindparam, cast, func, select
from sqlalchemy.orm import Session, joinedload, lazyload, load_only

from sched_cache_airflow.fast_path.raw_rows import rows_by_run
from sched_cache_airflow.hosts.airflow3 import compat
from sched_cache_airflow.hosts.contract import RawRows

_IDS_PER_QUERY: Final = 1000

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
    *compat.present(TaskInstance, "retry_delay_override"),  # since 3.3
)


# Created once, because creating a statement takes as long as its execution.
_TI, _RUN, _XCOM = TaskInstance.__table__.c, DagRun.__table__.c, XComModel.__table__.c
_ID_OF: Final[Any] = (
    str if _TI.id.type.python_type is str else UUID
)  # before 3.2, the host's objects have text
_ROWS = (
    select(_RUN.id, _TI.task_id, _TI.map_index, _TI.state, cast(_TI.id, String(36)))
    .join_from(
        DagRun.__table__,
        TaskInstance.__table__,
        and_(_TI.dag_id == _RUN.dag_id, _TI.run_id == _RUN.run_id),
    )
    .where(_RUN.id.in_(bindparam("ids", expanding=True)))
)
_OF_RUN = (_TI.dag_id == bindparam("dag_id"), _TI.run_id == bindparam("run_id"))
_STATES = select(_TI.state, func.count(), func.min(_TI.start_date)).where(*_OF_RUN).group_by(_TI.state)
_TASK_ORDER = select(_TI.task_id).where(*_OF_RUN).group_by(_TI.task_id).order_by(_TI.task_id)
_SKIP_DECISIONS = select(_XCOM.dag_run_id, _XCOM.task_id).where(
    _XCOM.dag_run_id.in_(bindparam("ids", expanding=True)), _XCOM.key == "skipmixin_key"
)


@cache  # not when this is imported: the host's mappers may not be complete by then
def _objects() -> Any:
    return (
        select(TaskInstance)
        .where(TaskInstance.id.in_(bindparam("ids", expanding=True)))
        .options(lazyload(TaskInstance.dag_run), load_only(*_READ_BY_DECISIONS))
    )


def read_rows(dag_runs: Collection[Any], session: Session) -> dict[int, RawRows]:
    """Every task instance of these runs. One query, however many runs.

    The id is text, because drivers would create an object for each UUID, and few of them are used.
    """
    if any(isinstance(changed, TaskInstance) for changed in (*session.new, *session.dirty)):
        session.flush()  # the host's sessions do not do that by themselves
    dag_run_ids = sorted(dag_run.id for dag_run in dag_runs)
    return rows_by_run(dag_run_ids, session.connection().execute(_ROWS, {"ids": dag_run_ids}))


def read_states(dag_run: Any, session: Session) -> dict[str | None, tuple[int, datetime | None]]:
    """State -> how many task instances of the run have it, and when the first of these started. One query."""
    of_run = {"dag_id": dag_run.dag_id, "run_id": dag_run.run_id}
    found = session.connection().execute(_STATES, of_run)
    return {state: (n_rows, first) for state, n_rows, first in found}


def load_last_ended(dag_run: Any, state: str, session: Session) -> Any:
    """The host's object of the task instance in this state that ended last, or None. One query."""
    ti = TaskInstance
    return session.scalars(
        select(ti)
        .where(ti.dag_id == dag_run.dag_id, ti.run_id == dag_run.run_id, ti.state == state)
        .order_by(ti.end_date.is_(None), ti.end_date.desc(), ti.task_id, ti.map_index)
        .options(joinedload(ti.dag_run))
        .limit(1)
    ).first()


def read_skip_decisions(dag_run_ids: Collection[int], session: Session) -> dict[int, set[str]]:
    """The ids of the tasks that hold a skip decision, for each of these runs. One query."""
    deciders: dict[int, set[str]] = {dag_run_id: set() for dag_run_id in dag_run_ids}
    found = session.connection().execute(_SKIP_DECISIONS, {"ids": sorted(dag_run_ids)})
    for dag_run_id, task_id in found:
        deciders[dag_run_id].add(task_id)
    return deciders


def read_task_order(dag_run: Any, session: Session) -> Sequence[str]:
    """The tasks that have an instance in the run, as the database sorts them. One query.

    The host requests task instances in this order, which depends on the collation of the database.
    """
    of_run = {"dag_id": dag_run.dag_id, "run_id": dag_run.run_id}
    return session.connection().execute(_TASK_ORDER, of_run).scalars().all()


def load_task_instances(ids: Iterable[str], session: Session) -> dict[str, Any]:
    """The host's objects by their id as text, without those that were deleted meanwhile. One query per thousand.

    They come with the columns that decisions read. Other columns are read from the database one by one if they
    are used; the caller has their run.
    """
    wanted = {_ID_OF(text): text for text in ids}
    keys = list(wanted)
    found: dict[str, Any] = {}
    for start in range(0, len(keys), _IDS_PER_QUERY):
        some = keys[start : start + _IDS_PER_QUERY]
        for task_instance in session.scalars(_objects(), {"ids": some}):
            found[wanted[task_instance.id]] = task_instance
    return found
