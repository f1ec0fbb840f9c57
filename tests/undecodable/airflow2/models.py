"""Entry points in models and bags of Airflow 2.11, which any process may use."""

from __future__ import annotations

import datetime as dt
from typing import Any

from airflow.models import DagModel, DagRun
from airflow.models.serialized_dag import SerializedDagModel
from airflow.models.taskinstance import clear_task_instances
from airflow.utils.state import DagRunState, TaskInstanceState
from airflow.utils.types import DagRunType

from tests.undecodable.airflow2.rows import (
    DATASETS,
    DATE,
    DONE,
    FAILED,
    RUN,
)
from tests.undecodable.trial import Entry


def _row(dag_id: str, session: Any) -> Any:
    row = SerializedDagModel.get(dag_id, session=session)
    assert row is not None
    return row


def _web_bag(host: Any) -> Any:
    return host.web_bag


def _with_dag(host: Any, dag_id: str, session: Any) -> DagRun:
    run = host.run(dag_id, session)
    run.dag = host.runner.dagbag.get_dag(dag_id, session=session)
    return run


def _decisions(host: Any, dag_id: str, session: Any) -> Any:
    found = _with_dag(host, dag_id, session).task_instance_scheduling_decisions(session)
    return [
        [task.task_id for task in found.schedulable_tis],
        found.changed_tis,
        [task.task_id for task in found.unfinished_tis],
    ]


def _schedule_tis(host: Any, dag_id: str, session: Any) -> Any:
    run = _with_dag(host, dag_id, session)
    found = run.task_instance_scheduling_decisions(session)
    return run.schedule_tis(found.schedulable_tis, session)


def _priority(host: Any, dag_id: str, session: Any) -> Any:
    dag = host.runner.dagbag.get_dag(dag_id, session=session)
    found = []
    for task in host.tasks(session, dag_id):
        task.refresh_from_task(dag.get_task(task.task_id))
        found.append(
            (task.task_id, task.priority_weight, task.pool, task.queue, task.executor_config is None)
        )
    return found


def _create_run(host: Any, dag_id: str, session: Any) -> Any:
    date = DATE + dt.timedelta(5)
    run = _row(dag_id, session).dag.create_dagrun(
        run_id="manual__x",
        execution_date=date,
        data_interval=(date, date),
        run_type=DagRunType.MANUAL,
        state=DagRunState.QUEUED,
        external_trigger=True,
        session=session,
    )
    return run.run_id


def _trigger_dag(host: Any, dag_id: str, session: Any) -> Any:
    from airflow.api.common.trigger_dag import trigger_dag

    run = trigger_dag(dag_id, run_id="manual__x", execution_date=DATE + dt.timedelta(5))
    return run and run.run_id


def _dates_of_model(host: Any, dag_id: str, session: Any) -> Any:
    dag = SerializedDagModel.get_dag(dag_id, session=session)
    model = session.get(DagModel, dag_id)
    model.calculate_dagrun_date_fields(dag, (DATE, DATE + dt.timedelta(1)))
    return [str(model.next_dagrun), str(model.next_dagrun_create_after)]


def _set_state(host: Any, dag_id: str, session: Any) -> Any:
    dag = host.runner.dagbag.get_dag(dag_id, session=session)
    found = dag.set_task_instance_state(
        task_id="plain", run_id=RUN, state=TaskInstanceState.SUCCESS, downstream=True, session=session
    )
    return sorted(task.task_id for task in found)


def _clear_dag(host: Any, dag_id: str, session: Any) -> Any:
    dag = SerializedDagModel.get_dag(dag_id, session=session)
    return dag.clear(start_date=DATE, end_date=DATE, session=session)


def _mark(name: str) -> Any:
    def use(host: Any, dag_id: str, session: Any) -> Any:
        from airflow.api.common import mark_tasks

        dag = host.runner.dagbag.get_dag(dag_id, session=session)
        found = getattr(mark_tasks, name)(dag=dag, run_id=RUN, commit=True, session=session)
        return sorted(task.task_id for task in found)

    return use


MODELS = (
    Entry("model: SerializedDagModel.get().dag", lambda h, d, s: _row(d, s).dag),
    Entry("model: SerializedDagModel.get().data", lambda h, d, s: len(_row(d, s).data)),
    Entry("model: SerializedDagModel.get_dag", lambda h, d, s: SerializedDagModel.get_dag(d, session=s)),
    Entry("model: read_all_dags", lambda h, d, s: sorted(SerializedDagModel.read_all_dags(session=s))),
    Entry(
        "model: get_serialized_dag (a task)",
        lambda h, d, s: str(SerializedDagModel.get_serialized_dag(d, "plain", session=s)),
    ),
    Entry(
        "model: get_dag_dependencies",
        lambda h, d, s: {
            one: len(found) for one, found in SerializedDagModel.get_dag_dependencies(session=s).items()
        },
    ),
    Entry("bag: get_dag, scheduler's", lambda h, d, s: h.runner.dagbag.get_dag(d, session=s)),
    Entry("bag: get_dag, webserver's", lambda h, d, s: _web_bag(h).get_dag(d, session=s)),
    Entry("bag: get_dag, without a session", lambda h, d, s: _web_bag(h).get_dag(d)),
    Entry(
        "bag: collect_dags_from_db",
        lambda h, d, s: _web_bag(h).collect_dags_from_db() or sorted(_web_bag(h).dags),
    ),
    Entry(
        "model: dags_needing_dagruns",
        lambda h, d, s: sorted(model.dag_id for model in DagModel.dags_needing_dagruns(s)[0].all()),
    ),
    Entry(
        "model: dags_needing_dagruns, datasets queued",
        lambda h, d, s: sorted(model.dag_id for model in DagModel.dags_needing_dagruns(s)[0].all()),
        DATASETS,
    ),
    Entry("model: calculate_dagrun_date_fields", _dates_of_model),
    Entry("model: create_dagrun", _create_run),
    Entry("model: trigger_dag", _trigger_dag),
    Entry("run: task_instance_scheduling_decisions", _decisions),
    Entry("run: schedule_tis", _schedule_tis),
    Entry("run: verify_integrity", lambda h, d, s: _with_dag(h, d, s).verify_integrity(session=s)),
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
    Entry("dag: clear", _clear_dag, DONE),
    Entry("dag: set_task_instance_state", _set_state),
    Entry("mark: set_dag_run_state_to_success", _mark("set_dag_run_state_to_success")),
    Entry("mark: set_dag_run_state_to_failed", _mark("set_dag_run_state_to_failed")),
)
