"""Shadow mode: some decisions are made both ways, each undone again, and compared."""

from __future__ import annotations

import base64
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from random import Random
from typing import Any

from airflow.models.taskinstance import TaskInstance
from sqlalchemy.orm import Session

from sched_cache.scheduling import pack_task_instances
from sched_cache_airflow.airflow3.run_view import RunView
from sched_cache_airflow.airflow3.slim_rows import read_rows

Decide = Callable[[], Any]
Key = tuple[str, int]
State = tuple[str, int, str | None]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What comes of a decision.

    schedulable: the task instances that are ready, in order. is_changed: as the host is told. is_unfinished:
    whether anything is. premature: what the search for a deadlock answers, None if it is not reached. rows: every
    task instance after it, with its state.
    """

    schedulable: tuple[Key, ...]
    is_changed: bool
    is_unfinished: bool
    premature: tuple[bool, ...] | None
    rows: tuple[State, ...]

    def difference(self, host: Outcome) -> str:
        """Where the host's outcome is another one, with both values, cut short; empty if nowhere."""
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
    """Which decisions are compared, and how often they differed.

    n_compared: those with a verdict; of the rest a task instance was changed by somebody in the middle of it.
    """

    def __init__(self, share: float, random: Random) -> None:
        self._share = share
        self._random = random
        self.n_compared = 0
        self.n_differences = 0

    def is_chosen(self) -> bool:
        """Whether to compare the next decision."""
        return self._share > 0 and self._random.random() < self._share

    def difference(self, view: RunView, dag_run: Any, session: Session, fast: Decide, host: Decide) -> str:
        """How the two differ, with what it takes to see it again; empty if they agree.

        Both are undone in the end, in the database and in the session; what the host's code does elsewhere, log
        lines for instance, it does twice. Costs both ways, and four times reading all rows.
        """
        before = _states(dag_run, session)
        with _undone(dag_run, session):
            ours = _outcome(fast(), dag_run, session)
        with _undone(dag_run, session):
            theirs = _outcome(host(), dag_run, session)
        if before != _states(dag_run, session) or view.is_outdated:
            return ""
        self.n_compared += 1
        difference = ours.difference(theirs)
        if not difference:
            return ""
        self.n_differences += 1
        return f"{difference}. Reproduction: {_reproduction(view)}"


@contextmanager
def _undone(dag_run: Any, session: Session) -> Iterator[None]:
    nested = session.begin_nested()
    try:
        yield
    finally:
        nested.rollback()
        for found in list(session.identity_map.values()):
            if isinstance(found, TaskInstance):
                session.expunge(found)


def _outcome(decision: Any, dag_run: Any, session: Session) -> Outcome:
    schedulable = tuple((ti.task_id, ti.map_index) for ti in decision.schedulable_tis)
    is_unfinished = len(decision.unfinished_tis) > 0
    premature = None
    if is_unfinished and not schedulable and not decision.changed_tis:
        answer = dag_run._are_premature_tis(decision.unfinished_tis, decision.finished_tis, session)
        premature = tuple(map(bool, answer))
    session.flush()
    rows = _states(dag_run, session)
    return Outcome(schedulable, bool(decision.changed_tis), is_unfinished, premature, rows)


def _states(dag_run: Any, session: Session) -> tuple[State, ...]:
    rows = read_rows([dag_run.id], session)[dag_run.id]
    states = zip(rows.task_ids, rows.map_indices, rows.states, strict=True)
    return tuple(sorted(states, key=lambda row: row[:2]))


def _reproduction(view: RunView) -> str:
    """The content's hash and the rows: base64 of the zlib form of what `unpack_task_instances` reads."""
    content_hash = view.content.dag.content_hash or ""
    packed = zlib.compress(pack_task_instances(view.rows, content_hash))
    return f"content {content_hash}, task instances {base64.b64encode(packed).decode()}"
