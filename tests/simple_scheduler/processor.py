"""A DAG processor as of 1.10: reads a file, creates the run and its task instances, announces the DAG."""

from __future__ import annotations

import random
import time
from pathlib import Path
from typing import Any

from sqlalchemy import insert
from sqlalchemy.exc import SQLAlchemyError

from sched_cache.dag_cache import DagCache
from sched_cache.errors import PublishConflictError, SchedCacheError
from tests.simple_scheduler.tables import DAG_RUN, TASK_INSTANCE
from tests.support.hurt_cluster.edited_files import EDITION, KEYS, read_edition
from tests.support.hurt_cluster.journal import Journal

TASK_IDS = tuple(f"task_{number}" for number in range(6))
CONCURRENCY, TASK_CONCURRENCY = 5, 2
_PARSES_A_SECOND = 40.0


def document(key: str, edition: int) -> dict[str, Any]:
    """The DAG of one edition. Its first task has a limit of its own, and every task another priority."""
    tasks: list[dict[str, Any]] = [
        {"task_id": task_id, "priority_weight": 10 + weight} for weight, task_id in enumerate(TASK_IDS)
    ]
    tasks[0]["task_concurrency"] = TASK_CONCURRENCY
    dag = {"_dag_id": key, "fileloc": f"/dags/{key}.py", "_concurrency": CONCURRENCY, EDITION: edition}
    return {"__version": 1, "dag": {**dag, "tasks": [{"__var": task} for task in tasks]}}


def process_files(cache: DagCache, journal: Journal, files: Path, choose: random.Random) -> None:
    """Parses one file after the other, for ever. Like 1.10, also announces a DAG that did not change."""
    while True:
        key = choose.choice(KEYS)
        try:
            _process_file(cache, journal, files, key)
        except PublishConflictError:
            journal.write("conflict", key=key)
        except (SchedCacheError, SQLAlchemyError) as error:  # the latter from statements of our own
            journal.write("failed", error=type(error).__name__)
            time.sleep(0.05)
        time.sleep(choose.expovariate(_PARSES_A_SECOND))


def _process_file(cache: DagCache, journal: Journal, files: Path, key: str) -> None:
    token = cache.token(key)
    edition = read_edition(files, key)
    with cache.store.transaction() as connection:
        published = cache.publish(
            key, document(key, edition), token=token, signal=True, connection=connection
        )
        if published.changed:
            connection.execute(insert(DAG_RUN), {"dag_id": key, "edition": edition, "state": "running"})
            connection.execute(
                insert(TASK_INSTANCE),
                [
                    {
                        "dag_id": key,
                        "task_id": task_id,
                        "edition": edition,
                        "state": "scheduled",
                        "try_number": 0,
                    }
                    for task_id in TASK_IDS
                ],
            )
    cache.announce(published)
    journal.write("published", key=key, edition=edition, seq=published.parsed_seq, changed=published.changed)
