"""When the fast path is taken, and what makes the plugin leave a run to the host."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from random import Random
from typing import Any
from unittest import mock

import pytest
from airflow.models import DagRun, TaskInstance
from airflow.serialization.serialized_objects import DagSerialization
from airflow.utils.session import create_session
from sqlalchemy import select, update

from sched_cache.format import decode_dag, encode_dag
from sched_cache.scheduling import AIRFLOW_3
from sched_cache.scheduling.effective_leaves import effective_leaves
from sched_cache_airflow import airflow3
from sched_cache_airflow.airflow3 import host_code
from sched_cache_airflow.airflow3.runtime import runtime
from sched_cache_airflow.fast_path import stand_ins
from sched_cache_airflow.fast_path.fast_path import FastPath
from sched_cache_airflow.fast_path.run_view import RunView
from sched_cache_airflow.host_code import digests
from tests.airflow3.support.decided_runs import DecidedDag
from tests.airflow3.support.home import option
from tests.airflow3.support.metadata_db import MetadataDb
from tests.airflow3.support.scheduler import Scheduler
from tests.airflow3.support.subject import ON
from tests.support.scheduling import RunSpec, TaskSpec, document_of, random_run

NO_ROW = "no row"
CHAIN = [TaskSpec("a", ["b"]), TaskSpec("b", ["c"]), TaskSpec("c")]


@contextmanager
def plugin(**options: str) -> Iterator[Scheduler]:
    """A scheduler with the plugin in charge of this process."""
    chosen = {option("sched_cache", name): value for name, value in options.items()}
    with mock.patch.dict(os.environ, {**ON, option("sched_cache", "publish_contents"): "False", **chosen}):
        airflow3.install()
        try:
            scheduler = Scheduler()
            scheduler.runner.executor.parallelism = 0
            yield scheduler
        finally:
            airflow3.uninstall()


def store(
    *states: str | None,
    dag_id: str = "chain",
    tasks: Sequence[TaskSpec] = CHAIN,
    dag_fields: Mapping[str, Any] | None = None,
    **options: Any,
) -> None:
    """A DAG with one running run, its task instances in these states. `options`: further fields of `RunSpec`."""
    rows = {(task.task_id, -1): state for task, state in zip(tasks, states, strict=True) if state != NO_ROW}
    spec = RunSpec(list(tasks), rows, **options)
    with (
        create_session(scoped=False) as session,
        mock.patch("tests.support.scheduling.decided_dag.random_run", return_value=spec),
        mock.patch("tests.support.scheduling.decided_dag.with_further_fields", lambda _, task: task),
        mock.patch("tests.support.scheduling.decided_dag.dag_fields", return_value=dag_fields or {}),
    ):
        # A `Random` of ones: no further runs.
        DecidedDag(
            session, mock.Mock(spec=Random, random=lambda: 1.0, choice=lambda values: values[0]), dag_id
        )


def states(dag_id: str = "chain") -> list[str | None]:
    with create_session(scoped=False) as session:
        query = select(TaskInstance.state).where(TaskInstance.dag_id == dag_id)
        return list(session.scalars(query.order_by(TaskInstance.task_id)))


def run_state(dag_id: str = "chain") -> str:
    with create_session(scoped=False) as session:
        return str(session.scalar(select(DagRun._state).where(DagRun.dag_id == dag_id)))


@contextmanager
def counting_loaded() -> Iterator[list[str]]:
    """The tasks whose instances are loaded as the host's objects while the block runs."""
    from sqlalchemy import event

    loaded: list[str] = []

    def note(ti: Any, _: Any) -> None:
        loaded.append(ti.task_id)

    event.listen(TaskInstance, "load", note)
    try:
        yield loaded
    finally:
        event.remove(TaskInstance, "load", note)


def test_only_what_can_move_becomes_an_object(airflow_db: MetadataDb) -> None:
    """Blocked and finished task instances stay rows."""
    store("success", None, None)
    with plugin() as scheduler, counting_loaded() as loaded:
        scheduler.loop()
        assert runtime().fast_path.n_decided == 1
    assert states() == ["success", "scheduled", None]
    assert set(loaded) == {"b"}


def test_a_run_that_ends_needs_no_objects(airflow_db: MetadataDb) -> None:
    """The host asks for the states of the leaves and for the first start."""
    store("success", "failed", "upstream_failed")
    with plugin() as scheduler, counting_loaded() as loaded:
        scheduler.loop()
        assert runtime().fast_path.n_decided == 1
        assert not runtime().stats.fallbacks
    assert run_state() == "failed"
    assert loaded == []


