"""The form of a task instance that processes of Airflow 2.11 exchange.

Source: `SimpleTaskInstance` and `TaskInstanceKey` of Airflow 2.11.2, models/taskinstance.py, taskinstancekey.py.
"""

from __future__ import annotations

import sys
import warnings
from datetime import datetime, timezone
from typing import Any, ClassVar, NamedTuple

from sched_cache.format import CompactDag
from sched_cache.scheduling import SlimTaskInstance
from sched_cache_airflow.simple_dag.host_errors import removal_warning
from sched_cache_airflow.simple_dag.task_fields import task_fields
from sched_cache_airflow.simple_dag.unpicklable import Unpicklable


class TaskInstanceKey(NamedTuple):
    """A key that is equal to the host's key of the same values."""

    dag_id: str
    task_id: str
    run_id: str
    try_number: int = 1
    map_index: int = -1


class SimpleTaskInstance(Unpicklable):
    """Fifteen values. Two task instances are equal if all of their values are."""

    FIELDS: ClassVar = (
        "dag_id",
        "task_id",
        "run_id",
        "map_index",
        "start_date",
        "end_date",
        "try_number",
        "state",
        "executor",
        "executor_config",
        "run_as_user",
        "pool",
        "priority_weight",
        "queue",
    )
    DATES: ClassVar = frozenset({"start_date", "end_date"})
    KEY_FIELDS: ClassVar = TaskInstanceKey._fields
    """The parts of `key`. `transport.py` packs it by these names, `FIELDS` and `DATES`."""

    # As in the host, whose class defines `__eq__` and no `__hash__`.
    __hash__ = None  # type: ignore[assignment]

    def __init__(
        self,
        dag_id: str,
        task_id: str,
        run_id: str,
        start_date: datetime | None,
        end_date: datetime | None,
        try_number: int,
        map_index: int,
        state: str | None,
        executor: str | None,
        executor_config: Any,
        pool: str,
        queue: str,
        key: Any,
        run_as_user: str | None = None,
        priority_weight: int | None = None,
    ) -> None:
        # In the host's order, which `repr` shows.
        self.dag_id = dag_id
        self.task_id = task_id
        self.run_id = run_id
        self.map_index = map_index
        self.start_date = start_date
        self.end_date = end_date
        self.try_number = try_number
        self.state = state
        self.executor = executor
        self.executor_config = executor_config
        self.run_as_user = run_as_user
        self.pool = pool
        self.priority_weight = priority_weight
        self.queue = queue
        self.key = key

    @classmethod
    def from_values(cls, values: dict[str, Any], key: tuple[Any, ...] | None = None) -> SimpleTaskInstance:
        """The task instance with these values, one for each of `FIELDS`; its own key unless one is given."""
        parts = tuple(values[name] for name in cls.KEY_FIELDS) if key is None else key
        return cls(**values, key=_key_class()(*parts))

    @classmethod
    def from_slim(cls, dag: CompactDag, row: SlimTaskInstance, run_id: str) -> SimpleTaskInstance:
        """The task instance that the host would create from a row of a run of `dag`.

        Raises:
            KeyError: the DAG has no such task.
            ValueError: the row was read without its try number.
        """
        if row.try_number is None:
            raise ValueError(f"task {row.task_id!r}: the row was read without its try number")
        return cls.from_values(
            {
                **task_fields(dag, row.task_id)._asdict(),
                "dag_id": dag.dag_id,
                "task_id": row.task_id,
                "run_id": run_id,
                "map_index": row.map_index,
                "start_date": row.start_date,
                "end_date": row.end_date,
                "try_number": row.try_number,
                "state": row.state,
            }
        )

    @classmethod
    def from_ti(cls, ti: Any) -> SimpleTaskInstance:
        """A copy of a task instance of the host."""
        optional: dict[str, Any] = {
            name: getattr(ti, name, None) for name in ("run_as_user", "priority_weight")
        }
        required = {name: getattr(ti, name) for name in cls.FIELDS if name not in optional}
        return cls(**required, **optional, key=ti.key)

    def values(self) -> dict[str, Any]:
        """One value for each of `FIELDS`."""
        return {name: self.__dict__[name] for name in self.FIELDS}

    def __repr__(self) -> str:
        attributes = ", ".join(f"{name}={value!r}" for name, value in self.__dict__.items())
        return f"SimpleTaskInstance({attributes})"

    def __eq__(self, other: object) -> bool:
        if isinstance(other, self.__class__):
            return self.__dict__ == other.__dict__
        return NotImplemented

    def as_dict(self) -> dict[str, Any]:
        """All fifteen by name, dates as text. Deprecated by the host."""
        _warn("This method is deprecated. Use BaseSerialization.serialize.")
        values = dict(self.__dict__)
        for name in self.DATES:
            if isinstance(values[name], datetime):
                values[name] = values[name].isoformat()
        return values

    @classmethod
    def from_dict(cls, obj_dict: dict[str, Any]) -> SimpleTaskInstance:
        """The inverse of `as_dict`. Removes the key and the dates from the mapping. Deprecated by the host."""
        _warn("This method is deprecated. Use BaseSerialization.deserialize.")
        key = _key_class()(*obj_dict.pop("key"))
        dates: dict[str, Any] = {name: _date_in(obj_dict.pop(name)) for name in sorted(cls.DATES)}
        return cls(**obj_dict, **dates, key=key)


def _date_in(text: str | None) -> datetime | None:
    if not text:
        return None
    date = datetime.fromisoformat(text)
    return date if date.tzinfo else date.replace(tzinfo=timezone.utc)


def _key_class() -> Any:
    # Where the host's class is in the process, its users may read properties of a key.
    return getattr(
        sys.modules.get("airflow.models.taskinstancekey"), TaskInstanceKey.__name__, TaskInstanceKey
    )


def _warn(message: str) -> None:
    warnings.warn(message, removal_warning(), stacklevel=3)
