"""Replacements for the host's lists of task instances, whose objects are created only if they are read.

In Airflow 3.3.2 and 2.11.2, `DagRun.update_state` and the dependencies read the lists of a decision as follows.

    finished_tis      by a dependency: those of the tasks above the one it decides. After the passes, only if
                      the run has ended or is deadlocked: start dates, task ids.
    unfinished_tis    whether there are any; whether one is of a task with a limit, or in a state, that keeps
                      the run from being deadlocked. One of each kind answers that. Then `_are_premature_tis`,
                      which is replaced. If it changed a state, or the run is deadlocked: all of them.
    tis               only if nothing is unfinished any more.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

from airflow.utils.state import State
from sqlalchemy import event
from sqlalchemy.orm import Session

from sched_cache_airflow.fast_path.run_view import RunView

_FIRST_CHUNK: Final = 1
_CHUNK_GROWTH: Final = 16


class StandIn:
    """A task instance that is only read: the attributes that dependencies and `update_state` use."""

    __slots__ = ("dag_id", "map_index", "run_id", "state", "task", "task_id")

    def __init__(self, view: RunView, row: int, state: str | None, dag_run: Any) -> None:
        rows = view.rows
        self.task_id = rows.task_ids[rows.task_index[row]]
        self.map_index = rows.map_index[row]
        self.state = state
        self.dag_id, self.run_id = dag_run.dag_id, dag_run.run_id
        self.task = dag_run.dag.get_task(self.task_id)


class Snapshot:
    """The task instances of a run, as the host would have listed them before its passes.

    examined: the task of the instance that the host is deciding now, None between two.
    """

    def __init__(self, view: RunView, dag_run: Any, session: Session) -> None:
        self.view = view
        self.dag_run = dag_run
        self.session = session
        self.unfinished_rows = view.unfinished_rows()
        self.finished_rows: list[int] = []
        """The task instances that an expansion has finished. The view has those that were finished before."""
        self.examined: int | None = None
        self.is_in_pass = False
        self._objects: dict[int, Any] | None = None
        self._stand_ins: dict[int, StandIn] = {}
        self._finished_of: tuple[int, Sequence[StandIn]] | None = None
        self._states: dict[tuple[str, int], str | None] = {}
        """The states of the rows after the host has changed some in this pass; else empty."""
        self.are_states_old = False
        """Whether the host may have changed the states of finished task instances since they were read."""
        self._kinds: Sequence[int] | None = None

    @property
    def is_complete(self) -> bool:
        """Whether the host's objects of all rows are loaded."""
        return self._objects is not None

    def stand_in(self, row: int) -> StandIn:
        """The replacement for the task instance of this row, the same object every time."""
        found = self._stand_ins.get(row)
        if found is None:
            slim = self.view.rows[row]
            state = self._states.get(slim[:2], slim.state)
            found = self._stand_ins[row] = StandIn(self.view, row, state, self.dag_run)
        return found

    def finished(self) -> Iterator[StandIn]:
        """The replacement for the finished task instances that the host reads for the one that it examines.

        Each of its dependencies reads all of them, some twice.
        """
        if self.are_states_old:
            self.read_states()
        examined = self.examined
        if examined is None:
            return map(self.stand_in, self.view.all_finished_rows())
        if self._finished_of is None or self._finished_of[0] != examined:
            found = list(map(self.stand_in, self.view.finished_rows_of(examined)))
            self._finished_of = examined, found
        return iter(self._finished_of[1])

    @contextmanager
    def in_pass(self, candidates: Sequence[Any] = ()) -> Iterator[None]:
        """The host decides task instances within the block.

        If a mapped task has become shorter, the host decides one of its instances, and marks those beyond the new
        length as removed by a statement. Tasks below that it decides later see those that had finished as removed.
        """
        watches = any(ti.map_index >= 0 for ti in candidates)
        if watches:
            event.listen(self.session, "do_orm_execute", self._note_statement)
        self.is_in_pass = True
        try:
            yield
        finally:
            self.is_in_pass = False
            if watches:
                event.remove(self.session, "do_orm_execute", self._note_statement)

    def _note_statement(self, executed: Any) -> None:
        self.are_states_old = self.are_states_old or bool(executed.is_update)

    def read_states(self) -> None:
        """Lets dependencies see the finished task instances as they are now. One query."""
        self.are_states_old = False
        rows = self.view.host.rows.read_rows([self.dag_run], self.session)[self.dag_run.id]
        self._states = dict(zip(zip(rows.task_ids, rows.map_indices, strict=True), rows.states, strict=True))
        self._stand_ins.clear()
        self._finished_of = None

    def kinds(self) -> Sequence[int]:
        """One unfinished row of each kind."""
        if self._kinds is None:
            self._kinds = self.view.kinds_of(self.unfinished_rows)
        return self._kinds

    def objects(self) -> dict[int, Any]:
        """Row -> the host's object, for all rows, in the host's order; loaded at the first call.

        Notes in the view whether a task instance has changed since the rows were read.
        """
        if self._objects is not None:
            return self._objects
        view, dag_run = self.view, self.dag_run
        row_of = {slim[:2]: row for row, slim in enumerate(view.rows)}
        row_of_loaded = {id(ti): row for row, ti in view.loaded.items()}
        objects: dict[int, Any] = {}
        for ti in dag_run.get_task_instances(session=self.session, state=State.task_states):
            row = row_of_loaded.get(id(ti))
            if row is None:
                row = row_of.get((ti.task_id, ti.map_index))
                if row is None or row in view.loaded:
                    continue  # created by an expansion, so the host's list does not have it either
                ti.task = dag_run.dag.get_task(ti.task_id)
                if ti.state != view.rows[row].state:
                    view.is_outdated = True
            objects[row] = ti
        if len(objects) != len(view.rows):
            view.is_outdated = True
        self._objects = objects
        return objects

    def candidates(self, asked: Sequence[int]) -> Candidates:
        """The host's objects of these rows, which are loaded, without those that cannot be scheduled any more."""
        return Candidates(self, self.view.schedulable(asked))

    def premature_candidates(self, asked: Sequence[int]) -> Iterator[Any]:
        """The host's objects of these rows, loaded in growing batches: the host stops at the first one that is met."""
        start, size = 0, _FIRST_CHUNK
        while start < len(asked):
            chunk = asked[start : start + size]
            self.view.load(chunk, self.dag_run, self.session)
            for row in chunk:
                ti = self.view.loaded.get(row)
                if ti is not None:
                    self.examined = self.view.rows.task_index[row]
                    yield ti
            self.examined = None
            start, size = start + size, size * _CHUNK_GROWTH

    def note_expansion(self, states: dict[tuple[str, int], str | None]) -> None:
        """Removes the task instances that an expansion has finished from the unfinished ones, as the host does.

        Args:
            states: (task_id, map_index) -> the current state in the database.
        """
        view = self.view
        still: list[int] = []
        for row in self.unfinished_rows:
            ti = view.loaded.get(row)
            slim = view.rows[row]
            state = states.get(slim[:2], slim.state) if ti is None else ti.state
            (still if state in State.unfinished else self.finished_rows).append(row)
        self.unfinished_rows = still
        self._kinds = None


