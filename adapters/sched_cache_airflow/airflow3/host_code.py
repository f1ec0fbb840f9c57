"""Whether the host's code is the code that the fast path was made for.

The fast path stands in for lists that these functions read, so it knows what they read. Each is pinned by a digest
of its source: a release that changes one, and an installation that replaces one, are left alone. The digests are
those of Airflow 3.3.2; `python -m sched_cache_airflow.airflow3.host_code` prints those of the installed host.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Mapping
from hashlib import blake2b
from typing import Any, Final

PINNED: Final[Mapping[str, str]] = {
    "airflow.models.dagrun:DagRun.update_state": "c1d456e054b4433c",
    "airflow.models.dagrun:DagRun.task_instance_scheduling_decisions": "b18ac2792de2658d",
    "airflow.models.dagrun:DagRun._get_ready_tis": "f3d821fe1c889c92",
    "airflow.models.dagrun:DagRun._are_premature_tis": "bb75d711c02974fb",
    "airflow.models.dagrun:DagRun._tis_for_dagrun_state": "4744ddf87c232d71",
    "airflow.models.dagrun:DagRun._emit_true_scheduling_delay_stats_for_finished_state": "9dc51d3c90cc0d79",
    "airflow.models.dagrun:DagRun._revise_map_indexes_if_mapped": "2dd47d832c6ea2ac",
    "airflow.models.dagrun:DagRun.get_task_instances": "28a2fe9fb17c43a0",
    "airflow.models.dagrun:DagRun.fetch_task_instances": "450dd62f3ecc2596",
    "airflow.models.dagrun:DagRun.get_running_dag_runs_to_examine": "6ab9601832138b9a",
    "airflow.models.dagrun:DagRun.verify_integrity": "37c9316835e03013",
    "airflow.models.taskinstance:TaskInstance.are_dependencies_met": "e5d327863aba76c8",
    "airflow.models.taskinstance:TaskInstance.get_failed_dep_statuses": "03b684458d2ee2b5",
    "airflow.models.taskinstance:TaskInstance.get_dagrun": "15432550aee72cea",
    "airflow.models.taskinstance:TaskInstance.set_state": "a14dd128aa9c7aac",
    "airflow.models.taskmap:TaskMap.expand_mapped_task": "b22cfde30e2de6c3",
    "airflow.jobs.scheduler_job_runner:SchedulerJobRunner._do_scheduling": "07e6c178d7920b9a",
    "airflow.jobs.scheduler_job_runner:SchedulerJobRunner._schedule_all_dag_runs": "db10ad069ba2fa80",
    "airflow.jobs.scheduler_job_runner:SchedulerJobRunner._schedule_dag_run": "d9969cb74b362520",
    "airflow.jobs.scheduler_job_runner:SchedulerJobRunner._verify_integrity_if_dag_changed": "fa8595c09662b8ff",
    "airflow.ti_deps.deps.base_ti_dep:BaseTIDep.get_dep_statuses": "02fcad4307aa1acc",
    "airflow.ti_deps.deps.trigger_rule_dep:": "02bbe39f08ded084",
    "airflow.ti_deps.deps.trigger_rule_dep:TriggerRuleDep._get_dep_statuses": "c080149b4c6b1eec",
    "airflow.ti_deps.deps.not_previously_skipped_dep:": "65a94e4030e93e00",
    "airflow.ti_deps.deps.not_previously_skipped_dep:NotPreviouslySkippedDep._get_dep_statuses": "ce3c6cde45aaf227",
    "airflow.ti_deps.deps.mapped_task_upstream_dep:": "05c97df7741ac4af",
    "airflow.ti_deps.deps.mapped_task_upstream_dep:MappedTaskUpstreamDep._get_dep_statuses": "64fcdf6e340cde72",
    "airflow.ti_deps.deps.prev_dagrun_dep:": "847deb377fc56b03",
    "airflow.ti_deps.deps.prev_dagrun_dep:PrevDagrunDep._get_dep_statuses": "82ea0b094fb3af82",
    "airflow.ti_deps.deps.not_in_retry_period_dep:": "6e8ebe87e1481782",
    "airflow.ti_deps.deps.not_in_retry_period_dep:NotInRetryPeriodDep._get_dep_statuses": "c1328fe2e02dfe56",
    "airflow.ti_deps.deps.ready_to_reschedule:": "0da2efe10482c4fc",
    "airflow.ti_deps.deps.ready_to_reschedule:ReadyToRescheduleDep._get_dep_statuses": "21f64914f752ad9d",
    "airflow.ti_deps.dep_context:": "69b28f51904ffe7c",
    "airflow.ti_deps.dependencies_states:": "ab785ecdd0b49ecf",
    "airflow.utils.state:": "4dda40e5bbf905ab",
}
"""`module:` for a whole module, `module:Class.function` for a function -> digest of its source."""

CREATION: Final[Mapping[str, str]] = {
    "airflow.models.taskinstance:TaskInstance.insert_mapping": "aac4fee62fde746e",
    "airflow.task.priority_strategy:_DownstreamPriorityWeightStrategy.get_weight": "c31c6d2ce622918a",
    "airflow.task.priority_strategy:_UpstreamPriorityWeightStrategy.get_weight": "f8364c0712f233d3",
}
"""The same for what the creation of runs is spared: each is replaced only if its code is this."""

OBSERVES_ONLY: Final = "sched_cache_observes_only"
"""Set on a wrapper that only measures what it wraps (`__wrapped__`), so that it does not count as a change."""


class HostCode:
    """Looks at the host's code once, and at each loop whether it is still the same."""

    def __init__(self, original: Callable[[Any, str], Any], pinned: Mapping[str, str] = PINNED) -> None:
        """
        Args:
            original: (class, name) -> the function as the host defined it, before we replaced it.
        """
        self._original = original
        self._pinned = pinned
        self._doubt: str | None = None
        self._seen: list[tuple[Any, str, Any]] | None = None

    def doubt(self) -> str:
        """What is not as it should be; empty if all is."""
        if self._seen is None:
            self._seen = []
            self._doubt = "the host's code could not be examined"  # stays if that raises
            self._doubt = self._examine()
        if not self._doubt:
            for owner, name, function in self._seen:
                found = vars(owner)[name]
                if found is not function and _observed(found) is not function:
                    self._doubt = f"{owner.__name__}.{name} was replaced"
        return self._doubt or ""

    def _examine(self) -> str:
        assert self._seen is not None
        for path, digest in self._pinned.items():
            module_name, _, names = path.partition(":")
            module = importlib.import_module(module_name)
            if not names:
                if _digest(module) != digest:
                    return f"{module_name} is not the code of a known release"
                continue
            class_name, _, name = names.partition(".")
            owner = getattr(module, class_name)
            current = _observed(vars(owner)[name])
            self._seen.append((owner, name, current))
            if not _is_of(current, ("airflow", "sched_cache_airflow")):
                return f"{names} was replaced"
            original = _observed(self._original(owner, name))
            if not _is_of(original, ("airflow",)):
                return f"{names} was replaced"
            if _digest(_function(original)) != digest:
                return f"{names} is not the code of a known release"
        return ""


