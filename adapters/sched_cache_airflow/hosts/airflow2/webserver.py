"""The workers of the webserver. They are not jobs of the host, so no job announces their start.

The app is created before they are forked or, with `[webserver] reload_on_plugin_change`, in each of them. Commands
create an app, too, but serve no requests.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from sched_cache_airflow.hosts.airflow2.dags.dag_bag import is_certified
from sched_cache_airflow.hosts.shared import jobs
from sched_cache_airflow.process.host_process import HostProcess

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


def post_worker_init(stock: Method, process: HostProcess[Any]) -> Method:
    """`post_worker_init` of the host's configuration of gunicorn: a worker starts."""

    def begin(worker: Any) -> Any:
        result = stock(worker)
        jobs.begin_reports(process, "webserver")
        for bag in _bags:
            begin_refresh(process, bag)
        return result

    return begin


def begin_refresh(process: HostProcess[Any], bag: Any) -> None:
    """Has the bag of this worker kept up to date. Never raises."""
    try:
        if is_certified(bag) and bag.read_dags_from_db:
            jobs.begin_refresh(process, bag.refresh)
    except Exception:
        logger.exception("changed DAGs are loaded when they are requested")
