"""One of several schedulers on the same runs: a process that loops until every run has ended.

Reads one JSON object from its input: `script` and `seconds`, when to give up. Says that it is ready, waits for
another line, and in the end writes what it has executed.
"""

from __future__ import annotations

import json
import os
import sys
import time

from airflow.models import DagRun
from airflow.utils.session import create_session
from sqlalchemy import func, select

from tests.airflow3.support.home import option


def main() -> None:
    is_plugin = os.environ.get(option("sched_cache", "enabled")) == "True"
    if is_plugin:
        from sched_cache_airflow import airflow3

        airflow3.install()
    from tests.airflow3.support.scripted_executor import Script, ScriptedExecutor
    from tests.airflow3.support.whole_runs import scheduler_with, work_between_loops

    given = json.loads(sys.stdin.readline())
    executor = ScriptedExecutor(Script(**given["script"]))
    scheduler = scheduler_with(executor)
    print("ready", flush=True)
    sys.stdin.readline()
    end = time.monotonic() + given["seconds"]
    n_loops = 0
    while _n_unfinished() and time.monotonic() < end:
        scheduler.loop()
        work_between_loops(scheduler, executor)
        n_loops += 1
    result = {"executed": executor.executed, "loops": n_loops, "unfinished": _n_unfinished()}
    if is_plugin:
        from sched_cache_airflow.airflow3.runtime import runtime

        result["decided"] = runtime().fast_path.n_decided
        result["fallbacks"] = dict(runtime().stats.fallbacks)
    print(json.dumps(result), flush=True)


def _n_unfinished() -> int:
    with create_session(scoped=False) as session:
        unfinished = select(func.count()).select_from(DagRun).where(DagRun.state.in_(("queued", "running")))
        return session.scalar(unfinished) or 0


if __name__ == "__main__":
    main()
