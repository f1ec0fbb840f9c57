"""The bag of Airflow 2.11 and how old its DAGs may be; each race is lost by stock, or it would prove nothing."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from typing import Any
from unittest import mock

import pytest
from airflow.jobs.job import Job
from airflow.jobs.scheduler_job_runner import SchedulerJobRunner
from airflow.models.dag import DAG, DagModel
from airflow.models.dagrun import DagRun
from airflow.models.serialized_dag import SerializedDagModel
from airflow.models.taskinstance import TaskInstance
from airflow.operators.empty import EmptyOperator
from airflow.operators.subdag import SubDagOperator
from airflow.utils.session import create_session
from airflow.utils.state import DagRunState
from airflow.utils.types import DagRunType
from sqlalchemy import select

from sched_cache_airflow.hosts.installed import host_process, runtime
from tests.hosts.statements import statements

DAY = datetime(2026, 1, 1, tzinfo=timezone.utc)
_N_REPETITIONS = 100 if os.environ.get("SCHED_CACHE_END_TO_END") else 5


@contextmanager
def stock() -> Iterator[None]:
    yield


@contextmanager
def plugin() -> Iterator[None]:
    host_process().install()
    try:
        yield
    finally:
        host_process().uninstall()


@pytest.fixture(params=[stock, plugin], ids=["stock", "plugin"])
def has_plugin(request: pytest.FixtureRequest, airflow_db: None) -> Iterator[bool]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the host uses what its libraries deprecate
        with request.param():
            yield request.param is plugin


@pytest.fixture
def installed(airflow_db: None) -> Iterator[None]:
    with warnings.catch_warnings(), plugin():
        warnings.simplefilter("ignore")
        yield


def made(dag_id: str, tasks: Sequence[str]) -> DAG:
    with DAG(dag_id, start_date=DAY, schedule=None) as dag:
        for task_id in tasks:
            EmptyOperator(task_id=task_id)
    return dag


def write(dag_id: str, tasks: Sequence[str]) -> DAG:
    """Commits a content, like a DAG processor."""
    dag = made(dag_id, tasks)
    with create_session() as session:
        dag.sync_to_db(session=session)
        SerializedDagModel.write_dag(dag, session=session)
        session.query(DagModel).filter(DagModel.dag_id == dag_id).update({"is_paused": False})
    return dag


def remove(dag_id: str) -> None:
    with create_session() as session:
        SerializedDagModel.remove_dag(dag_id, session=session)


def new_bag() -> Any:
    from airflow.models.dagbag import DagBag

    return DagBag(read_dags_from_db=True, load_op_links=False, collect_dags=False)


def tasks_of(bag: Any, dag_id: str) -> set[str] | None:
    dag = bag.get_dag(dag_id)
    return None if dag is None else set(dag.task_dict)


class Loop:
    """A scheduler that makes decisions and starts nothing."""

    def __init__(self) -> None:
        executor = mock.Mock(slots_available=0, name="executor")
        self.runner = SchedulerJobRunner(job=Job(executor=executor))
        self.runner.dagbag = new_bag()

    def run(self) -> None:
        with create_session() as session:
            self.runner._do_scheduling(session)

    def age_bag(self) -> None:
        """Has the host's bag look into the database again."""
        fetched = self.runner.dagbag.dags_last_fetched
        for dag_id in fetched:
            fetched[dag_id] -= timedelta(hours=1)


def start_run(dag: DAG) -> None:
    with create_session() as session:
        dag_hash = SerializedDagModel.get_latest_version_hash(dag.dag_id, session=session)
        dag.create_dagrun(
            run_type=DagRunType.MANUAL,
            execution_date=DAY,
            data_interval=(DAY, DAY),
            state=DagRunState.RUNNING,
            dag_hash=dag_hash,
            session=session,
        )


def instances_of(dag_id: str) -> set[str]:
    with create_session() as session:
        return set(session.scalars(select(TaskInstance.task_id).where(TaskInstance.dag_id == dag_id)))


def end_runs(dag_id: str) -> None:
    with create_session() as session:
        session.query(DagRun).filter(DagRun.dag_id == dag_id).update({"state": DagRunState.FAILED})


def lost_by_a_stale_verification(loop: Loop, dag_id: str) -> bool:
    """Whether a task that was added while a run was going on never gets an instance in it."""
    start_run(write(dag_id, ["a", "b"]))
    loop.run()
    assert instances_of(dag_id) == {"a", "b"}
    write(dag_id, ["a", "c"])
    for _ in range(2):
        loop.run()
        # However long one waits: the second time the host's bag is up to date.
        loop.age_bag()
    loop.run()
    is_lost = "c" not in instances_of(dag_id)
    end_runs(dag_id)
    return is_lost


def test_a_run_gets_the_tasks_of_the_hash_it_is_given(has_plugin: bool) -> None:
    """Every time; stock gives the run the hash of a DAG by which it was not verified."""
    loop, lost = Loop(), []
    for number in range(_N_REPETITIONS):
        dag_id = f"verified_{has_plugin}_{number}"
        lost.append(lost_by_a_stale_verification(loop, dag_id))
    assert lost == [not has_plugin] * len(lost)


