"""A real webserver with the plugin, installed as an operator does it: its workers report, refresh, and show DAGs."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timezone
from typing import Any

import pytest
from airflow.models.dag import DAG
from airflow.models.serialized_dag import SerializedDagModel
from airflow.operators.empty import EmptyOperator
from airflow.utils.session import create_session

from sched_cache_airflow.reporting.process_words import count, title
from tests.airflow2.support.webserver import Webserver, running_webserver
from tests.hosts.home import AirflowHome, option
from tests.hosts.metadata_db import MetadataDb


@pytest.fixture
def webserver(airflow_db: MetadataDb, airflow_home: AirflowHome, quiet_host: None) -> Iterator[Webserver]:
    options = {option("sched_cache", "process_report_seconds"): "0.5"}
    with running_webserver(airflow_home, 1, options) as webserver:
        yield webserver


def write(*tasks: str) -> None:
    with DAG("shown", start_date=datetime(2026, 1, 1, tzinfo=timezone.utc), schedule=None) as dag:
        for task_id in tasks:
            EmptyOperator(task_id=task_id)
    with create_session() as session:
        dag.sync_to_db(session=session)
        SerializedDagModel.write_dag(dag, session=session)


def report() -> dict[str, Any] | None:
    """The report of the worker about itself."""
    from sched_cache.store.sql import SqlStore
    from sched_cache_airflow.settings.host_settings import settings_of_host

    store = SqlStore.configured(settings_of_host().config)
    try:
        reports = [dict(found.facts) for found in store.processes.recent(60)]
    finally:
        store.close()
    return next((facts for facts in reports if facts["component"] == "webserver"), None)


def test_a_worker_reports_and_shows_what_was_written(webserver: Webserver) -> None:
    """The plugin serves there, the page has the DAG, and after an edit the new one without being asked to load it."""
    write("before")
    webserver.wait_for(lambda: webserver.get("/health"), what="no answer", timeout_seconds=90)
    facts = webserver.wait_for(report, what="no report", timeout_seconds=120)
    assert facts["is_on"], facts["reason"]
    assert title(facts).startswith("webserver on ")
    assert "airflow.www.extensions.init_dagbag" in facts["installed"]
    page = webserver.wait_for(lambda: webserver.get("/dags/shown/graph"), what="no page", timeout_seconds=120)
    assert "shown" in page
    write("before", "after")
    webserver.wait_for(
        lambda: "after" in webserver.get("/object/graph_data?dag_id=shown"),
        what="the new task is not shown",
        timeout_seconds=120,
    )
    facts = webserver.wait_for(
        lambda: (found := report()) and count(found, "l1", "hits") > 0 and found,
        what="nothing from memory",
        timeout_seconds=120,
    )
    assert not facts["counts"]["fallbacks"]
