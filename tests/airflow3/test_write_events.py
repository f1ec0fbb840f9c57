"""Every way in which Airflow writes contents leaves a row per version in `written`, in the same transaction.

And no way to break the host's transaction: what fails in our listeners stays in them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from unittest import mock

import pytest
from airflow import settings
from airflow.api.common.delete_dag import delete_dag
from airflow.models.dag import DagModel
from airflow.models.dag_version import DagVersion
from airflow.models.serialized_dag import SerializedDagModel
from airflow.utils.session import create_session
from sqlalchemy import delete, event, select, text, update
from sqlalchemy.orm import Session

from tests.airflow3.support import runs
from tests.airflow3.support.cluster import Cluster
from tests.airflow3.support.content import DagContent
from tests.airflow3.support.processor_main import publish
from tests.hosts.home import AirflowHome, option
from tests.hosts.subject import PLUGIN, Subject

CONTENT = DagContent("written", ("a", "b"))

pytestmark = pytest.mark.parametrize("subject", [PLUGIN], ids=["plugin"], indirect=True)


@dataclass
class Writer:
    """This process in the role of a DAG processor that has the plugin.

    n_woken: how often its maintenance was woken; it does not come to work, so that rows stay to be looked at.
    """

    home: AirflowHome
    n_woken: int = 0
    handed_over: list[str] = field(default_factory=list)

    def write(self, content: DagContent, bundle_version: str | None = None) -> None:
        """Parse and write, as the processor does."""
        publish(content.save(self.home.dags), self.home.dags, bundle_version)

    def publish(self) -> None:
        """Publishes like the thread of `maintenance` when it is woken."""
        from sched_cache_airflow.hosts.installed import runtime

        maintenance = runtime().maintenance
        maintenance._names.extend(self.handed_over)
        self.handed_over.clear()
        maintenance.round(is_woken=True)

    def rows(self) -> list[str]:
        """The versions in the table or, where the database takes no rows, handed over; without dashes, oldest first."""
        if settings.engine.dialect.name != "postgresql":
            return [version_id.replace("-", "") for version_id in self.handed_over]
        from sched_cache_airflow.hosts.installed import runtime
        from sched_cache_airflow.sharing.written_table import written_table

        table = written_table(runtime().settings.config)
        with create_session(scoped=False) as session:
            found = session.scalars(select(table.c.dag_version_id).order_by(table.c.id)).all()
        return [version_id.replace("-", "") for version_id in found]

    def forget(self) -> None:
        """As if somebody had dealt with every row."""
        from sched_cache_airflow.hosts.installed import runtime
        from sched_cache_airflow.sharing.written_table import written_table

        self.n_woken = 0
        self.handed_over.clear()
        if runtime().written is None:
            return
        with create_session(scoped=False) as session:
            session.execute(delete(written_table(runtime().settings.config)))


@pytest.fixture
def writer(subject: Subject, cluster: Cluster, airflow_home: AirflowHome) -> Iterator[Writer]:
    """A writer whose table is there."""
    from sched_cache_airflow.hosts.installed import runtime

    maintenance = runtime().maintenance
    maintenance.round(is_woken=False)
    chosen = Writer(airflow_home)

    def wake(*names: str) -> None:
        chosen.n_woken += 1
        chosen.handed_over.extend(names)

    with (
        mock.patch.dict("os.environ", {option("core", "min_serialized_dag_update_interval"): "0"}),
        mock.patch.object(maintenance, "wake", wake),
    ):
        yield chosen


def version_ids(dag_id: str = CONTENT.dag_id) -> list[str]:
    """The ids of the DAG's versions, oldest first, without dashes."""
    with create_session(scoped=False) as session:
        query = select(DagVersion.id).where(DagVersion.dag_id == dag_id).order_by(DagVersion.version_number)
        return [version_id.hex for version_id in session.scalars(query)]


def a_first_write(writer: Writer, cluster: Cluster) -> list[str]:
    writer.write(CONTENT)
    return version_ids()


def a_new_version(writer: Writer, cluster: Cluster) -> list[str]:
    """A run exists on the first version, so an edit makes a second."""
    writer.write(CONTENT)
    runs.trigger(CONTENT.dag_id, cluster.api_dag_bag)
    writer.forget()
    writer.write(CONTENT.edited(command="echo 2"))
    return version_ids()[1:]


def a_rewrite_in_place(writer: Writer, cluster: Cluster) -> list[str]:
    writer.write(CONTENT)
    writer.forget()
    writer.write(CONTENT.edited(command="echo 2"))
    (only,) = version_ids()
    return [only]


def a_core_update(writer: Writer, cluster: Cluster) -> list[str]:
    writer.write(CONTENT)
    writer.forget()
    table = SerializedDagModel.__table__
    with create_session(scoped=False) as session:
        session.execute(update(table).where(table.c.dag_id == CONTENT.dag_id).values(dag_hash="other"))
    return version_ids()


