"""From the journals and the tables to what was lost and what was done twice."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, func, select

from tests.simple_scheduler.processor import CONCURRENCY, TASK_CONCURRENCY, TASK_IDS
from tests.simple_scheduler.tables import DAG_RUN, HANDLED, QUEUE, TASK_INSTANCE
from tests.support.hurt_cluster.journal import read_journals


def violations(folder: Path, connection: Connection) -> list[str]:
    """The properties that were violated after all processes had ended."""
    return [
        *_lost(folder, connection),
        *_twice(connection),
        *_unfinished(connection),
    ]


def _lost(folder: Path, connection: Connection) -> list[str]:
    """Freshly parsed DAGs that no scheduler handled, in this edition or a newer one."""
    handled: dict[str, list[tuple[int, int]]] = {}
    for dag_id, seq, edition in connection.execute(
        select(HANDLED.c.dag_id, HANDLED.c.seq, HANDLED.c.edition)
    ):
        handled.setdefault(dag_id, []).append((seq, edition))
    newest = {dag_id: (max(seq for seq, _ in pairs), pairs) for dag_id, pairs in handled.items()}
    lost = []
    for entry in read_journals(folder / "journals"):
        if entry["what"] == "published":
            last, pairs = newest.get(entry["key"], (0, []))
            later = [edition for seq, edition in pairs if seq >= entry["seq"]]
            if last < entry["seq"] or max(later) < entry["edition"] or min(later) < entry["edition"]:
                lost.append(f"lost: {entry}")
    return lost


def _twice(connection: Connection) -> list[str]:
    """Publications that were handled, and task instances that were enqueued, more than once."""
    found = []
    for table, columns in (
        (HANDLED, (HANDLED.c.dag_id, HANDLED.c.seq)),
        (QUEUE, (QUEUE.c.dag_id, QUEUE.c.task_id, QUEUE.c.edition)),
    ):
        rows = connection.execute(select(*columns, func.count()).group_by(*columns).having(func.count() > 1))
        found += [f"twice in {table.name}: {tuple(row)}" for row in rows]
    return found


def _unfinished(connection: Connection) -> list[str]:
    """Task instances of running runs that did not succeed, of ended runs that are still waiting, and runs without."""
    found = []
    counts: dict[tuple[str, int], Counter[Any]] = {}
    for dag_id, edition, state in connection.execute(
        select(TASK_INSTANCE.c.dag_id, TASK_INSTANCE.c.edition, TASK_INSTANCE.c.state)
    ):
        counts.setdefault((dag_id, edition), Counter())[state] += 1
    for dag_id, edition, state in connection.execute(
        select(DAG_RUN.c.dag_id, DAG_RUN.c.edition, DAG_RUN.c.state)
    ):
        of_run = counts.pop((dag_id, edition), Counter())
        allowed = {"success"} if state == "running" else {"success", None}
        if of_run.total() != len(TASK_IDS) or not set(of_run) <= allowed:
            found.append(f"unfinished: {dag_id} edition {edition} ({state}): {dict(of_run)}")
    return found + [f"without a run: {run}" for run in counts]


def above_limits(connection: Connection) -> list[str]:
    """DAGs and tasks of which the executor has more than their limits allow, at this moment."""
    occupied: Counter[str] = Counter()
    found = []
    for dag_id, task_id, count in connection.execute(
        select(TASK_INSTANCE.c.dag_id, TASK_INSTANCE.c.task_id, func.count())
        .where(TASK_INSTANCE.c.state == "queued")
        .group_by(TASK_INSTANCE.c.dag_id, TASK_INSTANCE.c.task_id)
    ):
        occupied[dag_id] += count
        if task_id == TASK_IDS[0] and count > TASK_CONCURRENCY:
            found.append(f"above the limit of task {dag_id}.{task_id}: {count}")
    return found + [
        f"above the limit of DAG {dag_id}: {n}" for dag_id, n in occupied.items() if n > CONCURRENCY
    ]


def summary(folder: Path, connection: Connection) -> dict[str, int]:
    """The numbers of events. Each must be large enough for the check to be meaningful."""
    counts = Counter(entry["what"] for entry in read_journals(folder / "journals"))
    rows = {
        table.name: connection.execute(select(func.count()).select_from(table)).scalar_one()
        for table in (HANDLED, QUEUE, DAG_RUN)
    }
    return {**counts, **rows}