class Candidates(Sequence[Any]):
    """The task instances that the host decides, in its order. Notes which one is being examined.

    An expansion may mark instances of the same task that had finished as removed.
    """

    def __init__(self, snapshot: Snapshot, found: Sequence[tuple[int, Any]]) -> None:
        self._snapshot = snapshot
        self._found = found

    def __iter__(self) -> Iterator[Any]:
        snapshot = self._snapshot
        view, waiting = snapshot.view, list(reversed(self._found))
        while waiting:
            row, ti = waiting.pop()
            snapshot.examined = task_index = view.rows.task_index[row]
            may_expand = ti.map_index < 0 and view.has_finished(task_index)
            yield ti
            if may_expand:
                snapshot.are_states_old = True
            if snapshot.are_states_old:
                # Among removed ones, expanded task instances may be removed that were blocked before.
                rest = view.asked_after(row, [one for one, _ in waiting], snapshot.dag_run, snapshot.session)
                view.load(rest, snapshot.dag_run, snapshot.session)
                waiting = [(one, view.loaded[one]) for one in reversed(rest) if one in view.loaded]
                snapshot.read_states()
        # An expansion has added the rest.
        snapshot.examined = None

    def __len__(self) -> int:
        return len(self._found)

    def __getitem__(self, index: Any) -> Any:
        return [ti for _, ti in self._found][index]


class _Lazy(Sequence[Any]):
    """A list of task instances that is created when it is read."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot

    def __iter__(self) -> Iterator[Any]:
        return iter(self._objects())

    def __len__(self) -> int:
        return len(self._objects())

    def __getitem__(self, index: Any) -> Any:
        return self._objects()[index]

    def _objects(self) -> list[Any]:
        return list(self.snapshot.objects().values())


class AllTaskInstances(_Lazy):
    """`TISchedulingDecision.tis`."""


class FinishedTaskInstances(_Lazy):
    """`TISchedulingDecision.finished_tis`, and what dependencies are given.

    For each task instance that it decides, the host goes through all finished ones of the run, and keeps those of the
    tasks above it. Therefore a dependency gets only these.
    """

    def __iter__(self) -> Iterator[Any]:
        return self.snapshot.finished() if self.snapshot.is_in_pass else super().__iter__()

    def _objects(self) -> list[Any]:
        rows = {*self.snapshot.view.all_finished_rows(), *self.snapshot.finished_rows}
        return [ti for row, ti in self.snapshot.objects().items() if row in rows]


class UnfinishedTaskInstances(_Lazy):
    """`TISchedulingDecision.unfinished_tis`: one of each kind, or all once their objects are there."""

    def __iter__(self) -> Iterator[Any]:
        snapshot = self.snapshot
        if snapshot.is_complete:
            return super().__iter__()
        return map(snapshot.stand_in, snapshot.kinds())

    def __len__(self) -> int:
        return len(self.snapshot.unfinished_rows)

    def _objects(self) -> list[Any]:
        rows = set(self.snapshot.unfinished_rows)
        return [ti for row, ti in self.snapshot.objects().items() if row in rows]


class EffectiveLeaves(Iterable[Any]):
    """The result of `DagRun._tis_for_dagrun_state`, created on access: for a run without unfinished task instances."""

    def __init__(self, stock: Any, dag_run: Any, dag: Any, tis: AllTaskInstances) -> None:
        self._stock, self._dag_run, self._dag, self._tis = stock, dag_run, dag, tis

    def __iter__(self) -> Iterator[Any]:
        return iter(self._stock(self._dag_run, dag=self._dag, tis=list(self._tis)))
