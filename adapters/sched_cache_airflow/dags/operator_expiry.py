"""When the operators of a DAG object are freed, by replacing it with a new object over the same content.

A run that is created or ends creates every operator of its DAG once; the DAG would keep them as long as it is in
memory, at twenty times its own size. Callers that hold the old object continue to use it.
"""

from __future__ import annotations

import time

_FEW_OPERATORS = 8
_AFTER_SECONDS = 60.0
"""Creating the operators in use again takes a millisecond for some hundred operators."""
_TREE_AFTER_SECONDS = 600.0
"""The same if the host has built the task groups, and with them every operator: a millisecond for twenty."""


def is_due(made_at: float, n_operators: int, has_tree: bool) -> bool:
    """Whether a DAG object created at `made_at` (monotonic) must be replaced."""
    if n_operators <= _FEW_OPERATORS:
        return False
    return time.monotonic() - made_at >= (_TREE_AFTER_SECONDS if has_tree else _AFTER_SECONDS)
