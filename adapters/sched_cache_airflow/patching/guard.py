"""The rules for errors in the plugin's code, one for each kind of work: which errors fall back, and which pass.

An error that *falls back* is counted under the reason of its rule, and Airflow's own path is taken. Any other error
*passes*: it reaches the caller as if there were no plugin. By default, errors of the host's session pass, because a
statement of the host would have failed in the same way, and all other errors fall back. `KeyboardInterrupt` and
`SystemExit` do not derive from `Exception`, and always pass.

`tests/unit/test_guard_is_used.py` fails if other code counts an error as a fallback.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final

from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from sched_cache.errors import InvalidDagError, SchedCacheError

Note = Callable[[str, Exception], object]
"""Counts and logs an error under its reason: `Fallbacks.note`, or a function that also switches something off."""

_Kinds = tuple[type[Exception], ...]
_MYSQL_DEADLOCK: Final = 1213

HOSTS_OWN: Final[_Kinds] = (SQLAlchemyError,)
"""Errors of the host's own session."""


@dataclass(frozen=True, slots=True)
class Rule:
    """Which errors of one kind of work fall back: those of a class in `answered` and of none in `passing`.

    reason: under which they are counted and shown. is_counted: false where the host's own path meets the same error and
    reports it.
    """

    reason: str
    answered: _Kinds = (Exception,)
    passing: _Kinds = HOSTS_OWN
    is_counted: bool = True


# Loading and storing DAGs.
SHARED_TIERS: Final = Rule("shared tiers", answered=(SchedCacheError,))
"""Other errors are bugs, which the rule of the caller counts."""
NOT_DESERIALIZED: Final = Rule("DAG not deserialized", passing=())
"""The host's deserializer may fail with any error. On the host's own path it fails where the host expects it."""
NOT_ENCODED: Final = Rule("document not encoded", answered=(InvalidDagError,))
STORED_DAG: Final = Rule("stored dag", passing=())
"""The row contains the document, so the host's path sends no statement, and works with a broken session, too."""
GET_DAG: Final = Rule("get_dag")
LATEST_VERSION: Final = Rule("latest version")
CURRENT_DAG: Final = Rule("current DAG", answered=HOSTS_OWN, passing=(), is_counted=False)
"""The host's own query for the DAG fails in the same way. The host expects that, and logs it."""

# The loop of a scheduler.
MEMORY_BOOKS: Final = Rule("books of what is in memory", passing=())
VERSIONS_OF_LOOP: Final = Rule("versions of a loop")
RECONCILE: Final = Rule("reconcile")
VERIFY_INTEGRITY: Final = Rule("verify_integrity", passing=())
"""This code runs after the host's own, and sends no statement."""

# Scheduling decisions. `FastPath.switch_off` puts "fast path: " in front of the reasons that it counts.
BEGIN_DECISIONS: Final = Rule("fast path: begin")
ROWS_OF_RUN: Final = Rule("rows of a run")
"""The rows of all runs of a loop are read together. The error is kept for the decision about its run."""
ROWS: Final = Rule("rows")
DECISION: Final = Rule("decision")
DEADLOCK_SEARCH: Final = Rule("search for a deadlock")
COMPARISON: Final = Rule("comparison failed")
ROWS_WRITTEN: Final = Rule("rows to schedule", passing=(DBAPIError,))
"""An error of the driver has broken the transaction, and the host repeats it. Other errors precede the statement."""
ROWS_NOTED: Final = Rule("rows to schedule", passing=())

# Creation of runs.
INSERT_MAPPING: Final = Rule("insert_mapping", passing=())
PRIORITY_WEIGHT: Final = Rule("priority weight", answered=(KeyError, SchedCacheError))

# Wake-ups.
IDLE_SLEEP: Final = Rule("idle sleep", passing=())
TRANSITION_NOT_NOTICED: Final = Rule("transition not noticed", passing=())

# Writes of the host. Errors pass if `ends_transaction` says so.
WRITE_NOT_NOTICED: Final = Rule("write not noticed", passing=())
WRITE_NOTICED_LATE: Final = Rule("write noticed late", passing=())
MAINTENANCE_NOT_WOKEN: Final = Rule("maintenance not woken", passing=())


def falls_back(error: Exception, rule: Rule, note: Note) -> bool:
    """Whether the host's own path is to be taken after this error, which is counted then; else it has to be raised.

    For an `except Exception` clause, where a context manager takes too long; elsewhere use `guard`.
    """
    if isinstance(error, rule.passing) or not isinstance(error, rule.answered):
        return False
    if rule.is_counted:
        note(rule.reason, error)
    return True


def ends_transaction(error: Exception, connection: Connection) -> bool:
    """Whether the host's transaction cannot go on: the connection is lost, or MySQL has rolled it back.

    Such an error passes wherever a statement of ours runs in the host's transaction.
    """
    if not isinstance(error, SQLAlchemyError):
        return False
    if connection.invalidated or connection.closed:
        return True
    arguments: tuple[Any, ...] = getattr(error.orig, "args", ()) if isinstance(error, DBAPIError) else ()
    return arguments[:1] == (_MYSQL_DEADLOCK,)


class guard:
    """A block of the plugin's code, after which the host's own path is taken if it fails.

    Args:
        rule: which errors fall back.
        note: counts them.
    """

    __slots__ = ("_note", "_rule")

    def __init__(self, rule: Rule, note: Note) -> None:
        self._rule = rule
        self._note = note

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        return isinstance(error, Exception) and falls_back(error, self._rule, self._note)
