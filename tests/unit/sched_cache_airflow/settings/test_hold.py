"""While the tables are another Airflow's, the plugin neither reads nor writes them, and says why."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sched_cache import Config, DagCache
from sched_cache.format import decode_dag, encode_dag
from sched_cache.stats import Stats
from sched_cache_airflow.dags.resident_dags import ResidentDags
from sched_cache_airflow.patching.fallback import Fallbacks
from sched_cache_airflow.reporting.process_words import describe, is_in_trouble
from sched_cache_airflow.settings.hold import hold
from sched_cache_airflow.settings.settings import Settings
from sched_cache_airflow.sharing.maintenance import Maintenance
from sched_cache_airflow.sharing.owner import OTHER
from tests.support.format.documents import document


@pytest.fixture
def held() -> Iterator[None]:
    hold.reason = OTHER
    yield
    hold.reason = ""


def test_every_dag_stays_on_the_hosts_path(held: None) -> None:
    """As if all were excluded."""
    assert Settings().excludes("any")
    hold.reason = ""
    assert not Settings().excludes("any")


def test_nothing_is_read_or_published(held: None, tmp_path: Path) -> None:
    """The DAGs in memory are dropped, and the host's own objects are used."""
    cache = DagCache.open(Config(database_url=f"sqlite:///{tmp_path / 'dags.db'}", redis_url=None))
    stats = Stats()

    class Host:
        fields: Any = None

        def key_of(self, version_id: Any) -> str:
            return str(version_id)

    class Dag:
        compact = decode_dag(encode_dag(document(["a"])).hot, lambda: None)

    contents = ResidentDags(Host(), Settings(), cache, stats, Fallbacks(stats))  # type: ignore[arg-type]  # no more is used
    hold.reason = ""
    contents._keep("a", "hash", False, Dag())  # type: ignore[arg-type]  # no more is used
    assert contents.resident("a", "hash", False) is not None
    hold.reason = OTHER
    contents.drop()
    contents._keep("a", "hash", False, Dag())  # type: ignore[arg-type]  # a load that began before
    assert contents.get("a", "hash", False, None) is None  # type: ignore[arg-type]  # no session is used
    assert contents.resident("a", "hash", False) is None
    contents.prefetch({"a": "hash", "b": "hash"})
    assert cache.stats()["freshness"]["certifications"] == 0
    assert stats.l1.misses == 0 and not stats.fallbacks
    cache.close()


def test_maintenance_waits(held: None) -> None:
    """Least of all does it remove what this host does not have."""
    done: list[str] = []

    def publish_written(is_own: bool) -> None:
        done.append("publish")

    maintenance = Maintenance(
        lambda: done.append("prepare"), publish_written, lambda: done.append("sweep"), lambda: None
    )
    maintenance.round(is_woken=True)
    assert done == []
    hold.reason = ""
    maintenance.round(is_woken=True)
    assert done == ["prepare", "publish"]


def test_doctor_and_page_say_why() -> None:
    """In the words of every process that stays off."""
    facts = {"component": "scheduler", "is_on": False, "reason": OTHER}
    assert is_in_trouble(facts)
    found, advice = describe(facts, 1.0)
    assert "another Airflow" in found and "table_prefix" in found
    assert "tables of its own" in advice
