"""The critical section of Airflow 3, see `contracts/critical_section.py`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

pytest.importorskip("airflow.sdk")

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG

from sched_cache_airflow.hosts.airflow3.certification.scheduler import IdleExecutor
from sched_cache_airflow.hosts.installed import runtime
from tests.airflow3.support.activation import activated
from tests.airflow3.support.scheduler import Scheduler
from tests.airflow3.support.stored_dags import create_run, document_of, store
from tests.contracts.critical_section import SLOTS, CriticalSectionContract, Host, Queued


class Recorder(IdleExecutor):
    """Notes what it is given."""

    def __init__(self, queued: Queued) -> None:
        super().__init__()
        self.parallelism = SLOTS
        self._queued = queued

    def queue_workload(self, workload: Any, session: Any) -> None:
        self._queued.append((workload.ti.dag_id, workload.ti.task_id))


class TestCriticalSection(CriticalSectionContract):
    @pytest.fixture
    def host(self, empty_database: Callable[[], None]) -> Host:
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
