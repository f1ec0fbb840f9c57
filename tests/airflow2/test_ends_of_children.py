"""A child of Airflow 2.11 that has written a DAG ends a second later than on stock at most, whatever tier hangs."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from typing import Any

import pytest
from airflow import settings
from airflow.models.dag import DAG
from airflow.models.serialized_dag import SerializedDagModel
from airflow.operators.empty import EmptyOperator
from airflow.utils.session import create_session

from sched_cache_airflow.hosts.installed import runtime
from tests.airflow2.support.subject import plugin
from tests.hosts.metadata_db import MetadataDb
from tests.support.servers import PostgresServer, required
from tests.support.servers.black_hole import black_hole

DAY = datetime(2026, 1, 1, tzinfo=timezone.utc)
_FORK = multiprocessing.get_context("fork")
_BOUND_SECONDS = 1.0
_SLACK_SECONDS = 2.0
"""Of a busy machine, which also ends the interpreter."""


@contextmanager
def silent(kind: str) -> Iterator[dict[str, str]]:
    with black_hole() as port:
        url = f"{kind}://postgres@127.0.0.1:{port}/0"
        yield {"redis_url" if kind == "redis" else "database_url": url, "redis_timeout_seconds": "0.5"}


@contextmanager
def stopped_server() -> Iterator[dict[str, str]]:
    with required():
        server = PostgresServer()
    with server:
        server.pause()
        try:
            yield {"database_url": server.url()}
        finally:
            server.resume()


TIERS = {
    "a database that accepts and is silent": lambda: silent("postgresql"),
    "a database that is stopped": stopped_server,
    "a Redis that accepts and is silent": lambda: silent("redis"),
}


def parse(written_at: Any) -> None:
    """The last steps of a process that parses a file."""
    settings.engine.dispose(close=False)  # the parent's connections
    with DAG("written", schedule=None, start_date=DAY) as dag:
        EmptyOperator(task_id="a")
    with create_session() as session:
        SerializedDagModel.write_dag(dag, session=session)
    settings.dispose_orm()
    written_at.value = time.monotonic()


@pytest.mark.parametrize("tier", TIERS.values(), ids=TIERS)
def test_a_child_that_has_written(tier: Any, airflow_db: MetadataDb, quiet_host: None) -> None:
    """It waits for its thread that publishes, with a bound for all of it."""
    with tier() as options, plugin(publish_contents="True", **options):
        assert runtime().settings.shares
        written_at = _FORK.Value("d", 0.0)
        child = _FORK.Process(target=parse, args=(written_at,))
        child.start()
        child.join(60)
        ended_at = time.monotonic()
    assert child.exitcode == 0
    assert written_at.value
    assert ended_at - written_at.value < _BOUND_SECONDS + _SLACK_SECONDS
