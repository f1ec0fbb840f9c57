"""When the operators that a DAG object has made are let go, by putting a new object over the same content in its place.

A run that is created, or comes to its end, has every operator of its DAG made once; the DAG would keep them as long as
it is in memory, at twenty times its own size. Whoever still holds the old object goes on with it.
"""

from __future__ import annotations

import time

_FEW_OPERATORS = 8
_AFTER_SECONDS = 60.0
"""To make again what is in use takes a millisecond for some hundred operators."""
_TREE_AFTER_SECONDS = 600.0
"""The same where the host has built the task groups, and with them every operator: a millisecond for twenty."""


def is_due(made_at: float, n_operators: int, has_tree: bool) -> bool:
    """Whether a DAG object made at `made_at` (monotonic) is to be made anew."""
    if n_operators <= _FEW_OPERATORS:
        return False
    return time.monotonic() - made_at >= (_TREE_AFTER_SECONDS if has_tree else _AFTER_SECONDS)
