"""Progress counters of the upstreams of each task in one run, kept between loops and corrected by each read."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import suppress
from itertools import compress
from typing import Final

from sched_cache.scheduling.blocked_proof import BlockedProof
from sched_cache.scheduling.host_pass import HostPass
from sched_cache.scheduling.outcome import RunOutcomes, changed_tasks
from sched_cache.scheduling.slim_task_instances import SlimTaskInstances
from sched_cache.scheduling.state import STATE_CODES
from sched_cache.scheduling.trigger_rule import BLOCKED_BELOW, NEVER

_RESCHEDULED: Final = STATE_CODES["up_for_reschedule"]


class UpstreamCounts:
    """One counter per task of one run: the number of upstreams that are not done, or far more if one may act.

    The database decides what changed. `update` takes every row of the run as it was just read, compares, and corrects
    the counters downstream of each difference, so the origin of a change does not matter: a worker, a clear, a manual
    change, another scheduler, a loop that this process missed. If rows were added or removed, or nothing is known
    yet, it counts from the beginning. Both ways give the same counters.

    Not thread-safe.
    """

    __slots__ = ("_asked", "_counts", "_deciders", "_outcomes", "_proof", "_rows")

    def __init__(self, proof: BlockedProof) -> None:
        self._proof = proof
        self._rows: SlimTaskInstances | None = None
        self._deciders: Sequence[int] = ()
        self._outcomes: RunOutcomes | None = None
        self._counts: list[int] = []
        self._asked: dict[HostPass, Sequence[int]] = {}  # depends on the rows and the counts

    def update(self, rows: SlimTaskInstances, skip_decisions: Collection[str] | None = None) -> int:
        """Takes the rows of this loop; returns the number of changed tasks, which are all tasks at first.

        Args:
            rows: every task instance of the run, read with the DAG content of the proof.
            skip_decisions: the ids of the tasks that hold a skip decision (an XCom `skipmixin_key`) in this run,
                read after `rows`. None: not read, so each task that may hold one counts as if it did.

        Cost: linear in the rows and in the edges below changed tasks; a comparison of byte strings if nothing changed.
        """
        task_ids = self._proof.dag.task_ids
        if rows.task_ids is not task_ids and rows.task_ids != task_ids:
            raise ValueError("the rows were read with another content of the DAG than the proof")
        deciders = self._deciders_of(skip_decisions)
        before = self._outcomes
        if before is not None and deciders == self._deciders and rows.has_same_states(self._rows):
            self._rows = rows
            return 0
        self._asked = {}
        after = RunOutcomes.of_rows(rows, deciders)
        self._rows, self._deciders, self._outcomes = rows, deciders, after
        if before is None:
            return self._count(after)
        changed = changed_tasks(before, after)
        if any(before.n_rows(index) != after.n_rows(index) for index in changed):
            return self._count(after)
        for index in changed:
            old, new = before.weights(index), after.weights(index)
            self._push(index, [now - then for then, now in zip(old, new, strict=True)])
        return len(changed)

    def ask_host(self, host_pass: HostPass = HostPass.READY) -> list[int]:
        """The rows, ascending, that the host must examine in this pass. It may omit all others."""
        if host_pass not in self._asked:
            self._asked[host_pass] = self._rows_of(host_pass, blocked=False)
        return list(self._asked[host_pass])

    def blocked(self, host_pass: HostPass = HostPass.READY) -> list[int]:
        """The rows, ascending, that the pass would examine and that are proven blocked."""
        return self._rows_of(host_pass, blocked=True)

    def _rows_of(self, host_pass: HostPass, *, blocked: bool) -> list[int]:
        rows = self._rows
        if rows is None:
            raise ValueError("there are no rows yet: call update first")
        found = self._by_proof(rows, host_pass, blocked=blocked)
        if not self._proof.host.reschedule_reaches_others or _RESCHEDULED not in rows.state:
            return found
        if blocked:
            return [row for row in found if rows.state[row] != _RESCHEDULED]
        return sorted({*found, *(row for row, code in enumerate(rows.state) if code == _RESCHEDULED)})

    def _by_proof(self, rows: SlimTaskInstances, host_pass: HostPass, *, blocked: bool) -> list[int]:
        counts = self._counts
        is_looked_at = rows.state.translate(host_pass.value)
        looked_at = compress(range(len(rows)), is_looked_at)
        mapped, task_index = self._proof.mapped, rows.task_index
        if mapped is None and not rows.has_expanded:
            return [row for row in looked_at if (0 < counts[task_index[row]] < BLOCKED_BELOW) is blocked]
        blocked_mapped = (
            mapped.blocked_rows(rows, counts, is_looked_at) if mapped is not None else frozenset()
        )
        map_index = rows.map_index
        return [
            row
            for row in looked_at
            if (
                row in blocked_mapped
                if mapped is not None and task_index[row] in mapped
                else map_index[row] < 0 < counts[task_index[row]] < BLOCKED_BELOW
            )
            is blocked
        ]

    def _deciders_of(self, skip_decisions: Collection[str] | None) -> Sequence[int]:
        may_skip, dag = self._proof.may_skip, self._proof.dag
        if skip_decisions is None:
            return may_skip
        deciders = set()
        for task_id in skip_decisions:
            with suppress(KeyError):  # a task that the DAG no longer has
                deciders.add(dag.index(task_id))
        return sorted(deciders.intersection(may_skip))

    def _count(self, outcomes: RunOutcomes) -> int:
        proof = self._proof
        self._counts = counts = list(proof.initial)
        for index in proof.feeders:
            n_rows = outcomes.n_rows(index)
            for child in proof.dag.downstream(index):
                if proof.counted[child] and proof.kinds[child] != NEVER:
                    counts[child] += n_rows
        for index in compress(range(proof.dag.n_tasks), outcomes.has_weight):
            self._push(index, outcomes.weights(index))
        return proof.dag.n_tasks

    def _push(self, index: int, weights: Sequence[int]) -> None:
        proof, counts = self._proof, self._counts
        kinds = proof.kinds
        for child in proof.dag.downstream(index):
            counts[child] += weights[kinds[child]]
        if weights[-1]:
            for watcher in proof.watchers.get(index, ()):
                counts[watcher] += weights[-1]
