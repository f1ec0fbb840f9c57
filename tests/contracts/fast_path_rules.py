"""A differential notices when a rule of the fast path is taken away: what it compares can tell the difference.

Rules that few random runs need have a test of their own in `fast_path`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any
from unittest import mock

import pytest

from sched_cache.scheduling import HostPass, UpstreamCounts
from sched_cache_airflow.certification.comparison import Comparison
from sched_cache_airflow.fast_path.run_end import RunEnd
from sched_cache_airflow.fast_path.run_view import RunView
from sched_cache_airflow.fast_path.stand_ins import FinishedTaskInstances, UnfinishedTaskInstances

MAX_LOOPS = 60

Rule = tuple[type[Any], str, Callable[..., Any]]
"""A replacement: a class, the name of its method, the replacing function."""

_asked = RunView.asked
_update = UpstreamCounts.update
_schedulable = RunView.schedulable
_is_confirmed = RunEnd.is_confirmed


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


def _never_started(end: RunEnd, *arguments: Any) -> bool:
    confirmed = _is_confirmed(end, *arguments)
    end._finished = []
    return confirmed


RULES: Mapping[str, Rule] = {
    "candidates come in the order of the database": (RunView, "asked", _in_reverse),
    "the search for life asks all that may live": (RunView, "asked", _only_the_ready),
    "every candidate is decided": (RunView, "schedulable", _all_but_the_last),
    "a dependency sees all tasks above": (RunView, "finished_rows_of", _upstream_only),
    "counts follow the rows": (UpstreamCounts, "update", _as_it_was),
    "unfinished ones keep a run going": (UnfinishedTaskInstances, "__len__", lambda _: 0),
    "a run that an expansion or a deadlock ends has its finished ones": (
        FinishedTaskInstances,
        "_objects",
        lambda _: [],
    ),
    "the end of a run is told by its leaves": (RunEnd, "leaves", lambda _: []),
    "an ended run has started": (RunEnd, "is_confirmed", _never_started),
}


def assert_noticed(comparison: Comparison, rule: str, rules: Mapping[str, Rule] = RULES) -> None:
    """Without the rule some loop is decided otherwise than on stock, or is given up by the host."""
    owner, name, without = rules[rule]
    n_loops, seed = 0, 70_000
    with mock.patch.object(owner, name, without):
        while n_loops < MAX_LOOPS:
            compared = comparison.compare_case(seed, is_stratified=False)
            if compared.difference:
                return
            n_loops += compared.n_loops
            seed += 1
    pytest.fail(f"{n_loops} loops were decided alike")
