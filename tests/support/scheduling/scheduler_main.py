"""The main function of a scheduler process, which loops until every run has ended, in this process or another one.

It reads one JSON object from its input, with `script` and a time-out in `seconds`, prints that it is ready, waits for
another line, and at the end prints the tries that it has executed.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from typing import Any

from airflow import settings
from airflow.models import DagRun
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from tests.support.scheduling.history import work_between_loops
from tests.support.scheduling.script import Script


def serve(begin: Callable[[Script], tuple[Any, Any]], runtime: Callable[[], Any] | None) -> None:
    """begin: makes scheduler and executor. runtime: the plugin's, where it is in charge."""
    given = json.loads(sys.stdin.readline())
    scheduler, executor = begin(Script(**given["script"]))
    print(json.dumps("ready"), flush=True)
    sys.stdin.readline()
    end = time.monotonic() + given["seconds"]
    n_loops = 0
    while n_unfinished() and time.monotonic() < end:
        scheduler.loop()
        work_between_loops(scheduler, executor)
        n_loops += 1
    result = {"executed": executor.executed, "loops": n_loops, "unfinished": n_unfinished()}
    if runtime is not None:
        result["decided"] = runtime().fast_path.n_decided
        result["fallbacks"] = dict(runtime().stats.fallbacks)
    print(json.dumps(result), flush=True)


def n_unfinished() -> int:
    """The number of runs that have not ended."""
    with Session(settings.engine) as session:
        unfinished = select(func.count()).select_from(DagRun).where(DagRun._state.in_(("queued", "running")))
        return session.scalar(unfinished) or 0
