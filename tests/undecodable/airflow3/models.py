"""Entry points in models and bags of Airflow 3, which any process may use."""

from __future__ import annotations

import datetime as dt
from typing import Any
from unittest import mock

from airflow.assets.manager import AssetManager
from airflow.jobs.triggerer_job_runner import TriggerRunnerSupervisor
from airflow.models import DagModel
from airflow.models.backfill import ReprocessBehavior, _create_backfill, _do_dry_run
from airflow.models.dagbag import DBDagBag
from airflow.models.serialized_dag import SerializedDagModel
from airflow.models.taskinstance import clear_task_instances
from airflow.models.trigger import Trigger, handle_event_submit
from sqlalchemy import select

from tests.undecodable.airflow3.rows import ASSETS, DEFERRED
from tests.undecodable.models import (
    DECISIONS,
    DEPENDENCIES,
    SET_STATE,
    STATES,
    STORED,
    needing_runs,
    row,
    with_dag,
)
from tests.undecodable.states import DATE, DONE, RUN
from tests.undecodable.trial import BAD, GOOD, Entry


def _version(host: Any, dag_id: str, session: Any) -> Any:
    return row(dag_id, session).dag_version_id


def _bag(host: Any) -> Any:
    return host.web_bag


def _verify(host: Any, dag_id: str, session: Any) -> Any:
    run = with_dag(host, dag_id, session)
    run.verify_integrity(dag_version_id=_version(host, dag_id, session), session=session)


def _create_run(host: Any, dag_id: str, session: Any) -> Any:
    from airflow.utils.types import DagRunTriggeredByType, DagRunType

    date = DATE + dt.timedelta(5)
    run = row(dag_id, session).dag.create_dagrun(
        run_id="manual__x",
        logical_date=date,
        data_interval=(date, date),
        run_after=date,
        run_type=DagRunType.MANUAL,
        triggered_by=DagRunTriggeredByType.TEST,
        state="queued",
        session=session,
    )
    return run.run_id


def _trigger_dag(host: Any, dag_id: str, session: Any) -> Any:
    from airflow.api.common.trigger_dag import trigger_dag
    from airflow.utils.types import DagRunTriggeredByType

    run = trigger_dag(
        dag_id,
        triggered_by=DagRunTriggeredByType.TEST,
        run_id="manual__x",
        logical_date=DATE + dt.timedelta(5),
        session=session,
    )
    return run.run_id


def _backfill(host: Any, dag_id: str, session: Any) -> Any:
    found = _create_backfill(
        dag_id=dag_id,
        from_date=DATE,
        to_date=DATE + dt.timedelta(3),
        max_active_runs=2,
        reverse=False,
        dag_run_conf={},
        triggering_user_name="ann",
        reprocess_behavior=ReprocessBehavior.COMPLETED,
    )
    return found.dag_id


def _dry_run(host: Any, dag_id: str, session: Any) -> Any:
    found = _do_dry_run(
        dag_id=dag_id,
        from_date=DATE,
        to_date=DATE + dt.timedelta(3),
        reverse=False,
        reprocess_behavior=ReprocessBehavior.COMPLETED,
        session=session,
    )
    return [str(info) for info in found]


def _workload(host: Any, dag_id: str, session: Any) -> Any:
    supervisor: Any = mock.Mock()
    supervisor.job.id, supervisor.logger_cache = 1, {}
    [trigger] = session.scalars(select(Trigger))
    found = TriggerRunnerSupervisor._create_workload(
        supervisor, trigger, DBDagBag(), lambda **_: "x", session
    )
    return found if found is None else [found.classpath, found.ti is not None]


def _task_end_event(host: Any, dag_id: str, session: Any) -> Any:
    from airflow.triggers.base import TaskFailedEvent

    task = next(task for task in host.tasks(session, dag_id) if task.task_id == "plain")
    handle_event_submit(TaskFailedEvent(), task_instance=task, session=session)


def _dates_of_model(host: Any, dag_id: str, session: Any) -> Any:
    dag = SerializedDagModel.get_dag(dag_id, session=session)
    model = session.get(DagModel, dag_id)
    model.calculate_dagrun_date_fields(dag, reference_run=host.run(dag_id, session))
    return [str(model.next_dagrun), str(model.next_dagrun_create_after)]


def _clear_dag(host: Any, dag_id: str, session: Any) -> Any:
    dag = SerializedDagModel.get_dag(dag_id, session=session)
    return dag.clear(run_id=RUN, session=session)


MODELS = (
    *STORED,
    Entry(
        "model: get_latest_serialized_dags",
        lambda h, d, s: [
            one.dag for one in SerializedDagModel.get_latest_serialized_dags(dag_ids=[BAD, GOOD], session=s)
        ],
    ),
    DEPENDENCIES,
    Entry(
        "bag: get_dag_for_run",
        lambda h, d, s: h.runner.scheduler_dag_bag.get_dag_for_run(h.run(d, s), s),
    ),
    Entry(
        "bag: get_latest_version_of_dag",
        lambda h, d, s: h.runner.scheduler_dag_bag.get_latest_version_of_dag(d, session=s),
    ),
    Entry("bag: get_dag, API server's", lambda h, d, s: _bag(h).get_dag(_version(h, d, s), session=s)),
    Entry(
        "bag: get_serialized_dag_model",
        lambda h, d, s: _bag(h).get_serialized_dag_model(_version(h, d, s), session=s).dag,
    ),
    Entry(
        "bag: iter_all_latest_version_dags",
        lambda h, d, s: list(_bag(h).iter_all_latest_version_dags(session=s)),
    ),
    needing_runs("model: dags_needing_dagruns"),
    needing_runs("model: dags_needing_dagruns, assets queued", ASSETS),
    Entry("model: calculate_dagrun_date_fields", _dates_of_model),
    Entry("model: create_dagrun", _create_run),
    Entry("model: trigger_dag", _trigger_dag),
    Entry("model: _create_backfill", _backfill),
    Entry("model: _do_dry_run", _dry_run),
    *DECISIONS,
    Entry("run: verify_integrity", _verify),
    *STATES,
    Entry(
        "task: clear_task_instances, on the latest version",
        lambda h, d, s: clear_task_instances(h.tasks(s, d), s, run_on_latest_version=True),
        DONE,
    ),
    Entry("dag: clear", _clear_dag, DONE),
    SET_STATE,
    Entry("triggerer: _create_workload", _workload, DEFERRED),
    Entry("triggerer: handle_event_submit", _task_end_event, DEFERRED),
    Entry(
        "assets: dags to evaluate",
        lambda h, d, s: (
            AssetManager
            and sorted(m.dag_id for m in h.both(s) if row(m.dag_id, s).dag.timetable.asset_condition)
        ),
    ),
)
