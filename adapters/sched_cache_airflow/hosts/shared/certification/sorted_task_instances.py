"""A database that gives task instances in the same order to every query."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from airflow import settings
from sqlalchemy import event

_TASK_INSTANCES = re.compile(r"SELECT .*\b(FROM|JOIN) task_instance\b(?! AS )", re.DOTALL)
_HAS_ITS_OWN_ORDER = re.compile(
    r"\b(ORDER BY|GROUP BY|UNION|DISTINCT|LIMIT|FOR (NO KEY )?UPDATE|count\(|max\(|EXISTS)", re.IGNORECASE
)


@contextmanager
def sorted_task_instances() -> Iterator[None]:
    """Airflow before 3.2 asks for no order, and a few of its decisions depend on it.

    A task that is mapped over another one is skipped in the same pass as that one, or in the next.
    """

    def sort(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> tuple[str, Any]:
        if _TASK_INSTANCES.match(statement) and not _HAS_ITS_OWN_ORDER.search(statement):
            statement += " ORDER BY task_instance.task_id, task_instance.map_index"
        return statement, parameters

    event.listen(settings.engine, "before_cursor_execute", sort, retval=True)
    try:
        yield
    finally:
        event.remove(settings.engine, "before_cursor_execute", sort)
