"""The ready task instances of a loop are set to `scheduled` in one statement, and end as on stock."""

from __future__ import annotations

import sys
from typing import Any

import pytest

pytest.importorskip("airflow.sdk")

from airflow.models import DagRun, TaskInstance
from airflow.providers.standard.operators.bash import BashOperator
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG
from airflow.utils.session import create_session
from sqlalchemy import select, text, update
from sqlalchemy.exc import OperationalError

from sched_cache_airflow.hosts.installed import host_process
from sched_cache_airflow.patching.code_table import known_code
from sched_cache_airflow.releases import AIRFLOW_3
from tests.airflow3.support.cluster import Cluster
from tests.airflow3.support.stored_dags import create_run, document_of, make_room, store
from tests.hosts.statements import statements
from tests.hosts.subject import Subject
from tests.support.scheduling.random_dags import START

N_RUNS = 3
TASKS = ("bash_0", "bash_1", "empty", "waiting")


def _dag(number: int) -> Any:
    with DAG(f"dag_{number}", start_date=START, schedule=None, max_active_tasks=1000) as dag:
        EmptyOperator(task_id="empty")
        bash = [BashOperator(task_id=f"bash_{task}", bash_command="true", retries=3) for task in range(2)]
        bash >> BashOperator(task_id="waiting", bash_command="true")
    return dag


def _running_runs(cluster: Cluster) -> None:
    """Runs whose DAGs this scheduler has in memory, every task instance without a state."""
    cluster.scheduler.executor.parallelism = 0  # scheduled is as far as this test goes
    store([document_of(_dag(number)) for number in range(N_RUNS)])
    make_room()
    for number in range(N_RUNS):
        create_run(f"dag_{number}", START)
    cluster.scheduler.loops(2)
    with create_session(scoped=False) as session:
        assert set(session.scalars(select(DagRun._state))) == {"running"}
        session.execute(update(TaskInstance).values(state=None, try_number=0, scheduled_dttm=None))


def _set(task_id: str, **values: Any) -> None:
    with create_session(scoped=False) as session:
        session.execute(update(TaskInstance).where(TaskInstance.task_id == task_id).values(**values))


def _found() -> set[tuple[Any, ...]]:
    columns = TaskInstance.dag_id, TaskInstance.task_id, TaskInstance.state, TaskInstance.try_number
    with create_session(scoped=False) as session:
        rows = session.execute(select(*columns, TaskInstance.scheduled_dttm.is_not(None))).all()
        return {tuple(row) for row in rows}


def _of_each_run(**states: tuple[Any, int, bool]) -> set[tuple[Any, ...]]:
    return {(f"dag_{number}", task, *states[task]) for number in range(N_RUNS) for task in TASKS}


def test_the_runs_of_a_loop_share_a_statement(cluster: Cluster, subject: Subject) -> None:
    """Stock sends one for each run; both end with the same rows. An empty task is finished by the host itself."""
    _running_runs(cluster)
    with statements() as sent:
        cluster.scheduler.loop()
    scheduling = [
        text for text in sent if text.startswith("UPDATE task_instance") and "scheduled_dttm=" in text
    ]
    assert len(scheduling) == (N_RUNS if subject.name == "stock" else 1)
    ready = ("scheduled", 1, True)
    assert _found() == _of_each_run(
        bash_0=ready, bash_1=ready, empty=("success", 1, False), waiting=(None, 0, False)
    )


def test_a_task_instance_that_looks_again_keeps_its_try(cluster: Cluster, subject: Subject) -> None:
    """`up_for_reschedule` goes on with the try that it had, `up_for_retry` begins another."""
    _running_runs(cluster)
    _set("bash_0", state="up_for_reschedule", try_number=2)
    _set("bash_1", state="up_for_retry", try_number=2, end_date=START, max_tries=3)
    cluster.scheduler.loop()
    assert _found() == _of_each_run(
        bash_0=("scheduled", 2, True),
        bash_1=("scheduled", 3, True),
        empty=("success", 1, False),
        waiting=(None, 0, False),
    )


