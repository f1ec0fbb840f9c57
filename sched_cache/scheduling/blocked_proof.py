"""What of a DAG says which task instances are blocked: made once per content, shared by all its runs.

A task instance is *blocked* if the host would find its dependencies unmet and would change nothing: if
left out of what the host looks at, the host decides as it would have. All others it must be asked about.
There is no third answer; whether a task is ready is for the host to say.

The proof rests on the trigger rule alone (see `trigger_rule`): fewer direct upstreams are done than there
are, and none of them in a state that the rule reacts to. A dependency that can only make a task less
ready (retry delay, reschedule date, depends_on_past, wait_for_downstream) needs no look. Those that may
change a state are excluded:

    NotPreviouslySkippedDep     no finished direct upstream may hold a skip decision
    setup constraint            no relevant indirect setup failed, was skipped or removed
    MappedTaskUpstreamDep       mapped tasks and groups only, see `mapped_tasks`
    dependencies of its own     Airflow 2: such a task is always the host's
    task un-mapped mid-run      a row with a map index, of a task that is not mapped, is always the host's

n is what the host takes it for: the direct upstream *tasks*, with or without a row (without one they
block for ever), or their *rows* if one of them needs expansion. An expansion in the middle of the host's
pass adds rows, which only makes n larger; but of a task with both an unexpanded and an expanded row it
deletes the first, so whatever is downstream of such a task is the host's.

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
    """The part of the proof that no run changes. Immutable; about ten bytes a task.

    kinds: a byte a task, see `trigger_rule.kind_of`. counted: a byte a task, 1 if n is the number of
    upstream rows. feeders: the tasks with a counted one downstream. initial: a task's counter before any
    row is counted. may_skip: the tasks that may hold a skip decision. watchers: task -> the tasks that
    are the host's once it finished other than well. mapped: the proof for mapped tasks and those in
    mapped groups, None if there are none. teardowns: the tasks that are one. unprovable: the tasks whose
    dependencies the document leaves open.
    """

    __slots__ = (
        "counted",
        "dag",
        "feeders",
        "initial",
        "kinds",
        "mapped",
        "may_skip",
        "teardowns",
        "unprovable",
        "watchers",
    )

    def __init__(self, dag: CompactDag, host: HostRules) -> None:
        """Reads some ten columns of `dag`. Linear in tasks, edges and relevant setups.

        Raises:
            FormatError: a section of `dag` is damaged.
            ColdPartMissingError: a field that the proof needs was configured to be cold, and cannot be had.
        """
        self.dag = dag
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
        # Documents of version 1 do not say which tasks may skip: Airflow began to write it with version 2.
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
                    if setup not in direct:  # a direct one is a matter of the trigger rule
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
        return everything  # which setups are relevant was not derived
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
