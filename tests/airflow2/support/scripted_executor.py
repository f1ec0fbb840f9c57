"""An executor whose tasks end as a script says, and what worker and triggerer write when they do."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from airflow.executors.base_executor import BaseExecutor
from airflow.models import DagRun, XCom
from airflow.models.taskinstancehistory import TaskInstanceHistory
from airflow.models.taskreschedule import TaskReschedule
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from tests.support.scheduling.scripted_tasks import ScriptedTasks


class ScriptedExecutor(ScriptedTasks, BaseExecutor):
    xcom = XCom

    def queue_command(self, task_instance: Any, *arguments: Any, **options: Any) -> None:
        self.take(task_instance)

    def sync(self) -> None:
        pass

    def lock(self, dag_id: str, run_id: str, session: Session) -> None:
        """The run, which a request to be called again refers to: a scheduler locks it first, too."""
        run = select(DagRun.id).where(DagRun.dag_id == dag_id, DagRun.run_id == run_id)
        session.execute(run.with_for_update())

    def n_rescheduled(self, ti: Any, session: Session) -> int:
        of_try = {**_key(ti), "try_number": ti.try_number}
        return session.scalar(select(func.count()).select_from(TaskReschedule).filter_by(**of_try)) or 0

    def reschedule(self, ti: Any, now: datetime, due: datetime, session: Session) -> None:
        dates = {"start_date": now, "end_date": now, "reschedule_date": due}
        session.add(TaskReschedule(**_key(ti), try_number=ti.try_number, **dates))

    def keep_try(self, ti: Any, session: Session) -> None:
        TaskInstanceHistory.record_ti(ti, session=session)


def _key(ti: Any) -> dict[str, Any]:
    return {"dag_id": ti.dag_id, "run_id": ti.run_id, "task_id": ti.task_id, "map_index": ti.map_index}
