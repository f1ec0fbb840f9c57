"""A DAG object that a caller holds can be read to its end, whatever becomes of its DAG and of the tiers."""

from __future__ import annotations

import copy
import os
from collections.abc import Callable
from threading import Thread
from typing import Any

import pytest

pytest.importorskip("airflow.sdk")

from airflow.models.dag import DagModel
from airflow.models.serialized_dag import SerializedDagModel
from airflow.utils.session import create_session
from sqlalchemy import delete, event, inspect, select, text
from sqlalchemy.engine import Engine
from sqlalchemy.exc import DBAPIError

from sched_cache_airflow.hosts.airflow3.dags.dag import CompactSerializedDAG
from tests.airflow3.support.activation import activated
from tests.airflow3.support.bags import cache_options
from tests.airflow3.support.every_kind import base_document
from tests.airflow3.support.stored_dags import store
from tests.hosts.metadata_db import MetadataDb
from tests.hosts.subject import PLUGIN
from tests.support.undecodable import read_everything


def edited() -> None:
    """Rewritten in place, since no task instance has its version."""
    document = base_document()
    document["dag"]["doc_md"] = "another"
    store([document])


def deleted() -> None:
    """The DAG with all its versions."""
    with create_session(scoped=False) as session:
        session.execute(delete(SerializedDagModel))
        session.execute(delete(DagModel))


def tables_dropped() -> None:
    """Ours. Threads of the plugin use and create them meanwhile: a deadlock with one of them is tried again."""
    for attempt in range(5):
        try:
            with create_session(scoped=False) as session:
                names = inspect(session.get_bind()).get_table_names()
                ours = ", ".join(name for name in names if name.startswith("sched_cache"))
                session.execute(text(f"DROP TABLE {ours}"))
            return
        except DBAPIError:
            if attempt == 4:
                raise


def tiers_closed() -> None:
    """Neither Redis nor a database of ours answers."""
    from sched_cache_airflow.hosts.installed import runtime

    runtime().contents.close()


def evicted() -> None:
    """From the L1, and another content in its place."""
    from sched_cache_airflow.hosts.installed import runtime

    runtime().contents.l1.clear()
    edited()


def loaded(*, from_tables: bool) -> Any:
    """The DAG as a new process gets it: from the host's row, or as another process has published it."""
    from sched_cache_airflow.hosts.airflow3.dags.dag_bag import CompactDagBag
    from sched_cache_airflow.hosts.installed import discard_runtime, runtime

    def load() -> Any:
        bag = CompactDagBag(load_op_links=False, **cache_options(CompactDagBag))
        with create_session() as session:
            return bag.get_latest_version_of_dag("d", session=session)

    if from_tables:
        assert load() is not None
        assert runtime().contents.publisher.drain(timeout_seconds=120)
        discard_runtime()
    dag = load()
    assert isinstance(dag, CompactSerializedDAG)
    assert runtime().stats.database.contents_read == (0 if from_tables else 1)
    return dag


@pytest.mark.parametrize("from_tables", [False, True], ids=["encoded here", "found encoded"])
@pytest.mark.parametrize("harm", [edited, deleted, tables_dropped, tiers_closed, evicted])
def test_what_was_handed_out_is_read_to_its_end(
    airflow_db: MetadataDb, harm: Callable[[], None], from_tables: bool
) -> None:
    """Every attribute, every task, groups, copies: of the content that was handed out."""
    store([{**base_document()}])
    with activated(PLUGIN):
        dag, other = loaded(from_tables=from_tables), None
        if not from_tables:
            other = copy.copy(dag.get_task("mapped"))
        harm()
        assert dag.doc_md is None
        assert dag.tags == {"x"}
        read_everything(dag)
        assert other is None or other.task_group.group_id is None
        assert copy.deepcopy(dag).doc_md is None
        assert sorted(dag.partial_subset("plain").task_ids) == ["plain"]


def test_both_parts_come_with_one_statement(airflow_db: MetadataDb) -> None:
    """From our tables, one DAG or many: a round trip for the parts, after the one for what is current."""
    from sched_cache_airflow.hosts.installed import discard_runtime, runtime

    with activated(PLUGIN):
        documents = []
        for dag_id in ("d", "e"):
            document = base_document()
            document["dag"]["dag_id"] = dag_id
            documents.append(document)
        store(documents)
        with create_session() as session:
            rows = session.scalars(select(SerializedDagModel)).all()
            hashes = {row.dag_version_id: row.dag_hash for row in rows}
            for version_id, dag_hash in hashes.items():
                assert runtime().contents.get(version_id, dag_hash, False, session) is not None
        assert len(hashes) == 2
        assert runtime().contents.publisher.drain(timeout_seconds=120)
        statements: list[str] = []

        def note(connection: Any, cursor: Any, statement: str, *rest: Any) -> None:
            statements.append(statement)

        for only_one in (True, False):
            discard_runtime()
            runtime().cache.certify()
            event.listen(Engine, "before_cursor_execute", note)
            try:
                if only_one:
                    [(version_id, dag_hash), _] = hashes.items()
                    with create_session() as session:
                        assert runtime().contents.get(version_id, dag_hash, False, session) is not None
                else:
                    runtime().contents.prefetch(hashes)
            finally:
                event.remove(Engine, "before_cursor_execute", note)
            parts = [statement for statement in statements if "sched_cache_content" in statement]
            assert len(parts) == 1, parts
            assert len(runtime().contents.l1.entries) == (1 if only_one else 2)
            assert runtime().stats.database.contents_read == 0  # of the host
            statements.clear()


def test_threads_and_forks_read_it_too(airflow_db: MetadataDb) -> None:
    """Each finds what nobody has read before."""
    store([base_document()])
    with activated(PLUGIN):
        dag = loaded(from_tables=True)
        edited()
        child = os.fork()
        if not child:
            try:
                read_everything(dag)
            except BaseException:
                os._exit(1)
            os._exit(0)
        failures: list[BaseException] = []

        def read() -> None:
            try:
                read_everything(dag)
            except BaseException as error:
                failures.append(error)

        threads = [Thread(target=read) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert failures == []
        assert os.waitpid(child, 0)[1] == 0
