"""Installations whose release of Airflow changes while runs are under way."""
