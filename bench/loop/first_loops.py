"""A scheduler process that has just been started: its first loops."""

from __future__ import annotations

import time
from typing import Any

from ..answers import commands, open_answers
from ..case import Case
from ..memory import rss_bytes
from ..subject import find_subject
from .phases import Phases
from .scheduler import Scheduler

N_LOOPS = 3


def first_loops(case: Case, subject_name: str) -> dict[str, Any]:
    """seconds and queries: one value per loop. Starting Python and importing Airflow are not part of it."""
    from airflow import settings

    start = time.perf_counter()
    work = find_subject(subject_name).open(case)
    open_seconds = time.perf_counter() - start
    scheduler = Scheduler()
    scheduler.register()
    phases = Phases()
    phases.count_queries(settings.engine)
    seconds, queries = [], []
    for _ in range(N_LOOPS):
        phases.reset()
        seconds.append(scheduler.loop()[0])
        queries.append(phases.n_queries)
    work.settle()
    return {
        "open_seconds": open_seconds,
        "seconds": seconds,
        "queries": queries,
        "rss_bytes": rss_bytes(),
        "counters": dict(work.counters()),
    }


if __name__ == "__main__":
    answer = open_answers()
    for given in commands():
        answer(first_loops(Case(**given["case"]), given["subject"]))
