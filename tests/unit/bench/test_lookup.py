"""The races and the scan of the suite `lookup` tell a cache that survives them from one that does not."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from bench.lookup.candidates import cachetools_condition, cachetools_lock, sched_cache_candidate
from bench.lookup.hit_rate import cyclic_hit_rate
from bench.lookup.litmus import NEW, Candidate, OpenCandidate, Source, litmus


def _uncached(source: Source) -> Candidate:
    return Candidate(source.load, lambda: setattr(source, "value", NEW))


def _never_invalidated(source: Source) -> Candidate:
    held: list[int] = []
    lock = threading.Lock()

    def get() -> int:
        with lock:
            if not held:
                held.append(source.load())
            return held[0]

    return Candidate(get, lambda: setattr(source, "value", NEW))


@pytest.mark.parametrize(
    ("candidate", "stale"),
    [
        (_uncached, set()),
        (_never_invalidated, {"control", "stale_set", "join_stale"}),
        (cachetools_lock, {"stale_set"}),
        (cachetools_condition, {"stale_set", "join_stale"}),
        (sched_cache_candidate, set()),
    ],
)
def test_a_race_counts_who_serves_the_old_value(candidate: OpenCandidate, stale: set[str]) -> None:
    """The old value after an invalidation is counted, in exactly the races that give it."""
    assert {race for race, times in litmus(candidate).items() if times} == stale


@pytest.mark.parametrize(("places", "rate"), [(0, 0.0), (30, 0.3), (100, 1.0)])
def test_a_scan_hits_what_stays(places: int, rate: float) -> None:
    """A cache that keeps the first keys it sees hits their share of the cycle."""
    assert cyclic_hit_rate(_keeps_first(places), 100) == rate


def _keeps_first(places: int) -> Callable[[str], bool]:
    held: set[str] = set()

    def lookup(key: str) -> bool:
        is_hit = key in held
        if len(held) < places:
            held.add(key)
        return is_hit

    return lookup
