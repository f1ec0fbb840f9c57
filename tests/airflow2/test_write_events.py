"""Every way in which Airflow 2.11 writes contents leaves a row per DAG in `written_dag`, in the same transaction.

And no way to break the host's transaction: what fails in our listeners stays in them.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from functools import partial
from pathlib import Path
from unittest import mock

import pytest
from airflow import settings
from airflow.api.common.delete_dag import delete_dag
from airflow.models.dag import DAG, DagModel
from airflow.models.serialized_dag import SerializedDagModel
from airflow.operators.empty import EmptyOperator
from airflow.utils.session import create_session
from sqlalchemy import delete, event, select, text, update
from sqlalchemy.orm import Session

from sched_cache_airflow.hosts.installed import runtime
from sched_cache_airflow.sharing.maintenance import Maintenance
from sched_cache_airflow.sharing.written_table import written_dag_table
from tests.airflow2.support.subject import plugin
from tests.hosts.home import AirflowHome
from tests.hosts.metadata_db import MetadataDb

DAY = datetime(2026, 1, 1, tzinfo=timezone.utc)

handed_over: list[str] = []


@pytest.fixture(autouse=True)
def n_woken(airflow_db: MetadataDb, quiet_host: None) -> Iterator[list[None]]:
    """The plugin, its table made; how often its maintenance was woken. It does not come to work: rows stay."""
    woken: list[None] = []
    handed_over.clear()

    def wake(*names: str) -> None:
        woken.append(None)
        handed_over.extend(names)

    with plugin(publish_contents="True"):
        maintenance = runtime().maintenance
        maintenance.round(is_woken=False)
        with mock.patch.object(maintenance, "wake", wake):
            yield woken


def made(*tasks: str) -> DAG:
    with DAG("written", start_date=DAY, schedule=None) as dag:
        for task_id in tasks:
            EmptyOperator(task_id=task_id)
    return dag


def write(*tasks: str) -> None:
    """Commits a content, like a DAG processor."""
    dag = made(*tasks)
    with create_session() as session:
        dag.sync_to_db(session=session)
        SerializedDagModel.write_dag(dag, session=session)


def rows() -> list[str]:
    """The DAGs in the table, oldest row first; those that were handed over where the database takes no rows."""
    if runtime().written is None or settings.engine.dialect.name != "postgresql":
        return list(handed_over)
    table = written_dag_table(runtime().settings.config)
    with create_session() as session:
        return list(session.scalars(select(table.c.dag_id).order_by(table.c.id)))


def forget() -> None:
    """As if somebody had dealt with every row."""
    handed_over.clear()
    if runtime().written is None:
        return
    with create_session() as session:
        session.execute(delete(written_dag_table(runtime().settings.config)))


def a_first_write() -> None:
    write("a")


def a_changed_dag() -> None:
    write("a")
    forget()
    write("b")


def a_core_update() -> None:
    write("a")
    forget()
    with create_session() as session:
        session.execute(update(SerializedDagModel.__table__).values(dag_hash="0" * 32))


def a_removed_row() -> None:
    write("a")
    forget()
    SerializedDagModel.remove_dag("written")


def a_file_that_is_gone() -> None:
    write("a")
    forget()
    SerializedDagModel.remove_deleted_dags(alive_dag_filelocs=["/another"], processor_subdir=None)


WRITES = [a_first_write, a_changed_dag, a_core_update, a_removed_row, a_file_that_is_gone]


@pytest.mark.parametrize("make", WRITES, ids=lambda make: make.__name__)
def test_a_write_leaves_one_row(n_woken: list[None], make: Callable[[], None]) -> None:
    """And wakes the thread of this process."""
    make()
    assert rows() == ["written"]
    assert n_woken


def test_a_deleted_dag_leaves_rows(n_woken: list[None]) -> None:
    """The host deletes its content twice."""
    write("a")
    forget()
    delete_dag("written")
    assert set(rows()) == {"written"}


def test_reserializing_leaves_rows(n_woken: list[None], airflow_home: AirflowHome) -> None:
    """One for what it deletes first, one for what it writes."""
    from airflow.utils.db import _reserialize_dags

    write("a")
    forget()
    path = Path(airflow_home.dags, "written.py")
    path.write_text(
        "from airflow.models.dag import DAG\nfrom airflow.operators.empty import EmptyOperator\n"
        "with DAG('written', schedule=None):\n    EmptyOperator(task_id='c')\n"
    )
    try:
        with create_session() as session:
            _reserialize_dags(session=session)
    finally:
        path.unlink()
    assert rows() == ["written", "written"]
    runtime().maintenance.round(is_woken=True)
    published = runtime().cache.get("dag:written")
    assert published is not None
    assert list(published.task_ids) == ["c"]


def test_what_did_not_change_leaves_none(n_woken: list[None]) -> None:
    """The host parses each file again and again."""
    write("a")
    forget()
    n_woken.clear()
    write("a")
    with create_session() as session:
        session.execute(update(DagModel).values(is_paused=False))
    assert rows() == []
    assert not n_woken


@pytest.mark.parametrize("savepoint", [False, True], ids=["transaction", "savepoint"])
def test_what_is_rolled_back_leaves_none(n_woken: list[None], savepoint: bool) -> None:
    """The row comes and goes with what it stands for."""
    write("a")
    forget()
    dag = made("b")
    with create_session() as session:
        inner = session.begin_nested() if savepoint else session
        SerializedDagModel.write_dag(dag, session=session)
        session.flush()
        inner.rollback()
    assert rows() == []


def test_without_our_table_the_host_commits() -> None:
    """A statement of ours that fails does not abort the transaction that it stands in."""
    write("a")
    with create_session() as session:
        session.execute(text("DROP TABLE sched_cache_written_dag"))
    write("b")
    assert runtime().stats.fallbacks["write noticed late"] == 1
    assert handed_over == ["written"]
    with create_session() as session:
        assert SerializedDagModel.get("written", session=session).dag.task_ids == ["b"]


def test_what_was_written_is_published_for_all_nodes() -> None:
    """One round after the commit the shared tiers have what the host's row has, and the row is gone."""
    write("a")
    write("a", "c")
    runtime().maintenance.round(is_woken=True)
    assert rows() == []
    with create_session() as session:
        dag_hash = SerializedDagModel.get_latest_version_hash("written", session=session)
    published = runtime().cache.get("dag:written")
    assert published is not None
    assert published.label("dag_hash") == dag_hash
    assert set(published.task_ids) == {"a", "c"}


