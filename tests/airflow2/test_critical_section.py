"""The critical section of Airflow 2, see `contracts/critical_section.py`."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import pytest
from airflow.models.dag import DAG
from airflow.operators.bash import BashOperator

from sched_cache_airflow.hosts.airflow2.certification.scheduler import IdleExecutor
from sched_cache_airflow.hosts.installed import runtime
from tests.airflow2.support.scheduler import Scheduler
from tests.airflow2.support.stored_dags import create_run, document_of, store
from tests.airflow2.support.subject import plugin
from tests.contracts.critical_section import SLOTS, CriticalSectionContract, Host, Queued
from tests.hosts.subject import STOCK, Subject


class Recorder(IdleExecutor):
    """Notes what it is given."""

    def __init__(self, queued: Queued) -> None:
        super().__init__(slots=SLOTS)
        self._queued = queued

    def queue_command(self, task_instance: Any, *arguments: Any, **options: Any) -> None:
        self._queued.append((task_instance.dag_id, task_instance.task_id))


def _activated(subject: Subject) -> AbstractContextManager[None]:
    return nullcontext() if subject == STOCK else plugin()


def _new_scheduler(queued: Queued) -> Scheduler:
    """This executor is the one of every task."""
    scheduler = Scheduler(Recorder(queued))
    scheduler.runner._try_to_load_executor = lambda *_, **__: scheduler.executor
    return scheduler


@pytest.fixture
def host(empty_database: Callable[[], None], quiet_host: None) -> Host:
    return Host(
        empty_database,
        _activated,
        DAG,
        BashOperator,
        document_of,
        store,
        create_run,
        _new_scheduler,
        runtime,
    )


class TestCriticalSection(CriticalSectionContract):
    pass
