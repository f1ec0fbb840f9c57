"""The differential notices when a rule of the fast path is taken away: what it compares can tell the difference.

Rules that few random runs need have a test of their own in `test_fast_path`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any
from unittest import mock

import pytest

from sched_cache.scheduling import HostPass, UpstreamCounts
from sched_cache_airflow.airflow3.run_view import RunView
from sched_cache_airflow.airflow3.stand_ins import (
    FinishedTaskInstances,
    UnfinishedTaskInstances,
)
from tests.airflow3.test_scheduling_decisions_differential import Pair, compare_case, pair

__all__ = ["pair"]

MAX_LOOPS = 60

_asked = RunView.asked
_update = UpstreamCounts.update
_schedulable = RunView.schedulable


def _in_reverse(view: RunView, *arguments: Any) -> Sequence[int]:
    return _asked(view, *arguments)[::-1]


def _only_the_ready(view: RunView, host_pass: HostPass, *arguments: Any) -> Sequence[int]:
    return _asked(view, HostPass.READY, *arguments)


def _all_but_the_last(view: RunView, asked: Sequence[int]) -> Sequence[Any]:
    return _schedulable(view, asked)[:-1]


def _upstream_only(view: RunView, task_index: int) -> Iterator[int]:
    finished = view._finished_of_task()
    for index in list(view.content.dag.upstream(task_index))[:-1]:
        yield from finished.get(index, ())


def _as_it_was(counts: UpstreamCounts, rows: Any, decisions: Any = None) -> int:
    if counts._rows is None or len(counts._rows) != len(rows):
        return _update(counts, rows, decisions)
    counts._rows = rows
    return 0


RULES: dict[str, tuple[type[Any], str, Callable[..., Any]]] = {
    "candidates come in the order of the database": (RunView, "asked", _in_reverse),
    "the search for life asks all that may live": (RunView, "asked", _only_the_ready),
    "every candidate is decided": (RunView, "schedulable", _all_but_the_last),
    "a dependency sees all tasks above": (RunView, "finished_rows_of", _upstream_only),
    "counts follow the rows": (UpstreamCounts, "update", _as_it_was),
    "unfinished ones keep a run going": (UnfinishedTaskInstances, "__len__", lambda _: 0),
    "an ended run has its finished ones": (FinishedTaskInstances, "_objects", lambda _: []),
}


@pytest.mark.parametrize("rule", RULES)
def test_the_differential_notices(pair: Pair, rule: str) -> None:
    """Without the rule some loop is decided otherwise than on stock, or fails."""
    owner, name, without = RULES[rule]
    n_loops, seed = 0, 70_000
    with mock.patch.object(owner, name, without):
        while n_loops < MAX_LOOPS:
            try:
                n_loops += compare_case(pair, seed, 8)
            except AssertionError:
                return
            seed += 1
    pytest.fail(f"{n_loops} loops were decided alike")
