"""Whole runs on Airflow 2.11, see `contracts/whole_runs.py`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from sched_cache_airflow.hosts.airflow2.certification.sorted_rows import sorted_rows
from sched_cache_airflow.hosts.installed import runtime
from tests.airflow2.support.random_dags import random_dag
from tests.airflow2.support.stored_dags import document_of
from tests.airflow2.support.subject import plugin
from tests.airflow2.support.user import User
from tests.airflow2.support.whole_runs import play
from tests.contracts.whole_runs import Stage, WholeRunsContract, clusters


@contextmanager
def _plugin() -> Iterator[None]:
    with plugin(), sorted_rows():
        yield


@pytest.fixture
def stage(empty_database: Callable[[], None], quiet_host: None) -> Stage:
    return Stage(empty_database, sorted_rows, _plugin, runtime, random_dag, document_of, play, User)


@pytest.fixture(params=clusters(1))
def seed(request: pytest.FixtureRequest) -> int:
    return int(request.param)


class TestWholeRuns(WholeRunsContract):
    pass
