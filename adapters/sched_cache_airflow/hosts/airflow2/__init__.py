"""The plugin for Airflow 2.11: its schedulers, webservers and processors read compact DAGs, always fresh."""

from sched_cache_airflow.hosts.airflow2.install import install, uninstall

__all__ = ["install", "uninstall"]
