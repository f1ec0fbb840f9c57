"""The view of the cluster: hit rate, memory use, age of the data, and fallbacks to Airflow's own path."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from markupsafe import Markup

from sched_cache_airflow.reporting.page.cards import card_of
from sched_cache_airflow.reporting.page.rendering import render
from sched_cache_airflow.reporting.page.tiles import tiles_of

AGAIN_SECONDS = 15


@dataclass(frozen=True, slots=True)
class Changed:
    """A DAG whose content changed lately.

    is_shared: our tables have it. is_fresh: no scheduler has it yet. resident_in: components that have it in memory.
    """

    dag_id: str
    version_number: int
    dag_hash: str
    seconds_ago: float
    is_shared: bool
    is_fresh: bool
    resident_in: Sequence[str]


@dataclass(slots=True)
class Overview:
    """The facts to show. troubles: a sentence for each failed query. with_hosts: whether to show hosts."""

    reports: list[tuple[dict[str, Any], float]] = field(default_factory=list)
    changed: list[Changed] = field(default_factory=list)
    n_fresh: int | None = None
    troubles: list[str] = field(default_factory=list)
    with_hosts: bool = False


def overview_page(overview: Overview, *, nonce: str) -> Markup:
    """The whole document."""
    return render(
        "overview.html",
        nonce=nonce,
        again_in_seconds=AGAIN_SECONDS,
        overview=overview,
        tiles=tiles_of([facts for facts, _ in overview.reports], overview.n_fresh),
        cards=[
            card_of(facts, seconds_ago, with_host=overview.with_hosts)
            for facts, seconds_ago in overview.reports
        ],
    )
