"""The task instance of 2.11 without the host; `tests/airflow2` compares it with the real one."""

from __future__ import annotations

import pickle
from types import SimpleNamespace
from typing import Any

import pytest

from sched_cache.scheduling import SlimTaskInstance
from sched_cache_airflow.simple_dag.airflow2 import SimpleTaskInstance, TaskInstanceKey
from tests.unit.sched_cache_airflow.simple_dag.test_simple_task_instance import (
    DAY,
    ENDED,
    STARTED,
    compact,
)

ROW = SlimTaskInstance("b", 2, "queued", 1, STARTED, ENDED)
VALUES: dict[str, Any] = {
    "dag_id": "d",
    "task_id": "b",
    "run_id": "run",
    "map_index": 2,
    "start_date": STARTED,
    "end_date": ENDED,
    "try_number": 1,
    "state": "queued",
    "executor": "celery",
    "executor_config": {"k": {"n": [1]}},
    "run_as_user": "worker",
    "pool": "warehouse",
    "priority_weight": 3,
    "queue": "big",
    "key": TaskInstanceKey("d", "b", "run", 1, 2),
}


def made(**changed: Any) -> SimpleTaskInstance:
    return SimpleTaskInstance(**{**VALUES, **changed})


def test_a_row_and_its_dag_give_all_fifteen() -> None:
    assert vars(SimpleTaskInstance.from_slim(compact(), ROW, "run")) == VALUES
    assert len(VALUES) == 15


def test_a_row_without_its_try_number_is_refused() -> None:
    with pytest.raises(ValueError, match="without its try number"):
        SimpleTaskInstance.from_slim(compact(), ROW._replace(try_number=None), "run")


def test_a_copy_of_a_task_instance_has_its_values() -> None:
    assert SimpleTaskInstance.from_ti(SimpleNamespace(**VALUES)) == made()
    without = {
        name: value for name, value in VALUES.items() if name not in ("run_as_user", "priority_weight")
    }
    copied = SimpleTaskInstance.from_ti(SimpleNamespace(**without))
    assert copied == made(run_as_user=None, priority_weight=None)


@pytest.mark.parametrize("name", VALUES)
def test_each_value_counts_for_equality(name: str) -> None:
    assert made() == made()
    assert made() != made(**{name: "another"})
    assert made() != "made"


def test_it_comes_back_from_its_dictionary() -> None:
    with pytest.warns(DeprecationWarning, match="BaseSerialization.serialize"):
        as_dict = made(end_date=None).as_dict()
    assert as_dict["start_date"] == "2026-01-01T01:00:00+00:00"
    assert as_dict["end_date"] is None
    with pytest.warns(DeprecationWarning, match="BaseSerialization.deserialize"):
        assert SimpleTaskInstance.from_dict(as_dict) == made(end_date=None)


def test_a_date_without_a_zone_is_taken_for_utc() -> None:
    obj = {**VALUES, "key": tuple(VALUES["key"]), "end_date": None, "start_date": "2026-01-01T01:00:00"}
    with pytest.warns(DeprecationWarning):
        assert SimpleTaskInstance.from_dict(obj).start_date == DAY.replace(hour=1)


def test_it_is_neither_hashed_nor_pickled() -> None:
    with pytest.raises(TypeError, match="unhashable"):
        hash(made())
    with pytest.raises(TypeError, match="travels as MessagePack"):
        pickle.dumps(made())
