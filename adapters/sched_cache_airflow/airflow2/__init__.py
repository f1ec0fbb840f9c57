"""The plugin for Airflow 2.11: so far its bag is always fresh, and its DAG objects are the host's.

`install` is for tests and for those who call it; `sched_cache_airflow.policy` switches on Airflow 3 alone.
"""

from sched_cache_airflow.airflow2.install import install, uninstall

__all__ = ["install", "uninstall"]
