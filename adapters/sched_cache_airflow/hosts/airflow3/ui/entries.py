"""The entries that the plugin registers with the host for its page."""

from __future__ import annotations

from typing import Any

from airflow.api_fastapi.app import API_ROOT_PATH

from sched_cache_airflow.hosts.airflow3.runtime import Process
from sched_cache_airflow.hosts.airflow3.ui.app import URL_PREFIX, make_app


def fastapi_apps(process: Process) -> list[dict[str, Any]]:
    """The app, to be mounted by each worker of the API server."""
    return [{"app": make_app(process), "url_prefix": URL_PREFIX, "name": "sched_cache"}]


def external_views() -> list[dict[str, Any]]:
    """An entry in the navigation, and a tab of each DAG."""
    root = f"{API_ROOT_PATH.rstrip('/')}{URL_PREFIX}"
    return [
        {
            "name": "Scheduler cache",
            "href": f"{root}/",
            "destination": "nav",
            "category": "browse",
            "url_route": "sched-cache",
        },
        {
            "name": "Cache",
            "href": f"{root}/dag?dag_id={{DAG_ID}}",
            "destination": "dag",
            "url_route": "sched-cache-dag",
        },
    ]
