"""The scheduling decisions of `DagRun`, from slim rows if possible. The host's own code makes them.

Three functions in models/dagrun.py of both hosts are replaced. `task_instance_scheduling_decisions` reads every task
instance of the run, and the host decides all that could be scheduled; the replacement leaves only those to the host
that are not proven blocked. `_are_premature_tis` is replaced in the same way. `_tis_for_dagrun_state` computes in every
loop a result that only the last loop uses; its replacement computes it on access.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from typing import Any

from airflow.models.dagrun import TISchedulingDecision
from sqlalchemy.orm import Session

from sched_cache.scheduling import HostPass
from sched_cache_airflow.fast_path.fast_path import FastPath, fast_path_of
from sched_cache_airflow.fast_path.loop_views import LoopViews, View
from sched_cache_airflow.fast_path.run_end import EndedTaskInstances, RunEnd
from sched_cache_airflow.fast_path.run_view import RunView, UnfitRowsError
from sched_cache_airflow.fast_path.stand_ins import (
    AllTaskInstances,
    EffectiveLeaves,
    FinishedTaskInstances,
    Snapshot,
    UnfinishedTaskInstances,
)
from sched_cache_airflow.patching.guard import COMPARISON, DEADLOCK_SEARCH, DECISION, ROWS, falls_back

Method = Callable[..., Any]

logger = logging.getLogger("sched_cache.airflow")


def verify_integrity(stock: Method) -> Method:
    """`DagRun.verify_integrity`: discards the rows of the run that were read before."""

    def verify_integrity_of(self: Any, **options: Any) -> Any:
        session = options.get("session")
        found = None if session is None else fast_path_of(session)
        if session is not None and found is not None:
            _, views = found
            views.forget(self, session)
        return stock(self, **options)

    return verify_integrity_of


def task_instance_scheduling_decisions(stock: Method) -> Method:
    """`DagRun.task_instance_scheduling_decisions`."""

    def decisions(self: Any, session: Session | None = None) -> Any:
        found = None if session is None else fast_path_of(session)
        if session is None:
            return stock(self)
        if found is None:
            return stock(self, session=session)
        fast_path, views = found
        if not fast_path.is_trusted and not fast_path.is_compared():
            return stock(self, session=session)
        view = _view_of(fast_path, views, self, session)
        if view is None or _is_only_compared(fast_path, stock, view, self, session):
            return stock(self, session=session)
        try:
            decision = _decide(view, self, session)
        except Exception as error:
            # The host's pass may have been half done, so it must not be repeated in this transaction.
            falls_back(error, DECISION, partial(fast_path.switch_off, self.dag_id))
            raise
        fast_path.n_decided += 1
        return decision

    return decisions


def _view_of(fast_path: FastPath, views: LoopViews, dag_run: Any, session: Session) -> View | None:
    """The rows of the run; None if the host's path must be taken."""
    if not fast_path.fits(dag_run):
        return None
    try:
        view = views.take(dag_run, session)
        if isinstance(view, RunView) or view.is_confirmed(dag_run, session):
            return view
    except UnfitRowsError as reason:
        fast_path.fallbacks.note(f"fast path: {reason}")
    except Exception as error:
        if not falls_back(error, ROWS, partial(fast_path.switch_off, dag_run.dag_id)):
            raise
    return None


def _is_only_compared(fast_path: FastPath, stock: Method, view: View, dag_run: Any, session: Session) -> bool:
    """Whether the decision was compared: then the host's own path makes it."""
    if fast_path.is_trusted and not fast_path.is_compared(view.dag):
        return False
    try:
        difference = fast_path.shadow.difference(
            view,
            dag_run,
            session,
            fast=lambda: _decide(view, dag_run, session),
            host=lambda: stock(dag_run, session=session),
        )
    except Exception as error:
        if not falls_back(error, COMPARISON, partial(fast_path.switch_off, dag_run.dag_id)):
            raise
        return True
    if difference:
        logger.error(
            "The fast path would have decided run %s of DAG %s otherwise, and is off for this DAG from now on. %s",
            dag_run.run_id,
            dag_run.dag_id,
            difference,
        )
        fast_path.note_difference(dag_run, difference)
    elif difference is not None:
        fast_path.note_agreed(view.dag)
    return True


def _decide(view: View, dag_run: Any, session: Session) -> Any:
    if isinstance(view, RunEnd):
        return view.decision(dag_run, session)
    snapshot = Snapshot(view, dag_run, session)
    asked = view.asked(HostPass.READY, dag_run, session)
    view.load(asked, dag_run, session)
    finished = FinishedTaskInstances(snapshot)
    candidates = snapshot.candidates(asked)
    with snapshot.in_pass(candidates):
        ready, changed, is_expanded = dag_run._get_ready_tis(candidates, finished, session=session)
    if is_expanded:
        changed = True
        session.flush()
        rows = view.host.rows.read_rows([dag_run], session)[dag_run.id]
        keys = zip(rows.task_ids, rows.map_indices, strict=True)
        snapshot.note_expansion(dict(zip(keys, rows.states, strict=True)))
    return TISchedulingDecision(
        tis=AllTaskInstances(snapshot),
        schedulable_tis=ready,
        changed_tis=changed,
        unfinished_tis=UnfinishedTaskInstances(snapshot),
        finished_tis=finished,
    )


def are_premature_tis(stock: Method) -> Method:
    """`DagRun._are_premature_tis`."""

    def _are_premature_tis(self: Any, unfinished_tis: Any, finished_tis: Any, session: Session) -> Any:
        if not isinstance(unfinished_tis, UnfinishedTaskInstances):
            return stock(self, unfinished_tis, finished_tis, session)
        try:
            return _search_for_life(stock, unfinished_tis.snapshot, finished_tis)
        except Exception as error:
            found = fast_path_of(session)
            if found is not None:
                falls_back(error, DEADLOCK_SEARCH, partial(found[0].switch_off, self.dag_id))
            raise

    return _are_premature_tis


def _search_for_life(stock: Method, snapshot: Snapshot, finished: FinishedTaskInstances) -> tuple[bool, bool]:
    view, dag_run, session = snapshot.view, snapshot.dag_run, snapshot.session
    candidates = snapshot.premature_candidates(view.asked(HostPass.PREMATURE, dag_run, session))
    with snapshot.in_pass():
        is_any_met, is_any_changed = stock(dag_run, candidates, finished, session)
    if is_any_changed or not is_any_met:
        # The code after this reads the task instances themselves, because the run has ended or is deadlocked.
        snapshot.objects()
    # Only current rows may declare a run deadlocked. If they have changed meanwhile, the next loop decides.
    return is_any_met or view.is_outdated, is_any_changed


def tis_for_dagrun_state(stock: Method) -> Method:
    """`DagRun._tis_for_dagrun_state`."""

    def _tis_for_dagrun_state(self: Any, *, dag: Any, tis: Any) -> Any:
        if isinstance(tis, EndedTaskInstances):
            return tis.end.leaves()
        if isinstance(tis, AllTaskInstances):
            return EffectiveLeaves(stock, self, dag, tis)
        return stock(self, dag=dag, tis=tis)

    return _tis_for_dagrun_state
