"""`Job`: a process of the host tells when it begins and ends to be a scheduler, triggerer or DAG processor.

A listener would hear of that too. But where any listener exists Airflow 3 refuses DAGs with `end_from_trigger`.
Source: Airflow 3.3.2 dag_processing/dagbag.py.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from sched_cache_airflow.process.state import ProcessState
from sched_cache_airflow.reporting.live_jobs import COMPONENTS

logger = logging.getLogger("sched_cache.airflow")

Method = Callable[..., Any]


class Jobs:
    """The beginning and the end of this process's work. runtime: the state of the process."""

    def __init__(self, runtime: Callable[[], ProcessState]) -> None:
        self._runtime = runtime

    def prepare_for_execution(self, stock: Method) -> Method:
        """`Job.prepare_for_execution`: the process begins its work."""

        def prepare(job: Any, *args: Any, **kwargs: Any) -> Any:
            result = stock(job, *args, **kwargs)
            self.begin_reports(COMPONENTS.get(str(job.job_type), str(job.job_type)))
            return result

        return prepare

    def complete_execution(self, stock: Method) -> Method:
        """`Job.complete_execution`: the process ends its work."""

        def complete(job: Any, *args: Any, **kwargs: Any) -> Any:
            self.end_reports()
            return stock(job, *args, **kwargs)

        return complete

    def begin_reports(self, component: str) -> None:
        """Has this process report from now on, under this name. Never raises."""
        try:
            self._runtime().begin_reports(component)
        except Exception:
            logger.exception("this process does not report on itself")

    def end_reports(self) -> None:
        """The process is about to end. Never raises."""
        try:
            self._runtime().end_reports()
        except Exception:
            logger.exception("the reports of this process could not be ended")
