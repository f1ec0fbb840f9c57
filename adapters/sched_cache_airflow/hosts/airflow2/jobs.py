"""When a process of Airflow 2.11 begins and ends its work."""

from __future__ import annotations

from sched_cache_airflow.hosts.airflow2.runtime import runtime
from sched_cache_airflow.hosts.shared.jobs import Jobs

jobs = Jobs(runtime)
