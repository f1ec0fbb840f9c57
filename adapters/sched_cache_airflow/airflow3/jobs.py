"""When a process of Airflow 3 begins and ends its work."""

from __future__ import annotations

from sched_cache_airflow.airflow3.runtime import runtime
from sched_cache_airflow.jobs import Jobs

jobs = Jobs(runtime)
