"""An executor whose tasks end as a script says, and what worker, API server and triggerer write when they do."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from airflow.executors.base_executor import BaseExecutor
from airflow.executors.executor_utils import ExecutorName
from airflow.models.taskreschedule import TaskReschedule
from airflow.models.xcom import XComModel
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from tests.support.scheduling.scripted_tasks import ScriptedTasks


class ScriptedExecutor(ScriptedTasks, BaseExecutor):
    name = ExecutorName(module_path=f"{__name__}.ScriptedExecutor", alias="ScriptedExecutor")
    xcom = XComModel

    def queue_workload(self, workload: Any, session: Any) -> None:
        self.take(workload.ti)

    def sync(self) -> None:
        pass

    def lock(self, dag_id: str, run_id: str, session: Session) -> None:
        """Nothing: what a task leaves refers to its instance alone."""

    def n_rescheduled(self, ti: Any, session: Session) -> int:
        return session.scalar(select(func.count()).where(TaskReschedule.ti_id == ti.id)) or 0

    def reschedule(self, ti: Any, now: datetime, due: datetime, session: Session) -> None:
        session.add(TaskReschedule(ti.id, now, now, due))

    def keep_try(self, ti: Any, session: Session) -> None:
        ti.prepare_db_for_next_try(session)
