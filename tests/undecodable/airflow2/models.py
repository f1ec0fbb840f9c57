"""Entry points in models and bags of Airflow 2.11, which any process may use."""

from __future__ import annotations

import datetime as dt
from typing import Any

from airflow.models import DagModel
from airflow.models.serialized_dag import SerializedDagModel
from airflow.utils.state import DagRunState
from airflow.utils.types import DagRunType

from tests.undecodable.airflow2.rows import DATASETS
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
from tests.undecodable.trial import Entry


def _web_bag(host: Any) -> Any:
    return host.web_bag


def _create_run(host: Any, dag_id: str, session: Any) -> Any:
    date = DATE + dt.timedelta(5)
    run = row(dag_id, session).dag.create_dagrun(
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
    *STORED,
    Entry(
        "model: get_serialized_dag (a task)",
        lambda h, d, s: str(SerializedDagModel.get_serialized_dag(d, "plain", session=s)),
    ),
    DEPENDENCIES,
    Entry("bag: get_dag, scheduler's", lambda h, d, s: h.runner.dagbag.get_dag(d, session=s)),
    Entry("bag: get_dag, webserver's", lambda h, d, s: _web_bag(h).get_dag(d, session=s)),
    Entry("bag: get_dag, without a session", lambda h, d, s: _web_bag(h).get_dag(d)),
    Entry(
        "bag: collect_dags_from_db",
        lambda h, d, s: _web_bag(h).collect_dags_from_db() or sorted(_web_bag(h).dags),
    ),
    needing_runs("model: dags_needing_dagruns"),
    needing_runs("model: dags_needing_dagruns, datasets queued", DATASETS),
    Entry("model: calculate_dagrun_date_fields", _dates_of_model),
    Entry("model: create_dagrun", _create_run),
    Entry("model: trigger_dag", _trigger_dag),
    *DECISIONS,
    Entry("run: verify_integrity", lambda h, d, s: with_dag(h, d, s).verify_integrity(session=s)),
    *STATES,
    Entry("dag: clear", _clear_dag, DONE),
    SET_STATE,
    Entry("mark: set_dag_run_state_to_success", _mark("set_dag_run_state_to_success")),
    Entry("mark: set_dag_run_state_to_failed", _mark("set_dag_run_state_to_failed")),
)