def test_the_callback_of_a_run_that_ends_names_the_task_instance_that_ended_last(
    airflow_db: MetadataDb,
) -> None:
    """Of two that ended at once the first, as on stock; no other one is loaded."""
    store("success", "success", "success", dag_fields={"has_on_success_callback": True})
    with create_session(scoped=False) as session:
        ended = datetime(2026, 1, 1, tzinfo=timezone.utc)
        for task_id, minutes in (("a", 0), ("b", 1), ("c", 1)):
            session.execute(
                update(TaskInstance)
                .where(TaskInstance.task_id == task_id)
                .values(end_date=ended + timedelta(minutes=minutes))
            )
    sent: list[Any] = []
    with (
        plugin() as scheduler,
        counting_loaded() as loaded,
        mock.patch.object(scheduler.runner.executor, "send_callback", sent.append),
    ):
        scheduler.loop()
    assert [callback.context_from_server.last_ti.task_id for callback in sent] == ["b"]
    assert loaded == ["b"]


@pytest.mark.parametrize("state", [None, "failed"])
def test_a_run_does_not_end_by_rows_that_are_no_longer_true(
    airflow_db: MetadataDb, state: str | None
) -> None:
    """A task instance is cleared or marked right after the rows were read: the host reads the run itself."""
    store("success", "success", "success")
    read = FastPath._view

    def read_and_change(*arguments: Any) -> Any:
        view = read(*arguments)
        with create_session(scoped=False) as session:
            session.execute(update(TaskInstance).where(TaskInstance.task_id == "c").values(state=state))
        return view

    with plugin() as scheduler, mock.patch.object(FastPath, "_view", read_and_change):
        scheduler.loop()
        assert runtime().fast_path.n_decided == 0
    assert run_state() == ("running" if state is None else "failed")


def test_a_run_that_lost_a_task_ends_as_on_stock(airflow_db: MetadataDb) -> None:
    """The removed one is told by its task, which the content does not have: the host's to read."""
    store("success", "success", "removed")
    with create_session(scoped=False) as session:
        session.execute(update(TaskInstance).where(TaskInstance.task_id == "c").values(task_id="gone"))
    with plugin() as scheduler, mock.patch.object(type(runtime().reconciler), "reconcile"):
        scheduler.loop()
        assert runtime().fast_path.n_decided == 0
        assert not runtime().stats.fallbacks
    assert run_state() == "success"


def test_the_leaves_that_count_are_those_of_the_host(airflow_db: MetadataDb) -> None:
    """Of random DAGs, with teardowns that may fail the run and others."""
    n_with_teardowns = 0
    for seed in range(300):
        random = Random(seed)
        tasks = [_perhaps_failing(random, task) for task in random_run(random, max_tasks=10).tasks]
        n_with_teardowns += any(task.fields.get("is_teardown") for task in tasks)
        document = document_of(tasks, "airflow3", "dag")
        dag = DagSerialization.from_dict(document)
        stand_ins = [mock.Mock(task_id=task_id, state=None) for task_id in dag.task_dict]
        expected = DagRun._tis_for_dagrun_state(mock.Mock(), dag=dag, tis=stand_ins)
        compact = decode_dag(encode_dag(document).hot)
        found = {compact.task_ids[index] for index in effective_leaves(compact, AIRFLOW_3)}
        assert found == {ti.task_id for ti in expected}, seed
    assert n_with_teardowns > 30


def _perhaps_failing(random: Random, task: TaskSpec) -> TaskSpec:
    if not task.fields.get("is_teardown") or random.random() < 0.5:
        return task
    return replace(task, fields={**task.fields, "on_failure_fail_dagrun": True})


@pytest.mark.parametrize(
    "options",
    [{"fast_path": "False"}, {"fast_path_exclude_dags": "ch*"}, {"exclude_dags": "chain"}],
)
def test_the_operator_may_switch_it_off(airflow_db: MetadataDb, options: dict[str, str]) -> None:
    """Altogether or by DAG; the run is decided all the same."""
    store("success", None, None)
    with plugin(**options) as scheduler:
        scheduler.loop()
        assert runtime().fast_path.n_decided == 0
        assert not runtime().stats.fallbacks, "what the operator wants is no fallback"
    assert states() == ["success", "scheduled", None]


def _replaced_method() -> Any:
    stock = vars(DagRun)["update_state"]
    return mock.patch.object(DagRun, "update_state", lambda self, **options: stock(self, **options))


