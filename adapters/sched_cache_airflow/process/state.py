"""Tiers, counters and threads of one process of the host. Each host adds its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from sqlalchemy import Table

from sched_cache import fork
from sched_cache.dag_cache import DagCache
from sched_cache.exporters.statsd import StatsdExporter
from sched_cache.stats import Snapshot, Stats
from sched_cache.store.l2 import NoRedis
from sched_cache.store.no_store import NoStore
from sched_cache.store.sql import SqlStore
from sched_cache_airflow.dags.resident_dags import ResidentDags
from sched_cache_airflow.host_database.connections import as_host_connects
from sched_cache_airflow.host_database.transactions import host_transaction
from sched_cache_airflow.hosts.contract import JOBS, AirflowHost
from sched_cache_airflow.patching.fallback import Fallbacks
from sched_cache_airflow.patching.guard import SHARED_TIERS, guard
from sched_cache_airflow.patching.status import status
from sched_cache_airflow.reporting.heartbeat import Heartbeat
from sched_cache_airflow.reporting.host_stats import HostStats
from sched_cache_airflow.reporting.process_facts import ProcessFacts
from sched_cache_airflow.settings.hold import hold
from sched_cache_airflow.settings.host_settings import host_database_url
from sched_cache_airflow.settings.own_file import url_of_tables
from sched_cache_airflow.settings.settings import Settings
from sched_cache_airflow.sharing.acknowledgement import acknowledge_in_use
from sched_cache_airflow.sharing.background_refresh import BackgroundRefresh
from sched_cache_airflow.sharing.maintenance import Maintenance
from sched_cache_airflow.sharing.missed_writes import MissedWrites
from sched_cache_airflow.sharing.owner import Owner
from sched_cache_airflow.sharing.removed_versions import RemovedVersions
from sched_cache_airflow.sharing.version_publisher import VersionPublisher, WrittenVersions
from sched_cache_airflow.wake.wake import Wake


class ProcessState:
    """Settings, tiers and counters of this process.

    written: the table of written versions; None if ours are in another database than the host's.
    """

    def __init__(self, settings: Settings, host: AirflowHost[Any]) -> None:
        self._host = host
        self.settings = settings
        self.stats = Stats()
        self.fallbacks = Fallbacks(self.stats)
        # The DAG objects are kept by `contents`; a second copy of their bytes would be useless.
        self.cache = _open_cache(settings)
        self.shares_database = settings.shares and settings.config.database_url == host_database_url()
        self.contents = ResidentDags(
            *(host.contents, settings, self.cache, self.stats, self.fallbacks),
            shares_database=self.shares_database,
        )
        self.written: Table | None = host.writes.table(settings.config) if self.shares_database else None
        self.maintenance: Maintenance = self._make_maintenance()
        self.wake = Wake(
            settings,
            self.cache.hints,
            is_postgresql=host_database_url().startswith("postgres"),
            note=self.fallbacks.note,
        )
        self.heartbeat: Heartbeat | None = None
        self.metrics: StatsdExporter | None = None
        self.refresh: BackgroundRefresh | None = None
        self._is_listening = False
        fork.register(self)

    def reset_after_fork(self) -> None:
        """The child does not report or listen until it starts to, and its counts are zero."""
        self.heartbeat = None
        self.metrics = None
        self._is_listening = False
        self.reset_counts()

    def reset_counts(self) -> None:
        """Resets the counters in `own_counts`."""

    def look(self) -> None:
        """Called every few seconds in a scheduler, outside of its loop. Does not raise."""

    def trust(self) -> Mapping[str, Any]:
        """The reason why scheduling decisions are made on the fast path, or not; empty if nothing is known yet."""
        return {}

    def _make_maintenance(self) -> Maintenance:
        cache, contents = self.cache, self.contents
        publisher = VersionPublisher(cache, contents)
        removed = RemovedVersions(contents.host, cache)
        missed = MissedWrites(contents, cache, publisher.publish)
        written = (
            None
            if self.written is None
            else WrittenVersions(self.written, cache, publisher, create=self.settings.config.create_tables)
        )

        def sweep() -> None:
            removed.sweep()
            if self.settings.shares:
                missed.sweep()

        return Maintenance(
            prepare=written.prepare if written else cache.certify,
            publish_written=written.publish if written else lambda is_own: 0,
            sweep=sweep,
            acknowledge=lambda: acknowledge_in_use(cache, contents.is_resident),
            publish_named=publisher.publish if self.settings.shares else lambda name: None,
            look=lambda: self.look(),
        )

    def begin_reports(self, component: str) -> None:
        """Starts the reports of this process under the name of its component, unless they have started."""
        if component == "scheduler":
            self.maintenance.start()
            self.wake.listen()
        self.metrics = self.metrics or self._begin_metrics()
        store, every_seconds = self.cache.store, self.settings.process_report_seconds
        if self.heartbeat is None and every_seconds and isinstance(store, SqlStore):
            # A clone of the metadata database has its own tables if they are in it, or in a file beside it on SQLite.
            goes_along = self.settings.config.database_url == url_of_tables(host_database_url())
            look = _nothing if goes_along or self.shares_database else self._look_for_owner(store)
            facts = ProcessFacts(component, self, status)
            self.heartbeat = Heartbeat(store.processes, facts, every_seconds, look)
            self.heartbeat.start()

    def _begin_metrics(self) -> StatsdExporter | None:
        """Sends our counters every few seconds among the host's own metrics; None if it sends them nowhere."""
        stats = self._host.stats()
        if stats is None:
            return None
        exporter = StatsdExporter(self.snapshot, HostStats(stats))
        exporter.start()
        return exporter

    def _look_for_owner(self, store: SqlStore) -> Callable[[], None]:
        """The check whether another Airflow uses these tables. The hold begins where that cannot be found out."""
        doubt = self._host.vocabulary.doubt(JOBS)
        if not doubt:
            return partial(self._look, Owner(store.processes, host_transaction, hold))
        hold.reason = doubt
        self.contents.drop()
        return _nothing

    def _look(self, owner: Owner) -> None:
        owner.try_look()
        if hold.reason:
            # So that a hit need not check whether there is a hold.
            self.contents.drop()

    def begin_refresh(self, refresh: Callable[[], int]) -> None:
        """Starts to load changed DAGs before they are requested. Must be called again in a forked child.

        Args:
            refresh: reloads the changed DAGs among those in memory; how many.
        """
        if self.refresh is None and self.settings.background_refresh:
            max_staleness_seconds = self.settings.config.max_staleness_seconds
            self.refresh = BackgroundRefresh(refresh, self._n_learnt, max_staleness_seconds)
        if self.refresh is not None:
            self.refresh.start()

    @property
    def is_refreshing(self) -> bool:
        """Whether a thread loads changed DAGs, so that requests need not wait for that."""
        return self.refresh is not None and self.refresh.is_running

    def _n_learnt(self) -> int:
        if not self._is_listening:
            self._is_listening = True
            with guard(SHARED_TIERS, self.fallbacks.note):
                self.cache.certify()  # from now on, publications of other processes are received
        return self.cache.n_learnt

    def end_reports(self) -> None:
        """Ends the reports of this process."""
        if self.heartbeat is not None:
            self.heartbeat.stop()
            self.heartbeat = None
        if self.metrics is not None:
            self.metrics.close()
            self.metrics = None

    def snapshot(self) -> Snapshot:
        """All counters of this process. Those of L1 are about the host's DAG objects."""
        shared, own = self.cache.stats(), self.stats.snapshot()
        publisher = self.contents.publisher
        counts, gauges = self.own_counts()
        return {
            **{section: shared[section] for section in ("redis", "database", "freshness", "flights")},
            "l1": own["l1"],
            "fallbacks": own["fallbacks"],
            "plugin": {
                "host_documents_read": own["database"]["contents_read"],
                "contents_published": publisher.n_published,
                "contents_not_published": publisher.n_dropped,
                "forks_not_waited_for": fork.gate.n_not_waited,
                **self.wake.counts(),
                **counts,
            },
            "gauges": {
                **{name: value for name, value in shared["gauges"].items() if not name.startswith("l1_")},
                "l1_bytes": self.contents.l1.nbytes,
                "l1_entries": len(self.contents.l1),
                **gauges,
            },
        }

    def own_counts(self) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
        """(counters, gauges) that only this host has."""
        return {}, {}

    def tell(self) -> None:
        """Tells schedulers of other processes that there may be something to do."""
        self.wake.tell()

    def close(self) -> None:
        """Ends connections and threads."""
        self.end_reports()
        if self.refresh is not None:
            self.refresh.close()
        self.maintenance.close()
        self.wake.close()
        self.contents.close()
        hold.reason = ""


def _nothing() -> None:
    pass


def _open_cache(settings: Settings) -> DagCache:
    """The shared tiers. Without tables, every look-up is a miss at once, and nothing is published."""
    config = replace(settings.config, l1_max_bytes=0)
    if not settings.shares:
        return DagCache(config, NoStore(), NoRedis())
    config, connect = as_host_connects(config)
    return DagCache.open(config, connect=connect, keeps_cold=True)
