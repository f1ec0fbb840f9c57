"""The time from the end of a task to the queueing of the next one, in real processes.

Minutes of work, so only where `SCHED_CACHE_END_TO_END` is set; `make wake` does. It prints the figures of each way.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import pytest
from sqlalchemy import create_engine, text

from tests.airflow3.end_to_end.installation import Installation, installation
from tests.airflow3.support.timed_executor import SECONDS
from tests.hosts.home import option
from tests.hosts.subject import STOCK, Subject
from tests.support.module_process import CHECKOUT
from tests.support.servers import RedisServer

pytestmark = pytest.mark.skipif("SCHED_CACHE_END_TO_END" not in os.environ, reason="make wake")

N_TASKS: Final = 20
_DAG: Final = f"""
from datetime import datetime

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG, chain

with DAG("chain", schedule=None, start_date=datetime(2024, 1, 1)):
    chain(*(EmptyOperator(task_id=f"task_{{n:02}}", on_success_callback=print) for n in range({N_TASKS})))
"""
_OPTIONS: Final = {
    option("core", "executor"): "tests.airflow3.support.timed_executor.TimedExecutor",
    option("core", "parallelism"): "32",
    option("scheduler", "scheduler_idle_sleep_time"): "1",
    SECONDS: "0.3",
}
_NOBODY: Final = "redis://127.0.0.1:9"
_FOLDERS: Final = os.pathsep.join((str(CHECKOUT), str(CHECKOUT / "adapters")))


class _Checkout(Subject):
    """The plugin from this checkout, whose tests have the executor."""

    def environment(self) -> dict[str, str]:
        on = "False" if self.name == "stock" else "True"
        return {option("sched_cache", "enabled"): on, "PYTHONPATH": _FOLDERS}


def lags(subject: Subject, folder: Path, options: Mapping[str, str]) -> list[float]:
    """Seconds from the end of each task to the queueing of the next one, in one run of the chain."""
    (folder / "chain.py").write_text(_DAG)
    subject = _Checkout(subject.name, loses=subject.loses)
    with installation(subject, dags=folder, options={**_OPTIONS, **options}) as airflow:
        _play(airflow, "first")  # DAGs and connections are loaded by it
        return _play(airflow, "second")


def _play(airflow: Installation, run_id: str) -> list[float]:
    engine = create_engine(airflow.database_url)

    def one(statement: str) -> object:
        with engine.begin() as connection:
            return connection.execute(text(statement)).scalar()

    try:
        airflow.wait_until(
            lambda: bool(one("SELECT count(*) FROM serialized_dag")), what="the DAG", timeout_seconds=120
        )
        airflow.trigger([f"chain/{run_id}"])
        state = f"SELECT state FROM dag_run WHERE run_id = '{run_id}'"
        airflow.wait_until(
            lambda: one(state) in ("success", "failed"), what="the end of the run", timeout_seconds=180
        )
        assert one(state) == "success"
        with engine.begin() as connection:
            rows = connection.execute(
                text(
                    "SELECT queued_dttm, end_date FROM task_instance WHERE run_id = :run_id ORDER BY task_id"
                ),
                {"run_id": run_id},
            ).all()
    finally:
        engine.dispose()
    assert len(rows) == N_TASKS
    return [(rows[n + 1].queued_dttm - rows[n].end_date).total_seconds() for n in range(N_TASKS - 1)]


def _shown(name: str, found: list[float]) -> str:
    return f"{name}: p50 {statistics.median(found) * 1000:.0f} ms, longest {max(found) * 1000:.0f} ms"


def test_the_next_task_is_queued_soon_after_the_end_of_the_last(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """By Redis, by LISTEN, and without either: a third of the time of stock, at most."""
    began_at = time.monotonic()
    plugin = Subject("plugin", loses=False)
    figures = {}
    with RedisServer() as redis:
        for name, subject, options in (
            ("stock", STOCK, {}),
            ("Redis", plugin, {option("sched_cache", "redis_url"): redis.url}),
            ("LISTEN", plugin, {option("sched_cache", "redis_url"): ""}),
            ("looks by itself", plugin, {option("sched_cache", "redis_url"): _NOBODY}),
            ("off", plugin, {option("sched_cache", "wake_schedulers"): "False"}),
        ):
            folder = tmp_path / name.replace(" ", "_")
            folder.mkdir()
            figures[name] = lags(subject, folder, options)
    with capsys.disabled():
        print("\n" + "\n".join(_shown(name, found) for name, found in figures.items()))
        print(f"({time.monotonic() - began_at:.0f} s)")
    stock = statistics.median(figures["stock"])
    for name in ("Redis", "LISTEN", "looks by itself"):
        assert statistics.median(figures[name]) < stock / 3, name
    assert statistics.median(figures["off"]) > stock / 3
