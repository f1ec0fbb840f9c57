"""The runs of one loop, which are read together: their rows in one query, the host's objects in another."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from sqlalchemy.orm import Session

from sched_cache.scheduling import HostPass
from sched_cache_airflow.fast_path.run_end import RunEnd
from sched_cache_airflow.fast_path.run_view import RunView
from sched_cache_airflow.hosts.contract import HostRows, RawRows
from sched_cache_airflow.patching.guard import ROWS_OF_RUN, guard

MAX_AGE_SECONDS: Final = 1.0
"""The maximum age of rows when their run is decided. The host reads each run right before."""

View = RunView | RunEnd
MakeView = Callable[[Any, Any, RawRows], View]


class LoopViews:
    """Views of the runs that this loop will decide. The first decision creates all of them; each is used once.

    The order of events must be: the runs are locked, the current versions are read, then the rows, then skip decisions
    and objects. If another transaction changes a run in between, the next loop sees the change.
    """

    def __init__(
        self,
        dag_runs: Iterable[Any],
        rows: HostRows,
        predict_dag: Callable[[Any], Any],
        make_view: MakeView,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """
        Args:
            predict_dag: run -> the DAG that it is going to be decided with, or None.
            make_view: (run, DAG, rows) -> its view. Raises UnfitRowsError.
        """
        self._undecided = {dag_run.id: dag_run for dag_run in dag_runs}
        self._rows = rows
        self._predict_dag = predict_dag
        self._make_view = make_view
        self._clock = clock
        self._views: dict[int, tuple[Any, View]] = {}
        self._errors: dict[int, Exception] = {}
        self._read_at: float | None = None

    def take(self, dag_run: Any, session: Session) -> View:
        """The view of this run, with the objects that the first pass needs.

        Raises:
            UnfitRowsError: the host has to read the run.
        """
        if self._read_at is not None and self._clock() - self._read_at > MAX_AGE_SECONDS:
            self._forget_all(session)
        if dag_run.id in self._undecided and self._read_at is None:
            self._read_all(session)
        self._undecided.pop(dag_run.id, None)
        dag, view = self._views.pop(dag_run.id, (None, None))
        if view is not None and dag is not dag_run.dag:
            _expunge(view, session)
            view = None
        if view is None and dag_run.id not in self._errors:
            view = self._read([(dag_run, dag_run.dag)], session).get(dag_run.id)
        if view is None:
            raise self._errors.pop(dag_run.id)
        return view

    def forget(self, dag_run: Any, session: Session) -> None:
        """Discards the rows of this run, because its task instances are about to change."""
        self._undecided.pop(dag_run.id, None)
        self._errors.pop(dag_run.id, None)
        _, view = self._views.pop(dag_run.id, (None, None))
        if view is not None:
            _expunge(view, session)

    def _forget_all(self, session: Session) -> None:
        for _, view in self._views.values():
            _expunge(view, session)
        self._views.clear()
        self._errors.clear()
        self._read_at = None

    def _read_all(self, session: Session) -> None:
        self._read_at = self._clock()
        pairs = []
        for run in self._undecided.values():
            with self._noting_errors(run):
                dag = self._predict_dag(run)
                if dag is not None:
                    pairs.append((run, dag))
        found = self._read(pairs, session)
        self._views = {run.id: (dag, found[run.id]) for run, dag in pairs if run.id in found}

    def _read(self, pairs: Sequence[tuple[Any, Any]], session: Session) -> dict[int, View]:
        """The views of these runs with these DAGs. An error that concerns one run is noted under its id."""
        if not pairs:
            return {}
        raw = self._rows.read_rows([run for run, _ in pairs], session)
        views: dict[int, RunView] = {}
        ends: dict[int, View] = {}
        for run, dag in pairs:
            with self._noting_errors(run):
                view = self._make_view(run, dag, raw[run.id])
                if isinstance(view, RunView):
                    views[run.id] = view
                else:
                    ends[run.id] = view
        deciding = [run_id for run_id, view in views.items() if view.has_finished_decider()]
        decisions = self._rows.read_skip_decisions(deciding, session) if deciding else {}
        wanted: dict[int, Sequence[int]] = {}
        for run, _ in pairs:
            if run.id in views:
                with self._noting_errors(run):
                    views[run.id].take_in(decisions.get(run.id, ()))
                    wanted[run.id] = _needed_at_first(views[run.id], run, session)
        ids = [text for run_id, rows in wanted.items() for text in views[run_id].ids_of(rows)]
        found = self._rows.load_task_instances(ids, session) if ids else {}
        for run, dag in pairs:
            if run.id in wanted:
                views[run.id].attach(wanted[run.id], found, run, dag)
        return ends | {run_id: views[run_id] for run_id in wanted}

    def _noting_errors(self, dag_run: Any) -> guard:
        def note(_: str, error: Exception) -> None:
            self._errors[dag_run.id] = error

        return guard(ROWS_OF_RUN, note)


def _needed_at_first(view: RunView, dag_run: Any, session: Session) -> Sequence[int]:
    """The rows for the first pass; if there are none, the first row to search for a deadlock."""
    asked = view.asked(HostPass.READY, dag_run, session)
    if asked or not view.may_be_deadlocked():
        return asked
    return view.asked(HostPass.PREMATURE, dag_run, session)[:1]


def _expunge(view: View, session: Session) -> None:
    """Removes objects that may be outdated from the session, which would return them in place of new rows."""
    for ti in view.loaded.values() if isinstance(view, RunView) else ():
        if ti in session and not session.is_modified(ti):
            session.expunge(ti)
