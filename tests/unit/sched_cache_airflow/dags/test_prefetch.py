"""The sizes of the requests by which a loop loads its missing DAGs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sched_cache import Config, DagCache
from sched_cache.errors import StoreUnavailableError
from sched_cache.stats import Stats
from sched_cache_airflow.dags.resident_dags import ResidentDags
from sched_cache_airflow.patching.fallback import Fallbacks
from sched_cache_airflow.settings.settings import Settings

HASHES = {f"version {number}": "hash" for number in range(80)}


class Host:
    fields: Any = None

    def key_of(self, version_id: Any) -> str:
        return str(version_id)


@pytest.fixture
def cache(tmp_path: Path) -> Iterator[DagCache]:
    with DagCache.open(Config(database_url=f"sqlite:///{tmp_path / 'dags.db'}", redis_url=None)) as cache:
        yield cache


def prefetched(cache: DagCache, monkeypatch: pytest.MonkeyPatch, fails_at: int | None = None) -> list[int]:
    """How many DAGs each question was about."""
    asked: list[int] = []

    def get_many(keys: Any, min_version: int = 0) -> dict[str, None]:
        asked.append(len(keys))
        if len(asked) == fails_at:
            raise StoreUnavailableError("in trouble")
        return dict.fromkeys(keys)

    monkeypatch.setattr(cache, "get_many", get_many)
    stats = Stats()
    contents = ResidentDags(Host(), Settings(), cache, stats, Fallbacks(stats))  # type: ignore[arg-type]  # no more is used
    contents.prefetch(HASHES)
    return asked


def test_the_first_question_is_about_few(cache: DagCache, monkeypatch: pytest.MonkeyPatch) -> None:
    """If it waits for a tier in trouble or for an abandoned lease, the other DAGs still have their time."""
    assert prefetched(cache, monkeypatch) == [8, 32, 32, 8]


@pytest.mark.parametrize(("fails_at", "asked"), [(1, [8]), (3, [8, 32, 32])])
def test_after_a_failure_nothing_more_is_asked(
    cache: DagCache, monkeypatch: pytest.MonkeyPatch, fails_at: int, asked: list[int]
) -> None:
    assert prefetched(cache, monkeypatch, fails_at) == asked
