"""The statements that are sent to the metadata database."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from airflow import settings
from sqlalchemy import event


@contextmanager
def statements() -> Iterator[list[str]]:
    """The text of each statement that this process sends while the block runs, in order."""
    sent: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        sent.append(statement)

    event.listen(settings.engine, "before_cursor_execute", note)
    try:
        yield sent
    finally:
        event.remove(settings.engine, "before_cursor_execute", note)
