"""Runs from their creation to their end under one scheduler."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from unittest import mock

from airflow import settings

from tests.airflow2.support.scheduler import Scheduler
from tests.airflow2.support.scripted_executor import ScriptedExecutor
from tests.airflow2.support.stored_dags import create_run, make_room, store
from tests.hosts.home import option
from tests.support.scheduling.history import History, play_to_end
from tests.support.scheduling.random_dags import START
from tests.support.scheduling.script import Script, dag_id_of


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
            create_run(dag_id_of(document), START + timedelta(days=number))


class EagerScheduler(Scheduler):
    """Queues whatever is ready: what gets the last slot would hang on the order of rows.

    And sees an edit in its next loop: on stock it may take 10 s, which `test_dag_bag` is about.
    """

    def loop(self) -> None:
        with (
            mock.patch.dict(os.environ, {option("core", "parallelism"): "0"}),
            mock.patch.object(settings, "MIN_SERIALIZED_DAG_FETCH_INTERVAL", 0),
        ):
            super().loop()


def scheduler_with(executor: ScriptedExecutor) -> Scheduler:
    """One whose DAG processor is elsewhere."""
    scheduler = EagerScheduler(executor)
    scheduler.runner._standalone_dag_processor = True
    scheduler.runner._try_to_load_executor = lambda name: executor
    scheduler.runner.job.max_tis_per_query = 0
    return scheduler