def _other_release() -> Any:
    path = "airflow.models.dagrun:DagRun._get_ready_tis"
    return mock.patch.dict(host_code.PINNED, {path: "0" * 16})


def _other_module() -> Any:
    return mock.patch.dict(host_code.PINNED, {"airflow.ti_deps.deps.trigger_rule_dep:": "0" * 16})


@pytest.mark.parametrize(
    ("change", "is_first_loop"),
    [(_replaced_method, True), (_replaced_method, False), (_other_release, True), (_other_module, True)],
)
def test_unknown_code_of_the_host_is_left_alone(
    airflow_db: MetadataDb, change: Callable[[], Any], is_first_loop: bool
) -> None:
    """A method that somebody else replaced, before or after our first loop, or the code of another release."""
    store("success", None, None)
    with plugin() as scheduler:
        if not is_first_loop:
            scheduler.loop()
        n_decided = runtime().fast_path.n_decided
        with change():
            scheduler.loop()
        assert runtime().fast_path.n_decided == n_decided
        assert any(reason.startswith("fast path: ") for reason in runtime().stats.fallbacks)
    assert states() == ["success", "scheduled", None]


def test_the_pinned_code_is_that_of_the_installed_host() -> None:
    """Otherwise the fast path would never be taken."""
    assert digests(host_code.PINNED) == dict(host_code.PINNED)


def test_a_wrapper_that_only_observes_is_no_change(airflow_db: MetadataDb) -> None:
    """Whoever measures the host's functions may say so."""
    stock = vars(DagRun)["update_state"]

    def observed(self: Any, **options: Any) -> Any:
        return stock(self, **options)

    observed.__wrapped__ = stock  # type: ignore[attr-defined]  # as functools.wraps does
    observed.sched_cache_observes_only = True  # type: ignore[attr-defined]  # read by HostCode
    store("success", None, None)
    with plugin() as scheduler, mock.patch.object(DagRun, "update_state", observed):
        scheduler.loop()
        assert runtime().fast_path.n_decided == 1


@pytest.mark.parametrize("where", ["view", "decision"])
def test_a_failure_of_ours_leaves_the_dag_to_the_host(airflow_db: MetadataDb, where: str) -> None:
    """Before the host's pass it is at once its turn; in the middle of the pass, in the next loop."""
    store("success", None, None)
    broken = {"view": (RunView, "asked"), "decision": (stand_ins.Candidates, "__iter__")}[where]
    with plugin() as scheduler:
        with mock.patch.object(*broken, side_effect=RuntimeError("ours")):
            scheduler.loop()
        assert states()[1] == ("scheduled" if where == "view" else None)
        scheduler.loop()
        assert runtime().fast_path.n_decided == 0
        assert sum(runtime().stats.fallbacks.values()) == 1
    assert states() == ["success", "scheduled", None]


def test_a_task_instance_without_a_task_is_the_hosts(airflow_db: MetadataDb) -> None:
    """It is the host that marks it as removed; afterwards it is in nobody's way."""
    store("success", None, None)
    with create_session(scoped=False) as session:
        ti = session.scalars(select(TaskInstance).where(TaskInstance.task_id == "c")).one()
        ti.task_id = "gone"
    with plugin() as scheduler, mock.patch.object(type(runtime().reconciler), "reconcile"):
        scheduler.loop()
        assert list(runtime().stats.fallbacks) == ["fast path: task instance without a task"]
        scheduler.loop()
        assert runtime().fast_path.n_decided == 1
    assert states() == ["success", "scheduled", "removed"]


def test_rows_that_became_old_are_read_again(airflow_db: MetadataDb) -> None:
    """Between reading the runs of a loop and deciding one of them may lie the decisions of many others."""
    store("success", "running", None)
    with plugin() as scheduler, mock.patch("sched_cache_airflow.fast_path.loop_views.MAX_AGE_SECONDS", -1.0):
        scheduler.loop()
        assert runtime().fast_path.n_decided == 1
    assert states() == ["success", "running", None]


