"""Task instances of 1.10 from rows; `tests/airflow1` compares them with the real ones."""

from __future__ import annotations

import copy
import pickle
from datetime import datetime, timedelta, timezone
from types import SimpleNamespace
from typing import Any

import pytest

from sched_cache.format import CompactDag, decode_dag, encode_dag
from sched_cache.scheduling import SlimTaskInstance
from sched_cache_airflow.simple_dag import SimpleTaskInstance

DAY = datetime(2026, 1, 1, tzinfo=timezone.utc)
STARTED, ENDED = DAY + timedelta(hours=1), DAY + timedelta(hours=1, microseconds=7)
TASK = {
    "task_id": "b",
    "pool": "warehouse",
    "queue": "big",
    "priority_weight": 3,
    "run_as_user": "worker",
    "executor": "celery",
    "executor_config": {"__type": "dict", "__var": {"k": {"__type": "dict", "__var": {"n": [1]}}}},
}


def compact(**fields: Any) -> CompactDag:
    tasks = [{"task_id": "a", "downstream_task_ids": ["b"]}, {**TASK, **fields}]
    return decode_dag(encode_dag({"dag": {"dag_id": "d", "tasks": tasks}}).hot)


def test_a_row_and_its_dag_say_what_the_hosts_object_would() -> None:
    simple = SimpleTaskInstance.from_slim(
        compact(), SlimTaskInstance("b", -1, "queued", 1, STARTED, ENDED), DAY
    )
    assert simple.values() == {
        "dag_id": "d",
        "task_id": "b",
        "execution_date": DAY,
        "start_date": STARTED,
        "end_date": ENDED,
        "try_number": 2,
        "state": "queued",
        "executor_config": {"k": {"n": [1]}},
        "run_as_user": "worker",
        "pool": "warehouse",
        "priority_weight": 3,
        "queue": "big",
    }
    assert simple.key == ("d", "b", DAY, 2)


def test_what_the_document_leaves_out_has_its_default() -> None:
    simple = SimpleTaskInstance.from_slim(compact(), SlimTaskInstance("a", -1, None, 0), DAY)
    assert (simple.pool, simple.queue, simple.executor_config) == ("default_pool", "default", {})
    assert simple.start_date is simple.end_date is None


@pytest.mark.parametrize(
    ("rule", "weights"), [("downstream", (4, 3)), ("upstream", (1, 4)), ("absolute", (1, 3))]
)
def test_the_priority_is_the_total_under_the_weight_rule(rule: str, weights: tuple[int, int]) -> None:
    tasks = [
        {"task_id": "a", "downstream_task_ids": ["b"], "weight_rule": rule},
        {**TASK, "weight_rule": rule},
    ]
    dag = decode_dag(encode_dag({"dag": {"dag_id": "d", "tasks": tasks}}).hot)
    rows = [SlimTaskInstance(name, -1, None, 0) for name in ("a", "b")]
    assert tuple(SimpleTaskInstance.from_slim(dag, row, DAY).priority_weight for row in rows) == weights


@pytest.mark.parametrize(("state", "try_number"), [("running", 1), ("queued", 2), (None, 2)])
def test_only_a_running_try_has_the_number_of_the_column(state: str | None, try_number: int) -> None:
    """1.10 counts tries when they begin, and names the one that comes."""
    simple = SimpleTaskInstance.from_slim(compact(), SlimTaskInstance("b", -1, state, 1), DAY)
    assert simple.try_number == try_number
    assert simple.key[-1] == try_number


def test_a_row_without_its_try_number_is_refused() -> None:
    with pytest.raises(ValueError, match="without its try number"):
        SimpleTaskInstance.from_slim(compact(), SlimTaskInstance("b", -1, "queued"), DAY)


def test_a_task_that_the_dag_does_not_have_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        SimpleTaskInstance.from_slim(compact(), SlimTaskInstance("gone", -1, "queued", 1), DAY)


def test_what_old_task_instances_lack_is_none() -> None:
    """As on the host: rows of before these columns."""
    names = ("dag_id", "task_id", "execution_date", "start_date", "end_date", "try_number", "state")
    ti = SimpleNamespace(**dict.fromkeys((*names, "executor_config", "queue", "key"), "x"))
    simple = SimpleTaskInstance(ti)
    assert simple.pool is simple.priority_weight is simple.values()["run_as_user"] is None


def test_two_are_equal_only_if_they_are_one() -> None:
    row = SlimTaskInstance("b", -1, "queued", 1)
    one, other = (SimpleTaskInstance.from_slim(compact(), row, DAY) for _ in range(2))
    assert one == one
    assert one != other


@pytest.mark.parametrize("transport", [pickle.dumps, copy.copy])
def test_it_is_never_pickled(transport: Any) -> None:
    simple = SimpleTaskInstance.from_slim(compact(), SlimTaskInstance("b", -1, "queued", 1), DAY)
    with pytest.raises(TypeError, match="travels as MessagePack"):
        transport(simple)
