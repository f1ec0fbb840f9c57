"""The host's dependencies in miniature, one task instance at a time, for those without a mapped group
around them.

Written from the sources of Airflow 3.3.2 and 2.11.2, branch by branch, without a table or a counter.
Dependencies that only ever make a task less ready (retries, reschedules, past runs, the scope of a
teardown) are taken as met.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from enum import Enum

from sched_cache_airflow.certification.dag_document import HostName, TaskSpec
from sched_cache_airflow.certification.random_run import FINISHED, RunSpec


class Judgement(Enum):
    """MET: nothing speaks against it. ACTS: the host changes its state. WAITS: neither."""

    MET = "met"
    ACTS = "acts"
    WAITS = "waits"


@dataclass(frozen=True, slots=True)
class HostModel:
    """One run as the host sees it."""

    run: RunSpec
    host_name: HostName

    def judge(self, task: TaskSpec) -> Judgement:
        """The decision about the unexpanded task instance of `task`, which is in no mapped group."""
        judgements = (self.trigger_rule(task), self.previously_skipped(task), self.mapped_upstream(task))
        for strongest in (Judgement.ACTS, Judgement.WAITS):
            if strongest in judgements:
                return strongest
        return Judgement.MET

    def upstream(self, task: TaskSpec) -> list[TaskSpec]:
        """The direct upstreams."""
        return [other for other in self.run.tasks if task.task_id in other.downstream]

    def finished(self, tasks: list[TaskSpec]) -> Counter[str]:
        """How many task instances of `tasks` finished in each state."""
        names = {task.task_id for task in tasks}
        return Counter(
            state for (task_id, _), state in self.run.rows.items() if task_id in names and state in FINISHED
        )

    def expected(self, tasks: list[TaskSpec]) -> int:
        """n: how many of `tasks` there are to finish."""
        if not any(task.over is not None or task.group is not None for task in tasks):
            return len(tasks)
        names = {task.task_id for task in tasks}
        return sum(task_id in names for task_id, _ in self.run.rows)

    def trigger_rule(self, task: TaskSpec) -> Judgement:
        """`TriggerRuleDep`."""
        if not self.upstream(task) or task.fields.get("trigger_rule") == "always":
            return Judgement.MET
        setups = Judgement.MET if task.fields.get("is_teardown") else self.setups(task)
        direct = self.direct_relatives(task)
        if Judgement.ACTS in (setups, direct):
            return Judgement.ACTS
        return Judgement.WAITS if Judgement.WAITS in (setups, direct) else Judgement.MET

    def setups(self, task: TaskSpec) -> Judgement:
        """The setup constraint."""
        indirect = self.indirect_setups(task)
        finished = self.finished(indirect)
        if finished["failed"] or finished["upstream_failed"] or finished["skipped"]:
            return Judgement.ACTS
        return Judgement.WAITS if self.expected(indirect) > finished["success"] else Judgement.MET

    def indirect_setups(self, task: TaskSpec) -> list[TaskSpec]:
        """The relevant setups that are not direct upstreams."""
        direct = self._ids(self.upstream(task))
        return [setup for setup in self._relevant_setups(task) if setup.task_id not in direct]

    def _relevant_setups(self, task: TaskSpec) -> list[TaskSpec]:
        below = self._ids(self._reachable(task, upstream=False))
        relevant = []
        for other in self._reachable(task, upstream=True):
            if other.fields.get("is_setup"):
                teardowns = [
                    child for child in other.downstream if self._task(child).fields.get("is_teardown")
                ]
                if not teardowns or below.intersection(teardowns):
                    relevant.append(other)
        return relevant

    def _reachable(self, task: TaskSpec, *, upstream: bool) -> list[TaskSpec]:
        found: dict[str, TaskSpec] = {}
        waiting = [task]
        while waiting:
            current = waiting.pop()
            nearest = (
                self.upstream(current) if upstream else [self._task(name) for name in current.downstream]
            )
            for other in nearest:
                if other.task_id not in found:
                    found[other.task_id] = other
                    waiting.append(other)
        return list(found.values())

    def _task(self, task_id: str) -> TaskSpec:
        return next(task for task in self.run.tasks if task.task_id == task_id)

    @staticmethod
    def _ids(tasks: list[TaskSpec]) -> set[str]:
        return {task.task_id for task in tasks}

    def direct_relatives(self, task: TaskSpec) -> Judgement:
        """The trigger rule proper: first what it does, then whether it is met."""
        upstream = self.upstream(task)
        states = self.finished(upstream)
        success, skipped, removed = states["success"], states["skipped"], states["removed"]
        failed, upstream_failed = states["failed"], states["upstream_failed"]
        n, done = self.expected(upstream), states.total()
        is_done, any_failed = done >= n, bool(failed or upstream_failed)
        # Where the releases differ in what a removed upstream counts for, a task that is not expanded is left
        # waiting by the older one: the newer one's answer is the stricter test.
        rule = task.fields.get("trigger_rule", "all_success")
        if rule == "all_success":
            return self._answer(any_failed or skipped > 0, n - success - removed <= 0)
        if rule == "all_failed":
            return self._answer(success + skipped > 0, n - failed - upstream_failed - removed <= 0)
        if rule == "all_done":
            return self._answer(False, is_done)
        if rule == "one_success":
            return self._answer(is_done and (done == skipped or not success), success > 0)
        if rule == "one_failed":
            return self._answer(is_done and not any_failed, any_failed)
        if rule == "one_done":
            return self._answer(is_done and not failed and not success, success + failed > 0)
        if rule == "none_failed":
            return self._answer(any_failed, n - success - skipped - removed <= 0)
        if rule == "none_failed_min_one_success":
            acts = any_failed or skipped == n or (is_done and not success)
            return self._answer(acts, n - success - skipped - removed <= 0 and success > 0)
        if rule == "none_skipped":
            return self._answer(skipped > 0, is_done and not skipped)
        if rule == "all_skipped":
            return self._answer(success > 0 or any_failed, n - skipped <= 0)
        if rule == "all_done_min_one_success":
            acts = skipped > 0 or (done - skipped >= n - skipped and not success)
            return self._answer(acts, not skipped and done >= n and success > 0)
        if rule == "all_done_setup_success":
            setups = [parent for parent in upstream if parent.fields.get("is_setup")]
            outcome = self.finished(setups)
            n_setups = self.expected(setups)
            acts = is_done and n_setups > 0 and not outcome["success"]
            return self._answer(acts, is_done and (not n_setups or outcome["success"] > 0))
        return Judgement.WAITS  # no strategy

    @staticmethod
    def _answer(acts: bool, is_met: bool) -> Judgement:
        return Judgement.ACTS if acts else Judgement.MET if is_met else Judgement.WAITS

    def previously_skipped(self, task: TaskSpec) -> Judgement:
        """`NotPreviouslySkippedDep`."""
        for parent in self.upstream(task):
            if self.host_name == "airflow3" and not parent.fields.get("_can_skip_downstream"):
                continue
            decision = self.run.decisions.get((parent.task_id, -1))
            if decision is None or not self.finished([parent]):
                continue
            if "followed" in decision:
                if task.task_id not in decision["followed"]:
                    return Judgement.ACTS
            elif task.task_id in decision["skipped"]:
                return Judgement.ACTS
        return Judgement.MET

    def mapped_upstream(self, task: TaskSpec) -> Judgement:
        """`MappedTaskUpstreamDep`, for a task that is mapped itself."""
        state = self.run.rows.get((task.over, -1)) if isinstance(task.over, str) else None
        if state in ("failed", "upstream_failed", "skipped"):
            return Judgement.ACTS
        return Judgement.WAITS if state == "removed" else Judgement.MET
