"""The texts of the pages for facts as processes report them."""

from __future__ import annotations

import re
from typing import Any

import pytest

from sched_cache_airflow.reporting.page.dag_view import DagFacts, VersionFacts, dag_page
from sched_cache_airflow.reporting.page.graph import Graph
from sched_cache_airflow.reporting.page.overview import Changed, Overview, overview_page

_HOSTILE = "<img src=x onerror=alert(1)>\"'&"


def facts(component: str = "scheduler", **changes: Any) -> dict[str, Any]:
    """A report as `ProcessFacts` makes it, of a process that does well."""
    return {
        "component": component,
        "host": "node",
        "pid": 7,
        "uptime_seconds": 100.0,
        "every_seconds": 10.0,
        "is_on": True,
        "reason": "",
        "exclude_dags": [],
        "has_redis": False,
        "l1_max_bytes": 100_000_000,
        "max_staleness_seconds": 1.0,
        "rss_bytes": 200_000_000,
        "counts": {
            "l1": {"hits": 990, "misses": 10},
            "fallbacks": {},
            "redis": {"hits": 0, "misses": 0, "errors": 0},
            "database": {"contents_read": 6},
            "plugin": {"hash_queries": 5, "runs_reconciled": 0, "host_documents_read": 4},
            "gauges": {
                "redis_breaker_state": 0,
                "hashes_age_seconds": 0.5,
                "l1_bytes": 40_000_000,
                "l1_entries": 12,
                "fast_path_decisions": 31,
            },
        },
        "samples": [[0, 0, 0, 0, 0], [10, 90, 10, 0, 0], [20, 190, 10, 0, 0]],
        **changes,
    }


def shown(overview: Overview) -> str:
    return overview_page(overview, nonce="abc")


def words(document: str) -> str:
    """The text alone, on one line."""
    body = document.partition("<body>")[2]
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", body))


def test_a_cluster_that_does_well() -> None:
    """Hit rate, memory against its bound, freshness, no fallback."""
    text = words(shown(Overview([(facts(), 3.0), (facts("api-server"), 3.0)])))
    for said in (
        "99.0 %",
        "of 1,000 reads",
        "40.0 MB",
        "of 100 MB allowed",
        "next loop",
        "2 processes",
        "500 ms ago",
        "31 decisions on the fast path",
    ):
        assert said in text
    assert text.count("serving") == 2


def test_a_cluster_of_nobody() -> None:
    """It says what is missing, and no number that nobody has measured."""
    text = words(shown(Overview()))
    assert "No process has reported yet" in text
    assert "No DAG that you may see" in text
    assert "%" not in text


def test_a_change_is_fresh_until_a_scheduler_has_it() -> None:
    """Then it is stored; before anybody has encoded it, it is neither."""
    changed = [
        Changed("new", 1, "h", 1.0, True, True, []),
        Changed("known", 2, "h", 2.0, True, False, ["scheduler"]),
        Changed("unread", 3, "h", 3.0, False, False, []),
    ]
    text = words(shown(Overview([(facts(), 1.0)], changed, n_fresh=1)))
    assert "1 fresh, which no scheduler has yet" in text
    assert text.index("fresh no process") < text.index("stored scheduler") < text.index("not yet no process")


def test_troubles_come_first() -> None:
    """Each in words, and what is known is shown all the same."""
    text = words(shown(Overview([(facts(), 1.0)], troubles=["The tables are gone."])))
    assert text.index("The tables are gone.") < text.index("99.0 %")


def test_a_process_on_airflows_own_path_says_why() -> None:
    """And nobody promises that a change is used in its next loop."""
    text = words(shown(Overview([(facts(is_on=False, reason="after x: ValueError: no"), 1.0)])))
    assert "off: after x: ValueError; its log says more" in text
    assert "serving" not in text
    assert "next loop" not in text


def test_fallbacks_are_shown_by_reason() -> None:
    """The most frequent first, their sum above."""
    one = facts()
    one["counts"]["fallbacks"] = {"shared tiers": 3, "reconcile": 40}
    text = words(shown(Overview([(one, 1.0)])))
    assert "43" in text
    assert text.index("because of reconcile: 40") < text.index("because of shared tiers: 3")


