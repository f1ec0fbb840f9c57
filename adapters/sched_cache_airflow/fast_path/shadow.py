"""Shadow mode: makes some decisions both ways, undoes both, and compares them."""

from __future__ import annotations

import base64
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from random import Random
from typing import Any, Final

from airflow.models.taskinstance import TaskInstance
from sqlalchemy.orm import Session

from sched_cache.scheduling import pack_task_instances
from sched_cache_airflow.fast_path.run_end import RunEnd
from sched_cache_airflow.fast_path.run_view import RunView
from sched_cache_airflow.hosts.contract import HostDecisions, HostRows

Decide = Callable[[], Any]
Key = tuple[str, int]
State = tuple[str, int, str | None]

_ENDS: Final = ("success", "failed")


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of a decision.

    schedulable: the task instances that are ready, in order. is_changed: as reported to the host. is_unfinished:
    whether any is unfinished. premature: the result of the search for a deadlock, None without one. end: the facts
    about the end of the run, None if it continues. rows: every task instance afterwards, with its state.
    """

    schedulable: tuple[Key, ...]
    is_changed: bool
    is_unfinished: bool
    premature: tuple[bool, ...] | None
    end: tuple[Any, ...] | None
    rows: tuple[State, ...]

    def difference(self, host: Outcome) -> str:
        """The differences from the host's outcome, with both values, shortened; empty if there are none."""
        found = []
        for field in fields(self):
            ours, theirs = getattr(self, field.name), getattr(host, field.name)
            if field.name == "rows":
                ours, theirs = (
                    sorted(set(ours) - set(theirs), key=str),
                    sorted(set(theirs) - set(ours), key=str),
                )
            if ours != theirs:
                found.append(f"{field.name}: {str(ours)[:300]} instead of {str(theirs)[:300]}")
        return "; ".join(found)


class Shadow:
    """Chooses the decisions to compare, and counts those that differed.

    n_compared: decisions with a result. There is none if another process changed a task instance meanwhile.
    """

    def __init__(self, random: Random) -> None:
        self._random = random
        self.n_compared = 0
        self.n_differences = 0

    def is_chosen(self, share: float) -> bool:
        """Whether to compare the next decision, if this share is compared."""
        return share > 0 and self._random.random() < share

    def difference(
        self, view: RunView | RunEnd, dag_run: Any, session: Session, fast: Decide, host: Decide
    ) -> str | None:
        """The difference of the two ways, with the data to reproduce it; empty if they agree, None without a result.

        Both are undone afterwards, in the database and in the session. Other effects of the host's code, such as log
        lines, occur twice. Cost: that of both ways, and of reading all rows four times.
        """
        rows = view.host.rows
        before = _states(rows, dag_run, session)
        with _undone(dag_run, session), _in_order_of(view, dag_run):
            ours = _outcome(view.host, fast(), dag_run, session)
        with _undone(dag_run, session), _in_order_of(view, dag_run):
            theirs = _outcome(view.host, host(), dag_run, session)
        if before != _states(rows, dag_run, session) or view.is_outdated:
            return None
        self.n_compared += 1
        difference = ours.difference(theirs)
        if not difference:
            return ""
        self.n_differences += 1
        return f"{difference}. Reproduction: {_reproduction(view)}"


@contextmanager
def _in_order_of(view: RunView | RunEnd, dag_run: Any) -> Iterator[None]:
    """Gives both ways the rows in the order of the view, if the host does not ask for an order.

    A decision can depend on it: a task that is mapped over another one is skipped in the same pass as that one, or in
    the next.
    """
    if view.host.is_ordered:
        yield
        return
    read = dag_run.get_task_instances
    place = {slim[:2]: row for row, slim in enumerate(view.rows)}

    def get_task_instances(**options: Any) -> list[Any]:
        return sorted(read(**options), key=lambda ti: place.get((ti.task_id, ti.map_index), len(place)))

    dag_run.get_task_instances = get_task_instances
    try:
        yield
    finally:
        del dag_run.get_task_instances


@contextmanager
def _undone(dag_run: Any, session: Session) -> Iterator[None]:
    nested = session.begin_nested()
    try:
        yield
    finally:
        nested.rollback()
        # Changed objects are expired by now. Objects of other runs stay, because later decisions use them.
        for found in list(session.identity_map.values()):
            if isinstance(found, TaskInstance) and _is_of(found, dag_run):
                session.expunge(found)


def _is_of(ti: Any, dag_run: Any) -> bool:
    known = vars(ti)
    run = known.get("dag_id", dag_run.dag_id), known.get("run_id", dag_run.run_id)
    return run == (dag_run.dag_id, dag_run.run_id)


def _outcome(host: HostDecisions, decision: Any, dag_run: Any, session: Session) -> Outcome:
    schedulable = tuple((ti.task_id, ti.map_index) for ti in decision.schedulable_tis)
    is_unfinished = len(decision.unfinished_tis) > 0
    premature = None
    if is_unfinished and not schedulable and not decision.changed_tis:
        answer = dag_run._are_premature_tis(decision.unfinished_tis, decision.finished_tis, session)
        premature = tuple(map(bool, answer))
    session.flush()
    end = None if is_unfinished else _end(host, decision, dag_run)
    rows = _states(host.rows, dag_run, session)
    return Outcome(schedulable, bool(decision.changed_tis), is_unfinished, premature, end, rows)


def _end(host: HostDecisions, decision: Any, dag_run: Any) -> tuple[Any, ...]:
    """The leaves with their states, the first start, and the task instance of each state that ended last."""
    leaves = dag_run._tis_for_dagrun_state(dag=dag_run.get_dag(), tis=decision.tis)
    started = [ti.start_date for ti in decision.finished_tis if ti.start_date]
    last: dict[str, Any] = {}
    for ti in decision.tis if host.names_last_ended else ():
        if ti.state in _ENDS and (ti.state not in last or _ended(ti) > _ended(last[ti.state])):
            last[ti.state] = ti
    return (
        sorted((ti.task_id, ti.map_index, str(ti.state)) for ti in leaves),
        min(started, default=None),
        sorted((str(state), ti.task_id, ti.map_index) for state, ti in last.items()),
    )


def _ended(ti: Any) -> float:
    return ti.end_date.timestamp() if ti.end_date else 0.0


def _states(slim_rows: HostRows, dag_run: Any, session: Session) -> tuple[State, ...]:
    rows = slim_rows.read_rows([dag_run], session)[dag_run.id]
    states = zip(rows.task_ids, rows.map_indices, rows.states, strict=True)
    return tuple(sorted(states, key=lambda row: row[:2]))


def _reproduction(view: RunView | RunEnd) -> str:
    """The content's hash, and the rows in the form that `unpack_task_instances` reads, with zlib and base64."""
    content_hash = view.dag.content_hash or ""
    packed = zlib.compress(pack_task_instances(view.rows, content_hash))
    return f"content {content_hash}, task instances {base64.b64encode(packed).decode()}"
