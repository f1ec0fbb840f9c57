"""The finished task instances that the host reads to decide about others.

For each task instance that it decides about, the host iterates over all finished ones of the run, twice or more, which
is quadratic. It uses only those of the direct upstreams, of relevant setups and, for a teardown, of the tasks between
it and its setups.

Source: `DepContext.finished_tis` in ti_deps/deps/trigger_rule_dep.py and not_previously_skipped_dep.py of
Airflow 3.3.2 and 2.11.2; no other dependency reads it.
"""

from __future__ import annotations

from collections.abc import Iterable

from sched_cache.format import ABSENT, CompactDag
from sched_cache.scheduling.blocked_proof import BlockedProof
from sched_cache.scheduling.slim_task_instances import SlimTaskInstances
from sched_cache.scheduling.state import OUTCOME_OF_CODE, UNFINISHED


def finished_rows_read(
    proof: BlockedProof, rows: SlimTaskInstances, asked: Iterable[int]
) -> list[int] | None:
    """The finished rows, ascending, that the host reads to decide about the rows `asked`; None: any of them.

    Cost: the upstream edges of `asked`, for teardowns all edges above them, and a pass over `rows`.
    """
    tasks = {rows.task_index[row] for row in asked}
    if not tasks.isdisjoint(proof.unprovable):
        return None  # a task's own dependency class may read any row
    read: set[int] = set()
    setups = proof.dag.derived_column("setups")
    for index in tasks:
        read.update(proof.dag.upstream(index))
        if setups[index] is not ABSENT:
            read.update(setups[index])
    read |= _ancestors(proof.dag, tasks & proof.teardowns)
    outcomes = rows.state.translate(OUTCOME_OF_CODE)
    return [
        row
        for row, (index, outcome) in enumerate(zip(rows.task_index, outcomes, strict=True))
        if outcome > UNFINISHED and index in read
    ]


def _ancestors(dag: CompactDag, tasks: set[int]) -> set[int]:
    found: set[int] = set()
    waiting = list(tasks)
    while waiting:
        for parent in dag.upstream(waiting.pop()):
            if parent not in found:
                found.add(parent)
                waiting.append(parent)
    return found
