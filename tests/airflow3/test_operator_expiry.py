"""Operators are let go when their DAG object is made anew, and nobody who holds the old one is hurt."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import pytest

pytest.importorskip("airflow.sdk")

from bench.serialized import generate_document
from sched_cache.cache import L1
from sched_cache.format import decode_dag, encode_dag
from sched_cache.stats import Stats
from sched_cache_airflow.dags import operator_expiry
from sched_cache_airflow.hosts.airflow3.dags.dag import dag_of_compact


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Seconds that have passed for `operator_expiry`."""

    class Time:
        passed = 0.0

    real = operator_expiry.time.monotonic
    monkeypatch.setattr(operator_expiry.time, "monotonic", lambda: real() + Time.passed)
    return Time


def make_dag(shape: str = "layers") -> Any:
    encoded = encode_dag(generate_document(shape, 40), sort_keys=False)
    dag = dag_of_compact(decode_dag(encoded.hot, encoded.cold), load_op_links=False)
    assert dag is not None
    return dag


def use_all(dag: Any) -> list[Any]:
    return [dag.get_task(task_id) for task_id in dag.task_ids]


def test_after_a_minute_the_operators_are_let_go(time: Any) -> None:
    """And made again for whoever asks, over the same content, with the same answers."""
    dag = make_dag()
    old = use_all(dag)
    assert dag.renewed() is dag
    time.passed = 61.0
    renewed = dag.renewed()
    assert renewed is not dag and renewed.compact is dag.compact
    assert renewed.nbytes < dag.nbytes
    assert (renewed.last_loaded, renewed.timetable) == (dag.last_loaded, dag.timetable)
    for before, after in zip(old, use_all(renewed), strict=True):
        assert after is not before and after.dag is renewed
        assert after.task_id == before.task_id and after.upstream_task_ids == before.upstream_task_ids
    assert [dag.get_task(task.task_id) for task in old] == old


def test_few_operators_are_no_reason(time: Any) -> None:
    """Nothing would be gained."""
    dag = make_dag()
    for task_id in dag.task_ids[:8]:
        dag.get_task(task_id)
    time.passed = 3600.0
    assert dag.renewed() is dag


def test_task_groups_are_kept_longer(time: Any) -> None:
    """They cost the most to make."""
    dag = make_dag("groups")
    assert dag.task_group is not None
    time.passed = 61.0
    assert dag.renewed() is dag
    time.passed = 601.0
    renewed = dag.renewed()
    assert renewed is not dag
    assert list(renewed.task_group.children) == list(dag.task_group.children)
    assert renewed.task_dict.keys() == dag.task_dict.keys()


def test_what_is_in_memory_is_renewed_in_turn(time: Any) -> None:
    """A reader gets the old object or the new one, and the books follow."""
    l1: L1[Any] = L1(1 << 30, 10, Stats().l1)
    dag = make_dag()
    use_all(dag)
    l1.put("d", 1, "hash", dag)
    grown = l1.nbytes
    time.passed = 61.0
    l1.measure(32, lambda resident: resident.renewed())
    assert l1.get("d") is not dag and l1.nbytes < grown
    gone = weakref.ref(dag.get_task(dag.task_ids[0]))
    del dag
    gc.collect()
    assert gone() is None
