"""The workers of the webserver, which are not jobs of the host, so no job announces their start.

The app is created before they are forked, or in each of them with `[webserver] reload_on_plugin_change`. Commands
create one, too, and serve no requests.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from sched_cache_airflow.hosts.airflow2.dags.dag_bag import is_certified
from sched_cache_airflow.hosts.airflow2.jobs import jobs
from sched_cache_airflow.hosts.airflow2.runtime import runtime

logger = logging.getLogger("sched_cache.airflow")

Method = Callable[..., Any]

_bags: list[Any] = []


def init_dagbag(stock: Method) -> Method:
    """`init_dagbag`: the app has its bag."""

    def init(app: Any) -> Any:
        result = stock(app)
        _bags[:] = [app.dag_bag]
        return result

    return init


def post_worker_init(stock: Method) -> Method:
    """`post_worker_init` of the host's configuration of gunicorn: a worker begins."""

    def begin(worker: Any) -> Any:
        result = stock(worker)
        jobs.begin_reports("webserver")
        for bag in _bags:
            begin_refresh(bag)
        return result

    return begin


def begin_refresh(bag: Any) -> None:
    """Has the bag of this worker kept up to date. Never raises."""
    try:
        if is_certified(bag) and bag.read_dags_from_db:
            runtime().begin_refresh(bag.refresh)
    except Exception:
        logger.exception("changed DAGs are loaded when they are requested")
