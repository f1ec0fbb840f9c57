"""A database that gives the runs of a loop in the same order to every query."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from airflow import settings
from sqlalchemy import event

# The last column of the order in which a loop asks for runs, with what names its table.
_ORDER_OF_RUNS = re.compile(
    r"(ORDER BY [^\n]*?last_scheduling_decision[^\n]*?\b(\w+\.(?:dag_run_)?)(?:execution_date|run_after)\b)"
)


@contextmanager
def sorted_runs() -> Iterator[None]:
    """Airflow asks for no order of runs of one date, which are those of several DAGs."""

    def sort(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> tuple[str, Any]:
        return _ORDER_OF_RUNS.sub(r"\1, \2dag_id", statement), parameters

    event.listen(settings.engine, "before_cursor_execute", sort, retval=True)
    try:
        yield
    finally:
        event.remove(settings.engine, "before_cursor_execute", sort)