def a_deleted_dag(writer: Writer, cluster: Cluster) -> list[str]:
    writer.write(CONTENT)
    writer.forget()
    gone = version_ids()
    delete_dag(CONTENT.dag_id)
    assert version_ids() == []
    return gone


def a_deleted_dag_row(writer: Writer, cluster: Cluster) -> list[str]:
    """The database's cascade takes its versions along."""
    writer.write(CONTENT)
    writer.forget()
    gone = version_ids()
    with create_session(scoped=False) as session:
        session.execute(delete(DagModel).where(DagModel.dag_id == CONTENT.dag_id))
    return gone


def a_cleaned_database(writer: Writer, cluster: Cluster) -> list[str]:
    """`airflow db clean` keeps the last version; it deletes through a reflected table."""
    from airflow._shared.timezones import timezone
    from airflow.utils.db_cleanup import run_cleanup

    writer.write(CONTENT)
    run_id = runs.trigger(CONTENT.dag_id, cluster.api_dag_bag)
    writer.write(CONTENT.edited(command="echo 2"))
    first, second = version_ids()
    with create_session(scoped=False) as session:
        # What refers to the first version is gone.
        session.execute(text("DELETE FROM task_instance"))
        session.execute(text("DELETE FROM dag_run WHERE run_id = :run_id"), {"run_id": run_id})
    writer.forget()
    run_cleanup(
        clean_before_timestamp=timezone.utcnow() + timedelta(days=1),
        table_names=["dag_version"],
        confirm=False,
        skip_archive=True,
        error_on_cleanup_failure=True,
    )
    assert version_ids() == [second]
    return [first]


def a_reserialization(writer: Writer, cluster: Cluster) -> list[str]:
    """`airflow dags reserialize`, after an edit."""
    from airflow.cli.cli_parser import get_parser

    for left_by_others in writer.home.dags.glob("*.py"):
        left_by_others.unlink()
    writer.write(CONTENT)
    writer.forget()
    CONTENT.edited(command="echo 2").save(writer.home.dags)
    arguments = get_parser().parse_args(["dags", "reserialize"])
    arguments.func(arguments)
    return version_ids()


WRITES = (
    a_first_write,
    a_new_version,
    a_rewrite_in_place,
    a_core_update,
    a_deleted_dag,
    a_deleted_dag_row,
    a_cleaned_database,
    # It would also draw DAGs, with a package that need not be there.
    pytest.param(a_reserialization, marks=pytest.mark.filterwarnings("ignore:Could not import graphviz")),
)


@pytest.mark.parametrize("write", WRITES)
def test_a_write_leaves_its_versions(
    writer: Writer, cluster: Cluster, write: Callable[[Writer, Cluster], list[str]]
) -> None:
    """The versions that were written or removed, and nothing else; whoever has to know is woken."""
    expected = write(writer, cluster)
    assert expected
    assert sorted(set(writer.rows())) == sorted(expected)
    assert writer.n_woken >= 1


def test_a_new_bundle_version_alone_leaves_nothing(writer: Writer, cluster: Cluster) -> None:
    """Versions name their content; where the file came from is not in it."""
    writer.write(CONTENT, bundle_version="1")
    writer.forget()
    writer.write(CONTENT, bundle_version="2")
    assert writer.rows() == []
    assert writer.n_woken == 0


def test_raw_sql_leaves_nothing(writer: Writer, cluster: Cluster) -> None:
    """No event tells of it; the next loop finds it by its hash."""
    writer.write(CONTENT)
    writer.forget()
    with create_session(scoped=False) as session:
        session.execute(text("UPDATE serialized_dag SET dag_hash = 'other'"))
    assert writer.rows() == []


def rewrite(session: Session, dag_hash: str) -> None:
    """An update as the host's in-place rewrite is one."""
    statement = update(SerializedDagModel).where(SerializedDagModel.dag_id == CONTENT.dag_id)
    session.execute(statement.values(dag_hash=dag_hash))


def test_what_is_rolled_back_leaves_nothing(writer: Writer, cluster: Cluster) -> None:
    """The whole transaction, or the part after a savepoint. At worst somebody is woken and finds nothing."""
    writer.write(CONTENT)
    writer.forget()
    with create_session(scoped=False) as session:
        rewrite(session, "first")
        session.rollback()
    assert writer.rows() == []
    with create_session(scoped=False) as session:
        savepoint = session.begin_nested()
        rewrite(session, "second")
        savepoint.rollback()
    assert not takes_rows() or writer.rows() == []


