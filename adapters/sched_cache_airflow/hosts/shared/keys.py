"""Keys in our tables that both hosts have to know."""

from __future__ import annotations

from typing import Final

AIRFLOW_2: Final = "dag:"
"""The beginning of the keys of Airflow 2, which the ids of its DAGs follow. No id of a DAG has a colon."""
