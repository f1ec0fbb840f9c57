"""A certificate in place of a pin on a real host whose pins are removed: what it allows, and what ends it.

The fixture `fast_host` says how that host is driven. The evidence is made up; everything that a certificate is bound to
is that of this process.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from airflow import settings

from sched_cache_airflow.certificates import burn_in
from sched_cache_airflow.certificates.certificate import Bound, Certificate
from sched_cache_airflow.certificates.held import LOOK_SECONDS
from sched_cache_airflow.certificates.table import CertificateTable, certificate_table
from sched_cache_airflow.fast_path.run_view import RunView
from sched_cache_airflow.patching.code_table import KnownCode
from sched_cache_airflow.patching.status import status
from sched_cache_airflow.reporting.process_facts import ProcessFacts
from sched_cache_airflow.reporting.process_words import describe
from tests.contracts.fast_path import FastHost, states
from tests.support.clock import ManualClock

EVIDENCE: Mapping[str, Any] = {
    "refusals": [],
    "seed": 5,
    "n_loops": 500,
    "n_lines": 1346,
    "n_executed": 1346,
    "n_found": 18,
    "n_mutants": 18,
    "unreachable": [],
    "certified_at": "2026-11-30T12:00:00+00:00",
}
UNPINNED = "code of no release"


class Unpinned:
    """A host without pins, with the plugin in charge of this process, and its certificates."""

    def __init__(self, fast_host: FastHost, scheduler: Any) -> None:
        self.fast_host = fast_host
        self.runtime = fast_host.runtime()
        self.fast_path = fast_host.fast_path
        self.scheduler = scheduler
        self.clock = self.runtime.certificate._clock = ManualClock()
        config = self.runtime.settings.config
        self.table = CertificateTable(certificate_table(config), self.runtime.cache.store, create=True)

    def bound(self) -> Bound:
        """The things that a certificate of this process is bound to."""
        digests = self.fast_path.host_code.unpinned()
        assert digests is not None
        bound: Bound = self.runtime.certificate._bound(digests)
        return bound

    def certify(self, **changes: Any) -> str:
        """Puts a certificate of this process into the table; its text."""
        document = json.loads(Certificate(self.bound(), EVIDENCE).text())
        document["bound"].update(changes)
        text = json.dumps(document)
        self.table.put(text)
        return text

    def look(self) -> str:
        """A round of the maintenance of a scheduler; the reason why no certificate is in use."""
        self.clock.now += LOOK_SECONDS
        self.runtime.maintenance.round(is_woken=False)
        reason: str = self.runtime.certificate.reason
        return reason

    def loop(self) -> int:
        """How many decisions the fast path made in a loop."""
        before = self.fast_path.n_decided
        self.scheduler.loop()
        return int(self.fast_path.n_decided - before)

    def words(self) -> str:
        """How `sched-cache doctor` describes this process."""
        facts = ProcessFacts("scheduler", self.runtime, status)()
        return describe(facts, 0)[0]


@pytest.fixture
def no_pins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(KnownCode, "doubt", lambda self, digests: UNPINNED if [*digests] else "")


@contextmanager
def unpinned(fast_host: FastHost, **options: str) -> Iterator[Unpinned]:
    """A scheduler that has made one loop, on the host's path."""
    fast_host.store("success", None, None)
    with fast_host.plugin(**options) as scheduler:
        host = Unpinned(fast_host, scheduler)
        host.runtime.maintenance._schedules = True
        assert host.loop() == 0
        yield host


@contextmanager
def nothing_compared() -> Iterator[None]:
    with mock.patch.multiple(burn_in, FIRST_SHARE=0.0, LAST_SHARE=0.0):
        yield


@contextmanager
def everything_compared() -> Iterator[None]:
    with mock.patch.multiple(burn_in, FIRST_SHARE=1.0, LAST_SHARE=0.0):
        yield


