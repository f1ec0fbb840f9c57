"""Rows that were read already, as the result of a query that they came from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy.engine import ScalarResult
from sqlalchemy.engine.result import IteratorResult, SimpleResultMetaData


def scalar_result(rows: Sequence[Any]) -> ScalarResult[Any]:
    """Gives the rows away once, as `Session.scalars` does, with all methods of its result."""
    metadata = SimpleResultMetaData(["row"])
    return IteratorResult(metadata, iter([(row,) for row in rows])).scalars()
