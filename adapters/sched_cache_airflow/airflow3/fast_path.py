"""When a run is decided from slim rows, and when it is left to the host's own path."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase
from random import Random
from typing import Any, Final

from cachetools import LRUCache
from sqlalchemy.orm import Session

from sched_cache.format import CompactDag
from sched_cache.scheduling import UpstreamCounts
from sched_cache_airflow.airflow3.content_proof import ContentProof, ContentProofs
from sched_cache_airflow.airflow3.contents import Contents
from sched_cache_airflow.airflow3.dag import CompactSerializedDAG
from sched_cache_airflow.airflow3.host_code import HostCode
from sched_cache_airflow.airflow3.loop_views import LoopViews
from sched_cache_airflow.airflow3.run_view import RunView
from sched_cache_airflow.airflow3.shadow import Shadow
from sched_cache_airflow.airflow3.slim_rows import RawRows
from sched_cache_airflow.airflow3.versions import Versions, versions_of
from sched_cache_airflow.conf import Settings
from sched_cache_airflow.fallback import Fallbacks

MAX_KEPT_TASKS: Final = 1_000_000
"""Tasks of all runs whose counts are kept for the next loop; some twenty bytes each."""

_INFO_KEY: Final = "sched_cache.loop_views"


class FastPath:
    """The fast path of this process. For the one thread that schedules.

    n_decided: how many decisions it made. shadow: which of them are only compared.
    """

    def __init__(
        self, settings: Settings, fallbacks: Fallbacks, contents: Contents, host_code: HostCode
    ) -> None:
        self._settings = settings
        self._fallbacks = fallbacks
        self._contents = contents
        self._host_code = host_code
        self._proofs = ContentProofs()
        self._kept: LRUCache[int, tuple[ContentProof, UpstreamCounts]] = LRUCache(
            MAX_KEPT_TASKS, getsizeof=lambda kept: max(1, kept[0].dag.n_tasks)
        )
        self._switched_off: dict[str, str] = {}
        self.shadow = Shadow(settings.shadow_share, Random())
        self.n_decided = 0

    def begin_loop(self, dag_runs: Sequence[Any], session: Session) -> None:
        """Notes which runs this loop is going to decide. Reads nothing."""
        session.info.pop(_INFO_KEY, None)
        versions = versions_of(session)
        if versions is None or not self._settings.fast_path or not dag_runs:
            return
        doubt = self._host_code.doubt()
        if doubt:
            self._fallbacks.note(f"fast path: {doubt}")
            return
        fit = [run for run in dag_runs if self._doubt_about(run.dag_id) is None]
        session.info[_INFO_KEY] = (
            versions,
            LoopViews(fit, lambda run: self._predicted_dag(run, versions, session), self._view),
        )

    def fits(self, dag_run: Any) -> bool:
        """Whether the run may be decided from slim rows, as far as its DAG tells."""
        dag = dag_run.dag
        if not isinstance(dag, CompactSerializedDAG):
            if dag is not None and self._doubt_about(dag_run.dag_id) is None:
                self._fallbacks.note("fast path: DAG is not compact")
            return False
        return not dag.partial and self._doubt_about(dag_run.dag_id) is None

    def switch_off(self, dag_id: str, reason: str, error: BaseException | None = None) -> None:
        """From now on the runs of this DAG go the host's way in this process."""
        self._switched_off[dag_id] = reason
        self._fallbacks.note(f"fast path: {reason}", error)

    @property
    def n_dags_off(self) -> int:
        """How many DAGs were switched off."""
        return len(self._switched_off)

    def forget(self, dag_run: Any) -> None:
        """Drops what was kept about a run that has come to its end."""
        self._kept.pop(dag_run.id, None)

    def _doubt_about(self, dag_id: str) -> str | None:
        settings = self._settings
        if settings.excludes(dag_id) or any(
            fnmatchcase(dag_id, pattern) for pattern in settings.fast_path_exclude_dags
        ):
            return "excluded"
        return self._switched_off.get(dag_id)

    def _predicted_dag(self, dag_run: Any, versions: Versions, session: Session) -> Any:
        version_id = versions.version_of_run(dag_run, session)
        dag_hash = versions.hash_of(version_id, session)
        return None if dag_hash is None else self._contents.resident(version_id, dag_hash, False)

    def _view(self, dag_run: Any, dag: Any, raw: RawRows) -> RunView:
        compact: CompactDag = dag.compact
        kept = self._kept.get(dag_run.id)
        if kept is None or kept[0].dag is not compact:
            content = self._proofs.of(compact)
            kept = content, UpstreamCounts(content.proof)
            if compact.n_tasks <= MAX_KEPT_TASKS:
                self._kept[dag_run.id] = kept
        return RunView(*kept, raw)


def views_of(session: Session) -> LoopViews | None:
    """The views of the loop that this session is in; None where the host's path is to be taken."""
    versions, views = session.info.get(_INFO_KEY, (None, None))
    return views if versions is not None and versions is versions_of(session) else None
