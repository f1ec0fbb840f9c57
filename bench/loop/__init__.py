"""The parts of the real Airflow that the loop suite needs: a metadata database, DAGs and runs in it, a scheduler.

Modules here import Airflow inside their functions: the process that starts everything need not have it.
"""
