"""A plugin for the Airflow of a test: each answer of a server names its process and counts the loads there.

Copied into the plugin folder of an installation, so it imports nothing of the tests. `X-Worker` is the process.
`X-Loads`: how many contents it has loaded so far while a request waited, how many in the background, and the seconds of
waiting.
"""

from __future__ import annotations

import os
import time
from collections.abc import Awaitable, Callable
from threading import Lock, current_thread
from typing import Any

from airflow import __version__
from airflow.plugins_manager import AirflowPlugin

from sched_cache_airflow.dags.resident_dags import ResidentDags

_BACKGROUND = "sched-cache-refresh"

_lock = Lock()  # guards _loads
_loads = {"request": 0, "background": 0, "seconds": 0.0}
_shared = ResidentDags._shared


def _counting(contents: ResidentDags, version_id: Any, dag_hash: str) -> Any:
    """A thread that looks into the shared tiers has not found the content in memory."""
    begun = time.monotonic()
    try:
        return _shared(contents, version_id, dag_hash)
    finally:
        with _lock:
            if current_thread().name == _BACKGROUND:
                _loads["background"] += 1
            else:
                _loads["request"] += 1
                _loads["seconds"] += time.monotonic() - begun


def _headers() -> dict[str, str]:
    with _lock:
        return {
            "X-Worker": str(os.getpid()),
            "X-Loads": "{request} {background} {seconds:.6f}".format(**_loads),
        }


class WorkerHeader:
    """The middleware of Airflow 3."""

    def __init__(self, app: Callable[..., Awaitable[None]]) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async def send_with_headers(message: dict[str, Any]) -> None:
            if message["type"] == "http.response.start":
                own = [(name.lower().encode(), value.encode()) for name, value in _headers().items()]
                message = {**message, "headers": [*message["headers"], *own]}
            await send(message)

        await self._app(scope, receive, send_with_headers)


class WorkerHeaderPlugin(AirflowPlugin):  # type: ignore[misc]  # the host is not there where types are checked
    """For both hosts; each takes its own part."""

    name = "worker_header"
    if __version__.startswith("2."):
        from flask import Blueprint  # type: ignore[import-not-found]  # comes with that host

        _blueprint = Blueprint("worker_header", __name__)

        @_blueprint.after_app_request  # type: ignore[untyped-decorator]  # as above
        def _add(answer: Any) -> Any:
            answer.headers.update(_headers())
            return answer

        flask_blueprints = [_blueprint]
    else:
        fastapi_root_middlewares = [{"middleware": WorkerHeader, "args": [], "kwargs": {}, "name": "worker"}]


ResidentDags._shared = _counting  # type: ignore[assignment]  # the product does not count for whom it loads
