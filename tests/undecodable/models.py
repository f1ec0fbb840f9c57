"""Entry points in models of either host, which any process may use."""

from __future__ import annotations

from typing import Any

from airflow.models import DagModel
from airflow.models.serialized_dag import SerializedDagModel
from airflow.models.taskinstance import clear_task_instances
from airflow.utils.state import TaskInstanceState

from tests.undecodable.states import DONE, FAILED, RUN
from tests.undecodable.trial import Entry


def row(dag_id: str, session: Any) -> Any:
    """The stored DAG."""
    row = SerializedDagModel.get(dag_id, session=session)
    assert row is not None
    return row


def with_dag(host: Any, dag_id: str, session: Any) -> Any:
    """The run that runs, with its DAG."""
    run = host.run(dag_id, session)
    run.dag = host.dag_of_run(run, session)
    return run


def _decisions(host: Any, dag_id: str, session: Any) -> Any:
    found = with_dag(host, dag_id, session).task_instance_scheduling_decisions(session)
    return [
        [task.task_id for task in found.schedulable_tis],
        found.changed_tis,
        [task.task_id for task in found.unfinished_tis],
    ]


def _schedule_tis(host: Any, dag_id: str, session: Any) -> Any:
    run = with_dag(host, dag_id, session)
    found = run.task_instance_scheduling_decisions(session)
    return run.schedule_tis(found.schedulable_tis, session)


def _priority(host: Any, dag_id: str, session: Any) -> Any:
    dag = host.current_dag(dag_id, session)
    found = []
    for task in host.tasks(session, dag_id):
        task.refresh_from_task(dag.get_task(task.task_id))
        found.append(
            (task.task_id, task.priority_weight, task.pool, task.queue, task.executor_config is None)
        )
    return found


def _set_state(host: Any, dag_id: str, session: Any) -> Any:
    dag = host.current_dag(dag_id, session)
    found = dag.set_task_instance_state(
        task_id="plain", run_id=RUN, state=TaskInstanceState.SUCCESS, downstream=True, session=session
    )
    return sorted(task.task_id for task in found)


def needing_runs(name: str, prepare: str = "") -> Entry:
    """The DAGs that need a run."""
    return Entry(
        name, lambda h, d, s: sorted(m.dag_id for m in DagModel.dags_needing_dagruns(s)[0].all()), prepare
    )


STORED = (
    Entry("model: SerializedDagModel.get().dag", lambda h, d, s: row(d, s).dag),
    Entry("model: SerializedDagModel.get().data", lambda h, d, s: len(row(d, s).data)),
    Entry("model: SerializedDagModel.get_dag", lambda h, d, s: SerializedDagModel.get_dag(d, session=s)),
    Entry("model: read_all_dags", lambda h, d, s: sorted(SerializedDagModel.read_all_dags(session=s))),
)
DEPENDENCIES = Entry(
    "model: get_dag_dependencies",
    lambda h, d, s: {
        one: len(found) for one, found in SerializedDagModel.get_dag_dependencies(session=s).items()
    },
)
DECISIONS = (
    Entry("run: task_instance_scheduling_decisions", _decisions),
    Entry("run: schedule_tis", _schedule_tis),
)
STATES = (
    Entry(
        "run: update_state",
        lambda h, d, s: len(with_dag(h, d, s).update_state(session=s, execute_callbacks=False)),
    ),
    Entry(
        "run: update_state, tasks failed",
        lambda h, d, s: len(with_dag(h, d, s).update_state(session=s, execute_callbacks=False)),
        FAILED,
    ),
    Entry("task: refresh_from_task", _priority),
    Entry("task: clear_task_instances", lambda h, d, s: clear_task_instances(h.tasks(s, d), s), DONE),
)
SET_STATE = Entry("dag: set_task_instance_state", _set_state)
