"""The view of the cluster: hit rate, memory use, age of the data, and fallbacks to Airflow's own path."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any
from urllib.parse import urlencode

from sched_cache_airflow.reporting.page import pictures
from sched_cache_airflow.reporting.page.frame import empty, notice, page, pill, table
from sched_cache_airflow.reporting.page.html import Html, Part, html, tag
from sched_cache_airflow.reporting.page.wording import (
    bytes_in_words,
    percent_in_words,
    reason_in_words,
    seconds_in_words,
    short_hash,
)
from sched_cache_airflow.reporting.process_words import (
    Facts,
    breaker,
    count,
    fallbacks,
    hit_percent,
    is_in_trouble,
)

AGAIN_SECONDS = 15


@dataclass(frozen=True, slots=True)
class Changed:
    """A DAG whose content changed lately.

    is_shared: in our tables. is_fresh: no scheduler has it yet. resident_in: components that have it in memory.
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


def overview_page(overview: Overview, *, nonce: str) -> Html:
    """The whole document."""
    n_processes = len(overview.reports)
    search = tag(
        "form",
        tag("input", name="dag_id", placeholder="dag_id …", aria_label="dag_id", required=True),
        action="dag",
        method="get",
    )
    head = tag("div", tag("h1", "Scheduler cache"), search, _class="head")
    reports = [facts for facts, _ in overview.reports]
    return page(
        "Scheduler cache",
        head,
        [notice(trouble) for trouble in overview.troubles],
        _tiles(reports, overview.n_fresh) if reports else None,
        tag("h2", f"{n_processes} process{'' if n_processes == 1 else 'es'}"),
        tag(
            "div",
            [_process(facts, age, with_host=overview.with_hosts) for facts, age in overview.reports],
            _class="cards",
        )
        if reports
        else empty(
            "No process has reported yet. The first report comes a second after a process has started."
        ),
        tag("h2", "Changed last"),
        _changed(overview.changed),
        nonce=nonce,
        again_in_seconds=AGAIN_SECONDS,
    )


def _tile(title: str, value: str, note: Part, picture: Html | None = None) -> Html:
    return tag(
        "div",
        tag("div", title, _class="soft small"),
        tag("div", value, _class="value"),
        tag("div", note, _class="soft small"),
        picture,
        _class="card tile",
    )


def _tiles(reports: list[dict[str, Any]], n_fresh: int | None) -> Html:
    schedulers = [facts for facts in reports if facts.get("component") == "scheduler"] or reports
    hits = sum(count(facts, "l1", "hits") for facts in schedulers)
    reads = hits + sum(count(facts, "l1", "misses") for facts in schedulers)
    fullest = max(
        reports, key=lambda facts: count(facts, "gauges", "l1_bytes") / (facts.get("l1_max_bytes") or 1)
    )
    used, bound = count(fullest, "gauges", "l1_bytes"), float(fullest.get("l1_max_bytes") or 0)
    ages = [
        count(facts, "gauges", "hashes_age_seconds")
        for facts in schedulers
        if count(facts, "plugin", "hash_queries")
    ]
    staleness = max((float(facts.get("max_staleness_seconds") or 0) for facts in reports), default=0.0)
    taken = sum(sum(fallbacks(facts).values()) for facts in reports)
    return tag(
        "div",
        _tile(
            "Schedulers: hit rate",
            percent_in_words(100 * hits / reads if reads else None),
            f"of {reads:,.0f} reads since they started",
            _hit_line(schedulers[0]),
        ),
        _tile(
            "Fullest memory",
            bytes_in_words(used),
            f"of {bytes_in_words(bound)} allowed, {fullest.get('component')}",
            tag("div", pictures.meter(used, bound, label="memory use against the limit"), _class="gap"),
        ),
        _tile(
            "A changed DAG is used",
            "next loop" if all(facts.get("is_on") for facts in schedulers) else "up to 60 s",
            html(
                f"hashes read {seconds_in_words(max(ages))} ago; " if ages else "no hash was needed yet; ",
                f"elsewhere within {seconds_in_words(staleness)}",
                f"; {n_fresh:,} fresh, which no scheduler has yet" if n_fresh else None,
            ),
        ),
        _tile(
            "Airflow's own path",
            f"{taken:,}",
            "fallbacks because of trouble" if taken else "no fallback because of trouble",
        ),
        _redis_tile(reports),
        _class="tiles",
    )


def _hit_line(facts: Facts) -> Html | None:
    """The share of hits between one report and the next."""
    samples = facts.get("samples") or []
    shares: list[float] = []
    for earlier, later in pairwise(samples):
        hits, misses = later[1] - earlier[1], later[2] - earlier[2]
        if hits + misses > 0:
            shares.append(100 * hits / (hits + misses))
        elif shares:
            shares.append(shares[-1])
    return pictures.sparkline(shares, label="hit rate over the last minutes", top=100)


def _redis_tile(reports: list[dict[str, Any]]) -> Html:
    users = [facts for facts in reports if facts.get("has_redis")]
    if not users:
        return _tile("Redis", "none", "contents are shared through the database")
    n_open = sum(breaker(facts) == "open" for facts in users)
    hits = sum(count(facts, "redis", "hits") for facts in users)
    asked = hits + sum(count(facts, "redis", "misses") for facts in users)
    errors = sum(count(facts, "redis", "errors") for facts in users)
    value = "well" if not n_open else "no answer"
    where = f"breaker open in {n_open} of {len(users)} processes" if n_open else "breaker closed"
    answered = (
        f"{percent_in_words(100 * hits / asked)} of {asked:,.0f} reads found" if asked else "not read yet"
    )
    return _tile("Redis", value, f"{where}; {answered}; {errors:,.0f} errors")


