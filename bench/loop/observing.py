"""Observes the runs that a scheduler examines, without changing its behaviour."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


def only_observes(wrapper: Any) -> Any:
    """The wrapper with a mark, because the plugin would otherwise treat the function as replaced by other code.

    Source: `OBSERVES_ONLY` in sched_cache_airflow/patching/known_code.py. It must have `__wrapped__`.
    """
    wrapper.sched_cache_observes_only = True
    return wrapper


@contextmanager
def examined_runs(note: Callable[[Any], None]) -> Iterator[None]:
    """Within the block `note` is called with each run right before its state is updated, its `dag` set."""
    from airflow.models.dagrun import DagRun

    original = vars(DagRun)["update_state"]

    @functools.wraps(original)
    def update_state(self: Any, *arguments: Any, **named: Any) -> Any:
        note(self)
        return original(self, *arguments, **named)

    DagRun.update_state = only_observes(update_state)
    try:
        yield
    finally:
        DagRun.update_state = original
