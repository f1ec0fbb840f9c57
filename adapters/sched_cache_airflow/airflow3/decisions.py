"""`DagRun`'s scheduling decisions, from slim rows where that is possible. What decides is the host's own code.

Replaced in Airflow 3.3.2, models/dagrun.py: `task_instance_scheduling_decisions`, which reads every task instance
of the run and has the host decide all that could be scheduled; here it decides those that are not proven blocked.
`_are_premature_tis` the same way. `_tis_for_dagrun_state`, which works in every loop for an answer that is used in
the last one only.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from airflow.models.dagrun import TISchedulingDecision
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from sched_cache.scheduling import HostPass
from sched_cache_airflow.airflow3.fast_path import views_of
from sched_cache_airflow.airflow3.run_view import RunView, UnfitRowsError
from sched_cache_airflow.airflow3.runtime import runtime
from sched_cache_airflow.airflow3.slim_rows import read_rows
from sched_cache_airflow.airflow3.stand_ins import (
    AllTaskInstances,
    EffectiveLeaves,
    FinishedTaskInstances,
    Snapshot,
    UnfinishedTaskInstances,
)

Method = Callable[..., Any]

logger = logging.getLogger("sched_cache.airflow")


def runs_to_examine(stock: Method) -> Method:
    """`DagRun.get_running_dag_runs_to_examine`: which runs this loop is going to decide."""

    def get_running_dag_runs_to_examine(cls: Any, session: Session) -> Any:
        dag_runs = list(stock(cls, session))
        try:
            runtime().fast_path.begin_loop(dag_runs, session)
        except SQLAlchemyError:
            raise
        except Exception as error:
            runtime().fallbacks.note("fast path: begin", error)
        return dag_runs

    return get_running_dag_runs_to_examine


def verify_integrity(stock: Method) -> Method:
    """`DagRun.verify_integrity`: what was read of the run before counts no more."""

    def verify_integrity_of(self: Any, **options: Any) -> Any:
        session = options.get("session")
        views = None if session is None else views_of(session)
        if session is not None and views is not None:
            views.forget(self, session)
        return stock(self, **options)

    return verify_integrity_of


def task_instance_scheduling_decisions(stock: Method) -> Method:
    """`DagRun.task_instance_scheduling_decisions`."""

    def decisions(self: Any, *, session: Session) -> Any:
        view = _view_of(self, session)
        if view is None or _is_only_compared(stock, view, self, session):
            return stock(self, session=session)
        try:
            decision = _decide(Snapshot(view, self, session))
        except SQLAlchemyError:
            raise
        except Exception as error:
            # It may have happened in the middle of the host's pass: not to be repeated in this transaction.
            runtime().fast_path.switch_off(self.dag_id, "decision", error)
            raise
        runtime().fast_path.n_decided += 1
        return decision

    return decisions


def _view_of(dag_run: Any, session: Session) -> RunView | None:
    """The rows of the run; None where the host's path is to be taken."""
    views = views_of(session)
    if views is None:
        return None
    fast_path = runtime().fast_path
    if not fast_path.fits(dag_run):
        return None
    try:
        return views.take(dag_run, session)
    except UnfitRowsError as reason:
        if str(reason) == "nothing is unfinished":
            fast_path.forget(dag_run)
        else:
            runtime().fallbacks.note(f"fast path: {reason}")
    except SQLAlchemyError:
        raise
    except Exception as error:
        fast_path.switch_off(dag_run.dag_id, "rows", error)
    return None


def _is_only_compared(stock: Method, view: RunView, dag_run: Any, session: Session) -> bool:
    """Whether shadow mode has chosen this decision: then the host's own path makes it."""
    fast_path = runtime().fast_path
    if not fast_path.shadow.is_chosen():
        return False
    try:
        difference = fast_path.shadow.difference(
            view,
            dag_run,
            session,
            fast=lambda: _decide(Snapshot(view, dag_run, session)),
            host=lambda: stock(dag_run, session=session),
        )
    except SQLAlchemyError:
        raise
    except Exception as error:
        fast_path.switch_off(dag_run.dag_id, "comparison failed", error)
        return True
    if difference:
        logger.error(
            "The fast path would have decided run %s of DAG %s otherwise, and is off for this DAG from now on. %s",
            dag_run.run_id,
            dag_run.dag_id,
            difference,
        )
        fast_path.switch_off(dag_run.dag_id, "differs from Airflow's own path")
    return True


def _decide(snapshot: Snapshot) -> Any:
    view, dag_run, session = snapshot.view, snapshot.dag_run, snapshot.session
    asked = view.asked(HostPass.READY, dag_run, session)
    view.load(asked, dag_run, session)
    finished = FinishedTaskInstances(snapshot)
    snapshot.is_in_pass = True
    ready, changed, is_expanded = dag_run._get_ready_tis(
        snapshot.candidates(asked), finished, session=session
    )
    snapshot.is_in_pass = False
    if is_expanded:
        changed = True
        session.flush()
        rows = read_rows([dag_run.id], session)[dag_run.id]
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
        except SQLAlchemyError:
            raise
        except Exception as error:
            runtime().fast_path.switch_off(self.dag_id, "search for a deadlock", error)
            raise

    return _are_premature_tis


def _search_for_life(stock: Method, snapshot: Snapshot, finished: FinishedTaskInstances) -> tuple[bool, bool]:
    view, dag_run, session = snapshot.view, snapshot.dag_run, snapshot.session
    candidates = snapshot.premature_candidates(view.asked(HostPass.PREMATURE, dag_run, session))
    snapshot.is_in_pass = True
    is_any_met, is_any_changed = stock(dag_run, candidates, finished, session)
    snapshot.is_in_pass = False
    if is_any_changed or not is_any_met:
        # What follows reads the task instances themselves: the run may have ended, or is deadlocked.
        snapshot.objects()
    # A run may only be given up by what is true now. If something moved meanwhile, the next loop sees it.
    return is_any_met or view.is_outdated, is_any_changed


def tis_for_dagrun_state(stock: Method) -> Method:
    """`DagRun._tis_for_dagrun_state`."""

    def _tis_for_dagrun_state(self: Any, *, dag: Any, tis: Any) -> Any:
        if isinstance(tis, AllTaskInstances):
            return EffectiveLeaves(stock, self, dag, tis)
        return stock(self, dag=dag, tis=tis)

    return _tis_for_dagrun_state
