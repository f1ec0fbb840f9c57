"""The table of the Airflow releases that the plugin supports and is tested with: one row for each minor release.

The digests of their code are in `known_code.json` of each folder of `hosts`. `make releases` writes these files, and
lists the changes in releases that are not supported yet.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from importlib import metadata
from typing import Final

_DISTRIBUTIONS: Final = ("apache-airflow-core", "apache-airflow")

Paths = tuple[str, ...]
"""Code of the host: `module:` for a whole module, `module:Class.function` for a function."""


_WORDS: Final = "airflow.utils.state:"
"""The names of states. Its functions are for people: colours, texts."""


@dataclass(frozen=True, slots=True)
class PinnedCode:
    """The code of the host on which each part of the plugin depends.

    A part is active if all the code that it names here is that of one tested release.
    """

    decisions: Paths
    """The fast path of scheduling decisions."""
    weights: Paths
    """Priority weights of a new run."""
    insert_mapping: Paths
    """Rows of a new run."""
    get_dagrun: Paths
    """The run of a task instance, without a query."""
    critical_section: Paths
    """The limit of the query for task instances that can be queued."""
    schedule_tis: Paths = ()
    """Ready task instances, in one statement."""

    @property
    def deciding(self) -> Paths:
        """The code of `decisions` whose functions a loop calls: all but the module that is pinned for its words."""
        return tuple(path for path in self.decisions if path != _WORDS)

    def parts(self) -> dict[str, Paths]:
        """The parts that exist on this host, by name."""
        named = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: paths for name, paths in named.items() if paths}


@dataclass(frozen=True, slots=True)
class Host:
    """A folder of `hosts`, which serves several minor releases."""

    name: str
    document_versions: tuple[int, ...]
    """Versions of serialized DAGs that the host reads directly. It rewrites older ones first."""
    pinned: PinnedCode

    @property
    def folder(self) -> str:
        """The package with the modules for this host."""
        return f"sched_cache_airflow.hosts.{self.name}"

    @property
    def tested(self) -> tuple[str, ...]:
        """The tested releases that this folder serves."""
        return tuple(name for release in RELEASES if release.host == self for name in release.tested)


@dataclass(frozen=True, slots=True)
class Release:
    """A minor release, with its patch releases and their pre-releases."""

    prefix: str
    """The prefix of their version numbers."""
    host: Host
    tested: tuple[str, ...]
    """The patch releases that were tested, oldest first."""


# The code that both hosts have, under the same names.
_DECISIONS: Final[Paths] = (
    "airflow.models.dagrun:DagRun.update_state",
    "airflow.models.dagrun:DagRun.task_instance_scheduling_decisions",
    "airflow.models.dagrun:DagRun._get_ready_tis",
    "airflow.models.dagrun:DagRun._are_premature_tis",
    "airflow.models.dagrun:DagRun._tis_for_dagrun_state",
    "airflow.models.dagrun:DagRun._emit_true_scheduling_delay_stats_for_finished_state",
    "airflow.models.dagrun:DagRun._revise_map_indexes_if_mapped",
    "airflow.models.dagrun:DagRun.get_task_instances",
    "airflow.models.dagrun:DagRun.fetch_task_instances",
    "airflow.models.dagrun:DagRun.verify_integrity",
    "airflow.models.taskinstance:TaskInstance.are_dependencies_met",
    "airflow.models.taskinstance:TaskInstance.get_failed_dep_statuses",
    "airflow.models.taskinstance:TaskInstance.get_dagrun",
    "airflow.models.taskinstance:TaskInstance.set_state",
    "airflow.jobs.scheduler_job_runner:SchedulerJobRunner._do_scheduling",
    "airflow.jobs.scheduler_job_runner:SchedulerJobRunner._schedule_all_dag_runs",
    "airflow.jobs.scheduler_job_runner:SchedulerJobRunner._schedule_dag_run",
    "airflow.jobs.scheduler_job_runner:SchedulerJobRunner._verify_integrity_if_dag_changed",
    "airflow.ti_deps.deps.base_ti_dep:BaseTIDep.get_dep_statuses",
    "airflow.ti_deps.deps.trigger_rule_dep:",
    "airflow.ti_deps.deps.trigger_rule_dep:TriggerRuleDep._get_dep_statuses",
    "airflow.ti_deps.deps.not_previously_skipped_dep:",
    "airflow.ti_deps.deps.not_previously_skipped_dep:NotPreviouslySkippedDep._get_dep_statuses",
    "airflow.ti_deps.deps.mapped_task_upstream_dep:",
    "airflow.ti_deps.deps.mapped_task_upstream_dep:MappedTaskUpstreamDep._get_dep_statuses",
    "airflow.ti_deps.deps.prev_dagrun_dep:",
    "airflow.ti_deps.deps.prev_dagrun_dep:PrevDagrunDep._get_dep_statuses",
    "airflow.ti_deps.deps.not_in_retry_period_dep:",
    "airflow.ti_deps.deps.not_in_retry_period_dep:NotInRetryPeriodDep._get_dep_statuses",
    "airflow.ti_deps.deps.ready_to_reschedule:",
    "airflow.ti_deps.deps.ready_to_reschedule:ReadyToRescheduleDep._get_dep_statuses",
    "airflow.ti_deps.dep_context:",
    "airflow.ti_deps.dependencies_states:",
    _WORDS,
)
_WEIGHTS: Final[Paths] = (
    "airflow.task.priority_strategy:_DownstreamPriorityWeightStrategy.get_weight",
    "airflow.task.priority_strategy:_UpstreamPriorityWeightStrategy.get_weight",
)
_INSERT_MAPPING: Final[Paths] = ("airflow.models.taskinstance:TaskInstance.insert_mapping",)
_CRITICAL_SECTION: Final[Paths] = (
    "airflow.jobs.scheduler_job_runner:SchedulerJobRunner._critical_section_enqueue_task_instances",
    "airflow.jobs.scheduler_job_runner:SchedulerJobRunner._executable_task_instances_to_queued",
)
_GET_DAGRUN: Final[Paths] = ("airflow.models.taskinstance:TaskInstance.get_dagrun",)

AIRFLOW_3: Final = Host(
    name="airflow3",
    document_versions=(2, 3),
    pinned=PinnedCode(
        decisions=(
            *_DECISIONS,
            "airflow.models.dagrun:DagRun.get_running_dag_runs_to_examine",
            "airflow.models.taskmap:TaskMap.expand_mapped_task",
        ),
        weights=_WEIGHTS,
        insert_mapping=_INSERT_MAPPING,
        get_dagrun=_GET_DAGRUN,
        critical_section=_CRITICAL_SECTION,
        schedule_tis=("airflow.models.dagrun:DagRun.schedule_tis",),
    ),
)

AIRFLOW_2: Final = Host(
    name="airflow2",
    document_versions=(1,),
    pinned=PinnedCode(
        decisions=(
            *_DECISIONS,
            "airflow.models.dagrun:DagRun.next_dagruns_to_examine",
            "airflow.models.taskinstance:TaskInstance._set_state",
            "airflow.models.taskinstance:TaskInstance.filter_for_tis",
            "airflow.models.taskinstance:TaskInstance.clear_db_references",
            "airflow.models.abstractoperator:AbstractOperator.expand_mapped_task",
            "airflow.jobs.scheduler_job_runner:SchedulerJobRunner._get_next_dagruns_to_examine",
            "airflow.ti_deps.deps.mapped_task_expanded:",
            "airflow.ti_deps.deps.mapped_task_expanded:MappedTaskIsExpanded._get_dep_statuses",
        ),
        weights=_WEIGHTS,
        insert_mapping=_INSERT_MAPPING,
        get_dagrun=_GET_DAGRUN,
        critical_section=_CRITICAL_SECTION,
    ),
)

RELEASES: Final = (
    Release("3.3.", AIRFLOW_3, tested=("3.3.0", "3.3.1", "3.3.2")),
    Release("3.2.", AIRFLOW_3, tested=("3.2.0", "3.2.1", "3.2.2")),
    Release("3.1.", AIRFLOW_3, tested=("3.1.0", "3.1.3", "3.1.5", "3.1.6", "3.1.7", "3.1.8")),
    Release("2.11.", AIRFLOW_2, tested=("2.11.2",)),
    Release("2.10.", AIRFLOW_2, tested=("2.10.2", "2.10.4", "2.10.5")),
    Release("2.9.", AIRFLOW_2, tested=("2.9.3",)),
)


def host_version() -> str | None:
    """The release of Airflow that is installed; None if there is none."""
    for distribution in _DISTRIBUTIONS:
        try:
            return metadata.version(distribution)
        except metadata.PackageNotFoundError:
            continue
    return None


def release_of(version: str) -> Release | None:
    """The row for a version of Airflow; None if the plugin leaves it alone."""
    return next((release for release in RELEASES if version.startswith(release.prefix)), None)


WORKS_WITHOUT_THE_PLUGIN: Final = (
    "the library, the command sched-cache and sched_cache_airflow.simple_dag work all the same"
)
"""The parts of the package that need no supported release."""


def supported() -> str:
    """The supported releases as text."""
    return ", ".join(f"{release.prefix}x" for release in RELEASES)