@pytest.mark.parametrize(("state", "said"), [(0, "well"), (2, "no answer")])
def test_the_breaker(state: int, said: str) -> None:
    """Open means that Redis does not answer this process."""
    one = facts(has_redis=True)
    one["counts"]["gauges"]["redis_breaker_state"] = state
    text = words(shown(Overview([(one, 1.0)])))
    assert f"Redis {said}" in text
    assert ("breaker open in 1 of 1" in text) == (state == 2)


def test_a_report_without_the_usual_numbers_is_shown() -> None:
    """Another release of the plugin may report less."""
    text = words(shown(Overview([({"component": "scheduler"}, 1.0), ({}, 2.0)])))
    assert "2 processes" in text


def test_nothing_that_is_shown_is_markup() -> None:
    """Names and reasons come from files, hosts and errors."""
    one = facts(_HOSTILE, host=_HOSTILE, exclude_dags=[_HOSTILE], reason=_HOSTILE, is_on=False)
    one["counts"]["fallbacks"] = {_HOSTILE: 1}
    changed = Changed(_HOSTILE, 1, _HOSTILE, 1.0, True, False, [_HOSTILE])
    version = VersionFacts(1, _HOSTILE, 1.0, [_HOSTILE], content_hash=_HOSTILE)
    dag = DagFacts(_HOSTILE, [version], 1, graph=Graph([_HOSTILE], []), troubles=[_HOSTILE])
    for document in (
        shown(Overview([(one, 1.0)], [changed], troubles=[_HOSTILE])),
        dag_page(dag, nonce="abc"),
    ):
        assert "<img" not in document
        assert document.count("<script") == 1
        assert not re.search(r"""(src|href)="(https?:)?//""", document)


def test_a_dag_with_all_there_is_to_know() -> None:
    """Its newest version on top, the rest counted."""
    versions = [
        VersionFacts(3, "c" * 32, 5.0, ["scheduler"], 9, 8, "f" * 32, 1_500, 600),
        VersionFacts(2, "b" * 32, 500.0, []),
    ]
    graph = Graph(["a", "b"], [(0, 1)])
    dag = DagFacts("sales", versions, 30, n_document_bytes=12_000, n_resident_bytes=9_000, graph=graph)
    text = words(dag_page(dag, nonce="abc"))
    for said in (
        "version 3",
        "2 tasks, 1 edges",
        "12.0 kB",
        "1.5 kB",
        "600 B",
        "the last 2 of 30",
        "not yet",
    ):
        assert said in text


def test_a_dag_that_nobody_knows() -> None:
    """It may not exist, or not be for this user: the page does not tell which."""
    assert "No version of this DAG" in words(dag_page(DagFacts("sales"), nonce="abc"))


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        ("[sched_cache] enabled is false", "[sched_cache] enabled is false"),
        ("Airflow 3.0.6 is not supported, only 3.3.x", "Airflow 3.0.6 is not supported, only 3.3.x"),
        (
            "ConfigError: option database_url: got 'db.internal/x, allowed: y', allowed: a URL",
            "ConfigError: option database_url: allowed: a URL",
        ),
        (
            'on_load: OperationalError: connection to "10.1.2.3" failed for user "u"\nDETAIL',
            "on_load: OperationalError; its log says more",
        ),
    ],
)
def test_a_reason_quotes_no_error(reason: str, said: str) -> None:
    """Which may have the host of a database in it, a user, or the value of an option."""
    text = words(shown(Overview([(facts(is_on=False, reason=reason), 1.0)])))
    assert f"off: {said} " in text
    for secret in ("internal", "10.1.2.3", "DETAIL"):
        assert secret not in text


def test_patterns_of_excluded_dags_are_only_counted() -> None:
    """They may name a DAG that the reader may not know of."""
    text = words(shown(Overview([(facts(exclude_dags=["merger_*", "secret"]), 1.0)])))
    assert "DAGs of 2 patterns are excluded" in text
    assert "merger" not in text
    assert "secret" not in text


@pytest.mark.parametrize("with_hosts", [True, False])
def test_hosts_are_for_those_who_may_see_jobs(with_hosts: bool) -> None:
    text = words(shown(Overview([(facts(host="node-17"), 1.0)], with_hosts=with_hosts)))
    assert ("node-17, pid 7" in text) == with_hosts
    assert ("node-17" in text) == with_hosts
