"""Differences between the two hosts that matter to the proof of blocked task instances."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class HostRules:
    """The properties of a host that the proof depends on.

    any_task_may_skip: `NotPreviouslySkippedDep` asks every direct upstream for its skip decision, not only those
    marked `_can_skip_downstream`. tasks_choose_deps: a task may have its own set of dependency classes, without the
    trigger rule. mapped_may_fail_run: whether a mapped teardown may fail its run, as its partial arguments say.
    reschedule_reaches_others: once the host has examined a task instance in `up_for_reschedule`, those that it examines
    after it in the same pass wait for a reschedule date, too.
    """

    any_task_may_skip: bool
    tasks_choose_deps: bool
    mapped_may_fail_run: bool
    reschedule_reaches_others: bool = False


AIRFLOW_2: Final = HostRules(any_task_may_skip=True, tasks_choose_deps=True, mapped_may_fail_run=False)
"""2.11.2: not_previously_skipped_dep.py asks each finished upstream; a task's document may have `deps`;
models/mappedoperator.py has `is_teardown` in its partial arguments, and no `on_failure_fail_dagrun`."""

AIRFLOW_3: Final = HostRules(any_task_may_skip=False, tasks_choose_deps=False, mapped_may_fail_run=True)
"""3.3.2: `parent.inherits_from_skipmixin` comes first; `SerializedBaseOperator.deps` is a constant."""
