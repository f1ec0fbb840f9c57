"""The states of a task instance as small numbers, so that a column of them is a byte string.

Source: utils/state.py of Airflow 3.3.2 (`awaiting_input`) and 2.11.2 (`shutdown`); the rest is in both.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

STATES: Final = (
    None,
    "removed",
    "scheduled",
    "queued",
    "running",
    "success",
    "restarting",
    "failed",
    "up_for_retry",
    "up_for_reschedule",
    "upstream_failed",
    "skipped",
    "deferred",
    "awaiting_input",
    "shutdown",
)
"""The code of a state is its index here. Processes exchange codes: append states, never reorder them."""

STATE_CODES: Final[Mapping[str | None, int]] = {name: code for code, name in enumerate(STATES)}

SCHEDULABLE_STATES: Final = frozenset({None, "up_for_retry", "up_for_reschedule"})
"""`SCHEDULEABLE_STATES` of ti_deps/dependencies_states.py, the same in both releases."""

UNFINISHED_STATES: Final = frozenset(
    {
        None,
        "scheduled",
        "queued",
        "running",
        "restarting",
        "up_for_retry",
        "up_for_reschedule",
        "deferred",
        "awaiting_input",
    }
)
"""`State.unfinished` of both releases together. `shutdown` is neither unfinished nor finished."""

# The effect of a state on the tasks downstream.
NO_ROW, UNFINISHED, SUCCESS, SKIPPED, FAILED, UPSTREAM_FAILED, REMOVED = range(7)
OUTCOMES: Final[Mapping[str, int]] = {
    "success": SUCCESS,
    "skipped": SKIPPED,
    "failed": FAILED,
    "upstream_failed": UPSTREAM_FAILED,
    "removed": REMOVED,
}

OUTCOME_OF_CODE: Final = bytes(
    OUTCOMES.get(STATES[code] or "", UNFINISHED) if code < len(STATES) else UNFINISHED for code in range(256)
)
"""For `bytes.translate`: state code -> outcome. An unknown state counts as not finished, as in the host."""


def mask_of(states: frozenset[str | None]) -> bytes:
    """For `bytes.translate`: state code -> 1 if it is one of `states`, else 0."""
    return bytes(int(code < len(STATES) and STATES[code] in states) for code in range(256))
