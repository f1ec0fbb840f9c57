"""The DAGs of one loop, and the error for one that is not among them."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

import pytest

from sched_cache.errors import SchedCacheError
from sched_cache_airflow.simple_dag import SimpleDag, SimpleDagBag
from sched_cache_airflow.simple_dag.host_errors import UnknownDagError
from tests.unit.sched_cache_airflow.simple_dag.test_simple_dag import compact


def test_a_bag_finds_its_dags_by_id() -> None:
    first, second = SimpleDag(compact(_dag_id="one")), SimpleDag(compact(_dag_id="two"))
    bag = SimpleDagBag([first, second])
    assert bag.simple_dags == [first, second]
    assert list(bag.dag_ids) == ["one", "two"]
    assert bag.dag_id_to_simple_dag == {"one": first, "two": second}
    assert bag.get_dag("two") is second


def test_of_two_with_one_id_the_later_is_found() -> None:
    old, new = SimpleDag(compact()), SimpleDag(compact())
    assert SimpleDagBag([old, new]).get_dag("d") is new


def test_an_unknown_dag_is_an_error_in_the_hosts_words() -> None:
    with pytest.raises(UnknownDagError, match=r"^Unknown DAG ID nobody$"):
        SimpleDagBag([]).get_dag("nobody")


def test_the_error_is_the_hosts_where_the_host_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """A scheduler that catches `AirflowException` has imported it."""

    class AirflowException(Exception):
        pass

    exceptions: Any = ModuleType("airflow.exceptions")
    exceptions.AirflowException = AirflowException
    monkeypatch.setitem(sys.modules, "airflow.exceptions", exceptions)
    with pytest.raises(AirflowException) as raised:
        SimpleDagBag([]).get_dag("nobody")
    assert isinstance(raised.value, SchedCacheError)
