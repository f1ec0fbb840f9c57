"""The plugin for Airflow 3.3."""

from sched_cache_airflow.hosts.airflow3.dags.document import dag_of
from sched_cache_airflow.hosts.airflow3.install import install, uninstall

__all__ = ["dag_of", "install", "uninstall"]
