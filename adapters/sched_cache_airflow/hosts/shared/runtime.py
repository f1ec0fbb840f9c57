"""The plugin's state in one process, with the fast path. Created at first use, and shared by all replacements."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from sched_cache.clock import SystemClock
from sched_cache.store.sql import SqlStore
from sched_cache_airflow.certificates.bound import bound_in_process
from sched_cache_airflow.certificates.evidence import trust_of
from sched_cache_airflow.certificates.held import HeldCertificate
from sched_cache_airflow.certificates.table import CertificateTable, certificate_table
from sched_cache_airflow.fast_path.fast_path import FastPath
from sched_cache_airflow.hosts.contract import DECISIONS, AirflowHost
from sched_cache_airflow.patching.known_code import host_code_of
from sched_cache_airflow.process.state import ProcessState
from sched_cache_airflow.reporting.process_facts import host_name
from sched_cache_airflow.settings.settings import Settings


class Runtime(ProcessState):
    """Settings, tiers and counters of this process, and its scheduling decisions."""

    def __init__(
        self, settings: Settings, host: AirflowHost[Any], original: Callable[[Any, str], Any]
    ) -> None:
        super().__init__(settings, host)
        host_code = host_code_of(host.releases, original, partial(host.vocabulary.doubt, DECISIONS))
        store, config = self.cache.store, settings.config
        self.certificate = HeldCertificate(
            host_code.unpinned,
            partial(bound_in_process, host.vocabulary),
            CertificateTable(certificate_table(config), store, create=config.create_tables)
            if isinstance(store, SqlStore)
            else None,
            settings.certificate,
            SystemClock(),
            host_name,
        )
        self.fast_path = FastPath(
            *(settings, self.fallbacks, host.decisions, self.contents, host_code),
            certificate=self.certificate,
            withdrawn=lambda: self.maintenance.wake(),
        )

    def look(self) -> None:
        """Looks for the certificate, if the host's code needs one."""
        self.certificate.look()

    def trust(self) -> Mapping[str, Any]:
        """Whether decisions rest on a pin or a certificate, with the evidence of the latter."""
        return trust_of(self.fast_path.host_code.is_pinned, self.certificate)

    def reset_counts(self) -> None:
        """Resets the counters in `own_counts`."""
        self.fast_path.n_decided = 0
        self.fast_path.shadow.n_compared = self.fast_path.shadow.n_differences = 0

    def own_counts(self) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
        """The counts of decisions."""
        shadow, burn_in = self.fast_path.shadow, self.certificate.burn_in
        counts = {
            "fast_decisions": self.fast_path.n_decided,
            "decisions_compared": shadow.n_compared,
            "decisions_different": shadow.n_differences,
            "certificates_withdrawn": self.certificate.n_withdrawn,
        }
        gauges = {
            "fast_path_dags_off": self.fast_path.n_dags_off,
            "burn_in_shapes": burn_in.n_seen,
            "burn_in_shapes_done": burn_in.n_done,
        }
        return counts, gauges
