"""How many statements a loop sends: on stock seven for each running run, with the plugin none."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("airflow.sdk")

from airflow.models import TaskInstance
from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG
from airflow.utils.session import create_session
from sqlalchemy import update

from tests.airflow3.support.cluster import Cluster
from tests.airflow3.support.scheduler import Scheduler
from tests.airflow3.support.stored_dags import create_run, document_of, make_room, store
from tests.hosts.statements import statements
from tests.hosts.subject import Subject
from tests.support.scheduling.random_dags import START

N_TASKS = 10

# What a loop sends that finds nothing to do, apart from what it sends for each run, on PostgreSQL.
STOCK_A_LOOP = 15
STOCK_A_RUN = 7
PLUGIN_A_LOOP = 16


def _chain(number: int, **options: Any) -> Any:
    with DAG(f"dag_{number}", start_date=START, schedule=None, max_active_tasks=1000) as dag:
        above = None
        for task in range(N_TASKS):
            below = BashOperator(task_id=f"task_{task}", bash_command="true", **options)
            if above is not None:
                above >> below
            above = below
    return dag


def _start_runs(scheduler: Scheduler, n_runs: int, **options: Any) -> None:
    """Each run has a DAG of its own, and one task that is queued. The loops after that find nothing to do."""
    store([document_of(_chain(number, **options)) for number in range(n_runs)])
    make_room()
    for number in range(n_runs):
        create_run(f"dag_{number}", START)
    scheduler.loops(5)


def _sent_by_a_loop(scheduler: Scheduler) -> list[str]:
    with statements() as sent:
        scheduler.loop()
    return sent


@pytest.mark.parametrize("n_runs", [1, 20])
def test_a_loop_sends_no_statement_for_a_run_in_which_nothing_happens(
    cluster: Cluster, subject: Subject, n_runs: int
) -> None:
    """20 running runs of 20 DAGs: 155 statements on stock, 16 with the plugin."""
    if cluster.database.name != "postgresql":
        pytest.skip("counted on PostgreSQL")
    _start_runs(cluster.scheduler, n_runs)
    sent = _sent_by_a_loop(cluster.scheduler)
    if subject.name == "stock":
        assert len(sent) == STOCK_A_LOOP + n_runs * STOCK_A_RUN, "\n".join(sent)
    else:
        assert len(sent) <= PLUGIN_A_LOOP, "\n".join(sent)


def test_limits_on_tasks_are_looked_up_for_all_dags_at_once(cluster: Cluster, subject: Subject) -> None:
    """Stock asks for the latest version once for each task instance it could queue; these are 16 of 16 DAGs."""
    _start_runs(cluster.scheduler, 16, max_active_tis_per_dag=1)
    with create_session(scoped=False) as session:
        queued = TaskInstance.state == "queued"
        session.execute(update(TaskInstance).where(queued).values(state="scheduled"))
    runner = cluster.scheduler.runner
    # Not a single run is examined: what the critical section asks for was not read for anything else.
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("airflow.models.dagrun.DagRun.DEFAULT_DAGRUNS_TO_EXAMINE", 0)
        with statements() as sent, create_session(scoped=False) as session:
            n_queued = runner._do_scheduling(session)
    assert n_queued == 16
    about_versions = [statement for statement in sent if statement.startswith("SELECT dag_version.")]
    assert len(about_versions) == (16 if subject.name == "stock" else 1)
