"""Scheduling decisions from slim rows, the same for both hosts. What differs is in `airflow2/` and `airflow3/`."""
