"""The critical section of Airflow 3, see `contracts/critical_section.py`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

pytest.importorskip("airflow.sdk")

from airflow import configuration
from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG

from sched_cache_airflow.hosts.airflow3.certification.scheduler import IdleExecutor
from sched_cache_airflow.hosts.installed import runtime
from tests.airflow3.support.activation import activated
from tests.airflow3.support.scheduler import Scheduler
from tests.airflow3.support.stored_dags import create_run, document_of, store
from tests.contracts.critical_section import (
    BATCH,
    OF_MANY,
    SLOTS,
    CriticalSectionContract,
    Host,
    Queued,
    scheduler_of,
)
from tests.hosts.subject import PLUGIN, STOCK


class Recorder(IdleExecutor):
    """Notes what it is given."""

    def __init__(self, queued: Queued) -> None:
        super().__init__()
        self.parallelism = SLOTS
        self._queued = queued

    def queue_workload(self, workload: Any, session: Any) -> None:
        self._queued.append((workload.ti.dag_id, workload.ti.task_id))


@pytest.fixture
def host(empty_database: Callable[[], None]) -> Host:
    return Host(
        empty_database,
        activated,
        DAG,
        BashOperator,
        document_of,
        store,
        create_run,
        lambda queued: Scheduler(Recorder(queued)),
        runtime,
    )


class Tokens:
    """Notes how long the tokens that it is asked for are valid."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    def generate(self, extras: Any, valid_for: float) -> str:
        self.seconds.append(valid_for)
        return "token"


def test_the_validity_of_tokens_is_read_once_for_a_loop(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """And again in the next loop; outside of a loop each time, as on stock."""
    workloads = pytest.importorskip("airflow.executors.workloads.base", reason="before 3.2 nothing is read")
    reads = []

    def getfloat(section: str, key: str, **options: Any) -> float:
        reads.append((section, key))
        return len(reads)

    monkeypatch.setattr(configuration.conf, "getfloat", getfloat)
    for subject in (STOCK, PLUGIN):
        with host.activated(subject):
            scheduler, queued = scheduler_of(host, OF_MANY, n_runs=2)
            scheduler.executor.jwt_generator = tokens = Tokens()
            found = []
            for _ in range(2):
                reads.clear()
                scheduler.loop()
                found.append(reads.count(("scheduler", "task_queued_timeout")))
            assert len(tokens.seconds) == len(queued)
            assert found == ([BATCH, BATCH] if subject == STOCK else [1, 1])
            reads.clear()
            for _ in range(2):
                workloads.BaseWorkloadSchema.generate_token("one", tokens)
            assert len(reads) == 2


class TestCriticalSection(CriticalSectionContract):
    pass
