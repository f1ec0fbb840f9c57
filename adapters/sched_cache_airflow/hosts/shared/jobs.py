"""`Job`: the start and the end of a scheduler, triggerer or DAG processor in a process of the host.

A listener would be notified of them, too. But if any listener exists, Airflow 3 refuses DAGs with `end_from_trigger`.
Source: Airflow 3.3.2 dag_processing/dagbag.py.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from sched_cache_airflow.process.host_process import HostProcess
from sched_cache_airflow.reporting.live_jobs import COMPONENTS

logger = logging.getLogger("sched_cache.airflow")

Method = Callable[..., Any]


def prepare_for_execution(stock: Method, process: HostProcess[Any]) -> Method:
    """`Job.prepare_for_execution`: the process starts its work."""

    def prepare(job: Any, *args: Any, **kwargs: Any) -> Any:
        result = stock(job, *args, **kwargs)
        begin_reports(process, COMPONENTS.get(str(job.job_type), str(job.job_type)))
        return result

    return prepare


def complete_execution(stock: Method, process: HostProcess[Any]) -> Method:
    """`Job.complete_execution`: the process ends its work."""

    def complete(job: Any, *args: Any, **kwargs: Any) -> Any:
        end_reports(process)
        return stock(job, *args, **kwargs)

    return complete


def begin_reports(process: HostProcess[Any], component: str) -> None:
    """Has this process report from now on, under this name. Never raises."""
    try:
        process.runtime().begin_reports(component)
    except Exception:
        logger.exception("this process does not report on itself")


def end_reports(process: HostProcess[Any]) -> None:
    """The process is about to end. Never raises."""
    try:
        process.runtime().end_reports()
    except Exception:
        logger.exception("the reports of this process could not be ended")


def begin_refresh(process: HostProcess[Any], refresh: Callable[[], int]) -> None:
    """Has the DAGs of a worker kept up to date by `refresh`, which says how many it loaded. Never raises."""
    try:
        process.runtime().begin_refresh(refresh)
    except Exception:
        logger.exception("changed DAGs are loaded when they are requested")
