"""Which processes the host's own table shows as running, and which of them do not report."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from sqlalchemy import create_engine
from sqlalchemy.engine import Engine

from sched_cache.errors import StoreUnavailableError
from sched_cache_airflow.reporting.doctor import without_report
from sched_cache_airflow.reporting.live_jobs import AliveJob, alive_jobs


class HostConf:
    """The options that are read."""

    def getint(self, section: str, name: str) -> int:
        assert (section, name) == ("scheduler", "scheduler_health_check_threshold")
        return 30


@pytest.fixture
def database(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(tmp_path / "airflow.db", isolation_level=None)) as connection:
        connection.execute("CREATE TABLE job (id, job_type, state, hostname, latest_heartbeat)")
        yield connection


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = create_engine(f"sqlite:///{tmp_path / 'airflow.db'}")
    yield engine
    engine.dispose()


def insert(database: sqlite3.Connection, number: int, job_type: str, state: str, seconds_ago: float) -> None:
    heartbeat = datetime.now(timezone.utc) - timedelta(seconds=seconds_ago)
    row = (number, job_type, state, "node", heartbeat.strftime("%Y-%m-%d %H:%M:%S.%f"))
    database.execute("INSERT INTO job VALUES (?, ?, ?, ?, ?)", row)


def test_who_beat_lately_and_runs_is_alive(database: sqlite3.Connection, engine: Engine) -> None:
    """By the host's own threshold; other kinds of jobs have no plugin."""
    insert(database, 1, "SchedulerJob", "running", 5)
    insert(database, 2, "SchedulerJob", "running", 31)
    insert(database, 3, "TriggererJob", "success", 5)
    insert(database, 4, "DagProcessorJob", "running", 10)
    insert(database, 5, "LocalTaskJob", "running", 1)
    jobs = alive_jobs(HostConf(), engine)
    assert jobs == [AliveJob(1, "scheduler", "node"), AliveJob(4, "dag-processor", "node")]


def test_a_database_that_does_not_answer_is_told(engine: Engine) -> None:
    """It is not the same as nobody running."""
    with pytest.raises(StoreUnavailableError):
        alive_jobs(HostConf(), engine)


def test_who_runs_and_does_not_report() -> None:
    """As many of a kind and host as there are reports too few."""
    jobs = [AliveJob(number, "scheduler", host) for number, host in enumerate(["a", "a", "b"])]
    reports = [{"component": "scheduler", "host": "a"}, {"component": "triggerer", "host": "b"}]
    assert without_report(jobs, reports) == jobs[1:]
    assert without_report(jobs, [*reports, {"component": "scheduler", "host": "a"}]) == jobs[2:]
