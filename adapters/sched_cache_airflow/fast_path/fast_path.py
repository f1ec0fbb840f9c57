"""Chooses the runs that are decided from slim rows, and leaves the others to the host's own path."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase
from random import Random
from typing import Any, Final

from cachetools import LRUCache
from sqlalchemy.orm import Session

from sched_cache.format import CompactDag
from sched_cache.scheduling import UpstreamCounts
from sched_cache_airflow.dags.resident_dags import ResidentDags
from sched_cache_airflow.fast_path.content_proof import ContentProof, ContentProofs
from sched_cache_airflow.fast_path.loop_views import LoopViews
from sched_cache_airflow.fast_path.run_end import RunEnd
from sched_cache_airflow.fast_path.run_view import RunView, known_rows
from sched_cache_airflow.fast_path.shadow import Shadow
from sched_cache_airflow.hosts.contract import HostDecisions, RawRows
from sched_cache_airflow.patching.fallback import Fallbacks
from sched_cache_airflow.patching.known_code import HostCode
from sched_cache_airflow.settings.settings import Settings

MAX_KEPT_TASKS: Final = 1_000_000
"""The limit of tasks with counts that are kept for the next loop, in all runs; about twenty bytes each."""

_INFO_KEY: Final = "sched_cache.loop_views"


class FastPath:
    """The fast path of this process. Only the thread that schedules uses it.

    dag_class: DAGs over the compact form. host_code: the code that it trusts. n_decided: how many decisions it made.
    shadow: which of them are only compared.
    """

    def __init__(
        self,
        settings: Settings,
        fallbacks: Fallbacks,
        host: HostDecisions,
        contents: ResidentDags,
        host_code: HostCode,
    ) -> None:
        self._settings = settings
        self.fallbacks = fallbacks
        self.host = host
        self.dag_class = contents.host.dag_class
        self._contents = contents
        self.host_code = host_code
        self._proofs = ContentProofs(host.rules)
        self._kept: LRUCache[int, tuple[ContentProof, UpstreamCounts]] = LRUCache(
            MAX_KEPT_TASKS, getsizeof=lambda kept: max(1, kept[0].dag.n_tasks)
        )
        self._switched_off: dict[str, str] = {}
        self.shadow = Shadow(settings.shadow_share, Random())
        self.n_decided = 0

    def begin_loop(self, dag_runs: Sequence[Any], session: Session) -> None:
        """Notes the runs that this loop will decide. Reads nothing."""
        session.info.pop(_INFO_KEY, None)
        loop = self.host.loop_of(session)
        if loop is None or not self._settings.fast_path or not dag_runs:
            return
        doubt = self.host_code.doubt()
        if doubt:
            self.fallbacks.note(f"fast path: {doubt}")
            return
        fit = [run for run in dag_runs if self._doubt_about(run.dag_id) is None]
        views = LoopViews(fit, self.host.rows, lambda run: self._predicted_dag(run, session), self._view)
        session.info[_INFO_KEY] = (self, loop, views)

    def fits(self, dag_run: Any) -> bool:
        """Whether the run may be decided from slim rows, judged by its DAG."""
        dag = dag_run.dag
        if not isinstance(dag, self.dag_class):
            if dag is not None and self._doubt_about(dag_run.dag_id) is None:
                self.fallbacks.note("fast path: DAG is not compact")
            return False
        return not dag.partial and self._doubt_about(dag_run.dag_id) is None

    def switch_off(self, dag_id: str, reason: str, error: BaseException | None = None) -> None:
        """The runs of this DAG take the host's own path from now on, in this process."""
        self._switched_off[dag_id] = reason
        self.fallbacks.note(f"fast path: {reason}", error)

    @property
    def n_dags_off(self) -> int:
        """How many DAGs were switched off."""
        return len(self._switched_off)

    def _predicted_dag(self, dag_run: Any, session: Session) -> Any:
        """The DAG that the run is going to be decided with, if this process has it; no query."""
        predicted = self.host.predicted(dag_run, session)
        return None if predicted is None else self._contents.resident(*predicted, False)

    def _doubt_about(self, dag_id: str) -> str | None:
        settings = self._settings
        if settings.excludes(dag_id) or any(
            fnmatchcase(dag_id, pattern) for pattern in settings.fast_path_exclude_dags
        ):
            return "excluded"
        return self._switched_off.get(dag_id)

    def _view(self, dag_run: Any, dag: Any, raw: RawRows) -> RunView | RunEnd:
        compact: CompactDag = dag.compact
        known = known_rows(compact, raw)
        if not known.is_anything_unfinished:
            self._kept.pop(dag_run.id, None)
            return RunEnd(self.host, compact, known.rows)
        kept = self._kept.get(dag_run.id)
        if kept is None or kept[0].dag is not compact:
            content = self._proofs.of(compact)
            kept = content, UpstreamCounts(content.proof)
            if compact.n_tasks <= MAX_KEPT_TASKS:
                self._kept[dag_run.id] = kept
        return RunView(self.host, *kept, known)


def fast_path_of(session: Session) -> tuple[FastPath, LoopViews] | None:
    """The decisions of the current loop of this session; None if the host's path must be taken."""
    found = session.info.get(_INFO_KEY)
    if found is None:
        return None
    fast_path, loop, views = found
    return (fast_path, views) if loop is fast_path.host.loop_of(session) else None
