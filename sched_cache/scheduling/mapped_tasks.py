"""The proof for mapped tasks and for tasks in mapped groups.

Their counters are *wary*: the host is asked about a task once any direct upstream has finished without success. Two
more conditions apply:

- `MappedTaskUpstreamDep` reads the unexpanded rows of the tasks over whose values a task is mapped, in their state at
  that time and not in the snapshot. Therefore these rows must be *settled*: no step of the pass may change them.
- An instance in a mapped group waits for one instance of an upstream in that group, which the host determines from
  XComs. The counter only knows all instances together. Therefore the proof needs an *unfinished* row that counts in
  every case: a row of a task outside of mapped groups, the row of the same map index in the same group, or an
  unexpanded row that stays unexpanded.

Source: Airflow 3.3.2 and 2.11.2, ti_deps/deps/mapped_task_upstream_dep.py, trigger_rule_dep.py
`_iter_upstream_conditions`, models/taskinstance.py `get_relevant_upstream_map_indexes`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from sched_cache.format import ABSENT, CompactDag
from sched_cache.format.graph import topological_order
from sched_cache.scheduling.expansion import Expansion
from sched_cache.scheduling.slim_task_instances import SlimTaskInstances
from sched_cache.scheduling.state import OUTCOME_OF_CODE, UNFINISHED
from sched_cache.scheduling.trigger_rule import BLOCKED_BELOW

_UNEXPANDED: Final = -1


class MappedTasks:
    """The part that is the same for all runs: the tasks, upstream first, and the tasks over which each is mapped."""

    __slots__ = ("_counted", "_dag", "_depends_on", "_expansion", "_order", "_read")

    def __init__(
        self, dag: CompactDag, expansion: Expansion, depends_on: Mapping[int, Sequence[int]], counted: bytes
    ) -> None:
        """The proof for the tasks in `depends_on`: task -> the tasks over whose values it is mapped.

        Args:
            counted: a byte per task, 1 if n is the number of upstream rows.
        """
        tasks = range(dag.n_tasks)
        upstream = [dag.upstream(index) for index in tasks]
        # A cycle has no order, and no task in it is ever proven blocked.
        order = topological_order([dag.downstream(index) for index in tasks], upstream) or ()
        self._dag = dag
        self._expansion = expansion
        self._depends_on = depends_on
        self._counted = counted
        self._order = [index for index in order if index in depends_on]
        self._read = frozenset(
            other for index in self._order for other in (index, *depends_on[index], *upstream[index])
        )

    def __contains__(self, index: int) -> bool:
        return index in self._depends_on

    def blocked_rows(
        self, rows: SlimTaskInstances, counts: Sequence[int], is_looked_at: bytes
    ) -> frozenset[int]:
        """The rows of these tasks that the pass examines and that are blocked.

        Args:
            rows: all rows of the run.
            counts: the counter of each task.
            is_looked_at: a byte per row, 0 if the host's pass does not examine it.

        Cost: a pass over `rows`, and the edges above these tasks for each of their rows.
        """
        run = _Pass(rows, self._read, is_looked_at)
        blocked: set[int] = set()
        for index in self._order:
            if 0 < counts[index] < BLOCKED_BELOW and all(
                self._is_settled(other, run, counts) for other in self._depends_on[index]
            ):
                for map_index, row in run.rows_of[index].items():
                    if run.is_looked_at[row] and self._waits(index, map_index, run):
                        blocked.add(row)
                        if map_index == _UNEXPANDED:
                            run.stays_unexpanded.add(index)
        return frozenset(blocked)

    def _is_settled(self, index: int, run: _Pass, counts: Sequence[int]) -> bool:
        row = run.rows_of[index].get(_UNEXPANDED)
        if row is None or not run.is_unfinished(row) or run.will_stay(index, row):
            return True
        return index not in self._depends_on and 0 < counts[index] < BLOCKED_BELOW

    def _waits(self, index: int, map_index: int, run: _Pass) -> bool:
        if self._expansion.group_of[index] is ABSENT or not self._counted[index]:
            return True  # every row of every upstream counts, so the counter is sufficient
        return any(self._waits_for(index, map_index, other, run) for other in self._dag.upstream(index))

    def _waits_for(self, index: int, map_index: int, other: int, run: _Pass) -> bool:
        """Whether an unfinished row of `other` counts for this instance, for any values of the XComs."""
        expansion, rows = self._expansion, run.rows_of[other]
        if expansion.group_of[other] is ABSENT:
            return any(map(run.is_unfinished, rows.values()))
        unexpanded = rows.get(_UNEXPANDED)
        if unexpanded is not None and run.is_unfinished(unexpanded) and run.will_stay(other, unexpanded):
            return True
        if expansion.group_of[other] != expansion.group_of[index] or expansion.is_mapped[other]:
            return False
        sibling = rows.get(map_index) if map_index != _UNEXPANDED else None
        return sibling is not None and run.is_unfinished(sibling)


class _Pass:
    """The rows that the proof uses in one pass of the host.

    rows_of: task -> map index -> row. stays_unexpanded: the tasks proven so far to keep their unexpanded row.
    """

    __slots__ = ("_outcomes", "is_looked_at", "rows_of", "stays_unexpanded")

    def __init__(self, rows: SlimTaskInstances, tasks: frozenset[int], is_looked_at: bytes) -> None:
        self.is_looked_at = is_looked_at
        self.stays_unexpanded: set[int] = set()
        self._outcomes = rows.state.translate(OUTCOME_OF_CODE)
        self.rows_of: dict[int, dict[int, int]] = {index: {} for index in tasks}
        rows_of = self.rows_of
        for row, (index, map_index) in enumerate(zip(rows.task_index, rows.map_index, strict=True)):
            if index in rows_of:
                rows_of[index][map_index] = row

    def will_stay(self, index: int, unexpanded: int) -> bool:
        """Whether the pass cannot change the unexpanded row of this mapped task."""
        return index in self.stays_unexpanded or not self.is_looked_at[unexpanded]

    def is_unfinished(self, row: int) -> bool:
        return self._outcomes[row] == UNFINISHED