def _sources(facts: Facts) -> list[tuple[str, float, str]]:
    return [
        ("memory", count(facts, "l1", "hits"), "memory"),
        ("Redis", count(facts, "redis", "hits"), "redis"),
        ("own tables", count(facts, "database", "contents_read"), "tables"),
        ("Airflow's row", count(facts, "plugin", "host_documents_read"), "host"),
    ]


def _process(facts: Facts, seconds_ago: float, *, with_host: bool) -> Html:
    if not facts.get("is_on"):
        state = pill("Airflow's own path", "bad" if facts.get("reason") else "off")
    else:
        state = pill("Redis: no answer", "bad") if is_in_trouble(facts) else pill("serving", "good")
    used, bound = count(facts, "gauges", "l1_bytes"), float(facts.get("l1_max_bytes") or 0)
    sources = _sources(facts)
    uptime = seconds_in_words(float(facts.get("uptime_seconds") or 0))
    lines: list[Part] = [
        tag("div", tag("span", str(facts.get("component")), _class="name"), state, _class="row"),
        tag(
            "div",
            tag("span", f"{facts.get('host')}, pid {facts.get('pid')}" if with_host else ""),
            tag("span", f"up {uptime}, {bytes_in_words(float(facts.get('rss_bytes') or 0))}"),
            _class="row small soft",
        ),
        tag(
            "div",
            tag("span", _dags_in_memory(facts)),
            tag("span", f"{bytes_in_words(used)} of {bytes_in_words(bound)}"),
            _class="row small gap",
        ),
        pictures.meter(used, bound, label="memory use against the limit"),
    ]
    if any(amount for _, amount, _ in sources):
        lines += [
            tag(
                "div",
                tag("span", "read from"),
                tag("span", f"{percent_in_words(hit_percent(facts))} memory"),
                _class="row small gap",
            ),
            pictures.stacked(sources, label="reads by tier"),
            pictures.legend([source for source in sources if source[1]]),
        ]
    lines.append(_remarks(facts, seconds_ago))
    return tag("div", lines, _class="card")


def _dags_in_memory(facts: Facts) -> str:
    n_dags = count(facts, "gauges", "l1_entries")
    return "1 DAG in memory" if n_dags == 1 else f"{n_dags:,.0f} DAGs in memory"


def _remarks(facts: Facts, seconds_ago: float) -> Html | None:
    remarks: list[Part] = []
    if not facts.get("is_on") and facts.get("reason"):
        remarks.append(tag("li", f"off: {reason_in_words(str(facts['reason']))}"))
    for wrong in facts.get("wrong_options") or ():
        remarks.append(tag("li", str(wrong)))
    for reason, n_times in sorted(fallbacks(facts).items(), key=lambda item: -item[1])[:5]:
        remarks.append(tag("li", f"Airflow's own path because of {reason}: {n_times:,}"))
    if facts.get("exclude_dags"):
        # A pattern may name a DAG that the user must not know of.
        n_patterns = len(facts["exclude_dags"])
        remarks.append(
            tag("li", f"DAGs of {n_patterns} pattern{'' if n_patterns == 1 else 's'} are excluded")
        )
    decided = count(facts, "gauges", "fast_path_decisions")
    if decided:
        left = count(facts, "gauges", "fast_path_dags_off")
        off = f", switched off for {left:,.0f} DAGs" if left else ""
        remarks.append(tag("li", f"{decided:,.0f} decisions on the fast path{off}"))
    reconciled = count(facts, "plugin", "runs_reconciled")
    if reconciled:
        remarks.append(tag("li", f"{reconciled:,.0f} runs got missing tasks"))
    if seconds_ago > 2 * float(facts.get("every_seconds") or 10):
        remarks.append(tag("li", f"silent for {seconds_in_words(seconds_ago)}"))
    return tag("ul", remarks, _class="plain small soft") if remarks else None


def _form(changed: Changed) -> Html:
    if not changed.is_shared:
        return pill("not yet", "off")
    return pill("fresh", "new") if changed.is_fresh else pill("stored", "good")


def _changed(changed: list[Changed]) -> Html:
    if not changed:
        return empty("No DAG that you may see has been serialized yet.")
    headers = [
        ("DAG", "wide"),
        ("version", "number"),
        ("content", ""),
        ("changed", "number"),
        ("compact form", ""),
        ("in memory of", "wide"),
    ]
    rows: list[list[Part]] = []
    for one in changed:
        link = tag("a", one.dag_id, href="dag?" + urlencode({"dag_id": one.dag_id}))
        chips = [tag("span", name, _class="chip") for name in one.resident_in]
        rows.append(
            [
                link,
                str(one.version_number),
                tag("code", short_hash(one.dag_hash)),
                f"{seconds_in_words(one.seconds_ago)} ago",
                _form(one),
                chips or tag("span", "no process", _class="soft"),
            ]
        )
    return table(headers, rows)
