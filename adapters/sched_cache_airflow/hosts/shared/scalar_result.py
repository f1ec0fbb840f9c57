"""The result of a query whose rows were already read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy.engine import ScalarResult
from sqlalchemy.engine.result import IteratorResult, SimpleResultMetaData


def scalar_result(rows: Sequence[Any]) -> ScalarResult[Any]:
    """Returns the rows once, like the result of `Session.scalars`, with all its methods."""
    metadata = SimpleResultMetaData(["row"])
    return IteratorResult(metadata, iter([(row,) for row in rows])).scalars()
