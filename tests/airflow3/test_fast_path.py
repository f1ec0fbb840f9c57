"""The fast path on Airflow 3: what it does on both hosts, and what its callbacks tell."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime, timedelta, timezone
from typing import Any
from unittest import mock

import pytest

from sched_cache.scheduling import AIRFLOW_3
from sched_cache_airflow import releases
from sched_cache_airflow.hosts.airflow3.certification.decided_dag import DecidedDag
from sched_cache_airflow.hosts.airflow3.dags.serialization import DagSerialization
from sched_cache_airflow.hosts.installed import host_process, runtime
from tests.airflow3.support.scheduler import Scheduler
from tests.contracts.fast_path import FastHost, FastPathContract, counting_loaded, database, task_instance
from tests.hosts.home import option
from tests.hosts.metadata_db import MetadataDb
from tests.hosts.subject import ON


@contextmanager
def plugin(**options: str) -> Iterator[Scheduler]:
    """A scheduler with the plugin in charge of this process."""
    chosen = {option("sched_cache", name): value for name, value in options.items()}
    with mock.patch.dict(os.environ, {**ON, option("sched_cache", "publish_contents"): "False", **chosen}):
        host_process().install()
        try:
            scheduler = Scheduler()
            scheduler.executor.parallelism = 0
            yield scheduler
        finally:
            host_process().uninstall()


def unreconciled() -> AbstractContextManager[Any]:
    return mock.patch.object(type(runtime().reconciler), "reconcile")


@pytest.fixture
def fast_host(airflow_db: MetadataDb) -> FastHost:
    return FastHost(
        plugin,
        runtime,
        DecidedDag,
        DagSerialization.from_dict,
        AIRFLOW_3,
        releases.AIRFLOW_3,
        unreconciled,
    )


class TestFastPath(FastPathContract):
    pass


def test_the_callback_of_a_run_that_ends_names_the_task_instance_that_ended_last(fast_host: FastHost) -> None:
    """Of two that ended at once the first, as on stock; no other one is loaded."""
    fast_host.store("success", "success", "success", dag_fields={"has_on_success_callback": True})
    with database() as session:
        ended = datetime(2026, 1, 1, tzinfo=timezone.utc)
        for task_id, minutes in (("a", 0), ("b", 1), ("c", 1)):
            task_instance(task_id, session).end_date = ended + timedelta(minutes=minutes)
    sent: list[Any] = []
    with (
        fast_host.plugin() as scheduler,
        counting_loaded() as loaded,
        mock.patch.object(scheduler.executor, "send_callback", sent.append),
    ):
        scheduler.loop()
    assert [callback.context_from_server.last_ti.task_id for callback in sent] == ["b"]
    assert loaded == ["b"]
