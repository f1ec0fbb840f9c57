"""Installations whose release of Airflow or build of the plugin changes while runs are under way."""
