"""The host's two walks over the task instances of a run."""

from __future__ import annotations

from enum import Enum

from sched_cache.scheduling.state import SCHEDULABLE_STATES, UNFINISHED_STATES, mask_of


class HostPass(Enum):
    """A walk that may omit blocked task instances. The value: state code -> 1 if the walk examines the state.

    READY: `DagRun._get_ready_tis(schedulable_tis, ...)`. For an empty list it returns ([], False, False), the same
    result as for a list of blocked task instances.

    PREMATURE: `DagRun._are_premature_tis(unfinished_tis, ...)`, reached if nothing is ready and nothing changed. It
    determines whether the dependencies of *any* unfinished task instance would be met except for retry and reschedule
    periods; if not, the run fails as deadlocked. Omitting a task instance wrongly would end a run that is alive. This
    cannot happen: the proof of being blocked depends neither on these periods nor on the state of the task instance
    itself. The walk stops at the first task instance that is met, which stays the same one if the others keep their
    order (task_id, map_index). For an empty list it returns (False, False): the host would have found the same
    deadlock after examining each of them.

    All other data that the host reads (`tis`, `unfinished_tis`, `should_schedule`, leaves) must still cover every row.
    """

    READY = mask_of(SCHEDULABLE_STATES)
    PREMATURE = mask_of(UNFINISHED_STATES)
