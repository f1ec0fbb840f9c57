"""Questions about the dependencies of task instances as a worker, the API and the command line ask them.

They share the host's code with the loop of a scheduler, but ask it in other contexts, and read the tasks of our DAGs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from airflow.models import DagRun
from airflow.ti_deps.dep_context import DepContext
from sqlalchemy import select
from sqlalchemy.orm import Session

_PREVIOUS_RUN = "PrevDagrunDep"
"""In a context that waits for the past it writes a value in a transaction of its own."""


def answers(session: Session, dag_of: Callable[[Any], Any]) -> list[Any]:
    """(run, task, map index, each dependency with its answer, state afterwards), for every context.

    dag_of: DAG run -> its DAG, None if there is none.
    """
    found: list[Any] = []
    runs = select(DagRun).where(DagRun._state == "running").order_by(DagRun.dag_id, DagRun.run_id)
    for run in session.scalars(runs).unique().all():
        try:
            dag = dag_of(run)
        except Exception as error:
            found.append((run.run_id, type(error).__name__))
            continue
        if dag is None:
            continue
        run.dag = dag
        task_instances = sorted(
            run.get_task_instances(session=session), key=lambda ti: (ti.task_id, ti.map_index)
        )
        for ti in task_instances:
            if not dag.has_task(ti.task_id):
                continue
            ti.task = dag.get_task(ti.task_id)
            for waits, context in _contexts():
                statuses = sorted(
                    (type(dep).__name__, bool(status.passed))
                    for dep in ti.task.deps
                    if not (waits and type(dep).__name__ == _PREVIOUS_RUN)
                    for status in dep.get_dep_statuses(ti, dep_context=context, session=session)
                )
                found.append((run.run_id, ti.task_id, ti.map_index, statuses, ti.state))
    session.flush()
    session.expunge_all()
    return found


def _contexts() -> Iterator[tuple[bool, DepContext]]:
    """(whether it waits for the past before it skips, context)."""
    yield False, DepContext()
    yield False, DepContext(ignore_all_deps=True)
    yield False, DepContext(ignore_task_deps=True)
    yield False, DepContext(ignore_depends_on_past=True)
    yield True, DepContext(flag_upstream_failed=True, wait_for_past_depends_before_skipping=True)
