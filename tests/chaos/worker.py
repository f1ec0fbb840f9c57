"""One processor or one scheduler as a process: `python -m tests.chaos.worker ROLE NAME FOLDER SEED`.

Runs until it is killed. Where to find the database and Redis is in the environment.
"""

from __future__ import annotations

import random
import time
from pathlib import Path
from typing import Any

from sqlalchemy import text

from sched_cache.dag_cache import DagCache
from sched_cache.errors import PublishConflictError, SchedCacheError
from tests.support.hurt_cluster import worker
from tests.support.hurt_cluster.edited_files import EDITION, KEYS, read_edition
from tests.support.hurt_cluster.journal import Journal

EFFECTS = "chaos_effects"


def document(key: str, edition: int) -> dict[str, Any]:
    """The DAG of one edition."""
    task = {"task_id": "t", "task_type": "BashOperator", "bash_command": f"echo {edition}"}
    tasks = [{"__type": "operator", "__var": task}]
    return {"__version": 3, "dag": {"dag_id": key, "tasks": tasks, EDITION: edition}}


def process_files(cache: DagCache, journal: Journal, files: Path, choose: random.Random) -> None:
    """Works like a DAG processor, without end."""
    while True:
        key = choose.choice(KEYS)
        try:
            token = cache.token(key)
            edition = read_edition(files, key)
            published = cache.publish(key, document(key, edition), token=token, signal=choose.random() < 0.1)
            if published.changed:
                journal.write(
                    "published", key=key, edition=edition, version=published.version, seq=published.parsed_seq
                )
        except PublishConflictError:
            journal.write("conflict", key=key)
        except SchedCacheError as error:
            journal.write("failed", error=type(error).__name__)
            time.sleep(0.05)
        time.sleep(choose.expovariate(150))


def schedule(cache: DagCache, journal: Journal, choose: random.Random) -> None:
    """Works like a scheduler, without end: acts on fresh DAGs, and reads others."""
    while True:
        try:
            with cache.claim(limit=4) as claims:
                for claim in claims:
                    dag = cache.get(claim.key, min_version=claim.version)
                    edition = dag.field(EDITION) if dag else 0
                    claim.connection.execute(
                        text(f"INSERT INTO {EFFECTS} (dag, edition, seq) VALUES (:dag, :edition, :seq)"),
                        {"dag": claim.key, "edition": edition, "seq": claim.parsed_seq},
                    )
                    claim.acknowledge()
            for key in choose.sample(KEYS, 6):
                learnt = cache.floor(key)
                started = time.monotonic()
                dag = cache.get(key)
                edition = dag.field(EDITION) if dag else 0
                took = time.monotonic() - started
                journal.write("read", key=key, edition=edition, started=started, took=took)
                if dag is not None and learnt is not None and dag.content_hash != learnt.content_hash:
                    now = cache.floor(key)
                    if now is not None and now.version == learnt.version:
                        journal.write("older than learnt", key=key, edition=edition)
        except SchedCacheError as error:
            journal.write("failed", error=type(error).__name__)
            time.sleep(0.02)
        time.sleep(choose.expovariate(200))


if __name__ == "__main__":
    worker.main(process_files, schedule)
