"""The writes of workers, API server and triggerer for tasks that end as a script says."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any, ClassVar

from airflow import settings
from airflow.models import TaskInstance
from airflow.models.taskmap import TaskMap
from airflow.models.trigger import Trigger
from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from tests.support.scheduling.script import BRANCH, Script

_NOT_SKIPPED = ("running", "success", "failed")
_Taken = tuple[str, str, str, int, int]
"""dag_id, run_id, task_id, map_index, try_number."""


class ScriptedTasks(ABC):
    """The part of an executor that every host has; `work` is everything that happens in the cluster between two loops.

    executed: (dag_id, run_id, task_id, map_index, try_number, how often it was rescheduled or resumed) of each task
    that began. callbacks: what was sent to the DAG processor.
    """

    xcom: ClassVar[Any]
    fail: Callable[[Any], None]  # of the host's class beside this one

    def __init__(self, script: Script) -> None:
        super().__init__(parallelism=1_000_000)  # type: ignore[call-arg]  # that class's
        self._script = script
        self._taken: list[_Taken] = []
        self._lost: dict[_Taken, Any] = {}
        self.executed: list[tuple[Any, ...]] = []
        self.callbacks: list[tuple[Any, ...]] = []

    # What the host's subclass says

    @abstractmethod
    def lock(self, dag_id: str, run_id: str, session: Session) -> None:
        """The row that a worker of this host locks before it locks a task instance."""

    @abstractmethod
    def n_rescheduled(self, ti: Any, session: Session) -> int:
        """How often this try has asked to be called again."""

    @abstractmethod
    def reschedule(self, ti: Any, now: datetime, due: datetime, session: Session) -> None:
        """Leaves such a request."""

    @abstractmethod
    def keep_try(self, ti: Any, session: Session) -> None:
        """Makes the try that has failed history."""

    # What is the same

    def take(self, ti: Any) -> None:
        """The scheduler has queued it."""
        self._taken.append((ti.dag_id, ti.run_id, ti.task_id, ti.map_index, ti.try_number))

    def send_callback(self, request: Any) -> None:
        ti = getattr(request, "ti", None) or getattr(request, "simple_task_instance", None)
        who = (
            (ti.task_id, ti.map_index) if ti else (getattr(request, "is_failure_callback", None), request.msg)
        )
        whose = ti or request
        self.callbacks.append((type(request).__name__, whose.dag_id, whose.run_id, *who))

    def work(self) -> None:
        """Resumes what was deferred by the last call, then begins and ends every task taken since."""
        taken, self._taken = self._taken, []
        self._resume()
        self._report_again()
        for one in sorted(taken):
            with Session(settings.engine) as session, session.begin():
                self.lock(one[0], one[1], session)
                ti = session.scalar(_instance(one).with_for_update(of=TaskInstance))
                # A user has cleared it, set its state or deleted it, so the host refuses to begin.
                if ti is not None and ti.state == "queued" and ti.try_number == one[-1]:
                    self._run(ti, session)

    def _report_again(self) -> None:
        """Repeats what the host did not hear: it drops an event whose row another scheduler has locked just then.

        A real host notices after ten minutes, when the task is stuck in `queued` for too long.
        """
        for one, key in list(self._lost.items()):
            with Session(settings.engine) as session:
                ti = session.scalar(_instance(one))
            if ti is not None and ti.state == "queued" and ti.try_number == one[-1]:
                self.fail(key)
            else:
                del self._lost[one]

    def _resume(self) -> None:
        with Session(settings.engine) as session, session.begin():
            deferred = select(TaskInstance).where(TaskInstance.state == "deferred")
            for ti in session.scalars(deferred.with_for_update(of=TaskInstance, skip_locked=True)):
                ti.state, ti.trigger_id, ti.scheduled_dttm = "scheduled", None, datetime.now(timezone.utc)

    def _run(self, ti: Any, session: Session) -> None:
        n_rescheduled = self.n_rescheduled(ti, session)
        put_off = n_rescheduled + bool(ti.next_method)
        self.executed.append((ti.dag_id, ti.run_id, ti.task_id, ti.map_index, ti.try_number, put_off))
        now = datetime.now(timezone.utc)
        ti.start_date = ti.start_date or now
        outcome = self._script.outcome(ti, n_rescheduled)
        if outcome == "lost":
            self.fail(ti.key)  # queued for ever, were it not for the scheduler
            self._lost[ti.dag_id, ti.run_id, ti.task_id, ti.map_index, ti.try_number] = ti.key
            return
        if outcome == "deferred":
            trigger = Trigger(classpath="any.Trigger", kwargs={})
            session.add(trigger)
            session.flush()
            ti.trigger_id, ti.next_method = trigger.id, "resume"
        elif outcome == "up_for_reschedule":
            self.reschedule(ti, now, now - timedelta(seconds=1), session)
        else:
            ti.end_date, ti.next_method = now, None
            ti.set_duration()
        if outcome == "failed" and ti.max_tries and ti.try_number <= ti.max_tries:
            outcome = "up_for_retry"
            self.keep_try(ti, session)
        ti.state = outcome
        session.flush()
        if outcome == "success":
            self._succeed(ti, session)

    def _succeed(self, ti: Any, session: Session) -> None:
        draw = self._script.draw("values", ti.dag_id, ti.run_id, ti.task_id, ti.map_index)
        if ti.task_id.startswith("bash_"):
            values, where = ["value"] * draw.choice(self._script.lengths), _where(ti)
            self.xcom.set("return_value", values, **where, session=session)
            session.merge(TaskMap(**where, length=len(values), keys=None))
        elif BRANCH in ti.task_id:
            below = self._script.downstream[ti.dag_id].get(ti.task_id, [])
            self._skip(ti, [task_id for task_id in below if draw.random() < 0.5], below, session)

    def _skip(self, ti: Any, followed: list[str], below: list[str], session: Session) -> None:
        """The effect of a branch on the tasks below that it does not follow."""
        self.xcom.set("skipmixin_key", {"followed": followed}, **_where(ti), session=session)
        now = datetime.now(timezone.utc)
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


def _instance(one: _Taken) -> Any:
    dag_id, run_id, task_id, map_index, _ = one
    return select(TaskInstance).where(
        TaskInstance.dag_id == dag_id,
        TaskInstance.run_id == run_id,
        TaskInstance.task_id == task_id,
        TaskInstance.map_index == map_index,
    )


def _where(ti: Any) -> dict[str, Any]:
    return {"dag_id": ti.dag_id, "run_id": ti.run_id, "task_id": ti.task_id, "map_index": ti.map_index}
