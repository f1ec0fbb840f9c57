"""Writers of a host on SQLite beside the plugin's threads: as many `database is locked` as without them, none more."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from threading import Lock, Thread

import pytest
from airflow import settings
from airflow.models.serialized_dag import SerializedDagModel
from airflow.utils.session import create_session
from sqlalchemy import select, update
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError

from tests.airflow3.support.cluster import Cluster
from tests.airflow3.support.content import DagContent
from tests.hosts.subject import Subject

N_WRITERS = 3
N_WRITES = int(os.environ.get("SCHED_CACHE_SQLITE_WRITES", "600"))
"""Of each writer."""


def is_sqlite() -> bool:
    return bool(settings.engine.dialect.name == "sqlite")


def test_writers_of_the_host(subject: Subject, cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    """Transactions that read and then write, which fail at once if anything else has written between the two.

    The host's own writers take turns here, so that on stock none fails at all.
    """
    if not is_sqlite():
        pytest.skip("of SQLite")
    cluster.processor.publish(DagContent("written", ("a",)))
    if subject.name != "stock":
        from sched_cache_airflow.hosts.installed import runtime

        begun = runtime()
        monkeypatch.setattr("sched_cache_airflow.process.state.Heartbeat", _Hasty)
        begun.begin_reports("scheduler")
    turn, errors = Lock(), []
    n_done = 0

    def write(number: int) -> None:
        nonlocal n_done
        for round_number in range(N_WRITES):
            try:
                with turn, create_session(scoped=False) as session:
                    session.connection().exec_driver_sql("BEGIN")
                    session.scalars(select(SerializedDagModel.dag_hash)).all()
                    session.execute(update(SerializedDagModel).values(dag_hash=f"{number} {round_number}"))
                n_done += 1
            except OperationalError as error:
                errors.append(error)

    threads = [Thread(target=write, args=(number,)) for number in range(N_WRITERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors, f"{len(errors)} of {N_WRITERS * N_WRITES}: {errors[0]}"
    assert n_done == N_WRITERS * N_WRITES
    if subject.name != "stock":
        maintenance = begun.maintenance
        assert begun.heartbeat is not None and begun.heartbeat.n_failed == 0
        maintenance.round(is_woken=True)
        with create_session(scoped=False) as session:
            version_id, dag_hash = session.execute(
                select(SerializedDagModel.dag_version_id, SerializedDagModel.dag_hash)
            ).one()
        published = begun.cache.get(str(version_id))
        assert published is not None and published.label("dag_hash") == dag_hash


def _Hasty(processes: object, facts: object, every_seconds: float) -> object:  # stands for a class
    from sched_cache_airflow.reporting.heartbeat import Heartbeat

    return Heartbeat(processes, facts, 0.005)  # type: ignore[arg-type]


def test_our_tables_are_in_a_file_of_their_own(subject: Subject, cluster: Cluster) -> None:
    """Nothing of ours is in the host's."""
    if not is_sqlite() or subject.name == "stock":
        pytest.skip("of the plugin on SQLite")
    from sched_cache_airflow.hosts.installed import runtime

    cluster.processor.publish(DagContent("written", ("a",)))
    runtime().maintenance.round(is_woken=True)
    host = sqlite3.connect(settings.engine.url.database or "")
    names = [name for (name,) in host.execute("SELECT name FROM sqlite_master")]
    host.close()
    assert not [name for name in names if name.startswith("sched_cache")]
    assert runtime().cache.store.changes_since(0).counter >= 0


def test_a_file_that_cannot_be_made(subject: Subject, cluster: Cluster) -> None:
    """The plugin goes without shared tables, says so once, and a DAG comes compact from the host's row."""
    if not is_sqlite() or subject.name == "stock":
        pytest.skip("of the plugin on SQLite")
    from sched_cache_airflow.hosts.installed import host_process, runtime
    from sched_cache_airflow.settings.own_file import url_of_tables

    # Not by rights: root has them all. A folder stands where the file would be.
    own = make_url(url_of_tables(str(settings.engine.url))).database or ""
    host_process().uninstall()
    Path(own).unlink(missing_ok=True)
    Path(own).mkdir()
    try:
        host_process().install()
        cluster.processor.publish(DagContent("written", ("a",)))
        runtime().maintenance.round(is_woken=True)
        from airflow.api_fastapi.common.dagbag import create_dag_bag

        with create_session(scoped=False) as session:
            dag = create_dag_bag().get_latest_version_of_dag("written", session=session)
        assert set(dag.task_ids) == {"a"}
        assert dag.compact is not None
    finally:
        host_process().uninstall()
        Path(own).rmdir()
