"""Entry points in models and bags of Airflow 3, which any process may use."""

from __future__ import annotations

import datetime as dt
from typing import Any
from unittest import mock

from airflow.assets.manager import AssetManager
from airflow.jobs.triggerer_job_runner import TriggerRunnerSupervisor
from airflow.models import DagModel, DagRun
from airflow.models.backfill import ReprocessBehavior, _create_backfill, _do_dry_run
from airflow.models.dagbag import DBDagBag
from airflow.models.serialized_dag import SerializedDagModel
from airflow.models.taskinstance import clear_task_instances
from airflow.models.trigger import Trigger, handle_event_submit
from airflow.utils.state import TaskInstanceState
from sqlalchemy import select

from tests.undecodable.airflow3.rows import (
    ASSETS,
    DATE,
    DEFERRED,
    DONE,
    FAILED,
    RUN,
)
from tests.undecodable.trial import BAD, GOOD, Entry


def _row(dag_id: str, session: Any) -> Any:
    row = SerializedDagModel.get(dag_id, session=session)
    assert row is not None
    return row


def _version(host: Any, dag_id: str, session: Any) -> Any:
    return _row(dag_id, session).dag_version_id


def _bag(host: Any) -> Any:
    return host.web_bag


def _with_dag(host: Any, dag_id: str, session: Any) -> DagRun:
    run = host.run(dag_id, session)
    run.dag = host.runner.scheduler_dag_bag.get_dag_for_run(run, session)
    return run


def _decisions(host: Any, dag_id: str, session: Any) -> Any:
    found = _with_dag(host, dag_id, session).task_instance_scheduling_decisions(session)
    return [
        [task.task_id for task in found.schedulable_tis],
        found.changed_tis,
        [t.task_id for t in found.unfinished_tis],
    ]


def _schedule_tis(host: Any, dag_id: str, session: Any) -> Any:
    run = _with_dag(host, dag_id, session)
    found = run.task_instance_scheduling_decisions(session)
    return run.schedule_tis(found.schedulable_tis, session)


def _verify(host: Any, dag_id: str, session: Any) -> Any:
    run = _with_dag(host, dag_id, session)
    run.verify_integrity(dag_version_id=_version(host, dag_id, session), session=session)


def _priority(host: Any, dag_id: str, session: Any) -> Any:
    dag = host.runner.scheduler_dag_bag.get_latest_version_of_dag(dag_id, session=session)
    found = []
    for task in host.tasks(session, dag_id):
        task.refresh_from_task(dag.get_task(task.task_id))
        found.append(
            (task.task_id, task.priority_weight, task.pool, task.queue, task.executor_config is None)
        )
    return found


def _create_run(host: Any, dag_id: str, session: Any) -> Any:
    from airflow.utils.types import DagRunTriggeredByType, DagRunType

    date = DATE + dt.timedelta(5)
    run = _row(dag_id, session).dag.create_dagrun(
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


def _set_state(host: Any, dag_id: str, session: Any) -> Any:
    dag = host.runner.scheduler_dag_bag.get_latest_version_of_dag(dag_id, session=session)
    found = dag.set_task_instance_state(
        task_id="plain", run_id=RUN, state=TaskInstanceState.SUCCESS, downstream=True, session=session
    )
    return sorted(task.task_id for task in found)


def _clear_dag(host: Any, dag_id: str, session: Any) -> Any:
    dag = SerializedDagModel.get_dag(dag_id, session=session)
    return dag.clear(run_id=RUN, session=session)


MODELS = (
    Entry("model: SerializedDagModel.get().dag", lambda h, d, s: _row(d, s).dag),
    Entry("model: SerializedDagModel.get().data", lambda h, d, s: len(_row(d, s).data)),
    Entry("model: SerializedDagModel.get_dag", lambda h, d, s: SerializedDagModel.get_dag(d, session=s)),
    Entry("model: read_all_dags", lambda h, d, s: sorted(SerializedDagModel.read_all_dags(session=s))),
    Entry(
        "model: get_latest_serialized_dags",
        lambda h, d, s: [
            one.dag for one in SerializedDagModel.get_latest_serialized_dags(dag_ids=[BAD, GOOD], session=s)
        ],
    ),
    Entry(
        "model: get_dag_dependencies",
        lambda h, d, s: {
            one: len(found) for one, found in SerializedDagModel.get_dag_dependencies(session=s).items()
        },
    ),
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
    Entry(
        "model: dags_needing_dagruns",
        lambda h, d, s: sorted(model.dag_id for model in DagModel.dags_needing_dagruns(s)[0].all()),
    ),
    Entry(
        "model: dags_needing_dagruns, assets queued",
        lambda h, d, s: sorted(model.dag_id for model in DagModel.dags_needing_dagruns(s)[0].all()),
        ASSETS,
    ),
    Entry("model: calculate_dagrun_date_fields", _dates_of_model),
    Entry("model: create_dagrun", _create_run),
    Entry("model: trigger_dag", _trigger_dag),
    Entry("model: _create_backfill", _backfill),
    Entry("model: _do_dry_run", _dry_run),
    Entry("run: task_instance_scheduling_decisions", _decisions),
    Entry("run: schedule_tis", _schedule_tis),
    Entry("run: verify_integrity", _verify),
    Entry(
        "run: update_state",
        lambda h, d, s: len(_with_dag(h, d, s).update_state(session=s, execute_callbacks=False)),
    ),
    Entry(
        "run: update_state, tasks failed",
        lambda h, d, s: len(_with_dag(h, d, s).update_state(session=s, execute_callbacks=False)),
        FAILED,
    ),
    Entry("task: refresh_from_task", _priority),
    Entry("task: clear_task_instances", lambda h, d, s: clear_task_instances(h.tasks(s, d), s), DONE),
    Entry(
        "task: clear_task_instances, on the latest version",
        lambda h, d, s: clear_task_instances(h.tasks(s, d), s, run_on_latest_version=True),
        DONE,
    ),
    Entry("dag: clear", _clear_dag, DONE),
    Entry("dag: set_task_instance_state", _set_state),
    Entry("triggerer: _create_workload", _workload, DEFERRED),
    Entry("triggerer: handle_event_submit", _task_end_event, DEFERRED),
    Entry(
        "assets: dags to evaluate",
        lambda h, d, s: (
            AssetManager
            and sorted(m.dag_id for m in h.both(s) if _row(m.dag_id, s).dag.timetable.asset_condition)
        ),
    ),
)
