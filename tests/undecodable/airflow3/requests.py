"""Requests to a server of Airflow 3, and commands."""

from __future__ import annotations

import json
from typing import Any

from tests.undecodable.commands import command
from tests.undecodable.outcome import Answer
from tests.undecodable.states import (
    DONE,
    RUN,
)
from tests.undecodable.trial import BAD, Entry


def _http(method: str, path: str, body: Any = None) -> Any:
    def use(host: Any, dag_id: str, session: Any) -> Any:
        host.client.app.state.dag_bag = host.web_bag
        found = host.client.request(method, path.replace("{d}", dag_id).replace("{r}", RUN), json=body)
        return Answer(found.status_code, found.text)

    return use


_REQUESTS: tuple[tuple[str, str, Any, str], ...] = (
    ("GET", "/api/v2/dags", None, ""),
    ("GET", "/api/v2/dags/{d}", None, ""),
    ("GET", "/api/v2/dags/{d}/details", None, ""),
    ("GET", "/api/v2/dags/{d}/tasks", None, ""),
    ("GET", "/api/v2/dags/{d}/tasks/plain", None, ""),
    ("GET", "/api/v2/dags/{d}/tasks/mapped", None, ""),
    ("GET", "/api/v2/dags/{d}/dagVersions", None, ""),
    ("GET", "/api/v2/dags/{d}/dagRuns", None, ""),
    ("POST", "/api/v2/dags/{d}/dagRuns", {"logical_date": "2026-01-09T00:00:00Z", "dag_run_id": "x"}, ""),
    ("PATCH", "/api/v2/dags/{d}/dagRuns/{r}", {"state": "success"}, ""),
    ("PATCH", "/api/v2/dags/{d}/dagRuns/{r}", {"state": "failed"}, ""),
    ("PATCH", "/api/v2/dags/{d}/dagRuns/{r}", {"state": "queued"}, ""),
    ("POST", "/api/v2/dags/{d}/dagRuns/{r}/clear", {"dry_run": False}, DONE),
    ("POST", "/api/v2/dags/{d}/dagRuns/{r}/clear", {"dry_run": True}, DONE),
    (
        "POST",
        "/api/v2/dags/{d}/clearTaskInstances",
        {"dry_run": False, "dag_run_id": RUN, "only_failed": False},
        DONE,
    ),
    (
        "POST",
        "/api/v2/dags/{d}/clearTaskInstances",
        {"dry_run": True, "task_ids": ["plain"], "include_downstream": True, "only_failed": False},
        DONE,
    ),
    ("GET", "/api/v2/dags/{d}/dagRuns/{r}/taskInstances", None, ""),
    ("GET", "/api/v2/dags/{d}/dagRuns/{r}/taskInstances/plain", None, ""),
    ("GET", "/api/v2/dags/{d}/dagRuns/{r}/taskInstances/plain/dependencies", None, ""),
    ("GET", "/api/v2/dags/{d}/dagRuns/{r}/taskInstances/mapped/listMapped", None, ""),
    ("GET", "/api/v2/dags/{d}/dagRuns/{r}/taskInstances/plain/links", None, ""),
    ("GET", "/api/v2/dags/{d}/dagRuns/{r}/taskInstances?task_group_id=around", None, ""),
    ("PATCH", "/api/v2/dags/{d}/dagRuns/{r}/taskInstances/plain", {"new_state": "success"}, ""),
    ("PATCH", "/api/v2/dags/{d}/dagRuns/{r}/taskInstances/plain/dry_run", {"new_state": "failed"}, ""),
    ("PATCH", "/api/v2/dags/{d}/dagRuns/{r}/taskGroupInstances/around", {"new_state": "success"}, ""),
    (
        "POST",
        "/api/v2/dags/{d}/dagRuns/{r}/taskInstances/plain/xcomEntries",
        {"key": "k", "value": 1},
        "",
    ),
    ("POST", "/api/v2/assets/1/materialize", {}, ""),
    (
        "POST",
        "/api/v2/backfills",
        {"dag_id": "bad", "from_date": "2026-01-02T00:00:00Z", "to_date": "2026-01-04T00:00:00Z"},
        "",
    ),
    (
        "POST",
        "/api/v2/backfills/dry_run",
        {"dag_id": "bad", "from_date": "2026-01-02T00:00:00Z", "to_date": "2026-01-04T00:00:00Z"},
        "",
    ),
    ("GET", "/ui/dags", None, ""),
    ("GET", "/ui/grid/structure/{d}", None, ""),
    ("GET", "/ui/grid/runs/{d}", None, ""),
    ("GET", "/ui/grid/ti_summaries/{d}?run_ids={r}", None, ""),
    ("GET", "/ui/structure/structure_data?dag_id={d}&external_dependencies=true", None, ""),
    ("GET", "/ui/calendar/{d}", None, ""),
    ("GET", "/ui/dependencies", None, ""),
    ("GET", "/ui/next_run_assets/{d}", None, ""),
)
API = tuple(
    Entry(
        f"API: {method} {path.partition('?')[0]}" + (f" {json.dumps(body)}" if body else ""),
        _http(method, path, body),
        prepare,
    )
    for method, path, body, prepare in _REQUESTS
)

COMMANDS = tuple(
    Entry(f"airflow {words.replace('{d}', 'DAG').replace('{r}', 'RUN')}", command(words, BAD, RUN), prepare)
    for words, prepare in (
        ("dags show {d}", ""),
        ("dags show-dependencies", ""),
        ("dags list -o json", ""),
        ("dags details {d} -o json", ""),
        ("dags next-execution {d} -n 3", ""),
        ("dags trigger {d} -r x -l 2026-01-09T00:00:00+00:00", ""),
        ("tasks state {d} plain {r}", ""),
        ("tasks states-for-dag-run {d} {r} -o json", ""),
        ("tasks failed-deps {d} plain {r}", ""),
        ("tasks clear {d} -y", DONE),
        ("backfill create --dag-id {d} --from-date 2026-01-02 --to-date 2026-01-04", ""),
        ("backfill create --dag-id {d} --from-date 2026-01-02 --to-date 2026-01-04 --dry-run", ""),
    )
)
