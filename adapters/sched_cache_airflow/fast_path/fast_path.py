"""Chooses the runs that are decided from slim rows, and leaves the others to the host's own path."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fnmatch import fnmatchcase
from random import Random
from typing import Any, Final

from cachetools import LRUCache
from sqlalchemy.orm import Session

from sched_cache.format import CompactDag
from sched_cache.scheduling import UpstreamCounts
from sched_cache_airflow.certificates.held import HeldCertificate
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

_MAX_DIFFERENCE: Final = 1_000
_INFO_KEY: Final = "sched_cache.loop_views"


class FastPath:
    """The fast path of this process. Only the thread that schedules uses it.

    dag_class: DAGs over the compact form. host_code: the code that it trusts. n_decided: how many decisions it made.
    shadow: which of them are only compared. certificate: stands for the pin of code that no tested release has.
    """

    def __init__(
        self,
        settings: Settings,
        fallbacks: Fallbacks,
        host: HostDecisions,
        contents: ResidentDags,
        host_code: HostCode,
        certificate: HeldCertificate | None = None,
        withdrawn: Callable[[], object] = lambda: None,
    ) -> None:
        """`withdrawn`: called when this process has withdrawn the certificate, which another thread writes down."""
        self._settings = settings
        self.fallbacks = fallbacks
        self.host = host
        self.dag_class = contents.host.dag_class
        self._contents = contents
        self.host_code = host_code
        self.host_code.certificate = self.certificate = certificate
        self._withdrawn = withdrawn
        self._is_trusted = False
        self._proofs = ContentProofs(host.rules)
        self._kept: LRUCache[int, tuple[ContentProof, UpstreamCounts]] = LRUCache(
            MAX_KEPT_TASKS, getsizeof=lambda kept: max(1, kept[0].dag.n_tasks)
        )
        self._switched_off: dict[str, str] = {}
        self.shadow = Shadow(Random())
        self.n_decided = 0

    def begin_loop(self, dag_runs: Sequence[Any], session: Session) -> None:
        """Notes the runs that this loop will decide. Reads nothing."""
        session.info.pop(_INFO_KEY, None)
        loop = self.host.loop_of(session)
        if loop is None or not self._settings.fast_path or not dag_runs:
            return
        doubt = self.host_code.doubt()
        self._is_trusted = not doubt
        if doubt:
            self.fallbacks.note(f"fast path: {doubt}")
            if not self._settings.shadow_share or self.host_code.obstacle():
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

    @property
    def is_trusted(self) -> bool:
        """Whether it may decide in this loop. Otherwise, decisions are at most compared."""
        return self._is_trusted

    def is_compared(self, dag: CompactDag | None = None) -> bool:
        """Whether the next decision, on this content, is made both ways."""
        share = self._settings.shadow_share
        if dag is not None and self._is_certified and self.certificate is not None:
            share = max(share, self.certificate.burn_in.share(dag))
        return self.shadow.is_chosen(share)

    def note_agreed(self, dag: CompactDag) -> None:
        """Notes for the burn-in that the two ways agreed on this content."""
        if self._is_certified and self.certificate is not None:
            self.certificate.burn_in.note_agreed(dag)

    def note_difference(self, dag_run: Any, difference: str) -> None:
        """Switches this DAG off; withdraws the certificate by which decisions are made, and ends them at once."""
        self.switch_off(dag_run.dag_id, "differs from Airflow's own path")
        if self._is_certified and self.certificate is not None:
            self._is_trusted = False
            self.certificate.withdraw(
                {
                    "reason": "a decision differed from Airflow's own path",
                    "dag_id": dag_run.dag_id,
                    "run_id": dag_run.run_id,
                    "difference": difference[:_MAX_DIFFERENCE],
                }
            )
            self._withdrawn()

    @property
    def _is_certified(self) -> bool:
        return self._is_trusted and self.certificate is not None and self.host_code.is_pinned is False

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
