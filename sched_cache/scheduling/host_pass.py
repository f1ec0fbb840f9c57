"""The host's two walks over the task instances of a run."""

from __future__ import annotations

from enum import Enum

from sched_cache.scheduling.state import SCHEDULABLE_STATES, UNFINISHED_STATES, mask_of


class HostPass(Enum):
    """A walk that may be spared blocked task instances. The value: state code -> 1 if the walk looks at it.

    READY: `DagRun._get_ready_tis(schedulable_tis, ...)`. Given none it answers ([], False, False), and so
    it would have, given only blocked ones.

    PREMATURE: `DagRun._are_premature_tis(unfinished_tis, ...)`, reached if nothing is ready and nothing
    changed. It asks whether *any* unfinished task instance would be met but for retry and reschedule
    periods; if not, the run fails as deadlocked. So one left out wrongly would end a run that is alive.
    None is: being blocked does not rest on these periods, nor on the task instance's own state, and the
    walk stops at the first that is met, which is the same one if the rest keep their order (task_id,
    map_index). Given none it answers (False, False): the host would have come to the same deadlock after
    asking each.

    Whatever else the host reads (`tis`, `unfinished_tis`, `should_schedule`, leaves) must still cover
    every row.
    """

    READY = mask_of(SCHEDULABLE_STATES)
    PREMATURE = mask_of(UNFINISHED_STATES)