def test_a_changed_dag_is_used_in_the_next_loop(has_plugin: bool) -> None:
    """Stock serves the old one for ten seconds."""
    dag_id, seen = f"changed_{has_plugin}", []
    start_run(write(dag_id, ["a", "b"]))
    loop = Loop()
    update_state = DagRun.update_state

    def noting(run: Any, *args: Any, **options: Any) -> Any:
        if run.dag_id == dag_id:
            seen.append(set(run.get_dag().task_dict))
        return update_state(run, *args, **options)

    with mock.patch.object(DagRun, "update_state", noting):
        loop.run()
        write(dag_id, ["a", "b", "c"])
        loop.run()
    end_runs(dag_id)
    assert seen == [{"a", "b"}, {"a", "b", "c"} if has_plugin else {"a", "b"}]


@pytest.mark.parametrize(
    "change", [lambda: write("outside", ["b"]), lambda: remove("outside")], ids=["changed", "removed"]
)
def test_outside_of_a_loop_a_dag_is_as_old_as_the_operator_allows(
    installed: None, change: Callable[[], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [1000.0]
    monkeypatch.setattr("sched_cache_airflow.hosts.airflow2.dags.dag_bag.time.monotonic", lambda: now[0])
    runtime().maintenance.close()  # or the bag would hear of it at once
    write("outside", ["a"])
    bag = new_bag()
    assert tasks_of(bag, "outside") == {"a"}
    assert runtime().contents.publisher.drain(20)  # that tells this process, too
    assert tasks_of(bag, "outside") == {"a"}
    change()
    bound = runtime().settings.config.max_staleness_seconds
    assert bound > 0
    now[0] += bound * 0.9
    assert tasks_of(bag, "outside") == {"a"}
    now[0] += bound * 0.2
    current = tasks_of(bag, "outside")
    assert current != {"a"}
    assert set(bag.dags) == set(bag.dags_hash) == set(bag.dags_last_fetched)
    assert (current is None) == ("outside" not in bag.dags)


def test_the_hash_of_the_bag_is_that_of_its_dag(installed: None) -> None:
    """The scheduler gives it to the runs that it creates."""
    bag = new_bag()
    for tasks in (["a"], ["b"]):
        write("hashed", tasks)
        bag._settled.clear()
        assert tasks_of(bag, "hashed") == set(tasks)
        with create_session() as session:
            assert bag.dags_hash["hashed"] == SerializedDagModel.get_latest_version_hash(
                "hashed", session=session
            )


def test_the_hashes_of_a_loop_are_one_query(installed: None) -> None:
    dag_ids = [f"many_{number}" for number in range(10)]
    for dag_id in dag_ids:
        start_run(write(dag_id, ["a", "b"]))
    loop = Loop()
    loop.run()
    with statements() as sent:
        loop.run()
    for dag_id in dag_ids:
        end_runs(dag_id)
    # The host itself reads whole rows of those that wait for datasets.
    about_dags = [
        statement for statement in sent if "FROM serialized_dag" in statement and ".data," not in statement
    ]
    assert len(about_dags) == 1, about_dags


def test_a_subdag_is_found_and_renewed_with_its_parent(installed: None) -> None:
    def write_parent(tasks: Sequence[str], child: str = "child") -> None:
        with DAG("parent", start_date=DAY, schedule=None) as parent:
            SubDagOperator(task_id=child, subdag=made(f"parent.{child}", tasks))
        parent.subdags[0].parent_dag = parent  # as the host does when it reads the file
        with create_session() as session:
            DAG.bulk_write_to_db([parent, *parent.subdags], session=session)
            SerializedDagModel.write_dag(parent, session=session)

    write_parent(["a"])
    bag = new_bag()
    assert tasks_of(bag, "parent.child") == {"a"}
    write_parent(["b"])
    bag._settled.clear()
    assert tasks_of(bag, "parent.child") == {"b"}
    write_parent(["b"], child="other")
    bag._settled.clear()
    assert tasks_of(bag, "parent.child") is None
    assert tasks_of(bag, "parent.other") == {"b"}
    remove("parent")
    bag._settled.clear()
    assert tasks_of(bag, "parent.other") is None
    assert bag.dags == {}


def test_our_own_bugs_are_the_hosts_answers(installed: None, monkeypatch: pytest.MonkeyPatch) -> None:
    write("fallback", ["a"])
    bag = new_bag()
    monkeypatch.setattr(type(bag), "_current_dag", mock.Mock(side_effect=ZeroDivisionError))
    assert tasks_of(bag, "fallback") == {"a"}
    assert runtime().stats.fallbacks["get_dag"] == 1


def test_an_excluded_dag_stays_on_the_hosts_path(installed: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__SCHED_CACHE__EXCLUDE_DAGS", "left_*")
    from sched_cache_airflow.hosts.installed import discard_runtime

    discard_runtime()
    write("left_alone", ["a"])
    bag = new_bag()
    assert tasks_of(bag, "left_alone") == {"a"}
    write("left_alone", ["b"])
    bag._settled.clear()
    assert tasks_of(bag, "left_alone") == {"a"}


def test_what_was_replaced_is_given_back(airflow_db: None) -> None:
    from airflow.jobs import scheduler_job_runner
    from airflow.models import dagbag

    before = dict(vars(SchedulerJobRunner)), scheduler_job_runner.DagBag, dagbag.DagBag
    with plugin():
        assert dagbag.DagBag is not before[2]
        host_process().install()
    assert (dict(vars(SchedulerJobRunner)), scheduler_job_runner.DagBag, dagbag.DagBag) == before