def test_a_loop_that_the_database_breaks_off_is_repeated(
    cluster: Cluster, subject: Subject, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Earlier notes are discarded: every task instance is scheduled, and has one try."""
    if subject.name == "stock":
        pytest.skip("the plugin's statement is the one that fails")
    from sched_cache_airflow.hosts.airflow3.decisions.scheduled_rows import RunsThenRows

    _running_runs(cluster)
    write, written = RunsThenRows._write, []

    def break_off_once(runs: RunsThenRows, ids: Any) -> None:
        written.append(len(ids))
        if len(written) == 1:
            raise OperationalError("UPDATE task_instance", {}, Exception("deadlock detected"))
        write(runs, ids)

    monkeypatch.setattr(RunsThenRows, "_write", break_off_once)
    cluster.scheduler.loop()
    assert written == [2 * N_RUNS, 2 * N_RUNS]
    assert {row[2:] for row in _found() if row[1].startswith("bash")} == {("scheduled", 1, True)}


@pytest.mark.parametrize(
    "statement",
    [text("UPDATE no_such_table SET id = :ids"), None],
    ids=["the database refuses it", "it cannot be sent"],
)
def test_a_statement_that_never_works_is_left_to_the_host(
    cluster: Cluster, subject: Subject, monkeypatch: pytest.MonkeyPatch, statement: Any
) -> None:
    """Every task instance is scheduled, in the same loop, and it is counted."""
    if subject.name == "stock":
        pytest.skip("the plugin's statement is the one that fails")
    from sched_cache_airflow.hosts.airflow3.decisions import scheduled_rows
    from sched_cache_airflow.hosts.installed import runtime

    _running_runs(cluster)
    monkeypatch.setattr(scheduled_rows, "_UPDATE", statement)
    cluster.scheduler.loop()
    ready = ("scheduled", 1, True)
    assert _found() == _of_each_run(
        bash_0=ready, bash_1=ready, empty=("success", 1, False), waiting=(None, 0, False)
    )
    assert runtime().stats.fallbacks["rows to schedule"] == 1


def test_a_task_instance_that_somebody_has_moved_meanwhile_stays(
    cluster: Cluster, subject: Subject, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in the host's own statement: what is finished by then is not scheduled."""
    if subject.name == "stock":
        pytest.skip("the plugin writes later than the host does")
    from sched_cache_airflow.hosts.airflow3.decisions.scheduled_rows import RunsThenRows

    _running_runs(cluster)
    write = RunsThenRows._write

    def meanwhile(runs: RunsThenRows, ids: Any) -> None:
        finished = update(TaskInstance).where(TaskInstance.task_id == "bash_0").values(state="success")
        runs._session.execute(finished, execution_options={"synchronize_session": False})
        write(runs, ids)

    monkeypatch.setattr(RunsThenRows, "_write", meanwhile)
    cluster.scheduler.loop()
    assert {row[2:] for row in _found() if row[1] == "bash_0"} == {("success", 0, False)}
    assert {row[2:] for row in _found() if row[1] == "bash_1"} == {("scheduled", 1, True)}


@pytest.mark.parametrize("name", ["get_dagrun", "schedule_tis"])
def test_code_of_another_release_is_left_alone(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The replacement of a function has the effect of the known code."""
    owner, module = (
        (TaskInstance, "airflow.models.taskinstance")
        if name == "get_dagrun"
        else (DagRun, "airflow.models.dagrun")
    )
    before = vars(owner)[name]
    path = f"{module}:{owner.__name__}.{name}"
    monkeypatch.setitem(known_code(AIRFLOW_3).table.code, path, {})
    try:
        host_process().installation.patch(sys.modules[module])
        assert vars(owner)[name] is before
    finally:
        host_process().replacements.undo()