def test_a_savepoint_is_no_commit(writer: Writer, cluster: Cluster) -> None:
    """Nobody hears of a write before everybody can read it."""
    writer.write(CONTENT)
    writer.forget()
    with create_session(scoped=False) as session:
        with session.begin_nested():
            rewrite(session, "kept")
        assert writer.n_woken == 0
        session.commit()
        assert writer.n_woken == 1
        session.commit()
    assert writer.n_woken == 1
    assert writer.rows() == version_ids()


def takes_rows() -> bool:
    """Whether a write leaves a row in this database."""
    return bool(settings.engine.dialect.name == "postgresql")


def drop_table() -> None:
    if not takes_rows():
        return
    with create_session(scoped=False) as session:
        session.execute(text("DROP TABLE sched_cache_written"))


def test_without_our_table_the_host_commits(writer: Writer, cluster: Cluster) -> None:
    """A statement of ours that fails does not abort the transaction that it stands in."""
    from sched_cache_airflow.hosts.installed import runtime

    writer.write(CONTENT)
    drop_table()
    writer.write(CONTENT.edited(command="echo 2"))
    (version,) = runs.versions(CONTENT.dag_id)
    assert version == (1, {"a", "b"})
    if takes_rows():
        assert runtime().stats.fallbacks["write noticed late"] == 1
    assert {name.replace("-", "") for name in writer.handed_over} == set(version_ids())


def test_the_first_write_of_an_installation_has_the_table_made(writer: Writer, cluster: Cluster) -> None:
    """Nothing fails, and nobody waits for it; the next write is noticed."""
    from sched_cache_airflow.hosts.installed import runtime

    drop_table()
    writer.write(CONTENT)
    assert writer.n_woken == 1
    assert {name.replace("-", "") for name in writer.handed_over} == set(version_ids())
    assert not runtime().stats.fallbacks
    maintenance = runtime().maintenance
    maintenance._is_prepared = False
    maintenance.round(is_woken=True)
    writer.write(CONTENT.edited(command="echo 2"))
    assert set(writer.rows()) == set(version_ids())


def test_a_bug_in_a_listener_stays_in_it(
    writer: Writer, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Any exception, at any of the three events."""
    from sched_cache_airflow.sharing import write_events

    def broken(*args: object) -> None:
        raise ZeroDivisionError

    for name in ("leaves_rows", "_read"):
        monkeypatch.setattr(write_events, name, broken)
    writer.write(CONTENT)
    writer.write(CONTENT.edited(command="echo 2"))
    assert len(version_ids()) == 1


def test_uninstalling_takes_every_listener_away(writer: Writer, subject: Subject) -> None:
    """A session of a host without the plugin runs no line of ours."""
    from sched_cache_airflow.hosts.installed import host_process

    listeners = {
        "after_commit": host_process().write_events._on_commit,
        "do_orm_execute": host_process().write_events._on_execute,
    }
    assert all(event.contains(Session, *listener) for listener in listeners.items())
    host_process().uninstall()
    assert not any(event.contains(Session, *listener) for listener in listeners.items())


def test_what_was_written_is_published_for_all_nodes(writer: Writer, cluster: Cluster) -> None:
    """One round after the commit the shared tiers have what the host's row has, and the row is gone."""
    from sched_cache_airflow.hosts.installed import runtime

    writer.write(CONTENT)
    writer.write(CONTENT.edited(command="echo 2", tasks=("a", "c")))
    writer.publish()
    assert not takes_rows() or writer.rows() == []
    with create_session(scoped=False) as session:
        version_id, dag_hash = session.execute(
            select(SerializedDagModel.dag_version_id, SerializedDagModel.dag_hash)
        ).one()
    published = runtime().cache.get(str(version_id))
    assert published is not None
    assert published.label("dag_hash") == dag_hash
    assert set(published.task_ids) == {"a", "c"}


def test_what_was_deleted_is_removed_from_the_shared_tiers(writer: Writer, cluster: Cluster) -> None:
    """A version without a row has no content of ours either."""
    from sched_cache_airflow.hosts.installed import runtime

    writer.write(CONTENT)
    writer.publish()
    (key,) = runtime().cache.keys()
    delete_dag(CONTENT.dag_id)
    writer.publish()
    assert runtime().cache.get(key) is None
    assert list(runtime().cache.keys()) == []


def test_rows_of_others_are_taken_when_nobody_else_did(writer: Writer, cluster: Cluster) -> None:
    """A process that was not woken leaves a row to its writer for one round."""
    if not takes_rows():
        pytest.skip("a write leaves no row in this database")
    from sched_cache_airflow.hosts.installed import runtime

    writer.write(CONTENT)
    runtime().maintenance.round(is_woken=False)
    assert writer.rows() == version_ids()
    runtime().maintenance.round(is_woken=False)
    assert writer.rows() == []
