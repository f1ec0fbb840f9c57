"""How many statements a loop sends: on stock four for each running run, with the plugin none."""

from __future__ import annotations

import pytest
from airflow.models import DagModel, TaskInstance
from airflow.utils.session import create_session
from sqlalchemy import update

from sched_cache_airflow.hosts.installed import runtime
from tests.airflow2.support.scheduler import IdleExecutor, Scheduler
from tests.airflow2.support.stored_runs import chain, start_run, store
from tests.airflow2.support.subject import plugin
from tests.hosts.metadata_db import MetadataDb
from tests.hosts.statements import statements

# What a loop sends that finds nothing to do, apart from what it sends for each run, on PostgreSQL.
STOCK_A_LOOP = 9
STOCK_A_RUN = 4
PLUGIN_A_LOOP = 14


def _start_runs(n_runs: int) -> None:
    """Each run has a DAG of its own, and one task that runs. The loops after that find nothing to do."""
    scheduler = Scheduler(IdleExecutor(slots=0))
    for number in range(n_runs):
        store(f"dag_{number}", chain(10))
        start_run(scheduler.runner.dagbag.get_dag(f"dag_{number}"))
    scheduler.loop()
    with create_session() as session:
        session.execute(update(TaskInstance).where(TaskInstance.state == "scheduled").values(state="running"))


def _sent_by_a_loop() -> list[str]:
    scheduler = Scheduler(IdleExecutor(slots=0))
    scheduler.loops(2)
    with statements() as sent:
        scheduler.loop()
    return sent


@pytest.mark.parametrize("n_runs", [1, 20])
def test_a_loop_sends_no_statement_for_a_run_in_which_nothing_happens(
    airflow_db: MetadataDb, quiet_host: None, n_runs: int
) -> None:
    """20 running runs of 20 DAGs."""
    if airflow_db.name != "postgresql":
        pytest.skip("counted on PostgreSQL")
    _start_runs(n_runs)
    stock = _sent_by_a_loop()
    with plugin():
        ours = _sent_by_a_loop()
        assert runtime().fast_path.n_decided == 3 * n_runs
        assert not runtime().stats.fallbacks
    assert len(stock) == STOCK_A_LOOP + n_runs * STOCK_A_RUN, "\n".join(stock)
    assert len(ours) <= PLUGIN_A_LOOP, "\n".join(ours)


def test_what_another_scheduler_wrote_about_the_next_run_is_read_again(
    airflow_db: MetadataDb, quiet_host: None
) -> None:
    """The rows of the DAGs are read once a loop; a run that ends writes dates only where they differ from its row.

    1. The loop has read the row.
    2. Another scheduler takes the dates away.
    3. The run ends: the host sets the dates that it had read, which would be no change.
    """
    store("dag", chain(1), catchup=True)
    with plugin():
        scheduler = Scheduler(IdleExecutor(slots=0))
        run = start_run(scheduler.runner.dagbag.get_dag("dag"))
        with create_session() as session:
            session.execute(update(TaskInstance).values(state="success"))
        dag = scheduler.runner.dagbag.get_dag("dag")
        interval = dag.get_run_data_interval(run)
        with create_session() as session:
            model = session.get(DagModel, "dag")
            model.calculate_dagrun_date_fields(dag, interval)
            expected = model.next_dagrun
            session.query(DagModel).update({"next_dagrun_create_after": None})
        assert expected is not None
        read = scheduler.runner._verify_integrity_if_dag_changed

        def read_and_take_away(**options: object) -> object:
            from airflow import settings

            with settings.engine.begin() as connection:
                connection.execute(update(DagModel.__table__).values(next_dagrun=None))
            return read(**options)

        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(scheduler.runner, "_verify_integrity_if_dag_changed", read_and_take_away)
            scheduler.loop()
        assert runtime().fast_path.n_decided == 1
    with create_session() as session:
        assert session.get(DagModel, "dag").next_dagrun == expected
