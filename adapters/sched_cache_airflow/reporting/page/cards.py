"""One process on the overview: its state, its memory, the tiers that answer its reads, and remarks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sched_cache_airflow.reporting.page.wording import count_in_words, reason_in_words, seconds_in_words
from sched_cache_airflow.reporting.process_words import (
    Facts,
    count,
    fallbacks,
    hit_percent,
    is_in_trouble,
    parts_left,
    trust,
)


@dataclass(frozen=True, slots=True)
class Card:
    """state: (words, kind of the pill). where: empty if hosts must not be shown. n_dags: DAGs in memory.

    sources: (name, number of answered reads, colour) of each tier that answered any.
    """

    component: str
    state: tuple[str, str]
    where: str
    uptime_seconds: float
    rss_bytes: float
    n_dags: float
    used_bytes: float
    max_bytes: float
    sources: Sequence[tuple[str, float, str]]
    hit_percent: float | None
    remarks: Sequence[str]


def card_of(facts: Facts, seconds_ago: float, *, with_host: bool) -> Card:
    """`seconds_ago`: the age of the report."""
    return Card(
        component=str(facts.get("component")),
        state=_state(facts),
        where=f"{facts.get('host')}, pid {facts.get('pid')}" if with_host else "",
        uptime_seconds=float(facts.get("uptime_seconds") or 0),
        rss_bytes=float(facts.get("rss_bytes") or 0),
        n_dags=count(facts, "gauges", "l1_entries"),
        used_bytes=count(facts, "gauges", "l1_bytes"),
        max_bytes=float(facts.get("l1_max_bytes") or 0),
        sources=_sources(facts),
        hit_percent=hit_percent(facts),
        remarks=_remarks(facts, seconds_ago),
    )


def _state(facts: Facts) -> tuple[str, str]:
    if not facts.get("is_on"):
        return "Airflow's own path", "bad" if facts.get("reason") else "off"
    return ("Redis: no answer", "bad") if is_in_trouble(facts) else ("serving", "good")


def _sources(facts: Facts) -> list[tuple[str, float, str]]:
    sources = [
        ("memory", count(facts, "l1", "hits"), "memory"),
        ("Redis", count(facts, "redis", "hits"), "redis"),
        ("own tables", count(facts, "database", "contents_read"), "tables"),
        ("Airflow's row", count(facts, "plugin", "host_documents_read"), "host"),
    ]
    return [source for source in sources if source[1]]


def _remarks(facts: Facts, seconds_ago: float) -> list[str]:
    remarks = []
    if not facts.get("is_on") and facts.get("reason"):
        remarks.append(f"off: {reason_in_words(str(facts['reason']))}")
    remarks += trust(facts)
    remarks += parts_left(facts)
    remarks += map(str, facts.get("wrong_options") or ())
    for reason, n_times in sorted(fallbacks(facts).items(), key=lambda item: -item[1])[:5]:
        remarks.append(f"Airflow's own path because of {reason}: {count_in_words(n_times)}")
    if facts.get("exclude_dags"):
        # A pattern may name a DAG that must be hidden from the user.
        n_patterns = len(facts["exclude_dags"])
        remarks.append(f"DAGs of {n_patterns} pattern{'' if n_patterns == 1 else 's'} are excluded")
    decided = count(facts, "gauges", "fast_path_decisions")
    if decided:
        left = count(facts, "gauges", "fast_path_dags_off")
        off = f", switched off for {count_in_words(left)} DAGs" if left else ""
        remarks.append(f"{count_in_words(decided)} decisions on the fast path{off}")
    reconciled = count(facts, "plugin", "runs_reconciled")
    if reconciled:
        remarks.append(f"{count_in_words(reconciled)} runs got missing tasks")
    if seconds_ago > 2 * float(facts.get("every_seconds") or 10):
        remarks.append(f"silent for {seconds_in_words(seconds_ago)}")
    return remarks
