"""Entry points in the scheduler of either host."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from tests.undecodable.states import DONE, FAILED, LIMITED, PAUSED, QUEUED_TASKS, SCHEDULED_TASKS, TIMED_OUT
from tests.undecodable.trial import BAD, GOOD, Entry


def loop(host: Any, dag_id: str, session: Any) -> Any:
    """Two loops."""
    host.runner._dag_id_to_team_name = {}  # not in Airflow 2
    for _ in range(2):
        host.runner._do_scheduling(session)
        session.expunge_all()


def _schedule_all(host: Any, dag_id: str, session: Any) -> Any:
    from airflow.utils.sqlalchemy import prohibit_commit

    with prohibit_commit(session) as guard:
        runs = [host.run(one, session) for one in (BAD, GOOD)]
        found = host.runner._schedule_all_dag_runs(guard, runs, session)
        guard.commit()
    return len(list(found))


def _stuck(host: Any, dag_id: str, session: Any) -> Any:
    [executor] = host.executors()
    for one in (BAD, GOOD):
        for task in host.tasks(session, one)[:2]:
            host.runner._num_stuck_queued_retries = 0
            host.runner._maybe_requeue_stuck_ti(ti=task, session=session, executor=executor)


def failures(host: Any, session: Any) -> dict[Any, Any]:
    """Events of an executor: two tasks of each DAG have failed."""
    from airflow.utils.state import TaskInstanceState

    tasks = [task for one in (BAD, GOOD) for task in host.tasks(session, one)[:2]]
    return {task.key: (TaskInstanceState.FAILED, None) for task in tasks}


def entries(
    *,
    loops: Sequence[Entry],
    triggered: Entry,
    executor_events: tuple[str, Callable[[Any, str, Any], Any]],
    others: Sequence[Entry],
) -> tuple[Entry, ...]:
    """All of a host.

    Args:
        loops: those that only this host has. triggered: the creation of runs by data.
        executor_events: the name of the host's method, and a call of it. others: what only this host has.
    """
    return (
        Entry("scheduler: _do_scheduling, two loops", loop),
        Entry("scheduler: _do_scheduling, tasks done", loop, DONE),
        Entry("scheduler: _do_scheduling, tasks failed", loop, FAILED),
        *loops,
        Entry("scheduler: _create_dag_runs", lambda h, d, s: h.runner._create_dag_runs(h.both(s), s)),
        triggered,
        Entry("scheduler: _start_queued_dagruns", lambda h, d, s: h.runner._start_queued_dagruns(s)),
        Entry(
            "scheduler: _schedule_dag_run",
            lambda h, d, s: h.runner._schedule_dag_run(h.run(d, s), s) and "a callback",
        ),
        Entry(
            "scheduler: _schedule_dag_run, too late",
            lambda h, d, s: h.runner._schedule_dag_run(h.run(d, s), s) and "a callback",
            TIMED_OUT,
        ),
        Entry("scheduler: _schedule_all_dag_runs", _schedule_all),
        Entry("scheduler: _schedule_all_dag_runs, tasks failed", _schedule_all, FAILED),
        Entry(
            "scheduler: _executable_task_instances_to_queued",
            lambda h, d, s: sorted(
                f"{t.dag_id}.{t.task_id}" for t in h.runner._executable_task_instances_to_queued(100, s)
            ),
            SCHEDULED_TASKS + LIMITED,
        ),
        Entry(f"scheduler: {executor_events[0]}", executor_events[1], QUEUED_TASKS),
        Entry("scheduler: stuck in queued", _stuck, QUEUED_TASKS),
        Entry(
            "scheduler: _update_dag_run_state_for_paused_dags",
            lambda h, d, s: h.runner._update_dag_run_state_for_paused_dags(session=s),
            PAUSED,
        ),
        *others,
    )


def verify_integrity(prepare: str) -> Entry:
    """Of a run whose DAG has changed, which `prepare` says in the rows."""
    return Entry(
        "scheduler: _verify_integrity_if_dag_changed",
        lambda h, d, s: h.runner._verify_integrity_if_dag_changed(h.run(d, s), s),
        prepare,
    )
