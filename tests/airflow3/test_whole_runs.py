"""Whole runs on Airflow 3, see `contracts/whole_runs.py`."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest

pytest.importorskip("airflow.sdk")

from sched_cache_airflow.hosts.installed import runtime
from tests.airflow3.support.activation import activated
from tests.airflow3.support.random_dags import random_dag
from tests.airflow3.support.stored_dags import document_of
from tests.airflow3.support.user import User
from tests.airflow3.support.whole_runs import play
from tests.contracts.whole_runs import Stage, WholeRunsContract, clusters
from tests.hosts.subject import PLUGIN, STOCK


@pytest.fixture
def stage(empty_database: Callable[[], None]) -> Stage:
    stock, plugin = partial(activated, STOCK), partial(activated, PLUGIN)
    return Stage(empty_database, stock, plugin, runtime, random_dag, document_of, play, User)


@pytest.fixture(params=clusters(2))
def seed(request: pytest.FixtureRequest) -> int:
    return int(request.param)


class TestWholeRuns(WholeRunsContract):
    pass
