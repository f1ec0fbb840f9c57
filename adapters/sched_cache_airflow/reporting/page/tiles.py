"""The numbers at the top of the overview: hit rate, memory use, age of the data, and fallbacks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from sched_cache_airflow.reporting.page.wording import (
    bytes_in_words,
    count_in_words,
    percent_in_words,
    seconds_in_words,
)
from sched_cache_airflow.reporting.process_words import Facts, breaker, count, fallbacks


@dataclass(frozen=True, slots=True)
class Tile:
    """One number. memory: (used, allowed), in bytes. hit_percents: between one report and the next, oldest first."""

    title: str
    value: str
    note: str
    memory: tuple[float, float] | None = None
    hit_percents: Sequence[float] = ()


def tiles_of(reports: Sequence[Facts], n_fresh: int | None) -> list[Tile]:
    """`reports`: of all processes; no tiles without reports. n_fresh: DAGs whose content no scheduler has."""
    if not reports:
        return []
    schedulers = [facts for facts in reports if facts.get("component") == "scheduler"] or reports
    taken = sum(sum(fallbacks(facts).values()) for facts in reports)
    return [
        _hits(schedulers),
        _fullest(reports),
        _freshness(reports, schedulers, n_fresh),
        Tile(
            "Airflow's own path",
            count_in_words(taken),
            "fallbacks because of trouble" if taken else "no fallback because of trouble",
        ),
        _redis(reports),
    ]


def _hits(schedulers: Sequence[Facts]) -> Tile:
    hits = sum(count(facts, "l1", "hits") for facts in schedulers)
    reads = hits + sum(count(facts, "l1", "misses") for facts in schedulers)
    return Tile(
        "Schedulers: hit rate",
        percent_in_words(100 * hits / reads if reads else None),
        f"of {count_in_words(reads)} reads since they started",
        hit_percents=_hit_percents(schedulers[0]),
    )


def _hit_percents(facts: Facts) -> list[float]:
    percents: list[float] = []
    for earlier, later in pairwise(facts.get("samples") or []):
        hits, misses = later[1] - earlier[1], later[2] - earlier[2]
        if hits + misses > 0:
            percents.append(100 * hits / (hits + misses))
        elif percents:
            percents.append(percents[-1])
    return percents


def _fullest(reports: Sequence[Facts]) -> Tile:
    fullest = max(
        reports, key=lambda facts: count(facts, "gauges", "l1_bytes") / (facts.get("l1_max_bytes") or 1)
    )
    used, bound = count(fullest, "gauges", "l1_bytes"), float(fullest.get("l1_max_bytes") or 0)
    return Tile(
        "Fullest memory",
        bytes_in_words(used),
        f"of {bytes_in_words(bound)} allowed, {fullest.get('component')}",
        memory=(used, bound),
    )


def _freshness(reports: Sequence[Facts], schedulers: Sequence[Facts], n_fresh: int | None) -> Tile:
    ages = [
        count(facts, "gauges", "hashes_age_seconds")
        for facts in schedulers
        if count(facts, "plugin", "hash_queries")
    ]
    staleness = max((float(facts.get("max_staleness_seconds") or 0) for facts in reports), default=0.0)
    words = [
        f"hashes read {seconds_in_words(max(ages))} ago" if ages else "no hash was needed yet",
        f"elsewhere within {seconds_in_words(staleness)}",
    ]
    if n_fresh:
        words.append(f"{count_in_words(n_fresh)} fresh, which no scheduler has yet")
    is_next_loop = all(facts.get("is_on") for facts in schedulers)
    return Tile("A changed DAG is used", "next loop" if is_next_loop else "up to 60 s", "; ".join(words))


def _redis(reports: Sequence[Facts]) -> Tile:
    users = [facts for facts in reports if facts.get("has_redis")]
    if not users:
        return Tile("Redis", "none", "contents are shared through the database")
    n_open = sum(breaker(facts) == "open" for facts in users)
    hits = sum(count(facts, "redis", "hits") for facts in users)
    asked = hits + sum(count(facts, "redis", "misses") for facts in users)
    errors = sum(count(facts, "redis", "errors") for facts in users)
    words = (
        f"breaker open in {n_open} of {len(users)} processes" if n_open else "breaker closed",
        f"{percent_in_words(100 * hits / asked)} of {count_in_words(asked)} reads found"
        if asked
        else "not read yet",
        f"{count_in_words(errors)} errors",
    )
    return Tile("Redis", "no answer" if n_open else "well", "; ".join(words))
