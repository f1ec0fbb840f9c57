"""Notices commits after which something may be schedulable, in any process that uses the host's sessions.

| noticed | by |
|---|---|
| a task instance that ends or is cleared, a trigger that fires | flushed rows and statements that set another state |
| a run that is created, or set to be scheduled again | flushed rows, statements that set its state |

The states in `_QUIET` make nothing schedulable. A statement whose state cannot be read counts as a transition: a hint
too many leads to one loop. Heartbeats set no state.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final

from sqlalchemy import event, inspect
from sqlalchemy.orm import ORMExecuteState, Session

from sched_cache_airflow.patching.guard import TRANSITION_NOT_NOTICED, guard

_TASK_INSTANCE: Final = "task_instance"
_DAG_RUN: Final = "dag_run"
_STATE: Final = {_TASK_INSTANCE: "state", _DAG_RUN: "_state"}
"""The name of the column `state` in the host's classes."""
_QUIET: Final = {
    _TASK_INSTANCE: frozenset(
        ("running", "queued", "restarting", "deferred", "up_for_retry", "up_for_reschedule")
    ),
    _DAG_RUN: frozenset(("running", "success", "failed")),
}
_QUIET_IN_SCHEDULERS: Final = {
    # A scheduler writes these for what it queues itself.
    _TASK_INSTANCE: frozenset(("scheduled",)),
    _DAG_RUN: frozenset(),
}
_INFO_KEY: Final = "sched_cache.transition"
_ABSENT: Final = object()


class Transitions:
    """The listeners of one process.

    Args:
        tell: called after the commit of a transition. Must return at once.
        is_scheduler: whether this process is that of a scheduler.
        note: counts an error; the host's statement goes on.
    """

    def __init__(
        self,
        tell: Callable[[], object],
        is_scheduler: Callable[[], bool],
        note: Callable[[str, Exception], object],
    ) -> None:
        self._tell = tell
        self._is_scheduler = is_scheduler
        self._note = note
        self._listening: list[tuple[Any, str, Any]] = []
        self.n_noticed = 0

    def start(self) -> None:
        """Listens to all sessions of the process."""
        if self._listening:
            return
        for name, listener in (
            ("do_orm_execute", self._on_execute),
            ("after_flush", self._on_flush),
            ("after_commit", self._on_commit),
            ("after_rollback", self._on_rollback),
        ):
            event.listen(Session, name, listener)
            self._listening.append((Session, name, listener))

    def stop(self) -> None:
        """Removes the listeners."""
        while self._listening:
            event.remove(*self._listening.pop())

    def _on_execute(self, state: ORMExecuteState) -> None:
        if not state.is_update:
            return
        statement: Any = state.statement
        name = getattr(getattr(statement, "table", None), "name", None)
        if name in _STATE:
            with guard(TRANSITION_NOT_NOTICED, self._note):
                if self._is_loud(name, _state_of(statement)):
                    state.session.info[_INFO_KEY] = True

    def _on_flush(self, session: Session, context: Any) -> None:
        if session.info.get(_INFO_KEY):
            return
        with guard(TRANSITION_NOT_NOTICED, self._note):
            if self._has_transition(session.dirty, is_new=False) or self._has_transition(
                session.new, is_new=True
            ):
                session.info[_INFO_KEY] = True

    def _has_transition(self, rows: Iterable[Any], *, is_new: bool) -> bool:
        for row in rows:
            name = getattr(row, "__tablename__", None)
            if name not in _STATE or (is_new and name == _TASK_INSTANCE):
                continue  # the task instances of a new run come with the run
            attribute = _STATE[name]
            before = inspect(row).committed_state.get(attribute, _ABSENT)
            if before is _ABSENT and not is_new:
                continue
            now = getattr(row, attribute)
            if before != now and self._is_loud(name, now):
                return True
        return False

    def _is_loud(self, name: str, state: Any) -> bool:
        if state is _ABSENT:
            return False
        text = getattr(state, "value", state)
        return text not in _QUIET[name] and not (text in _QUIET_IN_SCHEDULERS[name] and self._is_scheduler())

    def _on_commit(self, session: Session) -> None:
        # SQLAlchemy sends this event for savepoints, too.
        if session.info.get(_INFO_KEY) and not session.in_nested_transaction():
            del session.info[_INFO_KEY]
            self.n_noticed += 1
            with guard(TRANSITION_NOT_NOTICED, self._note):
                self._tell()

    def _on_rollback(self, session: Session) -> None:
        session.info.pop(_INFO_KEY, None)


def _state_of(statement: Any) -> Any:
    """The value that an UPDATE sets `state` to, absent if it sets none, an object of no state if it cannot be read."""
    values = getattr(statement, "_values", None)
    pairs = dict(values or ()) | dict(getattr(statement, "_ordered_values", None) or ())
    if not pairs:
        return "unknown"
    for column, value in pairs.items():
        if getattr(column, "key", column) in ("state", "_state"):
            return getattr(value, "value", "unknown")
    return _ABSENT
