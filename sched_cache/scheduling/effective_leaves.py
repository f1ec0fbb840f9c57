"""The tasks whose instances decide whether a run has succeeded."""

from __future__ import annotations

from sched_cache.format import CompactDag
from sched_cache.scheduling.effective import effective_column


def effective_leaves(dag: CompactDag) -> list[int]:
    """The tasks, ascending, with nothing that counts below them. Cost: linear in tasks and edges.

    A teardown counts only if it may fail the run. Of a DAG in which nothing else counts: all without a task below.

    Source: `DagRun._tis_for_dagrun_state` in models/dagrun.py of Airflow 3.3.2 and 2.11.2, the same in both.
    """
    teardowns = effective_column(dag, "is_teardown")
    tasks = range(dag.n_tasks)
    if not any(teardowns):
        return [index for index in tasks if not len(dag.downstream(index))]
    counts = [
        not is_teardown or bool(fails_run)
        for is_teardown, fails_run in zip(
            teardowns, effective_column(dag, "on_failure_fail_dagrun"), strict=True
        )
    ]
    leaves = [
        index for index in tasks if counts[index] and not any(map(counts.__getitem__, dag.downstream(index)))
    ]
    return leaves or [index for index in tasks if not len(dag.downstream(index))]
