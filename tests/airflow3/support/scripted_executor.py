"""An executor whose tasks end as a script says, and what worker, API server and triggerer write when they do."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from airflow._shared.timezones import timezone
from airflow.executors.base_executor import BaseExecutor
from airflow.executors.executor_utils import ExecutorName
from airflow.models import TaskInstance
from airflow.models.taskmap import TaskMap
from airflow.models.taskreschedule import TaskReschedule
from airflow.models.trigger import Trigger
from airflow.models.xcom import XComModel
from airflow.utils.session import create_session
from sqlalchemy import func, or_, select, update
from sqlalchemy.orm import Session

from tests.airflow3.support.random_dags import BRANCH, SENSOR

_NOT_SKIPPED = ("running", "success", "failed")
_MIXED = ("success",) * 10 + ("failed", "failed", "skipped", "deferred", "lost")


@dataclass(frozen=True, slots=True)
class Script:
    """How each try of each task ends: by the names alone, so for every scheduler alike.

    downstream: dag_id -> task_id -> the tasks directly below it, of which a branch follows some.
    outcomes, lengths: how a try may end, and how many values a task may return.
    """

    seed: int
    downstream: Mapping[str, Mapping[str, list[str]]]
    outcomes: tuple[str, ...] = _MIXED
    lengths: tuple[int, ...] = (0, 1, 3)

    @classmethod
    def for_dags(cls, seed: int, documents: Iterable[Any], **options: Any) -> Script:
        """The one for these DAGs."""
        downstream = {
            document["dag"]["dag_id"]: {
                task["__var"]["task_id"]: task["__var"].get("downstream_task_ids", [])
                for task in document["dag"]["tasks"]
            }
            for document in documents
        }
        return cls(seed, downstream, **options)

    def draw(self, *names: object) -> random.Random:
        return random.Random(f"{self.seed}/" + "/".join(map(str, names)))

    def outcome(self, ti: TaskInstance, n_rescheduled: int) -> str:
        """What becomes of the try that begins; a task that was put off before does not wait again."""
        draw = self.draw(ti.dag_id, ti.run_id, ti.task_id, ti.map_index, ti.try_number)
        if SENSOR in ti.task_id and not n_rescheduled and draw.random() < 0.7:
            return "up_for_reschedule"
        outcome = draw.choice(self.outcomes)
        return "success" if outcome == "deferred" and ti.next_method else outcome


class ScriptedExecutor(BaseExecutor):
    """Takes every task; `work` is everything that happens in the cluster between two loops.

    Attributes:
        executed: (dag_id, run_id, task_id, map_index, try_number, how often it was rescheduled or resumed) of each
            task that began.
        callbacks: what was sent to the DAG processor.
    """

    name = ExecutorName(module_path=f"{__name__}.ScriptedExecutor", alias="ScriptedExecutor")

    def __init__(self, script: Script) -> None:
        super().__init__(parallelism=1_000_000)
        self._script = script
        self._taken: list[Any] = []
        self.executed: list[tuple[Any, ...]] = []
        self.callbacks: list[tuple[Any, ...]] = []

    def queue_workload(self, workload: Any, session: Any) -> None:
        self._taken.append(workload.ti)

    def sync(self) -> None:
        pass

    def send_callback(self, request: Any) -> None:
        kind, ti = type(request).__name__, getattr(request, "ti", None)
        who = (
            (ti.task_id, ti.map_index) if ti else (getattr(request, "is_failure_callback", None), request.msg)
        )
        dag_id = ti.dag_id if ti else request.dag_id
        self.callbacks.append((kind, dag_id, ti.run_id if ti else request.run_id, *who))

    def work(self) -> None:
        """Resumes what was deferred by the last call, then begins and ends every task taken since."""
        taken, self._taken = self._taken, []
        self._resume()
        for wanted in sorted(taken, key=lambda ti: (ti.dag_id, ti.run_id, ti.task_id, ti.map_index)):
            with create_session(scoped=False) as session:
                queued = select(TaskInstance).where(TaskInstance.id == wanted.id)
                ti = session.scalar(queued.with_for_update(of=TaskInstance))
                # Somebody cleared it, set its state or deleted it: the API server refuses to begin.
                if ti is not None and ti.state == "queued" and ti.try_number == wanted.try_number:
                    self._run(ti, session)

    def _resume(self) -> None:
        with create_session(scoped=False) as session:
            deferred = select(TaskInstance).where(TaskInstance.state == "deferred")
            for ti in session.scalars(deferred.with_for_update(of=TaskInstance, skip_locked=True)):
                ti.state, ti.trigger_id, ti.scheduled_dttm = "scheduled", None, timezone.utcnow()

    def _run(self, ti: TaskInstance, session: Session) -> None:
        n_rescheduled = session.scalar(select(func.count()).where(TaskReschedule.ti_id == ti.id)) or 0
        put_off = n_rescheduled + bool(ti.next_method)
        self.executed.append((ti.dag_id, ti.run_id, ti.task_id, ti.map_index, ti.try_number, put_off))
        now = timezone.utcnow()
        ti.start_date = ti.start_date or now
        outcome = self._script.outcome(ti, n_rescheduled)
        if outcome == "lost":
            self.fail(ti.key)  # queued for ever, were it not for the scheduler
            return
        if outcome == "deferred":
            trigger = Trigger(classpath="any.Trigger", kwargs={})
            session.add(trigger)
            session.flush()
            ti.trigger_id, ti.next_method = trigger.id, "resume"
        elif outcome == "up_for_reschedule":
            session.add(TaskReschedule(ti.id, now, now, now - timedelta(seconds=1)))
        else:
            ti.end_date, ti.next_method = now, None
            ti.set_duration()
        if outcome == "failed" and ti.max_tries and ti.try_number <= ti.max_tries:
            outcome = "up_for_retry"
            ti.prepare_db_for_next_try(session)
        ti.state = outcome
        session.flush()
        if outcome == "success":
            self._succeed(ti, session)

    def _succeed(self, ti: TaskInstance, session: Session) -> None:
        draw = self._script.draw("values", ti.dag_id, ti.run_id, ti.task_id, ti.map_index)
        if ti.task_id.startswith("bash_"):
            values = ["value"] * draw.choice(self._script.lengths)
            where = {
                "dag_id": ti.dag_id,
                "run_id": ti.run_id,
                "task_id": ti.task_id,
                "map_index": ti.map_index,
            }
            XComModel.set("return_value", values, **where, session=session)
            session.merge(TaskMap(**where, length=len(values), keys=None))
        elif BRANCH in ti.task_id:
            below = self._script.downstream[ti.dag_id].get(ti.task_id, [])
            self._skip(ti, [task_id for task_id in below if draw.random() < 0.5], below, session)

    def _skip(self, ti: TaskInstance, followed: list[str], below: list[str], session: Session) -> None:
        """What a branch does with the tasks below that it does not follow."""
        XComModel.set(
            "skipmixin_key",
            {"followed": followed},
            dag_id=ti.dag_id,
            run_id=ti.run_id,
            task_id=ti.task_id,
            map_index=ti.map_index,
            session=session,
        )
        now = timezone.utcnow()
        session.execute(
            update(TaskInstance)
            .where(
                TaskInstance.dag_id == ti.dag_id,
                TaskInstance.run_id == ti.run_id,
                TaskInstance.task_id.in_(set(below) - set(followed)),
                TaskInstance.map_index == -1,
                or_(TaskInstance.state.is_(None), TaskInstance.state.not_in(_NOT_SKIPPED)),
            )
            .values(state="skipped", start_date=now, end_date=now)
        )
