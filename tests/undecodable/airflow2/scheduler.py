"""Entry points in the scheduler of Airflow 2.11."""

from __future__ import annotations

import datetime as dt
from typing import Any
from unittest import mock

from airflow.utils.state import TaskInstanceState

from tests.undecodable.airflow2.rows import (
    CHANGED,
    DATASETS,
    DATE,
    DONE,
    FAILED,
    LIMITED,
    PAUSED,
    QUEUED_TASKS,
    SCHEDULED_TASKS,
    TIMED_OUT,
)
from tests.undecodable.trial import BAD, GOOD, Entry


def _loop(host: Any, dag_id: str, session: Any) -> Any:
    for _ in range(2):
        host.runner._do_scheduling(session)
        session.expunge_all()


def _create_dataset_triggered(host: Any, dag_id: str, session: Any) -> Any:
    about = {one: (DATE, DATE + dt.timedelta(9)) for one in (BAD, GOOD)}
    host.runner._create_dag_runs_dataset_triggered(host.both(session), about, session)


def _schedule_all(host: Any, dag_id: str, session: Any) -> Any:
    from airflow.utils.sqlalchemy import prohibit_commit

    with prohibit_commit(session) as guard:
        runs = [host.run(one, session) for one in (BAD, GOOD)]
        found = host.runner._schedule_all_dag_runs(guard, runs, session)
        guard.commit()
    return len(list(found))


def _executor_events(host: Any, dag_id: str, session: Any) -> Any:
    [executor] = host.runner.job.executors
    tasks = [task for one in (BAD, GOOD) for task in host.tasks(session, one)[:2]]
    events = {task.key: (TaskInstanceState.FAILED, None) for task in tasks}
    with mock.patch.object(executor, "get_event_buffer", lambda *_: events):
        return host.runner._process_executor_events(executor=executor, session=session)


def _stuck(host: Any, dag_id: str, session: Any) -> Any:
    host.runner._num_stuck_queued_retries = 0
    [executor] = host.runner.job.executors
    for one in (BAD, GOOD):
        for task in host.tasks(session, one)[:2]:
            host.runner._maybe_requeue_stuck_ti(ti=task, session=session, executor=executor)


SCHEDULER = (
    Entry("scheduler: _do_scheduling, two loops", _loop),
    Entry("scheduler: _do_scheduling, tasks done", _loop, DONE),
    Entry("scheduler: _do_scheduling, tasks failed", _loop, FAILED),
    Entry("scheduler: _do_scheduling, content changed", _loop, CHANGED),
    Entry("scheduler: _do_scheduling, with datasets queued", _loop, DATASETS),
    Entry("scheduler: _create_dag_runs", lambda h, d, s: h.runner._create_dag_runs(h.both(s), s)),
    Entry("scheduler: _create_dag_runs_dataset_triggered", _create_dataset_triggered, DATASETS),
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
    Entry("scheduler: _process_executor_events", _executor_events, QUEUED_TASKS),
    Entry("scheduler: stuck in queued", _stuck, QUEUED_TASKS),
    Entry(
        "scheduler: _update_dag_run_state_for_paused_dags",
        lambda h, d, s: h.runner._update_dag_run_state_for_paused_dags(session=s),
        PAUSED,
    ),
    Entry(
        "scheduler: _verify_integrity_if_dag_changed",
        lambda h, d, s: h.runner._verify_integrity_if_dag_changed(h.run(d, s), s),
        CHANGED,
    ),
)
