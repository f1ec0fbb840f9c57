"""Actions of a user in the UI, at the command line and on a DAG file, between two loops."""

from __future__ import annotations

import copy
import random
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any

from airflow.api.common.delete_dag import delete_dag
from airflow.api.common.mark_tasks import (
    set_dag_run_state_to_failed,
    set_dag_run_state_to_queued,
    set_dag_run_state_to_success,
    set_state,
)
from airflow.models import DagModel, DagRun, TaskInstance
from airflow.models.serialized_dag import SerializedDagModel
from airflow.utils.state import TaskInstanceState
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from tests.support.scheduling.script import dag_id_of, field_of

_LAST_ACTION = 14


class User(ABC):
    """Does something before most loops; the same for the same seed and the same states.

    Attributes:
        done: what, in order.
    """

    def __init__(self, seed: int, documents: Sequence[Any]) -> None:
        self._random = random.Random(f"user {seed}")
        self._documents = {dag_id_of(document): copy.deepcopy(document) for document in documents}
        self.done: list[str] = []

    # What the host's subclass says

    @abstractmethod
    def new_session(self) -> AbstractContextManager[Session]:
        """A session of the host, committed at its end."""

    @abstractmethod
    def store(self, document: Any) -> None:
        """Publishes the DAG's file."""

    @abstractmethod
    def clear(self, dag: Any, tasks: list[str], run: Any, session: Session) -> None:
        """Clears these tasks of one run."""

    # What is the same

    def act(self, number: int) -> None:
        """Before loop `number`."""
        if number == _LAST_ACTION:
            self._unpause_all()
        if not number or number >= _LAST_ACTION or self._random.random() < 0.2:
            return
        actions: tuple[Callable[[str, Session], None], ...] = (
            *(self._clear, self._mark_task, self._edit) * 3,
            *(self._mark_run, self._pause) * 2,
            self._delete,
        )
        action, dag_id = self._random.choice(actions), self._random.choice(sorted(self._documents))
        if action == self._delete and number < _LAST_ACTION - 3:
            action = self._clear
        self.done.append(f"{action.__name__} {dag_id}")
        with self.new_session() as session:
            action(dag_id, session)

    def _run(self, dag_id: str, session: Session) -> Any:
        of_dag = select(DagRun).where(DagRun.dag_id == dag_id).order_by(DagRun.run_id)
        return self._random.choice(session.scalars(of_dag).all())

    def _tasks(self, run: Any, session: Session) -> list[str]:
        found = session.scalars(select(TaskInstance.task_id).filter_by(dag_id=run.dag_id, run_id=run.run_id))
        dag = _dag(run.dag_id, session)
        known = sorted({task_id for task_id in found if dag.has_task(task_id)})
        return self._random.sample(known, min(len(known), 3))

    def _clear(self, dag_id: str, session: Session) -> None:
        run = self._run(dag_id, session)
        tasks = self._tasks(run, session)
        if tasks:
            self.clear(_dag(dag_id, session), tasks, run, session)

    def _mark_task(self, dag_id: str, session: Session) -> None:
        run = self._run(dag_id, session)
        state = self._random.choice((TaskInstanceState.SUCCESS, TaskInstanceState.FAILED))
        dag = _dag(dag_id, session)
        tasks = [dag.get_task(task_id) for task_id in self._tasks(run, session)]
        if tasks:
            set_state(tasks=tasks, run_id=run.run_id, state=state, commit=True, session=session)

    def _mark_run(self, dag_id: str, session: Session) -> None:
        run = self._run(dag_id, session)
        set_run = self._random.choice(
            (set_dag_run_state_to_success, set_dag_run_state_to_failed, set_dag_run_state_to_queued)
        )
        set_run(dag=_dag(dag_id, session), run_id=run.run_id, commit=True, session=session)

    def _pause(self, dag_id: str, session: Session) -> None:
        is_paused = self._random.random() < 0.7
        session.execute(update(DagModel).where(DagModel.dag_id == dag_id).values(is_paused=is_paused))

    def _unpause_all(self) -> None:
        with self.new_session() as session:
            session.execute(update(DagModel).values(is_paused=False))

    def _edit(self, dag_id: str, session: Session) -> None:
        """Takes the last task away or adds one, and publishes the file."""
        document = self._documents[dag_id]
        tasks = document["dag"]["tasks"]
        children = field_of(document, "task_group")["children"]
        draw = self._random.random()
        last = tasks[-1]["__var"]["task_id"]
        if draw < 0.4 and last in children:
            tasks.pop()
            del children[last]
            for task in tasks:
                below = task["__var"].get("downstream_task_ids", [])
                if last in below:
                    below.remove(last)
        else:
            name = f"bash_added_{len(self.done)}"
            of_type = next(key for key in ("task_type", "_task_type") if key in tasks[0]["__var"])
            added = {
                "task_id": name,
                of_type: "BashOperator",
                "_task_module": "any",
                "bash_command": "true",
                "template_fields": [],
            }
            tasks.append({"__type": "operator", "__var": added})
            children[name] = ["operator", name]
            if draw < 0.8 and tasks[0]["__var"]["task_id"] in children:
                tasks[0]["__var"].setdefault("downstream_task_ids", []).append(name)
        self.store(document)

    def _delete(self, dag_id: str, session: Session) -> None:
        delete_dag(dag_id, session=session)
        del self._documents[dag_id]


def _dag(dag_id: str, session: Session) -> Any:
    row = SerializedDagModel.get(dag_id, session=session)
    assert row is not None
    return row.dag
