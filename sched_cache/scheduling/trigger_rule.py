"""The states of finished upstream tasks for which a trigger rule is provably unmet and without effect.

`TriggerRuleDep` compares n, the number of direct upstreams, with the number of those that finished in each state.
Taken together, its branches leave a task instance unmet *and* unchanged at least if fewer than n have finished, none
of them in a state that the rule reacts to (a row of the table below). The host is asked about all other cases
(done >= n).

    rule                          changes state or is met, before all are done, upon
    all_success                   failed, upstream_failed (UPSTREAM_FAILED); skipped (SKIPPED)
    all_failed                    success, skipped (SKIPPED)
    all_done                      nothing
    all_done_min_one_success      skipped (SKIPPED)
    all_done_setup_success        nothing
    one_success                   success (met)
    one_failed                    failed, upstream_failed (met)
    one_done                      success, failed (met)
    none_failed                   failed, upstream_failed (UPSTREAM_FAILED)
    none_failed_min_one_success   failed, upstream_failed (UPSTREAM_FAILED)
    none_skipped                  skipped (SKIPPED)
    all_skipped                   success, failed, upstream_failed (SKIPPED)
    always                        met at once: has no row

Source: ti_deps/deps/trigger_rule_dep.py `_evaluate_direct_relatives` of Airflow 3.3.2 and 2.11.2, which differ only in
how they count `removed` once all are done. A rule that the host does not know is never met and has no effect, so a row
for `none_failed_or_skipped` (now `none_failed_min_one_success`), or for a rule that is newer than the host, is safe.
`dummy`, the old name of `always`, has no row either.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from sched_cache.scheduling.state import (
    FAILED,
    NO_ROW,
    REMOVED,
    SKIPPED,
    SUCCESS,
    UNFINISHED,
    UPSTREAM_FAILED,
)

_REACTS_TO: Final[Mapping[str, frozenset[int]]] = {
    "all_success": frozenset({FAILED, UPSTREAM_FAILED, SKIPPED}),
    "all_failed": frozenset({SUCCESS, SKIPPED}),
    "all_done": frozenset(),
    "all_done_min_one_success": frozenset({SKIPPED}),
    "all_done_setup_success": frozenset(),
    "one_success": frozenset({SUCCESS}),
    "one_failed": frozenset({FAILED, UPSTREAM_FAILED}),
    "one_done": frozenset({SUCCESS, FAILED}),
    "none_failed": frozenset({FAILED, UPSTREAM_FAILED}),
    "none_failed_min_one_success": frozenset({FAILED, UPSTREAM_FAILED}),
    "none_failed_or_skipped": frozenset({FAILED, UPSTREAM_FAILED}),
    "none_skipped": frozenset({SKIPPED}),
    "all_skipped": frozenset({SUCCESS, FAILED, UPSTREAM_FAILED}),
}

FORBIDDEN: Final = 1 << 40
"""The weight of an upstream that may cause an effect, far above any number of task instances."""

BLOCKED_BELOW: Final = 1 << 32
"""A counter between 0 and this value means that some upstream is not done and none may cause an effect."""

NEVER: Final = 0
"""The kind of a task that is never proven blocked."""

_NAMES: Final = tuple(_REACTS_TO)
N_KINDS: Final = 1 + 2 * len(_NAMES)


def kind_of(rule: object, *, wary: bool) -> int:
    """The index of a task's weights; `NEVER` for `always` and for rules without a row.

    Args:
        rule: the trigger rule as the document has it.
        wary: whether any outcome except success may have an effect, as for a mapped task.
    """
    if not isinstance(rule, str) or rule not in _REACTS_TO:
        return NEVER
    return 1 + 2 * _NAMES.index(rule) + wary


def _weight(kind: int, outcome: int) -> int:
    if kind == NEVER or outcome in (NO_ROW, UNFINISHED):
        return 0
    number, wary = divmod(kind - 1, 2)
    if outcome in _REACTS_TO[_NAMES[number]] or (wary and outcome != SUCCESS):
        return FORBIDDEN - 1
    return -1


WEIGHTS: Final[Sequence[Sequence[int]]] = [
    [_weight(kind, outcome) for kind in range(N_KINDS)] for outcome in range(REMOVED + 1)
]
"""WEIGHTS[outcome][kind]: the weight of one upstream task instance in the counter of a downstream task."""
