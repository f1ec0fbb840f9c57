"""DAGs and runs in a metadata database, and task instances put into the states a case asks for."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Iterator, Sequence
from inspect import signature
from typing import Any

from ..airflow_home import DAG_FILE
from ..serialized import generate_document

_BUNDLE = "dags-folder"
_CHUNK = 500  # values in one IN list; SQLite allows 999 parameters at least


def make_documents(shape: str, n_dags: int, n_tasks: int, *, seed: int, folder: str) -> list[dict[str, Any]]:
    """One serialized DAG for each future run; `folder` is the DAG folder in their paths."""
    documents = []
    for number in range(n_dags):
        document: dict[str, Any] = generate_document(
            shape, n_tasks, seed=seed + number, dag_id=f"dag_{number}"
        )
        document["dag"] |= {
            "fileloc": f"{folder}/{DAG_FILE}",
            "relative_fileloc": DAG_FILE,
            "_processor_dags_folder": folder,
        }
        documents.append(document)
    return documents


def write_dags(documents: Sequence[dict[str, Any]]) -> None:
    """Stores them as the DAG processor does.

    Source: airflow/dag_processing/manager.py `persist_parsing_result` (3.3; before 3.1.6 it names no files).
    """
    from airflow.dag_processing.collection import update_dag_parsing_results_in_db
    from airflow.models.dagbundle import DagBundleModel
    from airflow.serialization.serialized_objects import LazyDeserializedDAG
    from airflow.utils.session import create_session

    open_pools()
    parameters = signature(update_dag_parsing_results_in_db).parameters
    files: dict[str, Any] = {"files_parsed": {(_BUNDLE, DAG_FILE)}} if "files_parsed" in parameters else {}
    with create_session() as session:
        session.merge(DagBundleModel(name=_BUNDLE))
        session.flush()
        update_dag_parsing_results_in_db(
            bundle_name=_BUNDLE,
            bundle_version=None,
            dags=[LazyDeserializedDAG(data=document) for document in documents],
            import_errors={},
            parse_duration=0.0,
            warnings=set(),
            session=session,
            **files,
        )


def open_pools() -> None:
    """Removes the limits of pools, because tasks that run for ever here would fill them."""
    from airflow.models.pool import Pool
    from airflow.utils.session import create_session
    from sqlalchemy import update

    with create_session() as session:
        session.execute(update(Pool).values(slots=-1))


def n_running_runs() -> int:
    from airflow.models import DagRun
    from airflow.utils.session import create_session
    from sqlalchemy import func, select

    with create_session() as session:
        return int(session.scalar(select(func.count()).select_from(DagRun).where(DagRun.state == "running")))


def n_scheduled_tasks() -> int:
    """Task instances that the scheduler has found ready and that have not started."""
    from airflow.models import TaskInstance
    from airflow.utils.session import create_session
    from sqlalchemy import func, select

    ready = TaskInstance.state.in_(("scheduled", "queued"))
    with create_session() as session:
        return int(session.scalar(select(func.count()).select_from(TaskInstance).where(ready)))


def stop_creating_runs() -> None:
    """Sets all DAGs so that none is due at any time."""
    from airflow.models import DagModel
    from airflow.utils.session import create_session
    from sqlalchemy import update

    never = datetime.datetime(2200, 1, 1, tzinfo=datetime.timezone.utc)
    with create_session() as session:
        session.execute(update(DagModel).values(next_dagrun_create_after=never))


def finish_tasks(documents: Iterable[dict[str, Any]], share: float) -> None:
    """Lets the first `share` of each DAG's tasks, in topological order, succeed, and those that could start, run.

    A scheduler has nothing to schedule then, so all following loops find the same state.
    """
    for document in documents:
        order, upstream = topological(document)
        finished = set(order[: round(len(order) * share)])
        running = [task for task in order if task not in finished and upstream[task] <= finished]
        dag_id = document["dag"]["dag_id"]
        set_states(dag_id, order, None)
        set_states(dag_id, sorted(finished), "success")
        set_states(dag_id, running, "running")


def set_states(dag_id: str, task_ids: Sequence[str], state: str | None) -> None:
    """Sets the state of every task instance of these tasks, with the matching dates."""
    from airflow.models import TaskInstance
    from airflow.utils.session import create_session
    from sqlalchemy import update

    now = datetime.datetime.now(datetime.timezone.utc)
    values = {
        "state": state,
        "start_date": now if state else None,
        "end_date": now if state == "success" else None,
        "try_number": 1 if state else 0,
    }
    with create_session() as session:
        for chunk in _chunks(task_ids):
            where = (TaskInstance.dag_id == dag_id, TaskInstance.task_id.in_(chunk))
            session.execute(update(TaskInstance).where(*where).values(**values))


def unstart_tasks() -> None:
    """Resets all task instances that run or wait to run, so that the next loop can schedule them."""
    from airflow.models import TaskInstance
    from airflow.utils.session import create_session
    from sqlalchemy import update

    with create_session() as session:
        session.execute(
            update(TaskInstance)
            .where(TaskInstance.state.in_(("running", "queued", "scheduled")))
            .values(state=None, start_date=None, try_number=0)
        )


def topological(document: dict[str, Any]) -> tuple[list[str], dict[str, set[str]]]:
    """Task ids, upstreams before downstreams; and the direct upstreams of each."""
    tasks = [task["__var"] for task in document["dag"]["tasks"]]
    upstream: dict[str, set[str]] = {task["task_id"]: set() for task in tasks}
    for task in tasks:
        for below in task.get("downstream_task_ids", ()):
            upstream[below].add(task["task_id"])
    waiting = {task_id: len(above) for task_id, above in upstream.items()}
    downstream = {task["task_id"]: task.get("downstream_task_ids", ()) for task in tasks}
    order = [task_id for task_id, count in waiting.items() if count == 0]
    for task_id in order:
        for below in downstream[task_id]:
            waiting[below] -= 1
            if waiting[below] == 0:
                order.append(below)
    return order, upstream


def _chunks(values: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(values), _CHUNK):
        yield values[start : start + _CHUNK]
