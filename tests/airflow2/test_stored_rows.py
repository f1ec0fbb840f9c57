"""Rows of `SerializedDagModel` can be used as on stock: after their session, pickled, merged, changed."""

from __future__ import annotations

import pytest
from airflow.models.serialized_dag import SerializedDagModel
from airflow.utils.session import create_session

from sched_cache_airflow.hosts.installed import host_process
from tests.airflow2.support.every_kind import base_document
from tests.airflow2.support.stored_dags import store
from tests.airflow2.support.subject import plugin
from tests.hosts.metadata_db import MetadataDb
from tests.support.stored_rows import answers


@pytest.mark.usefixtures("quiet_host")
def test_rows_are_what_they_are_on_stock(airflow_db: MetadataDb) -> None:
    """Every use has the same result or the same error, before and after the content is in memory."""
    host_process().uninstall()
    store([base_document()])
    expected = answers(SerializedDagModel, "d", create_session)
    assert expected["closed, dag"] == ["around.inside", "last", "mapped", "plain"]
    with plugin():
        for _ in range(2):
            found = answers(SerializedDagModel, "d", create_session)
            assert {name: answer for name, answer in found.items() if answer != expected[name]} == {}
