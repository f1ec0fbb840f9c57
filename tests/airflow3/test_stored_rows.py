"""Rows of `SerializedDagModel` can be used as on stock: after their session, pickled, merged, changed."""

from __future__ import annotations

import pytest

pytest.importorskip("airflow.sdk")

from airflow.models.serialized_dag import SerializedDagModel
from airflow.sdk import DAG
from airflow.utils.session import create_session
from sqlalchemy import inspect

from tests.airflow3.support.activation import activated
from tests.airflow3.support.every_kind import base_document
from tests.airflow3.support.stored_dags import document_of, store
from tests.hosts.metadata_db import MetadataDb
from tests.hosts.subject import PLUGIN, STOCK
from tests.support.stored_rows import answers


def test_rows_are_what_they_are_on_stock(airflow_db: MetadataDb) -> None:
    """Every use has the same result or the same error, before and after the content is in memory."""
    store([base_document()])
    with activated(STOCK):
        expected = answers(SerializedDagModel, "d", create_session)
    assert expected["closed, dag"] == ["around.inside", "last", "mapped", "plain"]
    with activated(PLUGIN):
        for _ in range(2):
            found = answers(SerializedDagModel, "d", create_session)
            assert {name: answer for name, answer in found.items() if answer != expected[name]} == {}


def test_the_hosts_own_code_reads_no_document(airflow_db: MetadataDb) -> None:
    """For the modules of the host that only take the DAG of a row the document stays in the database."""
    store([base_document()])
    caller = {"__name__": "airflow.models.backfill", "model": SerializedDagModel}
    with activated(PLUGIN), create_session() as session:
        row = session.scalar(eval("model.latest_item_select_object('d')", caller))
        assert row.dag.task_ids
        assert "_data" in inspect(row).unloaded
        caller["__name__"] = "airflow.jobs.scheduler_job_runner"
        session.expunge_all()
        [row] = eval(
            "model.get_latest_serialized_dags(dag_ids=['d'], session=session)", {**caller, "session": session}
        )
        assert row.dag.task_ids
        assert "_data" in inspect(row).unloaded
        # A caller that nobody knows finds the same row whole.
        assert SerializedDagModel.get("d", session=session) is row
        assert "_data" not in inspect(row).unloaded


def test_a_dag_without_tasks_is_like_any_other(airflow_db: MetadataDb) -> None:
    """It is served from memory, and nothing is said about it."""
    with DAG("empty") as dag:
        pass
    store([document_of(dag)])
    with activated(PLUGIN), create_session() as session:
        from sched_cache_airflow.hosts.airflow3.dags.dag import CompactSerializedDAG
        from sched_cache_airflow.hosts.installed import runtime

        row = SerializedDagModel.get("empty", session=session)
        assert isinstance(row.dag, CompactSerializedDAG)
        assert row.dag.task_ids == []
        assert not runtime().contents.stats.fallbacks
