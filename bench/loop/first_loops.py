"""A scheduler process that has just been started: its first loops."""

from __future__ import annotations

import gc
from statistics import median
from typing import Any

from ..answers import commands, open_answers
from ..case import Case
from ..memory import rss_bytes
from ..subject import find_subject
from .phases import Phases
from .scheduler import Scheduler

# The first loop loads the DAGs. Loops after the second one are like any later loop; quick ones need more samples.
_N_FIRST, _LATER_SECONDS, _MOST = 2, 0.5, 9


def first_loops(case: Case, subject_name: str) -> dict[str, Any]:
    """`first_seconds` and `first_queries` of the first loop, and the median of later ones.

    Starting Python and importing Airflow are not part of it.
    """
    from airflow import settings

    work = find_subject(subject_name).open(case)
    scheduler = Scheduler()
    scheduler.register()
    phases = Phases()
    phases.count_queries(settings.engine)
    seconds: list[float] = []
    queries: list[int] = []
    while len(seconds) <= _N_FIRST or (len(seconds) < _MOST and sum(seconds[_N_FIRST:]) < _LATER_SECONDS):
        gc.collect()  # otherwise a full collection would affect only some loops
        phases.reset()
        seconds.append(scheduler.loop()[0])
        queries.append(phases.n_queries)
    work.settle()
    return {
        "first_seconds": seconds[0],
        "later_seconds": median(seconds[_N_FIRST:]),
        "first_queries": queries[0],
        "rss_bytes": rss_bytes(),
        "counters": dict(work.counters()),
    }


if __name__ == "__main__":
    answer = open_answers()
    for given in commands():
        answer(first_loops(Case(**given["case"]), given["subject"]))
