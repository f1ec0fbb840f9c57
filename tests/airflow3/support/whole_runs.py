"""Runs from their creation to their end under one scheduler."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from tests.airflow3.support.scheduler import Scheduler
from tests.airflow3.support.scripted_executor import ScriptedExecutor
from tests.airflow3.support.stored_dags import create_run, make_room, store
from tests.support.scheduling.history import History, play_to_end
from tests.support.scheduling.random_dags import START
from tests.support.scheduling.script import Script


def play(documents: Sequence[Any], script: Script, *, n_runs: int = 2, **options: Any) -> History:
    """Stores the DAGs, creates the runs and plays them to their end; options: those of `play_to_end`."""
    executor = ScriptedExecutor(script)
    scheduler = scheduler_with(executor)
    create_runs(documents, n_runs)
    return play_to_end(scheduler, executor, **options)


def create_runs(documents: Sequence[Any], n_runs: int) -> None:
    """Stores the DAGs and queues the first runs of each."""
    store(documents)
    make_room()
    for document in documents:
        for number in range(n_runs):
            create_run(document["dag"]["dag_id"], START + timedelta(days=number))


def scheduler_with(executor: ScriptedExecutor) -> Scheduler:
    """One that queues whatever is ready: what gets the last slot would hang on the order of rows.

    And one that sees an edit in its next loop: on stock it may take 30 s, which `test_content_races` is about.
    """
    scheduler = Scheduler(executor)
    scheduler.dag_bag._revalidation_interval = 0
    scheduler.runner.job.max_tis_per_query = 0
    scheduler.runner._parallelism = 1_000_000
    return scheduler