def is_of_known_release(owner: Any, name: str) -> bool:
    """Whether a function of `CREATION`, not replaced yet, is the code that is known."""
    path = f"{owner.__module__}:{owner.__name__}.{name}"
    return _digest(_function(vars(owner)[name])) == CREATION[path]


def _observed(function: Any) -> Any:
    while getattr(function, OBSERVES_ONLY, False):
        function = function.__wrapped__
    return function


def _function(member: Any) -> Any:
    return inspect.unwrap(_observed(getattr(member, "__func__", member)))


def _is_of(member: Any, packages: tuple[str, ...]) -> bool:
    """Whether the code that a call enters first belongs to one of these packages."""
    code_globals = getattr(getattr(member, "__func__", member), "__globals__", {})
    return str(code_globals.get("__name__", "")).partition(".")[0] in packages


def _digest(code: Any) -> str:
    return blake2b(inspect.getsource(code).encode(), digest_size=8).hexdigest()


def digests(paths: Mapping[str, str] = PINNED) -> dict[str, str]:
    """The digests of the installed host's code, for the same paths."""
    found = {}
    for path in paths:
        module_name, _, names = path.partition(":")
        code: Any = importlib.import_module(module_name)
        if names:
            class_name, _, name = names.partition(".")
            code = _function(vars(getattr(code, class_name))[name])
        found[path] = _digest(code)
    return found


if __name__ == "__main__":
    for path, digest in digests({**PINNED, **CREATION}).items():
        print(f'    "{path}": "{digest}",')
