"""Derived values, which the host computes from a DAG again and again, computed once when the DAG is encoded.

Sources, Airflow 3.3.2: task/priority_strategy.py (weights), _shared/dagnode/node.py
`get_upstreams_only_setups` (setups), models/dagrun.py `_tis_for_dagrun_state` (effective leaves),
serialization/definitions/dag.py `_time_restriction` (earliest start, latest end). 2.11.2 agrees.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from sched_cache.format.closure import reachable_sums
from sched_cache.format.columns import ABSENT
from sched_cache.format.document import Document
from sched_cache.format.graph import topological_order, transpose
from sched_cache.format.groups import closest_mapped

KNOWN_TRIGGER_RULES: Final = frozenset(
    (
        "all_success",
        "all_failed",
        "all_done",
        "all_done_min_one_success",
        "all_done_setup_success",
        "one_success",
        "one_failed",
        "one_done",
        "none_failed",
        "none_failed_or_skipped",
        "none_failed_min_one_success",
        "none_skipped",
        "all_skipped",
        "always",
        "dummy",
    )
)


@dataclass(frozen=True, slots=True)
class Derived:
    """Columns and values that follow from the document.

    columns: name -> one value per task, `ABSENT` for a task without one. Missing if no task has a value.
        weight.downstream, weight.upstream: the priority weight under that rule; under the rule `absolute` it is the
            own weight of the task. Missing if the graph has a cycle or a weight is not an integer.
        setups: indices of the relevant upstream setups. skip_parents: indices of the direct upstream tasks
            that may skip it. group: row of its group. mapped_group: row of the closest mapped group.
        simple: whether no decision of the host is needed (all of: not mapped, in no mapped group, nothing mapped
            directly upstream, no setups, no skip parents, no teardown, a known rule).
    values: name -> value. effective_leaves: indices. has_setups: whether any task is a setup. earliest_start,
        latest_end: seconds since the epoch.
    """

    columns: dict[str, list[Any]] = field(default_factory=dict)
    values: dict[str, Any] = field(default_factory=dict)


def derive(document: Document) -> tuple[Derived, list[list[int]]]:
    """The derived columns and values of the document, and the upstream indices of each task."""
    downstream = document.downstream
    upstream = transpose(downstream)
    derived = Derived()
    columns = derived.columns
    order = topological_order(downstream, upstream)
    if order is not None:
        _add_weights(columns, document, order, upstream)
    is_setup = document.effective("is_setup")
    is_teardown = document.effective("is_teardown")
    setups: list[list[int]] | None = None
    if not any(is_setup):
        setups = [[]] * len(upstream)
    elif order is not None:
        setups = _relevant_setups(order, downstream, upstream, is_setup, is_teardown)
    if setups is not None and any(setups):
        columns["setups"] = [indices or ABSENT for indices in setups]
    can_skip = document.effective("_can_skip_downstream")
    skip_parents: list[list[int]] = [[]] * len(upstream)
    if any(can_skip):
        skip_parents = [[parent for parent in row if can_skip[parent]] for row in upstream]
        if any(skip_parents):
            columns["skip_parents"] = [indices or ABSENT for indices in skip_parents]
    mapped_group = _add_groups(columns, document)
    is_tree_known = document.groups is not None or not document.group_name
    needs_expansion = [
        bool(mapped or flag) or group is not ABSENT
        for mapped, flag, group in zip(
            document.effective("_is_mapped"),
            document.effective("_needs_expansion"),
            mapped_group,
            strict=True,
        )
    ]
    columns["simple"] = [
        setups is not None
        and not setups[index]
        and not needs_expansion[index]
        and not skip_parents[index]
        and not is_teardown[index]
        and isinstance(rule, str)
        and rule in KNOWN_TRIGGER_RULES
        and is_tree_known
        and not any(needs_expansion[parent] for parent in upstream[index])
        for index, rule in enumerate(document.effective("trigger_rule"))
    ]
    leaves = _effective_leaves(downstream, is_teardown, document.effective("on_failure_fail_dagrun"))
    derived.values["effective_leaves"] = leaves
    derived.values["has_setups"] = any(is_setup)
    _add_time_restriction(derived.values, document)
    return derived, upstream


def _add_weights(
    columns: dict[str, list[Any]], document: Document, order: Sequence[int], upstream: list[list[int]]
) -> None:
    weights = document.effective("priority_weight")
    if set(map(type, weights)) - {int}:
        return
    columns["weight.downstream"] = reachable_sums(order[::-1], document.downstream, weights)
    columns["weight.upstream"] = reachable_sums(order, upstream, weights)


def _relevant_setups(
    order: Sequence[int],
    downstream: list[list[int]],
    upstream: list[list[int]],
    is_setup: Sequence[Any],
    is_teardown: Sequence[Any],
) -> list[list[int]]:
    """For each task its upstream setups that have no teardown, or a teardown downstream of the task."""
    setups = [index for index, flag in enumerate(is_setup) if flag]
    setup_bit = {index: 1 << bit for bit, index in enumerate(setups)}
    teardown_bit = {
        index: 1 << bit for bit, index in enumerate(i for i, flag in enumerate(is_teardown) if flag)
    }
    setups_above = [0] * len(order)
    for index in order:
        for parent in upstream[index]:
            setups_above[index] |= setups_above[parent] | setup_bit.get(parent, 0)
    teardowns_below = [0] * len(order)
    for index in reversed(order):
        for child in downstream[index]:
            teardowns_below[index] |= teardowns_below[child] | teardown_bit.get(child, 0)
    own_teardowns = {
        index: sum(teardown_bit.get(child, 0) for child in set(downstream[index])) for index in setups
    }
    return [
        [
            setup
            for setup in (setups if setups_above[index] else ())
            if setups_above[index] & setup_bit[setup]
            and (not own_teardowns[setup] or own_teardowns[setup] & teardowns_below[index])
        ]
        for index in range(len(order))
    ]


def _add_groups(columns: dict[str, list[Any]], document: Document) -> list[Any]:
    """Adds the group columns; returns the closest mapped group of each task."""
    nothing = [ABSENT] * len(document.rows)
    if document.groups is None:
        return nothing
    columns["group"] = list(document.groups.group_of)
    if not any(row.get("is_mapped") for row in document.groups.rows):
        return nothing
    columns["mapped_group"] = closest_mapped(document.groups)
    return columns["mapped_group"]


def _effective_leaves(
    downstream: list[list[int]], is_teardown: Sequence[Any], on_failure_fail_dagrun: Sequence[Any]
) -> list[int]:
    counts = [
        not teardown or fails for teardown, fails in zip(is_teardown, on_failure_fail_dagrun, strict=True)
    ]
    leaves = [
        index
        for index, row in enumerate(downstream)
        if counts[index] and not any(counts[child] for child in row)
    ]
    return leaves or [index for index, row in enumerate(downstream) if not row]


def _add_time_restriction(values: dict[str, Any], document: Document) -> None:
    """`earliest_start` and `latest_end`, null if open; missing if a date has an unknown form."""
    dag_start = _seconds(document.dag_fields.get("start_date"))
    dag_end = _seconds(document.dag_fields.get("end_date"))
    starts = [_seconds(value) for value in _distinct(document.effective("start_date"))]
    ends = [_seconds(value) for value in _distinct(document.effective("end_date"))]
    if any(type(value) is _Unknown for value in (dag_start, dag_end, *starts, *ends)):
        return
    known_starts = [value for value in (dag_start, *starts) if value is not None]
    values["earliest_start"] = min(known_starts, default=None)
    # A task without an end has the end of the DAG; the latest end of the tasks counts only if every task has one.
    task_ends = [dag_end if value is None else value for value in ends]
    known_ends = [value for value in (dag_end, *task_ends) if value is not None]
    values["latest_end"] = dag_end if None in task_ends else max(known_ends, default=None)


class _Unknown:
    """A date in a form this module does not read."""


def _distinct(values: Sequence[Any]) -> Sequence[Any]:
    return values[:1] if all(value is None for value in values) else values


def _seconds(value: Any) -> Any:
    if isinstance(value, dict) and value.get("__type") == "datetime":
        value = value.get("__var")
    if value is None or type(value) in (int, float):
        return value
    return _Unknown()
