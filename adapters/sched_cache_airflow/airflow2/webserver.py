"""The workers of the webserver, which are no jobs of the host: nobody else tells when one begins."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from sched_cache_airflow.airflow2.jobs import jobs

Method = Callable[..., Any]


def init_dagbag(stock: Method) -> Method:
    """`init_dagbag`: a worker has its bag. Commands make the app for its tables of users, and serve nobody."""

    def init(app: Any) -> Any:
        result = stock(app)
        if "gunicorn.arbiter" in sys.modules:
            jobs.begin_reports("webserver")
        return result

    return init
