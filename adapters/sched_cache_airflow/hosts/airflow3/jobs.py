"""When a process of Airflow 3 begins and ends its work."""

from __future__ import annotations

import logging

from sched_cache_airflow.hosts.airflow3.dags.dag_bag import refresh_bags
from sched_cache_airflow.hosts.airflow3.runtime import runtime
from sched_cache_airflow.hosts.shared.jobs import Jobs

logger = logging.getLogger("sched_cache.airflow")

jobs = Jobs(runtime)


def begin_refresh() -> None:
    """Has the bags of this worker kept up to date. Never raises."""
    try:
        runtime().begin_refresh(refresh_bags)
    except Exception:
        logger.exception("changed DAGs are loaded when they are requested")
