"""`python -m sched_cache_airflow.demo`: Airflow as it is, and with the plugin, side by side on this machine.

Everything happens in a temporary AIRFLOW_HOME on SQLite, with processes that are started for it; nothing is left.
"""
