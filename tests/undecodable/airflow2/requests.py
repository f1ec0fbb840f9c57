"""Requests to a server of Airflow 2.11, and commands."""

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


def _http(method: str, path: str, body: Any = None, form: Any = None) -> Any:
    def use(host: Any, dag_id: str, session: Any) -> Any:
        where = path.replace("{d}", dag_id).replace("{r}", RUN)
        data = None if form is None else {**form, "dag_id": dag_id, "dag_run_id": RUN}
        host.client.application.dag_bag = host.web_bag
        found = host.client.open(where, method=method, json=body, data=data)
        is_page = "html" in (found.content_type or "")
        # Of a page the length varies with tokens.
        return Answer(found.status_code, "" if is_page else found.get_data(as_text=True))

    return use


_REQUESTS: tuple[tuple[str, str, Any, Any, str], ...] = (
    ("GET", "/home", None, None, ""),
    ("GET", "/dags/{d}/grid", None, None, ""),
    ("GET", "/dags/{d}/details", None, None, ""),
    ("GET", "/dags/{d}/calendar", None, None, ""),
    ("GET", "/dags/{d}/code", None, None, ""),
    ("GET", "/dags/{d}/trigger", None, None, ""),
    ("POST", "/dags/{d}/trigger", None, {"conf": "{}", "run_id": "x"}, ""),
    ("GET", "/object/graph_data?dag_id={d}", None, None, ""),
    ("GET", "/object/grid_data?dag_id={d}", None, None, ""),
    ("GET", "/object/calendar_data?dag_id={d}", None, None, ""),
    ("GET", "/object/task_instances?dag_id={d}&execution_date=2026-01-02T00:00:00%2B00:00", None, None, ""),
    ("GET", "/object/next_run_datasets/{d}", None, None, ""),
    ("GET", "/object/dataset_dependencies", None, None, ""),
    ("GET", "/dag-dependencies", None, None, ""),
    ("GET", "/task?dag_id={d}&task_id=plain&execution_date=2026-01-02T00:00:00%2B00:00", None, None, ""),
    (
        "GET",
        "/rendered-templates?dag_id={d}&task_id=plain&execution_date=2026-01-02T00:00:00%2B00:00",
        None,
        None,
        "",
    ),
    (
        "GET",
        "/object/extra_links?dag_id={d}&task_id=plain&execution_date=2026-01-02T00:00:00%2B00:00&link_name=x",
        None,
        None,
        "",
    ),
    ("GET", "/dagrun_details?dag_id={d}&run_id={r}", None, None, ""),
    (
        "POST",
        "/clear",
        None,
        {
            "task_id": "plain",
            "execution_date": "2026-01-02T00:00:00+00:00",
            "confirmed": "true",
            "downstream": "true",
        },
        DONE,
    ),
    ("POST", "/dagrun_clear", None, {"confirmed": "true"}, DONE),
    ("POST", "/dagrun_clear", None, {"confirmed": "false"}, DONE),
    ("POST", "/dagrun_failed", None, {"confirmed": "true"}, ""),
    ("POST", "/dagrun_success", None, {"confirmed": "true"}, ""),
    ("POST", "/dagrun_queued", None, {"confirmed": "true"}, ""),
    ("POST", "/failed", None, {"task_id": "plain"}, ""),
    ("POST", "/success", None, {"task_id": "plain"}, ""),
    ("GET", "/confirm?dag_id={d}&dag_run_id={r}&task_id=plain&state=failed", None, None, ""),
    ("GET", "/api/v1/dags", None, None, ""),
    ("GET", "/api/v1/dags/{d}/details", None, None, ""),
    ("GET", "/api/v1/dags/{d}/tasks", None, None, ""),
    ("GET", "/api/v1/dags/{d}/tasks/plain", None, None, ""),
    ("GET", "/api/v1/dags/{d}/tasks/mapped", None, None, ""),
    (
        "POST",
        "/api/v1/dags/{d}/dagRuns",
        {"dag_run_id": "x", "logical_date": "2026-01-09T00:00:00Z"},
        None,
        "",
    ),
    ("PATCH", "/api/v1/dags/{d}/dagRuns/{r}", {"state": "success"}, None, ""),
    ("PATCH", "/api/v1/dags/{d}/dagRuns/{r}", {"state": "failed"}, None, ""),
    ("POST", "/api/v1/dags/{d}/dagRuns/{r}/clear", {"dry_run": False}, None, DONE),
    (
        "POST",
        "/api/v1/dags/{d}/clearTaskInstances",
        {"dry_run": False, "dag_run_id": RUN, "only_failed": False},
        None,
        DONE,
    ),
    (
        "POST",
        "/api/v1/dags/{d}/updateTaskInstancesState",
        {"dry_run": False, "task_id": "plain", "dag_run_id": RUN, "new_state": "success"},
        None,
        "",
    ),
    (
        "PATCH",
        "/api/v1/dags/{d}/dagRuns/{r}/taskInstances/plain",
        {"dry_run": False, "new_state": "failed"},
        None,
        "",
    ),
    ("GET", "/api/v1/dags/{d}/dagRuns/{r}/taskInstances", None, None, ""),
    ("GET", "/api/v1/dags/{d}/dagRuns/{r}/taskInstances/plain/dependencies", None, None, ""),
    ("GET", "/api/v1/dags/{d}/dagRuns/{r}/taskInstances/mapped/listMapped", None, None, ""),
    ("GET", "/api/v1/dags/{d}/dagRuns/{r}/taskInstances/plain/links", None, None, ""),
)
WEB = tuple(
    Entry(
        f"web: {method} {path.partition('?')[0]}" + (f" {json.dumps(body or form)}" if body or form else ""),
        _http(method, path, body, form),
        prepare,
    )
    for method, path, body, form, prepare in _REQUESTS
)

# Most commands parse the file of the DAG; these take it from the database.
COMMANDS = tuple(
    Entry(f"airflow {words.replace('{d}', 'DAG').replace('{r}', 'RUN')}", command(words, BAD, RUN), prepare)
    for words, prepare in (
        ("dags show-dependencies", ""),
        ("dags trigger {d} -r x -e 2026-01-09T00:00:00+00:00", ""),
        ("dags next-execution {d}", ""),
        ("tasks list {d}", ""),
        ("tasks state {d} plain {r}", ""),
        ("tasks states-for-dag-run {d} {r} -o json", ""),
    )
)
