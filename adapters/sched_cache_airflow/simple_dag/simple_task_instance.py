"""The form of a task instance that a 1.10 scheduler passes to an executor.

Source: `SimpleTaskInstance` of Airflow 1.10.15, utils/dag_processing.py; `TaskInstance.key` and `try_number` in
models/taskinstance.py.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

from sched_cache.format import CompactDag
from sched_cache.scheduling import SlimTaskInstance
from sched_cache_airflow.simple_dag.task_fields import task_fields
from sched_cache_airflow.simple_dag.unpicklable import Unpicklable

_RUNNING = "running"


class SimpleTaskInstance(Unpicklable):
    """A copy of a task instance's values; two are equal only if they are the same object.

    Args:
        ti: an object with the attributes of a 1.10 task instance.
    """

    FIELDS: ClassVar = (
        "dag_id",
        "task_id",
        "execution_date",
        "start_date",
        "end_date",
        "try_number",
        "state",
        "executor_config",
        "run_as_user",
        "pool",
        "priority_weight",
        "queue",
    )
    DATES: ClassVar = frozenset({"execution_date", "start_date", "end_date"})
    KEY_FIELDS: ClassVar = ("dag_id", "task_id", "execution_date", "try_number")
    """The parts of `key`. `transport.py` packs it by these names, `FIELDS` and `DATES`."""

    # The host's names: executors read `_run_as_user`, which has no property.
    __slots__ = (*(f"_{name}" for name in FIELDS), "_key")

    def __init__(self, ti: Any) -> None:
        self._dag_id = ti.dag_id
        self._task_id = ti.task_id
        self._execution_date = ti.execution_date
        self._start_date = ti.start_date
        self._end_date = ti.end_date
        self._try_number = ti.try_number
        self._state = ti.state
        self._executor_config = ti.executor_config
        self._run_as_user = getattr(ti, "run_as_user", None)
        self._pool = getattr(ti, "pool", None)
        self._priority_weight = getattr(ti, "priority_weight", None)
        self._queue = ti.queue
        self._key = ti.key

    @classmethod
    def from_values(cls, values: dict[str, Any], key: tuple[Any, ...] | None = None) -> SimpleTaskInstance:
        """The task instance with these values, one for each of `FIELDS`; its own key unless one is given."""
        simple = cls.__new__(cls)
        for name in cls.FIELDS:
            setattr(simple, f"_{name}", values[name])
        simple._key = tuple(values[name] for name in cls.KEY_FIELDS) if key is None else key
        return simple

    @classmethod
    def from_slim(
        cls, dag: CompactDag, row: SlimTaskInstance, execution_date: datetime
    ) -> SimpleTaskInstance:
        """The task instance that the host would create from a row of a run of `dag`.

        Raises:
            KeyError: the DAG has no such task.
            ValueError: the row was read without its try number.
        """
        if row.try_number is None:
            raise ValueError(f"task {row.task_id!r}: the row was read without its try number")
        of_task = task_fields(dag, row.task_id)._asdict()
        del of_task["executor"]
        return cls.from_values(
            {
                **of_task,
                "dag_id": dag.dag_id,
                "task_id": row.task_id,
                "execution_date": execution_date,
                "start_date": row.start_date,
                "end_date": row.end_date,
                # The column counts the tries that have begun, whereas the host means the next one.
                "try_number": row.try_number if row.state == _RUNNING else row.try_number + 1,
                "state": row.state,
            }
        )

    def values(self) -> dict[str, Any]:
        """One value for each of `FIELDS`."""
        return {name: getattr(self, f"_{name}") for name in self.FIELDS}

    @property
    def dag_id(self) -> Any:
        return self._dag_id

    @property
    def task_id(self) -> Any:
        return self._task_id

    @property
    def execution_date(self) -> Any:
        return self._execution_date

    @property
    def start_date(self) -> Any:
        return self._start_date

    @property
    def end_date(self) -> Any:
        return self._end_date

    @property
    def try_number(self) -> Any:
        return self._try_number

    @property
    def state(self) -> Any:
        return self._state

    @property
    def pool(self) -> Any:
        return self._pool

    @property
    def priority_weight(self) -> Any:
        return self._priority_weight

    @property
    def queue(self) -> Any:
        return self._queue

    @property
    def key(self) -> Any:
        """(dag_id, task_id, execution_date, try_number)."""
        return self._key

    @property
    def executor_config(self) -> Any:
        return self._executor_config

    def construct_task_instance(self, session: Any = None, lock_for_update: bool = False) -> Any:
        """Airflow's own row of this task instance, None if there is none. One query.

        Args:
            session: a session of Airflow's; without one, a session that lasts for this call.
            lock_for_update: locks the row until the end of the session's transaction.
        """
        if session is None:
            from airflow.utils.session import create_session

            with create_session() as own_session:
                return self.construct_task_instance(own_session, lock_for_update)
        from airflow.models.taskinstance import TaskInstance

        query = session.query(TaskInstance).filter(
            TaskInstance.dag_id == self._dag_id,
            TaskInstance.task_id == self._task_id,
            TaskInstance.execution_date == self._execution_date,
        )
        return (query.with_for_update() if lock_for_update else query).first()
