"""`Job`: a process of the host tells when it begins and ends to be a scheduler, triggerer or DAG processor.

A listener would hear of that too. But where any listener exists the host refuses DAGs with `end_from_trigger`.
Source: Airflow 3.3.2 dag_processing/dagbag.py.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from sched_cache_airflow.airflow3.runtime import runtime
from sched_cache_airflow.jobs_alive import COMPONENTS

logger = logging.getLogger("sched_cache.airflow")

Method = Callable[..., Any]


def prepare_for_execution(stock: Method) -> Method:
    """`Job.prepare_for_execution`: the process begins its work."""

    def prepare(self: Any, *args: Any, **kwargs: Any) -> Any:
        result = stock(self, *args, **kwargs)
        begin_reports(COMPONENTS.get(str(self.job_type), str(self.job_type)))
        return result

    return prepare


def complete_execution(stock: Method) -> Method:
    """`Job.complete_execution`: the process ends its work."""

    def complete(self: Any, *args: Any, **kwargs: Any) -> Any:
        end_reports()
        return stock(self, *args, **kwargs)

    return complete


def begin_reports(component: str) -> None:
    """Has this process report from now on, under this name. Never raises."""
    try:
        runtime().begin_reports(component)
    except Exception:
        logger.exception("this process does not report on itself")


def end_reports() -> None:
    """The process is about to end. Never raises."""
    try:
        runtime().end_reports()
    except Exception:
        logger.exception("the reports of this process could not be ended")
