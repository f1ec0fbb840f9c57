"""The view of one DAG: its versions, the size of its content, the processes that hold it, and its graph."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from sched_cache_airflow.reporting.page import pictures
from sched_cache_airflow.reporting.page.frame import empty, notice, page, pill, table
from sched_cache_airflow.reporting.page.graph import Graph, picture
from sched_cache_airflow.reporting.page.html import Html, Part, tag
from sched_cache_airflow.reporting.page.wording import bytes_in_words, seconds_in_words, short_hash


@dataclass(frozen=True, slots=True)
class VersionFacts:
    """One version of the host, and its data in our tables: None where they have none.

    seconds_ago: since its last write. parsed_seq, published_version: numbers of our counter.
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
    """The facts to show. n_document_bytes: of the host's JSON. n_resident_bytes: in this process, None if it is not."""

    dag_id: str
    versions: list[VersionFacts] = field(default_factory=list)
    n_versions: int = 0
    n_document_bytes: int | None = None
    n_resident_bytes: int | None = None
    graph: Graph | None = None
    is_excluded: bool = False
    troubles: list[str] = field(default_factory=list)


def dag_page(facts: DagFacts, *, nonce: str) -> Html:
    """The whole document."""
    back = tag("a", "Scheduler cache", href="./")
    body: list[Part] = [
        tag("div", tag("h1", facts.dag_id), back, _class="head"),
        [notice(trouble) for trouble in facts.troubles],
    ]
    if facts.is_excluded:
        body.append(
            tag(
                "p",
                pill("excluded", "off"),
                " by [sched_cache] exclude_dags: this DAG takes Airflow's own path.",
            )
        )
    if not facts.versions:
        body.append(empty("No version of this DAG is in the database, or you may not see it."))
        return page(facts.dag_id, *body, nonce=nonce)
    body.append(tag("div", _shape(facts), _size(facts), _class="tiles"))
    if facts.graph is not None and facts.graph.task_ids:
        body.append(tag("h2", "Graph"))
        body.append(tag("div", picture(facts.graph), _class="card scroll"))
    more = facts.n_versions - len(facts.versions)
    body.append(
        tag("h2", "Versions", f", the last {len(facts.versions)} of {facts.n_versions:,}" if more > 0 else "")
    )
    body.append(_versions(facts.versions))
    return page(facts.dag_id, *body, nonce=nonce)


def _shape(facts: DagFacts) -> Html:
    latest = facts.versions[0]
    words = [f"written {seconds_in_words(latest.seconds_ago)} ago"]
    if facts.graph is not None:
        words.append(f"{len(facts.graph.task_ids):,} tasks, {len(facts.graph.edges):,} edges")
    return tag(
        "div",
        tag("div", "Current content", _class="soft small"),
        tag("div", f"version {latest.number}", _class="value"),
        tag("div", "; ".join(words), _class="soft small"),
        tag("div", tag("span", "in memory of ", _class="soft small"), _holders(latest), _class="gap"),
        _class="card tile",
    )


def _holders(version: VersionFacts) -> Part:
    return [tag("span", name, _class="chip") for name in version.resident_in] or tag(
        "span", "no process", _class="soft"
    )


def _size(facts: DagFacts) -> Html:
    latest = facts.versions[0]
    rows: list[tuple[str, float, str, str]] = []
    if facts.n_document_bytes:
        rows.append(
            (
                "JSON in Airflow's table",
                facts.n_document_bytes,
                bytes_in_words(facts.n_document_bytes),
                "host",
            )
        )
    if latest.n_hot_bytes is not None:
        rows.append(
            ("hot: read by schedulers", latest.n_hot_bytes, bytes_in_words(latest.n_hot_bytes), "memory")
        )
    if latest.n_cold_bytes is not None:
        rows.append(("cold: the rest", latest.n_cold_bytes, bytes_in_words(latest.n_cold_bytes), "tables"))
    if facts.n_resident_bytes is not None:
        resident = facts.n_resident_bytes
        rows.append(("memory of this API server", resident, bytes_in_words(resident), "redis"))
    content = (
        pictures.bars(rows, label="sizes")
        if rows
        else tag("p", "The compact form does not exist yet.", _class="soft")
    )
    return tag("div", tag("div", "Size", _class="soft small"), content, _class="card tile")


def _versions(versions: list[VersionFacts]) -> Html:
    headers = [
        ("version", "number"),
        ("written", "number"),
        ("dag_hash", ""),
        ("compact form", ""),
        ("published", "number"),
        ("parsed_seq", "number"),
        ("hot", "number"),
        ("cold", "number"),
        ("in memory of", "wide"),
    ]
    rows: list[list[Part]] = []
    for one in versions:
        is_stored = one.content_hash is not None
        rows.append(
            [
                str(one.number),
                f"{seconds_in_words(one.seconds_ago)} ago",
                tag("code", short_hash(one.dag_hash)),
                tag("code", short_hash(one.content_hash)) if is_stored else pill("not yet", "off"),
                "-" if one.published_version is None else f"{one.published_version:,}",
                "-" if one.parsed_seq is None else f"{one.parsed_seq:,}",
                "-" if one.n_hot_bytes is None else bytes_in_words(one.n_hot_bytes),
                "-" if one.n_cold_bytes is None else bytes_in_words(one.n_cold_bytes),
                _holders(one),
            ]
        )
    return table(headers, rows)
