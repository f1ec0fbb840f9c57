"""The part of the proof of blocked task instances that depends on the DAG alone: made once per content, shared by runs.

A task instance is *blocked* if the host would find its dependencies unmet and would change nothing: without it, the
host makes the same decisions. The host must be asked about all other task instances. There is no third answer; only
the host decides that a task is ready.

The proof rests on the trigger rule alone (see `trigger_rule`): not all direct upstreams are done, and none of them is
in a state that the rule reacts to. Dependencies that can only make a task less ready (retry delay, reschedule date,
depends_on_past, wait_for_downstream) are not examined. Dependencies that may change a state are excluded:

    NotPreviouslySkippedDep     no finished direct upstream may hold a skip decision
    setup constraint            no relevant indirect setup failed, was skipped or removed
    MappedTaskUpstreamDep       mapped tasks and groups only, see `mapped_tasks`
    dependencies of its own     Airflow 2: the host is always asked about such a task
    task un-mapped mid-run      the host is always asked about a row with a map index of a task that is not mapped
    reschedule of another one   Airflow 3.1.7: the host is always asked about a row in `up_for_reschedule`

n is the number that the host uses: the direct upstream *tasks*, with or without a row (a task without a row blocks
for ever), or their *rows* if one of them needs expansion. An expansion in the middle of the host's pass adds rows,
which only increases n. But if a task has both an unexpanded and an expanded row, an expansion deletes the first, so
the host is asked about all tasks downstream of such a task.

Source: Airflow 3.3.2 and 2.11.2, ti_deps/deps/*.py, models/dagrun.py `_get_ready_tis`,
`expand_mapped_task` in models/taskmap.py and (2.11.2) models/abstractoperator.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from sched_cache.errors import ColdPartMissingError
from sched_cache.format import ABSENT, CompactDag
from sched_cache.format.graph import topological_order
from sched_cache.scheduling.effective import effective_column
from sched_cache.scheduling.expansion import Expansion
from sched_cache.scheduling.host_rules import HostRules
from sched_cache.scheduling.mapped_tasks import MappedTasks
from sched_cache.scheduling.trigger_rule import NEVER, kind_of

_DEPS: Final = "airflow.ti_deps.deps."
_TRIGGER_RULE_DEP: Final = _DEPS + "trigger_rule_dep.TriggerRuleDep"
_EXAMINED_DEPS: Final = frozenset(
    (
        _TRIGGER_RULE_DEP,
        _DEPS + "mapped_task_expanded.MappedTaskIsExpanded",
        _DEPS + "mapped_task_upstream_dep.MappedTaskUpstreamDep",
        _DEPS + "not_in_retry_period_dep.NotInRetryPeriodDep",
        _DEPS + "not_previously_skipped_dep.NotPreviouslySkippedDep",
        _DEPS + "prev_dagrun_dep.PrevDagrunDep",
        _DEPS + "ready_to_reschedule.ReadyToRescheduleDep",
    )
)


class BlockedProof:
    """The part of the proof that is the same for all runs. Immutable; about ten bytes per task.

    kinds: a byte per task, see `trigger_rule.kind_of`. counted: a byte per task, 1 if n is the number of upstream
    rows. feeders: the tasks with a counted task downstream. initial: the counter of each task before any row is
    counted. may_skip: the tasks that may hold a skip decision. watchers: task -> the tasks that the host is asked
    about once this task has finished without success. mapped: the proof for mapped tasks and for tasks in mapped
    groups, None if there are none. teardowns: the teardown tasks. unprovable: the tasks whose dependencies are not
    determined by the document. host: the properties of the host.
    """

    __slots__ = (
        "counted",
        "dag",
        "feeders",
        "host",
        "initial",
        "kinds",
        "mapped",
        "may_skip",
        "teardowns",
        "unprovable",
        "watchers",
    )

    def __init__(self, dag: CompactDag, host: HostRules) -> None:
        """Reads about ten columns of `dag`. Linear in tasks, edges and relevant setups.

        Raises:
            FormatError: a section of `dag` is damaged.
            ColdPartMissingError: a field that the proof needs was configured to be cold and is not available.
        """
        self.dag = dag
        self.host = host
        tasks = range(dag.n_tasks)
        expansion = Expansion(dag)
        self.teardowns = frozenset(_where(effective_column(dag, "is_teardown")))
        self.unprovable = frozenset(_unprovable(dag, host, expansion))
        self.kinds = bytes(
            NEVER
            if index in self.unprovable
            or (expansion.is_needed[index] and (index in self.teardowns or expansion.is_nested(index)))
            else kind_of(rule, wary=expansion.is_needed[index])
            for index, rule in enumerate(effective_column(dag, "trigger_rule"))
        )
        self.counted = _marked(
            dag.n_tasks, (child for index in _where(expansion.is_needed) for child in dag.downstream(index))
        )
        self.feeders = sorted({parent for index in _where(self.counted) for parent in dag.upstream(index)})
        self.initial = [
            0 if self.counted[index] or self.kinds[index] == NEVER else len(dag.upstream(index))
            for index in tasks
        ]
        # Documents of version 1 do not state which tasks may skip: Airflow writes this since version 2.
        is_untold = host.any_task_may_skip or dag.serialized_version == 1
        self.may_skip: Sequence[int] = (
            tasks if is_untold else _where(effective_column(dag, "_can_skip_downstream"))
        )
        depends_on = {
            index: expansion.dependencies(index)
            for index in _where(expansion.is_needed)
            if self.kinds[index] != NEVER
        }
        self.mapped = MappedTasks(dag, expansion, depends_on, self.counted) if depends_on else None
        self.watchers = self._watchers(depends_on)

    def _watchers(self, depends_on: Mapping[int, Sequence[int]]) -> Mapping[int, Sequence[int]]:
        watchers: dict[int, list[int]] = {}
        for index, setups in enumerate(self.dag.derived_column("setups")):
            if setups is not ABSENT and index not in self.teardowns and self.kinds[index] != NEVER:
                direct = set(self.dag.upstream(index))
                for setup in setups:
                    if setup not in direct:  # the trigger rule covers direct ones
                        watchers.setdefault(setup, []).append(index)
        for index, dependencies in depends_on.items():
            for dependency in dependencies:
                watchers.setdefault(dependency, []).append(index)
        return watchers


def _where(flags: Sequence[Any]) -> list[int]:
    return [index for index, flag in enumerate(flags) if flag]


def _marked(n_tasks: int, indices: Iterable[int]) -> bytes:
    marks = bytearray(n_tasks)
    for index in indices:
        marks[index] = 1
    return bytes(marks)


def _unprovable(dag: CompactDag, host: HostRules, expansion: Expansion) -> Sequence[int]:
    everything = range(dag.n_tasks)
    if dag.groups() is None or expansion.is_contradicted:
        return everything
    if any(effective_column(dag, "is_setup")) and _has_cycle(dag):
        return everything  # the relevant setups were not derived
    if not host.tasks_choose_deps:
        return ()
    try:
        column = dag.column("deps")
    except ColdPartMissingError:
        return everything
    return [index for index, deps in enumerate(column) if deps is not ABSENT and not _is_examined(deps)]


def _is_examined(deps: Any) -> bool:
    return isinstance(deps, list) and _TRIGGER_RULE_DEP in deps and _EXAMINED_DEPS.issuperset(deps)


def _has_cycle(dag: CompactDag) -> bool:
    tasks = range(dag.n_tasks)
    upstream = [dag.upstream(index) for index in tasks]
    return topological_order([dag.downstream(index) for index in tasks], upstream) is None
