"""One running run in one loop: its rows, the proof about them, and the host's objects of the requested ones."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from itertools import compress
from typing import Any, Final, NamedTuple

from airflow.ti_deps.dependencies_states import SCHEDULEABLE_STATES
from airflow.utils.state import State
from sqlalchemy.orm import Session
from sqlalchemy.orm.attributes import set_committed_value

from sched_cache.format import ABSENT, CompactDag
from sched_cache.scheduling import HostPass, SlimTaskInstances, UpstreamCounts
from sched_cache.scheduling.state import STATES, UNFINISHED_STATES, mask_of
from sched_cache_airflow.fast_path.content_proof import ContentProof
from sched_cache_airflow.hosts.contract import HostDecisions, RawRows

_REMOVED: Final = "removed"
_UNFINISHED: Final = mask_of(UNFINISHED_STATES)
_WAITS_FOR_OTHERS: Final = mask_of(frozenset({"deferred", "awaiting_input"}))
_NOT: Final = bytes.maketrans(b"\0\1", b"\1\0")
_OWN_STATES: Final = frozenset(State.finished | State.unfinished)


class UnfitRowsError(Exception):
    """The host has to read the rows of a run itself. The text is the reason."""


class KnownRows(NamedTuple):
    """The rows of a run whose tasks the content has, and their ids."""

    rows: SlimTaskInstances
    ids: Sequence[Hashable]

    @property
    def is_anything_unfinished(self) -> bool:
        """Whether any task instance is unfinished."""
        return 1 in self.rows.state.translate(_UNFINISHED)


def known_rows(dag: CompactDag, raw: RawRows) -> KnownRows:
    """The rows in `raw` of tasks in the content. The rows of other tasks must be marked as removed.

    Raises:
        UnfitRowsError: the host has to change the state of a row, or a state is unknown.
    """
    rows = SlimTaskInstances.from_columns(dag, [raw.task_ids, raw.map_indices, raw.states])
    ids: Sequence[Hashable] = raw.ids
    if rows.unknown:
        if any(row.state != _REMOVED for row in rows.unknown):
            raise UnfitRowsError("task instance without a task")
        known = set(dag.task_ids)
        ids = list(compress(ids, [task_id in known for task_id in raw.task_ids]))
    if rows.state_names is not STATES or not _OWN_STATES.issuperset(
        rows.state_names[code] for code in set(rows.state)
    ):
        raise UnfitRowsError("state of a task instance is unknown")
    return KnownRows(rows, ids)


class RunView:
    """The rows of one run, and the host's objects of some of them.

    loaded: row -> the host's object. is_outdated: a task instance that was loaded later differs from its row.
    """

    def __init__(
        self, host: HostDecisions, content: ContentProof, counts: UpstreamCounts, known: KnownRows
    ) -> None:
        self.host = host
        self.content = content
        self.counts = counts
        self.rows, self._ids = known
        self.is_unfinished = self.rows.state.translate(_UNFINISHED)
        self.loaded: dict[int, Any] = {}
        self.is_outdated = False
        self._of_task: dict[int, list[int]] | None = None
        self._asked: dict[HostPass, Sequence[int]] = {}

    @property
    def dag(self) -> CompactDag:
        """The content that the rows were read with."""
        return self.content.dag

    def take_in(self, skip_decisions: Collection[str] | None) -> None:
        """Updates the counts. `skip_decisions`: read after the rows."""
        self.counts.update(self.rows, skip_decisions)

    def has_finished_decider(self) -> bool:
        """Whether a task that may hold a skip decision has finished."""
        deciders = set(self.content.proof.may_skip)
        if not deciders:
            return False
        outcomes = compress(self.rows.task_index, (not flag for flag in self.is_unfinished))
        return not deciders.isdisjoint(outcomes)

    # Rows

    def asked(self, host_pass: HostPass, dag_run: Any, session: Session) -> Sequence[int]:
        """The rows that the host must examine in this pass, in its order."""
        found = self._asked.get(host_pass)
        if found is None:
            found = self._asked[host_pass] = self._in_order(self.counts.ask_host(host_pass), dag_run, session)
        return found

    def _in_order(self, found: Sequence[int], dag_run: Any, session: Session) -> Sequence[int]:
        if not self.host.is_ordered:
            return found
        rows = self.rows
        return self.content.in_order(
            [(rows.task_index[row], rows.map_index[row], row) for row in found],
            lambda: self.host.rows.read_task_order(dag_run, session),
        )

    def asked_after(self, row: int, asked: Iterable[int], dag_run: Any, session: Session) -> Sequence[int]:
        """Those of `asked` after `row`, and every row of an expanded task instance that the host could schedule."""
        rows = self.rows
        expanded = [
            other
            for other in self.unfinished_rows()
            if rows.map_index[other] >= 0 and rows.state_names[rows.state[other]] in SCHEDULEABLE_STATES
        ]
        ordered = list(self._in_order(sorted({row, *asked, *expanded}), dag_run, session))
        return ordered[ordered.index(row) + 1 :]

    def unfinished_rows(self) -> list[int]:
        """The unfinished rows, in no particular order."""
        return list(compress(range(len(self.rows)), self.is_unfinished))

    def may_be_deadlocked(self) -> bool:
        """Whether the host would search for a deadlock if nothing can be scheduled."""
        state = self.rows.state
        if any(compress(state.translate(_WAITS_FOR_OTHERS), self.is_unfinished)):
            return False
        if 1 not in self.content.has_limit:
            return True
        unfinished = compress(self.rows.task_index, self.is_unfinished)
        return not any(map(self.content.has_limit.__getitem__, unfinished))

    def kinds_of(self, unfinished: Iterable[int]) -> list[int]:
        """One row of each kind among `unfinished`. Rows of a kind have the same state and the same limits."""
        state, task_index, has_limit = self.rows.state, self.rows.task_index, self.content.has_limit
        kinds = {(state[row], has_limit[task_index[row]]): row for row in unfinished}
        return list(kinds.values())

    def finished_rows_of(self, task_index: int) -> Iterator[int]:
        """The finished rows that the host reads to decide instances of this task; all of them if in doubt."""
        proof, dag = self.content.proof, self.content.dag
        finished = self._finished_of_task()
        if task_index in proof.unprovable or task_index in proof.teardowns:
            for rows in finished.values():
                yield from rows
            return
        read = set(dag.upstream(task_index))
        setups = dag.derived_column("setups")[task_index]
        if setups is not ABSENT:
            read.update(setups)
        for index in sorted(read):
            yield from finished.get(index, ())

    def has_finished(self, task_index: int) -> bool:
        """Whether an instance of this task has finished."""
        return bool(self._finished_of_task().get(task_index))

    def all_finished_rows(self) -> Iterator[int]:
        """Every finished row."""
        for rows in self._finished_of_task().values():
            yield from rows

    def _finished_of_task(self) -> dict[int, list[int]]:
        found = self._of_task
        if found is None:
            found = self._of_task = {}
            task_index = self.rows.task_index
            for row in compress(range(len(task_index)), self.is_unfinished.translate(_NOT)):
                found.setdefault(task_index[row], []).append(row)
        return found

    # Objects

    def ids_of(self, rows: Iterable[int]) -> list[Hashable]:
        """The ids of the rows that are not loaded yet."""
        return [self._ids[row] for row in rows if row not in self.loaded]

    def attach(self, rows: Iterable[int], found: Mapping[Hashable, Any], dag_run: Any, dag: Any) -> None:
        """Keeps the host's objects of these rows, with their run and their task, as the host has them."""
        for row in rows:
            if row in self.loaded:
                continue
            task_instance = found.get(self._ids[row])
            slim = self.rows[row]
            if task_instance is None or (slim.task_id, slim.map_index) != (
                task_instance.task_id,
                task_instance.map_index,
            ):
                self.is_outdated = True
                continue
            if task_instance.state != slim.state:
                self.is_outdated = True
            set_committed_value(task_instance, "dag_run", dag_run)
            task_instance.task = dag.get_task(slim.task_id)
            self.loaded[row] = task_instance

    def load(self, rows: Sequence[int], dag_run: Any, session: Session) -> None:
        """Loads the objects of these rows that are missing."""
        ids = self.ids_of(rows)
        if ids:
            self.attach(rows, self.host.rows.load_task_instances(ids, session), dag_run, dag_run.dag)

    def schedulable(self, asked: Sequence[int]) -> list[tuple[int, Any]]:
        """(row, object) of the rows that still exist in a state from which the host schedules."""
        found = [(row, self.loaded[row]) for row in asked if row in self.loaded]
        return [(row, ti) for row, ti in found if ti.state in SCHEDULEABLE_STATES]
