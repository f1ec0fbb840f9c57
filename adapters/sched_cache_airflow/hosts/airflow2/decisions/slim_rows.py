"""The queries of the fast path for task instances: Core columns of all, ORM objects of the requested ones.

A task instance has no id here: it is (dag_id, run_id, task_id, map_index).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime
from itertools import islice
from typing import Any, Final, NamedTuple, cast, overload

from airflow.models.dagrun import DagRun
from airflow.models.taskinstance import TaskInstance
from airflow.models.xcom import BaseXCom
from sqlalchemy import and_, bindparam, func, or_, select
from sqlalchemy.orm import Session, lazyload, load_only

from sched_cache_airflow.fast_path.raw_rows import rows_by_run
from sched_cache_airflow.hosts.contract import RawRows

_KEYS_PER_QUERY: Final = 1000
_UNEXPANDED: Final = -1

# By the dependencies, `_set_state`, `schedule_tis`, `expand_mapped_task`, `key` and `__repr__`.
_READ_BY_DECISIONS: Final = (
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
)


# Created once, because creating a statement takes as long as its execution.
_TI, _RUN, _XCOM = TaskInstance.__table__.c, DagRun.__table__.c, BaseXCom.__table__.c
_ROWS = (
    select(_RUN.id, _TI.task_id, _TI.map_index, _TI.state)
    .join_from(
        DagRun.__table__,
        TaskInstance.__table__,
        and_(_TI.dag_id == _RUN.dag_id, _TI.run_id == _RUN.run_id),
    )
    .where(_RUN.id.in_(bindparam("ids", expanding=True)))
)
_STATES = (
    select(_TI.state, func.count(), func.min(_TI.start_date))
    .where(_TI.dag_id == bindparam("dag_id"), _TI.run_id == bindparam("run_id"))
    .group_by(_TI.state)
)
_SKIP_DECISIONS = select(_XCOM.dag_run_id, _XCOM.task_id).where(
    _XCOM.dag_run_id.in_(bindparam("ids", expanding=True)), _XCOM.key == "skipmixin_key"
)


class Key(NamedTuple):
    """The key of a task instance."""

    dag_id: str
    run_id: str
    task_id: str
    map_index: int


class Keys(Sequence[Key]):
    """The keys of the rows of one run. Each is created when it is read, because few of them are used."""

    def __init__(self, dag_run: Any, rows: RawRows) -> None:
        self._dag_id, self._run_id = dag_run.dag_id, dag_run.run_id
        self._rows = rows

    @overload
    def __getitem__(self, row: int) -> Key: ...
    @overload
    def __getitem__(self, row: slice) -> Sequence[Key]: ...
    def __getitem__(self, row: int | slice) -> Key | Sequence[Key]:
        if isinstance(row, slice):
            return [self[number] for number in range(*row.indices(len(self)))]
        return Key(self._dag_id, self._run_id, self._rows.task_ids[row], self._rows.map_indices[row])

    def __len__(self) -> int:
        return len(self._rows.task_ids)


def read_rows(dag_runs: Collection[Any], session: Session) -> dict[int, RawRows]:
    """Every task instance of these runs, in the order of the database. One query, however many runs."""
    if any(isinstance(changed, TaskInstance) for changed in (*session.new, *session.dirty)):
        session.flush()  # the host's sessions do not do that by themselves
    by_id = {dag_run.id: dag_run for dag_run in dag_runs}
    rows = rows_by_run(by_id, session.connection().execute(_ROWS, {"ids": sorted(by_id)}))
    for dag_run_id, of_run in rows.items():
        of_run.ids = Keys(by_id[dag_run_id], of_run)
    return rows


def read_states(dag_run: Any, session: Session) -> dict[str | None, tuple[int, datetime | None]]:
    """State -> how many task instances of the run have it, and when the first of these started. One query."""
    of_run = {"dag_id": dag_run.dag_id, "run_id": dag_run.run_id}
    found = session.connection().execute(_STATES, of_run)
    return {state: (n_rows, first) for state, n_rows, first in found}


def load_last_ended(dag_run: Any, state: str, session: Session) -> Any:
    """Never asked for: no callback of this host names a task instance.

    Raises:
        NotImplementedError: always.
    """
    raise NotImplementedError


def read_skip_decisions(dag_run_ids: Collection[int], session: Session) -> dict[int, set[str]]:
    """The ids of the tasks that hold a skip decision, for each of these runs. One query."""
    deciders: dict[int, set[str]] = {dag_run_id: set() for dag_run_id in dag_run_ids}
    found = session.connection().execute(_SKIP_DECISIONS, {"ids": sorted(dag_run_ids)})
    for dag_run_id, task_id in found:
        deciders[dag_run_id].add(task_id)
    return deciders


def read_task_order(dag_run: Any, session: Session) -> Sequence[str]:
    """Never asked for: the host sorts nothing.

    Raises:
        NotImplementedError: always.
    """
    raise NotImplementedError


def load_task_instances(ids: Iterable[Any], session: Session) -> dict[Any, Any]:
    """The host's objects by their key, without those that were deleted meanwhile. One query per thousand.

    They come with the columns that decisions read. Other columns are read from the database one by one if they
    are used; the caller has their run.
    """
    found: dict[Any, Any] = {}
    waiting: Iterator[Key] = iter(cast(Iterable[Key], ids))
    while keys := list(islice(waiting, _KEYS_PER_QUERY)):
        query = (
            select(TaskInstance)
            .where(or_(*_conditions(keys)))
            .options(lazyload(TaskInstance.dag_run), load_only(*_READ_BY_DECISIONS))
        )
        for ti in session.scalars(query):
            found[Key(ti.dag_id, ti.run_id, ti.task_id, ti.map_index)] = ti
    return found


def _conditions(keys: Iterable[Key]) -> Iterator[Any]:
    """One condition for the unexpanded ones of each run, and one for each expanded task."""
    unexpanded: dict[tuple[str, str], list[str]] = defaultdict(list)
    expanded: dict[tuple[str, str, str], list[int]] = defaultdict(list)
    for dag_id, run_id, task_id, map_index in keys:
        if map_index == _UNEXPANDED:
            unexpanded[dag_id, run_id].append(task_id)
        else:
            expanded[dag_id, run_id, task_id].append(map_index)
    ti = TaskInstance
    for (dag_id, run_id), task_ids in unexpanded.items():
        yield and_(
            ti.dag_id == dag_id,
            ti.run_id == run_id,
            ti.map_index == _UNEXPANDED,
            ti.task_id.in_(task_ids),
        )
    for (dag_id, run_id, task_id), map_indices in expanded.items():
        yield and_(
            ti.dag_id == dag_id,
            ti.run_id == run_id,
            ti.task_id == task_id,
            ti.map_index.in_(map_indices),
        )
