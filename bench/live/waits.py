"""Waits of task instances, from the rows that a whole run has left behind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Executed:
    """A task instance that has succeeded. Times are those of the machine's clock."""

    dag_id: str
    task_id: str
    queued_at: datetime
    began_at: datetime
    ended_at: datetime


def waits(rows: Sequence[Executed], upstream: Mapping[str, Mapping[str, set[str]]]) -> dict[str, float]:
    """Percentiles in seconds, and tasks per second. `upstream`: DAG -> task -> the tasks directly above it.

    lag: from the end of the last upstream task to the queueing. Tasks without an upstream task have none.
    """
    ended = {(row.dag_id, row.task_id): row.ended_at for row in rows}
    lags = []
    for row in rows:
        above = upstream[row.dag_id][row.task_id]
        if above:
            last = max(ended[row.dag_id, task_id] for task_id in above)
            lags.append((row.queued_at - last).total_seconds())
    begins = [(row.began_at - row.queued_at).total_seconds() for row in rows]
    whole = (max(row.ended_at for row in rows) - min(row.queued_at for row in rows)).total_seconds()
    return {
        **{f"lag_p{share}": percentile(lags, share) for share in (50, 99) if lags},
        "handed_p50": percentile(begins, 50),
        "whole": whole,
        "tasks_per_second": len(rows) / whole,
        "seconds_per_task": whole / len(rows),
    }


def percentile(values: Sequence[float], share: int) -> float:
    """The smallest value that at least `share` percent of them do not exceed."""
    ranked = sorted(values)
    return ranked[max(0, -(-len(ranked) * share // 100) - 1)]
