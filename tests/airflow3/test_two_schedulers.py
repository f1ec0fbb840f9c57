"""A stock scheduler and one with the plugin work on the same runs at once.

`SCHED_CACHE_TWO_SCHEDULERS` repeats it with that many clusters, from `SCHED_CACHE_TWO_SCHEDULERS_SEED` on.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

import pytest

pytest.importorskip("airflow.sdk")

from airflow.jobs.scheduler_job_runner import SchedulerJobRunner
from airflow.models import DagModel
from airflow.utils.session import create_session
from sqlalchemy import select, update

from tests.airflow3.support.cluster import Cluster
from tests.airflow3.support.interleave import before_call
from tests.airflow3.support.metadata_db import MetadataDb
from tests.airflow3.support.random_dags import START, Traits, random_dag
from tests.airflow3.support.runs import end_tasks, run_state
from tests.airflow3.support.scripted_executor import Script
from tests.airflow3.support.stored_dags import create_run, document_of, make_room, store
from tests.airflow3.support.subject import CHECKOUT, OFF, ON, STOCK, Subject
from tests.airflow3.support.whole_runs import create_runs, play, rows

N_CLUSTERS = int(os.environ.get("SCHED_CACHE_TWO_SCHEDULERS", "1"))
FIRST_SEED = int(os.environ.get("SCHED_CACHE_TWO_SCHEDULERS_SEED", "1"))
N_RUNS = 2
SECONDS = 90.0

# Where a failed and a skipped task come together, it is the order of events that decides between the two.
TRAITS = Traits(trigger_rules=False, branches=False, past=False)
OUTCOMES = ("success",) * 10 + ("failed", "deferred", "lost")


@pytest.mark.parametrize("seed", range(FIRST_SEED, FIRST_SEED + N_CLUSTERS))
def test_no_task_is_lost_or_done_twice_and_no_run_gets_stuck(
    migrated_db: MetadataDb, empty_database: Callable[[], None], seed: int
) -> None:
    """Every try is executed once, by one of the two, and the runs end as under a single stock scheduler."""
    if migrated_db.name == "sqlite":
        pytest.skip("SQLite has one writer at a time")
    documents = [document_of(random_dag(seed * 100 + size, size, TRAITS)) for size in (5, 10, 20)]
    script = Script.for_dags(seed, documents, outcomes=OUTCOMES, lengths=(1, 3))
    empty_database()
    with STOCK.activated():
        expected = play(documents, script, n_runs=N_RUNS)
        empty_database()
        create_runs(documents, N_RUNS)
    with _scheduler(script, OFF) as stock, _scheduler(script, ON) as ours:
        for process in (stock, ours):
            _tell(process, "go")
        results = [json.loads(_answer(process)) for process in (stock, ours)]

    assert [result["unfinished"] for result in results] == [0, 0]
    executed = Counter(tuple(task) for result in results for task in result["executed"])
    assert [task for task, count in executed.items() if count > 1] == []
    assert set(executed) == set(expected.executed)
    assert rows() == expected.last
    assert all(result["executed"] for result in results), "one of the two had nothing to do"
    assert results[1]["decided"]
    assert results[1]["fallbacks"] == {}


@contextmanager
def _scheduler(script: Script, options: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.airflow3.support.scheduler_main"],
        cwd=CHECKOUT,
        env={**os.environ, **options, "PYTHONPATH": f"{CHECKOUT}:{CHECKOUT / 'adapters'}"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        _tell(process, json.dumps({"script": asdict(script), "seconds": SECONDS}))
        assert _answer(process) == "ready"
        yield process
    finally:
        process.kill()
        process.communicate()


def _tell(process: subprocess.Popen[str], line: str) -> None:
    assert process.stdin is not None
    process.stdin.write(line + "\n")
    process.stdin.flush()


def _answer(process: subprocess.Popen[str]) -> Any:
    """The next line that is not one of the host's log."""
    assert process.stdout is not None
    for line in process.stdout:
        if line == "ready\n" or line.startswith("{"):
            return line.strip()
    raise AssertionError("the scheduler ended without an answer")


def test_a_flag_that_another_scheduler_has_set_meanwhile_is_taken_down(
    cluster: Cluster, subject: Subject
) -> None:
    """A DAG whose flag `exceeds_max_non_backfill` is left up gets no more runs.

    1. A loop begins, and reads the rows of its DAGs; the flag is down.
    2. Another scheduler starts a run, finds that there are too many, and puts the flag up.
    3. The loop decides a run that ends: there is room again.
    """
    if cluster.database.name == "sqlite":
        pytest.skip("SQLite has one writer at a time")
    store([document_of(random_dag(1, 3, TRAITS, "limited", max_active_runs=1))])
    make_room()
    run_id = create_run("limited", START)
    cluster.scheduler.loop()
    end_tasks("limited", run_id, "success")

    def put_up() -> None:
        with create_session(scoped=False) as session:
            session.execute(update(DagModel).values(exceeds_max_non_backfill=True))

    # The plugin has read it by then; the host reads it a moment later.
    with before_call(SchedulerJobRunner, "_schedule_dag_run", put_up):
        cluster.scheduler.loop()

    assert run_state("limited", run_id) == "success"
    with create_session(scoped=False) as session:
        assert session.scalar(select(DagModel.exceeds_max_non_backfill)) is False
