"""Entry points of the scheduler that only Airflow 3 has."""

from __future__ import annotations

from typing import Any
from unittest import mock

from airflow.models import DagModel

from tests.undecodable.airflow3.rows import ASSETS
from tests.undecodable.scheduler import entries, failures, loop, verify_integrity
from tests.undecodable.trial import Entry


def _create_asset_triggered(host: Any, dag_id: str, session: Any) -> Any:
    models = host.both(session)
    host.runner._create_dag_runs_asset_triggered(dag_models=models, session=session)


def _executor_events(host: Any, dag_id: str, session: Any) -> Any:
    [executor] = host.executors()
    events = failures(host, session)
    with mock.patch.object(executor, "get_event_buffer", lambda *_: events):
        return host.runner.process_executor_events(
            executor, host.runner.job.id, host.runner.scheduler_dag_bag, session
        )


def _dates(host: Any, dag_id: str, session: Any) -> Any:
    model = session.get(DagModel, dag_id)
    dag = host.runner._get_current_dag(dag_id, session)
    if dag is not None:
        model.calculate_dagrun_date_fields(dag, reference_run=None)
    return dag


SCHEDULER = entries(
    loops=(Entry("scheduler: _do_scheduling, with assets queued", loop, ASSETS),),
    triggered=Entry("scheduler: _create_dag_runs_asset_triggered", _create_asset_triggered, ASSETS),
    executor_events=("process_executor_events", _executor_events),
    others=(
        Entry("scheduler: _get_current_dag", lambda h, d, s: h.runner._get_current_dag(d, s)),
        verify_integrity("UPDATE task_instance SET dag_version_id = NULL;"),
        Entry("scheduler: _update_next_dagrun_fields", _dates),
    ),
)
