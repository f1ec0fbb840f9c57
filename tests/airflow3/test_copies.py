"""A DAG, a task, a group can be pickled and copied as on stock, and read where the plugin is not."""

from __future__ import annotations

import json
import pickle
from typing import Any

import pytest

pytest.importorskip("airflow.sdk")

from airflow.models.taskinstance import TaskInstance

from sched_cache_airflow.hosts.airflow3.dags.document import dag_of
from sched_cache_airflow.hosts.airflow3.dags.serialization import DagSerialization, SerializedBaseOperator
from tests.airflow3.support.every_kind import base_document
from tests.support import copies

_FIELDS = (
    "dag_id",
    "task_id",
    "group_id",
    "retries",
    "outlets",
    "params",
    "start_date",
    "upstream_task_ids",
    "pool",
    "tags",
)


def ours() -> Any:
    return dag_of(base_document(), load_op_links=True)


def test_what_comes_back_is_what_comes_back_on_stock() -> None:
    """Every protocol, every kind of copy, every kind of object: the host's class, and the host's values."""
    stock = DagSerialization.from_dict(json.loads(json.dumps(base_document())))
    assert copies.differences(stock, ours(), _FIELDS) == []


def test_a_dag_and_its_task_stay_together() -> None:
    """One pickle of both holds one DAG."""
    copies.check_identity(ours())


def test_changes_survive() -> None:
    """Assigned attributes are in every copy."""
    copies.check_changes_survive(ours())


def test_the_pickle_needs_no_plugin() -> None:
    """Nothing of ours is named in it."""
    copies.check_needs_no_plugin(ours())


def test_a_task_instance_with_its_task() -> None:
    """A listener sends what it was given: the task comes along as the host's own."""
    task = ours().get_task("plain")
    ti = TaskInstance.__new__(TaskInstance)
    TaskInstance.__init__(ti, task=task, run_id="r", dag_version_id=None)
    back = pickle.loads(pickle.dumps(ti))
    assert type(back.task) is SerializedBaseOperator
    assert back.task.task_id == "plain"


def test_what_is_inside() -> None:
    """Code that looks into objects finds what it finds on stock."""
    copies.check_insides(DagSerialization.from_dict(json.loads(json.dumps(base_document()))), ours())
    copies.check_task_dict_counts(ours())
