"""The view of one DAG: its versions, the size of its content, the processes that hold it, and its graph."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from markupsafe import Markup

from sched_cache_airflow.reporting.page.graph import Graph, drawing_of
from sched_cache_airflow.reporting.page.rendering import render


@dataclass(frozen=True, slots=True)
class VersionFacts:
    """One version of the host, with its data in our tables, which are None if there are none.

    seconds_ago: since its last write. parsed_seq, published_version: numbers from our counter.
    """

    number: int
    dag_hash: str | None
    seconds_ago: float
    resident_in: Sequence[str]
    parsed_seq: int | None = None
    published_version: int | None = None
    content_hash: str | None = None
    n_hot_bytes: int | None = None
    n_cold_bytes: int | None = None


@dataclass(slots=True)
class DagFacts:
    """The facts to show. n_document_bytes: of the host's JSON. n_resident_bytes: in this process, None if absent."""

    dag_id: str
    versions: list[VersionFacts] = field(default_factory=list)
    n_versions: int = 0
    n_document_bytes: int | None = None
    n_resident_bytes: int | None = None
    graph: Graph | None = None
    is_excluded: bool = False
    troubles: list[str] = field(default_factory=list)


def dag_page(facts: DagFacts, *, nonce: str) -> Markup:
    """The whole document."""
    return render(
        "dag.html",
        nonce=nonce,
        dag=facts,
        sizes=_sizes(facts),
        drawing=drawing_of(facts.graph) if facts.graph is not None and facts.graph.task_ids else None,
    )


def _sizes(facts: DagFacts) -> list[tuple[str, int, str]]:
    """(name, bytes, colour) of each existing form of the latest version."""
    if not facts.versions:
        return []
    latest = facts.versions[0]
    sizes = (
        ("JSON in Airflow's table", facts.n_document_bytes or None, "host"),
        ("hot: read by schedulers", latest.n_hot_bytes, "memory"),
        ("cold: the rest", latest.n_cold_bytes, "tables"),
        ("memory of this API server", facts.n_resident_bytes, "redis"),
    )
    return [(name, n_bytes, colour) for name, n_bytes, colour in sizes if n_bytes is not None]
