"""Hot fields that are not in Airflow 2.11 what they are in Airflow 3."""

from __future__ import annotations

NOT_IN_AIRFLOW_2 = frozenset(
    {
        "_can_skip_downstream",
        "has_on_execute_callback",
        "has_on_failure_callback",
        "has_on_retry_callback",
        "has_on_success_callback",
    }
)
OTHER_DEFAULT_IN_AIRFLOW_2 = frozenset({"ignore_first_depends_on_past"})
"""Left out of a document, it is True for Airflow 2.11, and False for Airflow 3 and for the flyweight."""

NOT_IN_ITS_MAPPED_TASKS = frozenset({"email_on_failure", "email_on_retry"})
"""Airflow 2.11 sets them to None there, and asks the unmapped task."""
