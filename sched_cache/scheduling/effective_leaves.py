"""The tasks whose instances decide whether a run has succeeded."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from sched_cache.format import ABSENT, CompactDag
from sched_cache.scheduling.effective import effective_column
from sched_cache.scheduling.host_rules import HostRules

_FAILS_RUN: Final = "on_failure_fail_dagrun"


def effective_leaves(dag: CompactDag, host: HostRules) -> list[int]:
    """The tasks, ascending, without a task downstream that counts. Cost: linear in tasks and edges.

    A teardown counts only if it may fail the run. If a DAG has only teardowns that do not count, the result is all
    tasks without a downstream task.

    Source: `DagRun._tis_for_dagrun_state` in models/dagrun.py of Airflow 3.3.2 and 2.11.2, which differ only in the
    fields of `host`.
    """
    teardowns = effective_column(dag, "is_teardown")
    tasks = range(dag.n_tasks)
    if not any(teardowns):
        return [index for index in tasks if not len(dag.downstream(index))]
    counts = [
        not is_teardown or bool(fails_run)
        for is_teardown, fails_run in zip(teardowns, _fail_run(dag, host), strict=True)
    ]
    leaves = [
        index for index in tasks if counts[index] and not any(map(counts.__getitem__, dag.downstream(index)))
    ]
    return leaves or [index for index in tasks if not len(dag.downstream(index))]


def _fail_run(dag: CompactDag, host: HostRules) -> Sequence[Any]:
    if host.mapped_may_fail_run:
        return effective_column(dag, _FAILS_RUN)
    return [value is not ABSENT and value for value in dag.column(_FAILS_RUN)]
