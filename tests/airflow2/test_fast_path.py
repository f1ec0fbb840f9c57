"""The fast path on Airflow 2: what it does on both hosts, and where it stays out of the way."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any
from unittest import mock

import pytest
from airflow.models import DagRun
from airflow.serialization.serialized_objects import SerializedDAG
from airflow.ti_deps.deps.not_previously_skipped_dep import NotPreviouslySkippedDep
from airflow.utils.session import create_session
from sqlalchemy.exc import OperationalError

from sched_cache.scheduling import AIRFLOW_2
from sched_cache_airflow import releases
from sched_cache_airflow.hosts.airflow2.certification.decided_dag import DecidedDag
from sched_cache_airflow.hosts.airflow2.certification.documents import as_installed
from sched_cache_airflow.hosts.installed import runtime
from tests.airflow2.support.scheduler import IdleExecutor, Scheduler
from tests.airflow2.support.subject import plugin
from tests.contracts.fast_path import FastHost, FastPathContract, states, task_instance
from tests.hosts.metadata_db import MetadataDb


@contextmanager
def _scheduler(**options: str) -> Iterator[Scheduler]:
    with plugin(**options):
        yield Scheduler(IdleExecutor(slots=0))


@pytest.fixture
def fast_host(airflow_db: MetadataDb, quiet_host: None) -> FastHost:
    # A run whose hash agrees with its DAG is not compared with it here.
    return FastHost(
        _scheduler,
        runtime,
        DecidedDag,
        lambda document: SerializedDAG.from_dict(as_installed(document)),
        AIRFLOW_2,
        releases.AIRFLOW_2,
        nullcontext,
        # Before 2.10.5 it looks for them below a `SkipMixin`, which no stored operator is.
        acts_on_skip_decisions="SkipMixin"
        not in NotPreviouslySkippedDep._get_dep_statuses.__code__.co_varnames,
    )


class TestFastPath(FastPathContract):
    pass


def test_a_worker_that_looks_below_its_task_takes_the_hosts_path(fast_host: FastHost) -> None:
    """It decides alone between two loops, because the rows of a loop belong to the scheduler."""
    fast_host.store("success", None, None)
    with fast_host.plugin() as scheduler:
        with create_session() as session:
            ti = task_instance("a", session)
            ti.task = scheduler.runner.dagbag.get_dag("chain").get_task("a")
            ti.schedule_downstream_tasks(session=session)
        assert fast_host.fast_path.n_decided == 0
        assert not fast_host.runtime().stats.fallbacks
    assert states() == ["success", "scheduled", None]


def test_a_loop_that_the_database_broke_off_decides_nothing_again(fast_host: FastHost) -> None:
    """The host repeats it, and finds no runs: they are not locked any more."""
    fast_host.store("success", None, None)
    with fast_host.plugin() as scheduler:
        update_state, n_calls = vars(DagRun)["update_state"], 0

        def broken_off(self: Any, **options: Any) -> Any:
            nonlocal n_calls
            n_calls += 1
            raise OperationalError("statement", {}, Exception("gone"))

        broken_off.__wrapped__ = update_state  # type: ignore[attr-defined]  # as functools.wraps does
        broken_off.sched_cache_observes_only = True  # type: ignore[attr-defined]  # read by HostCode
        with mock.patch.object(DagRun, "update_state", broken_off):
            scheduler.loop()
        assert n_calls == 1
        scheduler.loop()
    assert states() == ["success", "scheduled", None]
