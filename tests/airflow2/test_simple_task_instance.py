"""Our simple task instances beside those of Airflow 2.11."""

from __future__ import annotations

import inspect
import pickle
import warnings
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from airflow.exceptions import AirflowException, RemovedInAirflow3Warning
from airflow.models.dag import DAG
from airflow.models.taskinstance import SimpleTaskInstance as HostSimpleTaskInstance
from airflow.models.taskinstance import TaskInstance
from airflow.models.taskinstancekey import TaskInstanceKey
from airflow.operators.empty import EmptyOperator
from airflow.serialization.serialized_objects import SerializedDAG
from airflow.utils.session import create_session
from airflow.utils.state import DagRunState
from airflow.utils.types import DagRunType

from sched_cache.format import decode_dag, encode_dag
from sched_cache.scheduling import SlimTaskInstance
from sched_cache_airflow.simple_dag import SimpleDagBag, airflow2, pack_task_instances, unpack_task_instances
from sched_cache_airflow.simple_dag import SimpleTaskInstance as OldSimpleTaskInstance
from tests.hosts.metadata_db import MetadataDb

DAY = datetime(2026, 1, 1, tzinfo=timezone.utc)


@pytest.fixture(scope="module")
def task_instances(migrated_db: MetadataDb) -> Iterator[tuple[DAG, list[Any]]]:
    """A DAG and the host's own task instances of a run of it, each in another state."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the host uses what its libraries deprecate
        with DAG("simple", start_date=DAY, schedule=None) as dag:
            first = EmptyOperator(task_id="first", pool="p", queue="q", priority_weight=4, run_as_user="u")
            first >> EmptyOperator(task_id="second", executor_config={"k": {"n": [1, None]}})
        with create_session() as session:
            dag.sync_to_db(session=session)
            run = dag.create_dagrun(
                run_type=DagRunType.MANUAL,
                execution_date=DAY,
                data_interval=(DAY, DAY),
                state=DagRunState.RUNNING,
                session=session,
            )
            tis = sorted(run.get_task_instances(session=session), key=lambda ti: ti.task_id)
            tis[0].state, tis[0].try_number, tis[0].start_date = "running", 2, DAY
            tis[0].end_date = DAY + timedelta(microseconds=7)
            session.flush()
            session.expunge_all()
        for ti in tis:
            ti.refresh_from_task(dag.get_task(ti.task_id))  # `run_as_user` is no column
        yield dag, tis


def test_arguments_are_the_hosts() -> None:
    ours, theirs = (
        list(inspect.signature(cls).parameters)
        for cls in (airflow2.SimpleTaskInstance, HostSimpleTaskInstance)
    )
    assert ours == theirs
    public = {name for name in dir(HostSimpleTaskInstance) if not name.startswith("_")}
    assert public <= set(dir(airflow2.SimpleTaskInstance))


def test_a_copy_has_the_hosts_values_and_text(task_instances: tuple[DAG, list[Any]]) -> None:
    for ti in task_instances[1]:
        ours, theirs = airflow2.SimpleTaskInstance.from_ti(ti), HostSimpleTaskInstance.from_ti(ti)
        assert vars(ours) == vars(theirs)
        assert list(vars(ours)) == list(vars(theirs))
        assert repr(ours) == repr(theirs)


def test_equality_is_the_hosts(task_instances: tuple[DAG, list[Any]]) -> None:
    for cls in (airflow2.SimpleTaskInstance, HostSimpleTaskInstance):
        one, same, other = (cls.from_ti(task_instances[1][number]) for number in (0, 0, 1))
        assert one == same
        assert one != other
        with pytest.raises(TypeError, match="unhashable"):
            hash(one)


def test_dictionaries_go_from_one_to_the_other(task_instances: tuple[DAG, list[Any]]) -> None:
    for ti in task_instances[1]:
        ours, theirs = airflow2.SimpleTaskInstance.from_ti(ti), HostSimpleTaskInstance.from_ti(ti)
        with pytest.warns(RemovedInAirflow3Warning):
            dictionary = ours.as_dict()
        with pytest.warns(RemovedInAirflow3Warning):
            assert dictionary == theirs.as_dict()
        with pytest.warns(RemovedInAirflow3Warning):
            assert vars(HostSimpleTaskInstance.from_dict(dict(dictionary))) == vars(theirs)
        with pytest.warns(RemovedInAirflow3Warning):
            assert airflow2.SimpleTaskInstance.from_dict(dict(dictionary)) == ours


def test_a_row_and_the_compact_dag_give_what_the_host_has(task_instances: tuple[DAG, list[Any]]) -> None:
    dag, tis = task_instances
    compact = decode_dag(encode_dag(SerializedDAG.to_dict(dag)).hot)
    for ti in tis:
        row = SlimTaskInstance(ti.task_id, -1, ti.state, ti.try_number, ti.start_date, ti.end_date)
        ours = airflow2.SimpleTaskInstance.from_slim(compact, row, ti.run_id)
        assert vars(ours) == vars(HostSimpleTaskInstance.from_ti(ti))
        assert isinstance(ours.key, TaskInstanceKey)


def test_they_come_back_from_a_fraction_of_the_hosts_pickles(task_instances: tuple[DAG, list[Any]]) -> None:
    ours = [airflow2.SimpleTaskInstance.from_ti(ti) for ti in task_instances[1]]
    assert unpack_task_instances(pack_task_instances(ours)) == ours
    many = []
    for number in range(1000):
        simple = HostSimpleTaskInstance.from_ti(task_instances[1][0])
        simple.task_id = f"task_{number}"
        simple.key = TaskInstanceKey("simple", simple.task_id, simple.run_id, simple.try_number, -1)
        many.append(simple)
    packed = pack_task_instances(airflow2.SimpleTaskInstance.from_ti(simple) for simple in many)
    assert len(packed) * 5 <= len(pickle.dumps(many, pickle.HIGHEST_PROTOCOL))


@pytest.mark.parametrize("locked", [False, True])
def test_the_row_of_a_1_10_task_instance_is_found(
    task_instances: tuple[DAG, list[Any]], locked: bool
) -> None:
    """`construct_task_instance` of 1.10, on the tables of 2.11."""
    dag, tis = task_instances
    compact = decode_dag(encode_dag(SerializedDAG.to_dict(dag)).hot)
    simple = OldSimpleTaskInstance.from_slim(compact, SlimTaskInstance("first", -1, "running", 2), DAY)
    absent = OldSimpleTaskInstance.from_slim(
        compact, SlimTaskInstance("first", -1, "running", 2), DAY + timedelta(days=1)
    )
    with create_session() as session:
        found = simple.construct_task_instance(session, lock_for_update=locked)
        assert isinstance(found, TaskInstance)
        assert (found.task_id, found.run_id) == ("first", tis[0].run_id)
        assert absent.construct_task_instance(session, lock_for_update=locked) is None
    alone = simple.construct_task_instance()
    assert alone is not None and alone.task_id == "first"


def test_the_error_of_a_bag_is_the_hosts() -> None:
    with pytest.raises(AirflowException, match="Unknown DAG ID nobody"):
        SimpleDagBag([]).get_dag("nobody")
