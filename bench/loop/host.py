"""The Airflow of this interpreter, and the differences between Airflow 2 and 3 for a driven scheduler."""

from __future__ import annotations

from functools import cache
from importlib.metadata import version
from inspect import signature
from typing import Any


def environ_of_2(home: str) -> dict[str, str]:
    """The variables that Airflow 2 needs beside `airflow_environ`. The DAG folder stays that of `home`."""
    return {
        "AIRFLOW_HOME": f"{home}/airflow2",  # Airflow 2 writes an airflow.cfg with which Airflow 3 cannot start
        "AIRFLOW__CORE__EXECUTOR": "SequentialExecutor",  # other executors refuse SQLite; never used
        "AIRFLOW__SCHED_CACHE__ENABLED": "False",
    }


@cache
def host() -> str:
    """`airflow2` or `airflow3`: databases and templates of the two are not the same."""
    return "airflow" + version("apache-airflow").partition(".")[0]


def new_runner(executor: Any) -> Any:
    """A `SchedulerJobRunner` with this executor and no other."""
    from airflow.executors.executor_loader import ExecutorLoader
    from airflow.jobs.job import Job
    from airflow.jobs.scheduler_job_runner import SchedulerJobRunner

    # The scheduler asks the loader which executor a task names.
    ExecutorLoader.init_executors = staticmethod(lambda *_, **__: [executor])
    if host() == "airflow2":
        ExecutorLoader.load_executor = staticmethod(lambda *_, **__: executor)
    if "executors" in signature(SchedulerJobRunner).parameters:
        runner = SchedulerJobRunner(job=Job(), executors=[executor])
    else:  # before 3.2
        runner = SchedulerJobRunner(job=Job(executor=executor))
    runner.job.job_type = SchedulerJobRunner.job_type
    return runner


def null_executor() -> Any:
    """Takes every task and runs none."""
    from airflow.executors.base_executor import BaseExecutor
    from airflow.executors.executor_utils import ExecutorName

    class NullExecutor(BaseExecutor):  # type: ignore[misc]  # types are checked without the host
        name = ExecutorName(module_path=f"{__name__}.NullExecutor", alias="NullExecutor")

        def queue_workload(self, workload: Any, session: Any) -> None:
            """Airflow 3: discards the task, because the case determines how tasks end."""

        def queue_command(self, *arguments: Any, **named: Any) -> None:
            """Airflow 2."""

        def sync(self) -> None:
            """No task runs, so none has ended."""

    return NullExecutor(parallelism=1_000_000)
