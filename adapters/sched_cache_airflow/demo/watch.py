"""One process of the demo, which reads a DAG in every loop, and reports when it gets the changed one.

Prints "ready" once it holds the DAG, then the seconds between the commit of the change and its use.
"""

from __future__ import annotations

import sqlite3
import sys
import time
from contextlib import closing
from typing import Any

from sched_cache_airflow.demo.bag import loop, scheduler_bag, version_of
from sched_cache_airflow.demo.plan import WATCHED_TASKS, dag_id_of

_LOOP_SECONDS = 0.05
_PATIENCE_SECONDS = 120.0


def main() -> int:
    """Watches one change."""
    from airflow.utils.session import create_session

    dag_id = dag_id_of(WATCHED_TASKS)
    version_id, bag = version_of(dag_id), scheduler_bag()
    with closing(sqlite3.connect(sys.argv[1], timeout=30, isolation_level=None)) as database:
        first_hash = _stored_hash(database, dag_id)
        with create_session() as session, loop(session):
            first_command = _command(bag._get_dag(version_id, session))
        print("ready", flush=True)
        committed_at = None
        end = time.monotonic() + _PATIENCE_SECONDS
        while time.monotonic() < end:
            if committed_at is None and _stored_hash(database, dag_id) != first_hash:
                committed_at = time.monotonic()
            with create_session() as session, loop(session):
                command = _command(bag._get_dag(version_id, session))
            if command != first_command:
                now = time.monotonic()
                print(now - (now if committed_at is None else committed_at), flush=True)
                return 0
            time.sleep(_LOOP_SECONDS)
    return 1


def _stored_hash(database: sqlite3.Connection, dag_id: str) -> str:
    (stored,) = database.execute("SELECT dag_hash FROM serialized_dag WHERE dag_id = ?", (dag_id,)).fetchone()
    return str(stored)


def _command(dag: Any) -> str:
    return str(dag.get_task("layer_0_task_0").bash_command)


if __name__ == "__main__":
    sys.exit(main())
