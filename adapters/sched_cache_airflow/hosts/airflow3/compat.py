"""Differences between the supported Airflow 3 releases, detected from the classes and attributes of the host."""

from __future__ import annotations

from inspect import signature
from types import SimpleNamespace
from typing import Any, Final, NamedTuple

from airflow.models import dagbag
from airflow.models.dag import DagModel
from airflow.models.dagrun import DagRun
from airflow.models.serialized_dag import SerializedDagModel
from airflow.models.taskinstance import TaskInstance
from airflow.ti_deps.dep_context import DepContext
from airflow.utils.state import TaskInstanceState
from sqlalchemy.exc import NoInspectionAvailable

try:
    from airflow._shared.observability.metrics import stats as _stats
    from airflow._shared.observability.metrics.base_stats_logger import NoStatsLogger
    from airflow.observability.metrics.stats_utils import get_stats_factory
except ModuleNotFoundError:  # before 3.2
    from airflow import stats as _stats
    from airflow.metrics.base_stats_logger import NoStatsLogger

    get_stats_factory = None

STATS: Final = _stats if hasattr(_stats, "incr") else _stats.Stats
"""The functions by which the host sends metrics: those of a module since 3.3, those of a class before."""


def stats_factory() -> Any:
    """The factory of the host's client for metrics, by its configuration; before 3.2 by that of the import."""
    if get_stats_factory is None:
        return type(STATS).factory
    return get_stats_factory(*([STATS] if signature(get_stats_factory).parameters else []))


def sends_metrics() -> bool:
    """Whether the host's configuration names a receiver of metrics."""
    return stats_factory() is not NoStatsLogger


BAG: Final = "CachedDBDagBag" if "CachedDBDagBag" in vars(dagbag) else "DBDagBag"
"""The bag of schedulers and API servers. Before 3.3.2, all bags had the same class, with a cache or without."""

CACHE_ENTRY: Final = vars(dagbag).get("_CacheEntry")
"""The class of what the bag keeps of a DAG: with its hash, and when that was confirmed. None before 3.3, whose bag
keeps the DAG itself, and never asks again whether it is current."""

SELECTS_LATEST: Final = hasattr(SerializedDagModel, "_latest_by_version_select")
"""Whether a method makes the statement for the latest rows: since 3.3."""

_Bag: Final = vars(dagbag)[BAG]
_TELLS_OF_CACHE: Final = hasattr(_Bag, "_on_cache_hit")


def count_hit(bag: Any) -> None:
    """Counts a DAG that was in memory in the host's metrics."""
    if _TELLS_OF_CACHE:
        bag._on_cache_hit()
    elif getattr(bag, "_use_cache", False):  # before 3.2.2, a bag limits nothing and counts nothing
        STATS.incr("api_server.dag_bag.cache_hit")


def count_miss(bag: Any) -> None:
    """Counts a DAG that had to be loaded in the host's metrics."""
    if _TELLS_OF_CACHE:
        bag._on_cache_miss()
        bag._on_cache_size(rate=0.1)
    elif getattr(bag, "_use_cache", False):
        STATS.incr("api_server.dag_bag.cache_miss")
        STATS.gauge("api_server.dag_bag.cache_size", len(bag._dags), rate=0.1)


def forget_dags(bag: Any) -> None:
    """Empties a bag, which has a method for that since 3.2.2."""
    (bag.clear_cache if hasattr(bag, "clear_cache") else bag._dags.clear)()


class VersionRow(NamedTuple):
    """The part of a row of `dag_version` that the host's bag reads."""

    id: Any


_LATEST: Final = VersionRow("latest")


class _Session:
    """A session that finds the latest version, whatever it is asked."""

    def __getattr__(self, name: str) -> Any:
        return lambda *_, **__: _LATEST


def _version_found(bundle_version: str | None) -> Any:
    """The result of the host's bag for a run whose own version was deleted."""
    run = SimpleNamespace(dag_id="", bundle_version=bundle_version, created_dag_version_id=None)
    try:
        return _Bag._version_from_dag_run(run, session=_Session())
    except NoInspectionAvailable:  # before 3.2, it looks for the run's own among the relations of the run
        return None


LOST_VERSION_IS_LATEST: Final = _version_found("1") is not None
"""Whether a run of a versioned bundle whose own version was deleted resolves to the latest one: since 3.3.2."""

_FINDS_ROWS: Final = _version_found(None) is _LATEST


def as_found_by_bag(version_id: Any) -> Any:
    """A version as the host's bag finds that of a run: by its id; before 3.2 by its row."""
    return VersionRow(version_id) if _FINDS_ROWS and version_id is not None else version_id


def id_of_version(found: Any) -> Any:
    """The id of a version that the host's bag found."""
    return found.id if _FINDS_ROWS and found is not None else found


HAS_FLAG_OF_LIMIT: Final = hasattr(DagModel, "exceeds_max_non_backfill")
"""Whether the row of a DAG has a flag that it is at its limit of runs: since 3.2. Before, its next run has no date."""

ENDS_A_RUN: Final = "SchedulerJobRunner." + (
    "_set_exceeds_max_active_runs" if HAS_FLAG_OF_LIMIT else "_should_update_dag_next_dagruns"
)
"""The method of the scheduler that decides what the end of a run changes in the row of its DAG."""


def current_dag_in(scheduler_job_runner: Any) -> str:
    """The function that finds the content that a run is created from: before 3.1.7 one of the module, now a method."""
    is_of_module = hasattr(scheduler_job_runner, "_get_current_dag")
    return "_get_current_dag" if is_of_module else "SchedulerJobRunner._get_current_dag"


NAMES_LAST_ENDED: Final = hasattr(DagRun, "produce_dag_callback")
"""Whether the callback of a run that ends names the task instance that ended last: since 3.2. Before, it names the one
that sorts last, for which the host asks the database."""

_CALLS_EMPTY_TASKS_SCHEDULABLE: Final = hasattr(TaskInstance, "is_schedulable")
_DEFERS: Final = hasattr(TaskInstance, "start_trigger_args")


def only_becomes_scheduled(ti: Any) -> bool:
    """Whether the host neither finishes a ready task instance, as it has nothing to do, nor defers it (since 3.3)."""
    if not _CALLS_EMPTY_TASKS_SCHEDULABLE:  # before 3.2, `DagRun.schedule_tis` has the rule itself
        task = ti.task
        return not task.inherits_from_empty_operator or bool(
            task.has_on_execute_callback or task.has_on_success_callback or task.outlets or task.inlets
        )
    return bool(ti.is_schedulable) and not (_DEFERS and ti.start_trigger_args)


def _reschedule_reaches_others() -> bool:
    context, silent = DepContext(), SimpleNamespace(debug=lambda *_: None, info=lambda *_: None)
    ti: Any = SimpleNamespace(
        state=TaskInstanceState.UP_FOR_RESCHEDULE, log=silent, get_failed_dep_statuses=lambda **_: ()
    )
    session: Any = _Session()
    TaskInstance.are_dependencies_met(ti, dep_context=context, session=session)
    return bool(context.deps)


RESCHEDULE_REACHES_OTHERS: Final = _reschedule_reaches_others()
"""Whether the dependency on a reschedule date, which the host adds for a task instance in `up_for_reschedule`, stays in
the context of the pass, and so reaches the task instances after it: in 3.1.7 only."""


def present(owner: Any, *names: str) -> tuple[Any, ...]:
    """The attributes that a class of the host has, of those that not every release has."""
    return tuple(getattr(owner, name) for name in names if hasattr(owner, name))
