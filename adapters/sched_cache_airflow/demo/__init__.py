"""`python -m sched_cache_airflow.demo`: stock Airflow and Airflow with the plugin, side by side on this machine.

It uses a temporary AIRFLOW_HOME on SQLite and processes of its own, and leaves nothing behind.
"""
