"""The parts of the real Airflow that the loop suite needs: a metadata database, DAGs and runs in it, a scheduler.

Modules here import Airflow inside their functions, because the process that starts the others need not have it.
"""