def test_what_was_deleted_is_removed_from_the_shared_tiers() -> None:
    """A DAG without a row has no content of ours either."""
    write("a")
    runtime().maintenance.round(is_woken=True)
    delete_dag("written")
    runtime().maintenance.round(is_woken=True)
    assert runtime().cache.get("dag:written") is None
    assert list(runtime().cache.keys()) == []


def test_a_sweep_removes_what_nobody_noticed_and_nothing_of_others() -> None:
    """A key without the prefix belongs to somebody else."""
    from sched_cache_airflow.sharing.removed_versions import RemovedVersions

    write("a")
    runtime().maintenance.round(is_woken=True)
    dag = runtime().cache.get("dag:written")
    assert dag is not None
    runtime().cache.publish("by hand", dag.to_serialized())
    with create_session() as session:
        session.execute(text("DELETE FROM serialized_dag"))
    assert RemovedVersions(runtime().contents.host, runtime().cache).sweep() == 1
    assert list(runtime().cache.keys()) == ["by hand"]


def test_another_process_takes_the_content_from_the_shared_tiers() -> None:
    """It reads the host's hash, and not the host's document."""
    from airflow.models.dagbag import DagBag

    write("a")
    runtime().maintenance.round(is_woken=True)
    runtime().contents.l1.clear()
    bag = DagBag(read_dags_from_db=True, collect_dags=False)
    assert bag.get_dag("written").task_ids == ["a"]
    assert runtime().stats.database.contents_read == 0
    assert not runtime().stats.fallbacks


def write_and_end() -> None:
    settings.engine.dispose(close=False)  # the parent's connections
    write("a", "b")
    settings.dispose_orm()  # as the host does when a file is parsed


def test_a_process_that_is_forked_to_parse_a_file_publishes_before_it_ends() -> None:
    """It writes and is gone, and its thread with it."""
    maintenance = runtime().maintenance
    with mock.patch.object(maintenance, "wake", partial(Maintenance.wake, maintenance)):
        child = multiprocessing.get_context("fork").Process(target=write_and_end)
        child.start()
        child.join(60)
    assert child.exitcode == 0
    assert rows() == []
    runtime().cache.certify()
    assert list(runtime().cache.keys()) == ["dag:written"]


def test_uninstalling_takes_every_listener_away() -> None:
    """A session of a host without the plugin runs no line of ours."""
    from sched_cache_airflow.hosts.installed import host_process

    listeners = {
        "after_commit": host_process().write_events._on_commit,
        "do_orm_execute": host_process().write_events._on_execute,
    }
    assert all(event.contains(Session, *listener) for listener in listeners.items())
    host_process().uninstall()
    assert not any(event.contains(Session, *listener) for listener in listeners.items())
