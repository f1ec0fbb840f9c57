"""A worker of a webserver that does nothing but look at one DAG; started by test_background_refresh.py.

Prints JSON: for each look the time before it and the number that it saw, and how many looks read the database.
"""

from __future__ import annotations

import json
import sys
import time
import warnings
from threading import current_thread, main_thread
from typing import Any

DAG_ID = "edited"


def main(seconds: float, every_seconds: float, refreshes: bool) -> None:
    from airflow import settings
    from airflow.models import dagbag
    from sqlalchemy import event

    from sched_cache_airflow.hosts.airflow2.webserver import begin_refresh
    from sched_cache_airflow.hosts.installed import host_process, runtime

    host_process().install()
    bag: Any = dagbag.DagBag(read_dags_from_db=True, collect_dags=False)
    statements: list[str] = []
    looking = False

    def note(connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        if looking and current_thread() is main_thread():
            statements.append(statement)

    event.listen(settings.engine, "before_cursor_execute", note)
    bag.get_dag(DAG_ID)
    if refreshes:
        begin_refresh(host_process(), bag)
    looks: list[tuple[float, int]] = []
    print("ready", flush=True)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        begun, looking = time.monotonic(), True
        (task_id,) = bag.get_dag(DAG_ID).task_ids
        looking = False
        looks.append((begun, int(task_id.removeprefix("task_"))))
        time.sleep(every_seconds)
    found = {"looks": looks, "n_statements": len(statements), "fallbacks": dict(runtime().stats.fallbacks)}
    print(json.dumps(found), flush=True)
    host_process().uninstall()


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main(float(sys.argv[1]), float(sys.argv[2]), sys.argv[3] == "refresh")