def test_a_run_is_not_given_up_by_rows_that_are_no_longer_true(airflow_db: MetadataDb) -> None:
    """The only running task ends right after the rows were read: no deadlock, the next loop sees it.

    1. The rows: b runs, though a, above it, has none. No task instance can become ready.
    2. A worker ends b.
    3. The host finds nobody runnable, as it would with b still running: then the run would be deadlocked.
    """
    store(NO_ROW, "running", tasks=[TaskSpec("a", ["b"]), TaskSpec("b")])
    read = FastPath._view

    def read_and_end(*arguments: Any) -> Any:
        view = read(*arguments)
        with create_session(scoped=False) as session:
            session.scalars(select(TaskInstance).where(TaskInstance.task_id == "b")).one().state = "success"
        return view

    with plugin() as scheduler, mock.patch.object(type(runtime().reconciler), "reconcile"):
        with mock.patch.object(FastPath, "_view", read_and_end):
            scheduler.loop()
        assert runtime().fast_path.n_decided == 1
        assert run_state() == "running"
        scheduler.loop()
    assert run_state() == "success"


def test_a_skip_decision_acts_on_a_task_that_waits_for_others(airflow_db: MetadataDb) -> None:
    """Blocked by its trigger rule, but the host skips it."""
    tasks = [
        TaskSpec("a", ["c"], fields={"_can_skip_downstream": True}),
        TaskSpec("b", ["c"]),
        TaskSpec("c"),
    ]
    store("success", "running", None, tasks=tasks, decisions={("a", -1): {"followed": []}})
    with plugin() as scheduler:
        scheduler.loop()
        assert runtime().fast_path.n_decided == 1
    assert states() == ["success", "running", "skipped"]


@pytest.mark.parametrize(
    ("fields", "state", "expected"),
    [
        ({}, None, "failed"),
        ({"depends_on_past": True}, None, "running"),
        ({"max_active_tis_per_dag": 1}, None, "running"),
        ({"max_active_tis_per_dagrun": 1}, None, "running"),
        ({}, "deferred", "running"),
    ],
)
def test_a_run_that_may_go_on_is_not_deadlocked(
    airflow_db: MetadataDb, fields: dict[str, Any], state: str | None, expected: str
) -> None:
    """Nothing can be scheduled: a, above b and c, has no row. What is said of b holds, whatever c is like."""
    tasks = [TaskSpec("a", ["b", "c"]), TaskSpec("b", fields=fields), TaskSpec("c")]
    store(NO_ROW, state, None, tasks=tasks)
    with plugin() as scheduler, mock.patch.object(type(runtime().reconciler), "reconcile"):
        scheduler.loop()
        assert runtime().fast_path.n_decided == 1
    assert run_state() == expected


def test_an_expansion_to_nothing_may_end_a_run(airflow_db: MetadataDb) -> None:
    """In the same pass, and by the states of all leaves."""
    tasks = [TaskSpec("a", ["b"]), TaskSpec("b", over="a"), TaskSpec("c")]
    store("success", None, "failed", tasks=tasks, lengths={"a": 0})
    with plugin() as scheduler:
        scheduler.loop()
        assert runtime().fast_path.n_decided == 1
    assert states() == ["success", "skipped", "failed"]
    assert run_state() == "failed"


def test_shadow_mode_agrees_and_lets_the_host_decide(airflow_db: MetadataDb) -> None:
    """What both ways did is undone; the run is then decided once."""
    store("success", None, None)
    with plugin(shadow_share="1.0") as scheduler:
        scheduler.loop()
        shadow = runtime().fast_path.shadow
        assert (shadow.n_compared, shadow.n_differences) == (1, 0)
        assert runtime().fast_path.n_decided == 0
        scheduler.loop()
        assert shadow.n_compared == 2
    assert states() == ["success", "scheduled", None]


def test_a_difference_switches_the_dag_off(airflow_db: MetadataDb, caplog: pytest.LogCaptureFixture) -> None:
    """It is logged with what it takes to see it again, and other DAGs are not concerned."""
    store("success", None, None)
    store("success", None, None, dag_id="other")
    with plugin(shadow_share="1.0") as scheduler:
        asked = RunView.asked

        def none_of_chain(view: RunView, host_pass: Any, dag_run: Any, session: Any) -> list[int]:
            return [] if dag_run.dag_id == "chain" else asked(view, host_pass, dag_run, session)

        with mock.patch.object(RunView, "asked", none_of_chain):
            scheduler.loop()
        shadow = runtime().fast_path.shadow
        assert (shadow.n_compared, shadow.n_differences) == (2, 1)
        assert "would have decided run run of DAG chain otherwise" in caplog.text
        assert "schedulable: () instead of (('b', -1),)" in caplog.text
        assert "Reproduction: content " in caplog.text
        scheduler.loop()
        assert shadow.n_compared == 3, "the other DAG alone"
    assert states() == ["success", "scheduled", None]
