"""One of several schedulers on one database, which loops for a given time and reports its work."""

from __future__ import annotations

import gc
import time

from ..answers import commands, open_answers
from ..case import Case
from ..subject import find_subject
from .observing import examined_runs
from .phases import Phases
from .scheduler import Scheduler


class Node:
    """A scheduler process that is ready but has no DAGs in memory."""

    def __init__(self, case: Case, subject_name: str) -> None:
        from airflow import settings

        self._work = find_subject(subject_name).open(case)
        self._scheduler = Scheduler()
        self._scheduler.register()
        self._phases = Phases()
        self._phases.count_queries(settings.engine)

    def loop_for(self, seconds: float) -> dict[str, float]:
        """Loops without pauses, like a scheduler that always finds work."""
        examined: list[str] = []
        gc.collect()
        with examined_runs(lambda run: examined.append(run.dag_id)):
            before = self._work.counters()
            n_loops, until = 0, time.monotonic() + seconds
            start = time.perf_counter()
            while time.monotonic() < until:
                self._scheduler.loop()
                n_loops += 1
            elapsed = time.perf_counter() - start
        self._work.settle()
        after = self._work.counters()
        return {
            "seconds": elapsed,
            "n_loops": n_loops,
            "n_runs": len(examined),
            "n_queries": self._phases.n_queries,
            **{name: after[name] - before.get(name, 0.0) for name in after},
        }


if __name__ == "__main__":
    answer, orders = open_answers(), commands()
    given = next(orders)
    node = Node(Case(**given["case"]), given["subject"])
    answer({})
    for seconds in orders:
        answer(node.loop_for(seconds))
