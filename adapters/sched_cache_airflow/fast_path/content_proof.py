"""The knowledge of the fast path about one DAG content, shared by all its runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final
from weakref import WeakValueDictionary

from sched_cache.format import CompactDag
from sched_cache.scheduling import BlockedProof, HostRules
from sched_cache.scheduling.effective import effective_column

_LIMITS: Final = ("depends_on_past", "max_active_tis_per_dag", "max_active_tis_per_dagrun")
_UNKNOWN: Final = -1


class ContentProof:
    """The blocked proof of one content, and other data that all its runs share.

    has_limit: one byte per task: 1 if the host may wait for the task without calling the run deadlocked.
    """

    __slots__ = ("__weakref__", "_rank", "dag", "has_limit", "proof")

    def __init__(self, dag: CompactDag, rules: HostRules) -> None:
        self.dag = dag
        self.proof = BlockedProof(dag, rules)
        columns = [effective_column(dag, name) for name in _LIMITS]
        self.has_limit = bytes(
            bool(past) or per_dag is not None or per_run is not None
            for past, per_dag, per_run in zip(*columns, strict=True)
        )
        self._rank: list[int] = [_UNKNOWN] * dag.n_tasks

    def in_order(
        self, rows: Sequence[tuple[int, int, int]], read_order: Callable[[], Sequence[str]]
    ) -> list[int]:
        """Rows as the database sorts them.

        Args:
            rows: (task index, map index, row) of each.
            read_order: returns the tasks in the order of the database; called if the place of a row is unknown.
        """
        if any(self._rank[task] == _UNKNOWN for task, _, _ in rows):
            known = {task_id: index for index, task_id in enumerate(self.dag.task_ids)}
            self._rank = [_UNKNOWN] * self.dag.n_tasks
            for rank, task_id in enumerate(read_order()):
                if task_id in known:
                    self._rank[known[task_id]] = rank
        rank_of = self._rank
        return [row for _, _, row in sorted((rank_of[task], number, row) for task, number, row in rows)]


class ContentProofs:
    """The proofs in use. A proof is kept as long as the counts of a run refer to it."""

    def __init__(self, rules: HostRules) -> None:
        self._rules = rules
        self._by_hash: WeakValueDictionary[str, ContentProof] = WeakValueDictionary()

    def of(self, dag: CompactDag) -> ContentProof:
        """The proof over `dag`, created at first use. Cost: linear in its tasks and edges.

        Raises:
            FormatError: a section of `dag` is damaged.
            ColdPartMissingError: a field that the proof needs was configured to be cold, and cannot be had.
        """
        key = dag.content_hash or ""
        found = self._by_hash.get(key)
        if found is None or found.dag is not dag:
            # The content was loaded again. Without this, the old object would stay beyond the limit of the cache.
            found = self._by_hash[key] = ContentProof(dag, self._rules)
        return found
