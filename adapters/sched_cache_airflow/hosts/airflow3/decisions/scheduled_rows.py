"""Sets the ready task instances of a loop to `scheduled` in one statement. The host sends one statement per run.

The statement follows the last run of the loop, in the same transaction. No decision depends on it: the host reads the
rows of the run that it decides, which were read before, or checks whether those of another run have succeeded, which is
false before and after. The host itself writes those that it finishes, defers, or schedules again after a `reschedule`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timezone
from functools import partial
from typing import Any, Final, NamedTuple

from airflow.models.taskinstance import TaskInstance
from airflow.ti_deps.dependencies_states import SCHEDULEABLE_STATES
from airflow.utils.state import TaskInstanceState
from sqlalchemy import bindparam, or_, update
from sqlalchemy.orm import Session

from sched_cache_airflow.fast_path.fast_path import fast_path_of
from sched_cache_airflow.hosts.airflow3 import compat
from sched_cache_airflow.hosts.airflow3.runtime import Process
from sched_cache_airflow.patching.fallback import Fallbacks
from sched_cache_airflow.patching.guard import ROWS_NOTED, ROWS_WRITTEN, falls_back

Method = Callable[..., Any]

_INFO_KEY: Final = "sched_cache.scheduled_rows"
_IDS_PER_STATEMENT: Final = 500
"""Not the host's `max_tis_per_query`, which limits the work of a loop, and is small."""
_OWN_TRIES: Final = 2
"""The host tries three times by default; it writes the rows itself the last time."""

_BEGINS_A_TRY: Final = frozenset(SCHEDULEABLE_STATES) - {TaskInstanceState.UP_FOR_RESCHEDULE}

_TI = TaskInstance.__table__.c
_UPDATE = (
    update(TaskInstance.__table__)
    .where(
        _TI.id.in_(bindparam("ids", expanding=True)),
        or_(_TI.state.is_(None), _TI.state.in_(tuple(state for state in SCHEDULEABLE_STATES if state))),
    )
    .values(
        state=TaskInstanceState.SCHEDULED,
        scheduled_dttm=bindparam("now"),
        try_number=_TI.try_number + 1,
    )
)


class Noted(NamedTuple):
    """A task instance to be scheduled, and a function that lets the host do it."""

    ti_id: Any
    by_host: Callable[[], Any]


class RunsThenRows:
    """The runs of a loop. The end of an iteration writes the ready task instances.

    The host iterates again if the database has aborted the transaction.
    """

    def __init__(self, dag_runs: Sequence[Any], session: Session, fallbacks: Fallbacks) -> None:
        self._dag_runs = dag_runs
        self._session = session
        self._fallbacks = fallbacks
        self._n_failed = 0

    def __iter__(self) -> Iterator[Any]:
        noted: list[Noted] = []
        self._session.info[_INFO_KEY] = noted if self._n_failed < _OWN_TRIES else None
        yield from self._dag_runs
        self._write(noted)

    def _write(self, noted: Sequence[Noted]) -> None:
        if not noted:
            return
        self._session.flush()  # like the host's own statement, because rows of an expansion may be pending
        try:
            for start in range(0, len(noted), _IDS_PER_STATEMENT):
                ids = [one.ti_id for one in noted[start : start + _IDS_PER_STATEMENT]]
                self._session.connection().execute(_UPDATE, {"ids": ids, "now": datetime.now(timezone.utc)})
        except Exception as error:
            if not falls_back(error, ROWS_WRITTEN, self._fallbacks.note):
                self._n_failed += 1
                if self._n_failed == _OWN_TRIES:
                    self._fallbacks.note(ROWS_WRITTEN.reason, error)
                raise
            for one in noted:
                one.by_host()


def schedule_all_dag_runs(stock: Method, process: Process) -> Method:
    """`SchedulerJobRunner._schedule_all_dag_runs`."""

    def _schedule_all_dag_runs(self: Any, guard: Any, dag_runs: Iterable[Any], session: Session) -> Any:
        found = fast_path_of(session)
        if found is None or not found[0].is_trusted:
            return stock(self, guard, dag_runs, session)
        try:
            return stock(
                self, guard, RunsThenRows(list(dag_runs), session, process.runtime().fallbacks), session
            )
        finally:
            session.info.pop(_INFO_KEY, None)

    return _schedule_all_dag_runs


def _fits(dag_run: Any, session: Session) -> bool:
    found = fast_path_of(session)
    if found is None:
        return False
    fast_path, _ = found
    is_compact = isinstance(dag_run.dag, fast_path.dag_class)
    return is_compact and fast_path.is_trusted and fast_path.fits(dag_run)


def _parted(tis: Iterable[Any]) -> tuple[list[Any], list[Any]]:
    """(task instances that only become `scheduled`, all others)."""
    plain: list[Any] = []
    others: list[Any] = []
    for ti in tis:
        # Before 3.1.1, the host also passes task instances that it has just removed, as their task has fewer now.
        is_plain = ti.state in _BEGINS_A_TRY and compat.only_becomes_scheduled(ti)
        (plain if is_plain else others).append(ti)
    return plain, others


def schedule_tis(stock: Method, process: Process) -> Method:
    """`DagRun.schedule_tis`: notes task instances that only become `scheduled`, and leaves the others to the host."""

    def _schedule_tis(self: Any, schedulable_tis: Iterable[Any], *args: Any, **options: Any) -> Any:
        # By position before 3.3.
        session: Session | None = args[0] if args else options.get("session")
        noted: list[Noted] | None = None if session is None else session.info.get(_INFO_KEY)
        tis = list(schedulable_tis)
        if session is None or noted is None or self.log.isEnabledFor(logging.DEBUG):
            return stock(self, tis, *args, **options)
        try:
            plain, others = _parted(tis) if _fits(self, session) else ([], tis)
        except Exception as error:
            if not falls_back(error, ROWS_NOTED, process.runtime().fallbacks.note):
                raise
            plain, others = [], tis
        noted.extend(Noted(ti.id, partial(stock, self, [ti], *args, **options)) for ti in plain)
        return len(plain) + (stock(self, others, *args, **options) if others else 0)

    return _schedule_tis