@pytest.mark.usefixtures("no_pins")
class CertificatesContract:
    def test_without_a_certificate_the_host_decides_and_is_not_compared(self, fast_host: FastHost) -> None:
        with unpinned(fast_host) as host:
            assert host.look() == "it has no certificate"
            assert (host.loop(), host.fast_path.shadow.n_compared) == (0, 0)
            assert f"fast path: {UNPINNED}, and it has no certificate" in host.runtime.stats.fallbacks
            assert "decisions left to Airflow" in host.words()

    def test_without_a_certificate_shadow_mode_compares_where_it_is_asked_to(
        self, fast_host: FastHost
    ) -> None:
        with unpinned(fast_host, shadow_share="1.0") as host:
            assert (host.loop(), host.fast_path.shadow.n_compared) == (0, 2)
        assert states() == ["success", "scheduled", None]

    def test_by_a_certificate_the_fast_path_decides(self, fast_host: FastHost) -> None:
        with unpinned(fast_host) as host, nothing_compared():
            host.certify()
            assert host.loop() == 0, "before it was looked for"
            assert host.look() == ""
            assert host.loop() == 1
            assert "by the certificate of 2026-11-30T12:00:00+00:00, seed 5: 500 loops" in host.words()

    def test_a_certificate_may_be_in_a_file(self, fast_host: FastHost, tmp_path: Path) -> None:
        path = tmp_path / "certificate.json"
        path.write_text("not yet")
        with unpinned(fast_host, certificate=str(path)) as host, nothing_compared():
            assert host.look() == "its certificate cannot be checked (CertificateError)"
            path.write_text(Certificate(host.bound(), EVIDENCE).text())
            assert host.look() == ""
            assert host.loop() == 1

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("build", "another"),
            ("dialect", "another"),
            ("driver", "another"),
            ("vocabulary", "another"),
            ("airflow", "another"),
            ("listeners", ["site.audit"]),
            ("policies", ["site.policy"]),
            ("strategies", ["site.Timetable"]),
        ],
    )
    def test_a_certificate_of_something_else_is_void(
        self, fast_host: FastHost, field: str, value: Any
    ) -> None:
        with unpinned(fast_host) as host:
            host.certify(**{field: value})
            assert host.look().startswith(f"its certificate is void: {field}: ")
            assert host.loop() == 0
            assert f"void: {field}" in host.words()

    def test_a_listener_or_policy_that_comes_later_voids_it(self, fast_host: FastHost) -> None:
        from airflow.listeners import hookimpl
        from airflow.listeners.listener import get_listener_manager
        from airflow.policies import hookimpl as policy_hookimpl

        class Audit:
            @hookimpl
            def before_stopping(self, component: Any) -> None:
                """A listener of a site."""

        class Policy:
            @policy_hookimpl
            def task_instance_mutation_hook(self, task_instance: Any) -> None:
                """A policy of a site."""

        read = getattr(settings, "get_policy_plugin_manager", None)
        policies = settings.POLICY_PLUGIN_MANAGER if read is None else read()
        with unpinned(fast_host) as host, nothing_compared():
            host.certify()
            assert host.look() == ""
            for manager, plugin, kind in (
                (get_listener_manager().pm, Audit(), "listeners"),
                (policies, Policy(), "policies"),
            ):
                manager.register(plugin)
                try:
                    reason = host.look()
                    assert reason.startswith(f"its certificate is void: {kind}: "), reason
                    assert f"{type(plugin).__name__}." in reason and "is new" in reason
                    assert host.loop() == 0
                finally:
                    manager.unregister(plugin)
                assert host.look() == ""
            assert host.loop() == 1

    def test_a_function_that_is_replaced_later_ends_it_at_once(self, fast_host: FastHost) -> None:
        from airflow.models.taskinstance import TaskInstance

        with unpinned(fast_host) as host, nothing_compared():
            host.certify()
            host.look()
            assert host.loop() == 1
            with mock.patch.object(TaskInstance, "set_state", lambda *_, **__: None):
                assert host.fast_path.host_code.doubt() == "TaskInstance.set_state was replaced"
                assert host.loop() == 0

    def test_decisions_are_compared_until_enough_agreed(self, fast_host: FastHost) -> None:
        """The host makes those that are compared; the counts are those of the table."""
        with unpinned(fast_host) as host, everything_compared():
            host.certify()
            host.look()
            with mock.patch.object(burn_in, "DECISIONS_OF_A_SHAPE", 2):
                assert (host.loop(), host.fast_path.shadow.n_compared) == (0, 1)
                host.look()
                assert "burn-in: 0 of 1 shapes" in host.words()
                assert (host.loop(), host.fast_path.shadow.n_compared) == (0, 2)
                assert host.look() == ""
                assert "burn-in: 1 of 1 shapes" in host.words()
                assert (host.loop(), host.fast_path.shadow.n_compared) == (1, 2)

    def test_a_difference_withdraws_it(self, fast_host: FastHost) -> None:
        with unpinned(fast_host) as host, everything_compared():
            fast_host.store("success", None, None, dag_id="other")
            host.certify()
            host.look()
            with mock.patch.object(RunView, "asked", lambda *_: []):
                assert host.loop() == 0
            assert host.fast_path.shadow.n_compared == 1, (
                "the other run was left to the host in the same loop"
            )
            assert host.runtime.certificate.reason.startswith("its certificate was withdrawn")
            assert host.look().startswith(
                "its certificate was withdrawn: a decision differed from Airflow's own path on "
            )
            assert (host.loop(), host.fast_path.shadow.n_compared) == (0, 1)
            (known,) = host.table.read()[1].values()
            assert known.withdrawal is not None and known.withdrawal["dag_id"] in ("chain", "other")
            assert "was withdrawn" in host.words()
            assert host.runtime.snapshot()["plugin"]["certificates_withdrawn"] == 1

    def test_what_this_process_is_bound_to(self, fast_host: FastHost) -> None:
        with unpinned(fast_host) as host:
            bound = asdict(host.bound())
            assert all(
                bound[name] for name in bound if name not in ("strategies", "policies", "listeners")
            ), bound
            assert host.bound() == host.bound()


class PinnedContract:
    def test_where_the_code_is_pinned_nothing_is_looked_at(self, fast_host: FastHost) -> None:
        fast_host.store("success", None, None)
        with fast_host.plugin() as scheduler:
            host = Unpinned(fast_host, scheduler)
            host.runtime.maintenance._schedules = True
            assert host.loop() == 1
            look: Callable[..., Any]
            with mock.patch.object(CertificateTable, "read") as look:
                host.look()
            assert not look.called
            assert host.loop() == 1
            assert "decisions by the code of a tested release" in host.words()
