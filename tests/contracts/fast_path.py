"""When the fast path is taken, and what makes the plugin leave a run to the host: the same on both hosts.

The fixture `fast_host` says how that host is driven.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from random import Random
from typing import Any
from unittest import mock

import pytest
from airflow import settings
from airflow.models import DagRun, TaskInstance
from sqlalchemy import event, select
from sqlalchemy.orm import Session

from sched_cache.format import decode_dag, encode_dag
from sched_cache.scheduling import HostRules
from sched_cache.scheduling.effective_leaves import effective_leaves
from sched_cache_airflow.certification.dag_document import TaskSpec, document_of
from sched_cache_airflow.certification.decided_dag import DecidedDag
from sched_cache_airflow.certification.random_run import RunSpec, random_run
from sched_cache_airflow.fast_path import stand_ins
from sched_cache_airflow.fast_path.fast_path import FastPath
from sched_cache_airflow.fast_path.run_view import RunView
from sched_cache_airflow.hosts.shared.certification.sorted_task_instances import sorted_task_instances
from sched_cache_airflow.patching.code_table import known_code
from sched_cache_airflow.releases import Host

NO_ROW = "no row"
CHAIN = [TaskSpec("a", ["b"]), TaskSpec("b", ["c"]), TaskSpec("c")]


@dataclass(frozen=True, slots=True)
class FastHost:
    """A host with an empty database.

    plugin: a scheduler with the plugin in charge of this process, by these options. runtime: the plugin's state.
    dag_class: how a DAG is stored. from_document: the host's DAG of a document. rules: what the proof knows of it.
    served: its row in the table of releases. unreconciled: within the block a run keeps task instances that its DAG
    does not have, and lacks others. acts_on_skip_decisions: whether the host skips the tasks below one that has decided
    so; it does not where it expects that of operators only that it has not stored.
    """

    plugin: Callable[..., AbstractContextManager[Any]]
    runtime: Callable[[], Any]
    dag_class: type[DecidedDag]
    from_document: Callable[[dict[str, Any]], Any]
    rules: HostRules
    served: Host
    unreconciled: Callable[[], AbstractContextManager[Any]]
    acts_on_skip_decisions: bool = True

    @property
    def fast_path(self) -> FastPath:
        found: FastPath = self.runtime().fast_path
        return found

    def store(
        self,
        *states: str | None,
        dag_id: str = "chain",
        tasks: Sequence[TaskSpec] = CHAIN,
        dag_fields: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> None:
        """A DAG with one running run, its task instances in these states. `options`: further fields of `RunSpec`."""
        rows = {(task.task_id, -1): state for task, state in zip(tasks, states, strict=True)}
        spec = RunSpec(list(tasks), {key: state for key, state in rows.items() if state != NO_ROW}, **options)
        module = "sched_cache_airflow.certification.decided_dag"
        with (
            database() as session,
            mock.patch(f"{module}.random_run", return_value=spec),
            mock.patch(f"{module}.with_further_fields", lambda _, task: task),
            mock.patch(f"{module}.dag_fields", return_value=dict(dag_fields or {})),
        ):
            # A `Random` of ones: no further runs.
            ones = mock.Mock(spec=Random, random=lambda: 1.0, choice=lambda values: values[0])
            self.dag_class(session, ones, dag_id)


@contextmanager
def database() -> Iterator[Session]:
    """A session of its own, committed in the end."""
    with Session(settings.engine, autoflush=False, expire_on_commit=False) as session:
        yield session
        session.commit()


def states(dag_id: str = "chain") -> list[str | None]:
    with database() as session:
        query = select(TaskInstance.state).where(TaskInstance.dag_id == dag_id)
        return list(session.scalars(query.order_by(TaskInstance.task_id, TaskInstance.map_index)))


def run_state(dag_id: str = "chain") -> str:
    with database() as session:
        return str(session.scalar(select(DagRun._state).where(DagRun.dag_id == dag_id)))


def task_instance(task_id: str, session: Session) -> Any:
    return session.scalars(select(TaskInstance).where(TaskInstance.task_id == task_id)).one()


@contextmanager
def counting_loaded() -> Iterator[list[str]]:
    """The tasks whose instances are loaded as the host's objects while the block runs."""
    loaded: list[str] = []

    def note(ti: Any, _: Any) -> None:
        loaded.append(ti.task_id)

    event.listen(TaskInstance, "load", note)
    try:
        yield loaded
    finally:
        event.remove(TaskInstance, "load", note)


def _replaced_method(_: FastHost) -> Any:
    stock = vars(DagRun)["update_state"]
    return mock.patch.object(DagRun, "update_state", lambda self, **options: stock(self, **options))


def _other_release(fast_host: FastHost) -> Any:
    path = "airflow.models.dagrun:DagRun._get_ready_tis"
    return mock.patch.dict(known_code(fast_host.served).table.code, {path: {}})


def _other_module(fast_host: FastHost) -> Any:
    return mock.patch.dict(
        known_code(fast_host.served).table.code, {"airflow.ti_deps.deps.trigger_rule_dep:": {}}
    )


def _loop_that_may_fail(scheduler: Any) -> None:
    """Airflow 3 goes on with the next run; Airflow 2 ends, and is started anew."""
    try:
        scheduler.loop()
    except RuntimeError as error:
        assert str(error) == "ours"


def perhaps_failing(random: Random, task: TaskSpec) -> TaskSpec:
    """A teardown may fail its run."""
    if not task.fields.get("is_teardown") or random.random() < 0.5:
        return task
    return replace(task, fields={**task.fields, "on_failure_fail_dagrun": True})


class FastPathContract:
    """Tests of a host; its fixture `fast_host` says how it is driven."""

    def test_only_what_can_move_becomes_an_object(self, fast_host: FastHost) -> None:
        """Blocked and finished task instances stay rows."""
        fast_host.store("success", None, None)
        with fast_host.plugin() as scheduler, counting_loaded() as loaded:
            scheduler.loop()
            assert fast_host.fast_path.n_decided == 1
        assert states() == ["success", "scheduled", None]
        assert set(loaded) == {"b"}

    @pytest.mark.parametrize(("last", "expected"), [("success", "success"), ("upstream_failed", "failed")])
    def test_a_run_that_ends_needs_no_objects(self, fast_host: FastHost, last: str, expected: str) -> None:
        """The host asks for the states of the leaves and for the first start."""
        fast_host.store("success", "success", last)
        with fast_host.plugin() as scheduler, counting_loaded() as loaded:
            scheduler.loop()
            assert fast_host.fast_path.n_decided == 1
            assert not fast_host.runtime().stats.fallbacks
        assert run_state() == expected
        assert loaded == []

    @pytest.mark.parametrize("state", [None, "failed"])
    def test_a_run_does_not_end_by_rows_that_are_no_longer_true(
        self, fast_host: FastHost, state: str | None
    ) -> None:
        """A task instance is cleared or marked right after the rows were read: the host reads the run itself."""
        fast_host.store("success", "success", "success")
        read = FastPath._view

        def read_and_change(*arguments: Any) -> Any:
            view = read(*arguments)
            with database() as session:
                task_instance("c", session).state = state
            return view

        with fast_host.plugin() as scheduler, mock.patch.object(FastPath, "_view", read_and_change):
            scheduler.loop()
            assert fast_host.fast_path.n_decided == 0
        assert run_state() == ("running" if state is None else "failed")

    def test_a_run_that_lost_a_task_ends_as_on_stock(self, fast_host: FastHost) -> None:
        """The removed one is told by its task, which the content does not have: the host's to read."""
        fast_host.store("success", "success", "removed")
        with database() as session:
            task_instance("c", session).task_id = "gone"
        with fast_host.plugin() as scheduler, fast_host.unreconciled():
            scheduler.loop()
            assert fast_host.fast_path.n_decided == 0
            assert not fast_host.runtime().stats.fallbacks
        assert run_state() == "success"

    def test_tasks_below_see_what_the_host_removes_while_it_decides(self, fast_host: FastHost) -> None:
        """A mapped task has become shorter, and the instance beyond its length had failed: nothing below fails."""
        tasks = (TaskSpec("m", ["z"], over=["value"]), TaskSpec("other"), TaskSpec("z"))
        fast_host.store(None, "failed", None, tasks=tasks)
        with database() as session:
            task_instance("m", session).map_index = 0
            beyond = task_instance("other", session)
            beyond.task_id, beyond.map_index = "m", 1
        with fast_host.plugin() as scheduler, fast_host.unreconciled(), sorted_task_instances():
            scheduler.loop()
            assert fast_host.fast_path.n_decided == 1
        assert states() == ["scheduled", "removed", None]

    def test_what_the_host_removes_while_it_decides_may_remove_others(self, fast_host: FastHost) -> None:
        """An instance beyond the new length of another task was blocked before, and is removed in the same loop."""
        tasks = (
            TaskSpec("m", ["z"], over=["value"]),
            TaskSpec("o", ["z"]),
            TaskSpec("other"),
            TaskSpec("z", over=["value"]),
        )
        fast_host.store(None, "success", "success", None, tasks=tasks)
        with database() as session:
            task_instance("m", session).map_index = 0
            beyond = task_instance("other", session)
            beyond.task_id, beyond.map_index = "m", 1
            task_instance("z", session).map_index = 1
        with fast_host.plugin() as scheduler, fast_host.unreconciled(), sorted_task_instances():
            scheduler.loop()
            assert fast_host.fast_path.n_decided == 1
        assert states() == ["scheduled", "removed", "success", "removed"]

    def test_the_leaves_that_count_are_those_of_the_host(self, fast_host: FastHost) -> None:
        """Of random DAGs, with teardowns that may fail the run and others."""
        n_with_teardowns = 0
        for seed in range(300):
            random = Random(seed)
            tasks = [perhaps_failing(random, task) for task in random_run(random, max_tasks=10).tasks]
            n_with_teardowns += any(task.fields.get("is_teardown") for task in tasks)
            document = document_of(tasks, fast_host.dag_class.host_name, "dag")
            dag = fast_host.from_document(document)
            stand_ins = [mock.Mock(task_id=task_id, state=None) for task_id in dag.task_dict]
            expected = DagRun._tis_for_dagrun_state(mock.Mock(), dag=dag, tis=stand_ins)
            compact = decode_dag(encode_dag(document).hot)
            found = {compact.task_ids[index] for index in effective_leaves(compact, fast_host.rules)}
            assert found == {ti.task_id for ti in expected}, seed
        assert n_with_teardowns > 30

    @pytest.mark.parametrize(
        "options",
        [{"fast_path": "False"}, {"fast_path_exclude_dags": "ch*"}, {"exclude_dags": "chain"}],
    )
    def test_the_operator_may_switch_it_off(self, fast_host: FastHost, options: dict[str, str]) -> None:
        """Altogether or by DAG; the run is decided all the same."""
        fast_host.store("success", None, None)
        with fast_host.plugin(**options) as scheduler:
            scheduler.loop()
            assert fast_host.fast_path.n_decided == 0
            assert not fast_host.runtime().stats.fallbacks, "what the operator wants is no fallback"
        assert states() == ["success", "scheduled", None]

    @pytest.mark.parametrize(
        ("change", "is_first_loop"),
        [(_replaced_method, True), (_replaced_method, False), (_other_release, True), (_other_module, True)],
    )
    def test_unknown_code_of_the_host_is_left_alone(
        self, fast_host: FastHost, change: Callable[[FastHost], Any], is_first_loop: bool
    ) -> None:
        """A method that somebody replaced, before or after our first loop, or the code of another release."""
        fast_host.store("success", None, None)
        with fast_host.plugin() as scheduler:
            if not is_first_loop:
                scheduler.loop()
            n_decided = fast_host.fast_path.n_decided
            with change(fast_host):
                scheduler.loop()
            assert fast_host.fast_path.n_decided == n_decided
            assert any(reason.startswith("fast path: ") for reason in fast_host.runtime().stats.fallbacks)
        assert states() == ["success", "scheduled", None]

    def test_a_wrapper_that_only_observes_is_no_change(self, fast_host: FastHost) -> None:
        """Whoever measures the host's functions may say so."""
        stock = vars(DagRun)["update_state"]

        def observed(self: Any, **options: Any) -> Any:
            return stock(self, **options)

        observed.__wrapped__ = stock  # type: ignore[attr-defined]  # as functools.wraps does
        observed.sched_cache_observes_only = True  # type: ignore[attr-defined]  # read by HostCode
        fast_host.store("success", None, None)
        with fast_host.plugin() as scheduler, mock.patch.object(DagRun, "update_state", observed):
            scheduler.loop()
            assert fast_host.fast_path.n_decided == 1

    @pytest.mark.parametrize("where", ["view", "decision"])
    def test_a_failure_of_ours_leaves_the_dag_to_the_host(self, fast_host: FastHost, where: str) -> None:
        """Before the host's pass it is at once its turn; in the middle of the pass, in the next loop."""
        fast_host.store("success", None, None)
        broken = {"view": (RunView, "asked"), "decision": (stand_ins.Candidates, "__iter__")}[where]
        with fast_host.plugin() as scheduler:
            with mock.patch.object(*broken, side_effect=RuntimeError("ours")):
                if where == "view":
                    scheduler.loop()
                else:
                    _loop_that_may_fail(scheduler)
            assert states()[1] == ("scheduled" if where == "view" else None)
            scheduler.loop()
            assert fast_host.fast_path.n_decided == 0
            assert sum(fast_host.runtime().stats.fallbacks.values()) == 1
        assert states() == ["success", "scheduled", None]

    def test_a_task_instance_without_a_task_is_the_hosts(self, fast_host: FastHost) -> None:
        """It is the host that marks it as removed; afterwards it is in nobody's way."""
        fast_host.store("success", None, None)
        with database() as session:
            task_instance("c", session).task_id = "gone"
        with fast_host.plugin() as scheduler, fast_host.unreconciled():
            scheduler.loop()
            assert list(fast_host.runtime().stats.fallbacks) == ["fast path: task instance without a task"]
            scheduler.loop()
            assert fast_host.fast_path.n_decided == 1
        assert states() == ["success", "scheduled", "removed"]

    def test_rows_that_became_old_are_read_again(self, fast_host: FastHost) -> None:
        """Between reading the runs of a loop and deciding one of them may lie the decisions of many others."""
        fast_host.store("success", "running", None)
        too_old = mock.patch("sched_cache_airflow.fast_path.loop_views.MAX_AGE_SECONDS", -1.0)
        with fast_host.plugin() as scheduler, too_old:
            scheduler.loop()
            assert fast_host.fast_path.n_decided == 1
        assert states() == ["success", "running", None]

    def test_a_run_is_not_given_up_by_rows_that_are_no_longer_true(self, fast_host: FastHost) -> None:
        """The only running task ends right after the rows were read: no deadlock, the next loop sees it.

        1. The rows: b runs, though a, above it, has none. No task instance can become ready.
        2. A worker ends b.
        3. The host finds nobody runnable, as it would with b still running: then the run would be deadlocked.
        """
        fast_host.store(NO_ROW, "running", tasks=[TaskSpec("a", ["b"]), TaskSpec("b")])
        read = FastPath._view

        def read_and_end(*arguments: Any) -> Any:
            view = read(*arguments)
            with database() as session:
                task_instance("b", session).state = "success"
            return view

        with fast_host.plugin() as scheduler, fast_host.unreconciled():
            with mock.patch.object(FastPath, "_view", read_and_end):
                scheduler.loop()
            assert fast_host.fast_path.n_decided == 1
            assert run_state() == "running"
            scheduler.loop()
        assert run_state() == "success"

    def test_a_skip_decision_acts_on_a_task_that_waits_for_others(self, fast_host: FastHost) -> None:
        """Blocked by its trigger rule, but the host skips it, where it looks for such decisions at all."""
        tasks = [
            TaskSpec("a", ["c"], fields={"_can_skip_downstream": True}),
            TaskSpec("b", ["c"]),
            TaskSpec("c"),
        ]
        fast_host.store("success", "running", None, tasks=tasks, decisions={("a", -1): {"followed": []}})
        with fast_host.plugin() as scheduler:
            scheduler.loop()
            assert fast_host.fast_path.n_decided == 1
        skipped = "skipped" if fast_host.acts_on_skip_decisions else None
        assert states() == ["success", "running", skipped]

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
        self, fast_host: FastHost, fields: dict[str, Any], state: str | None, expected: str
    ) -> None:
        """Nothing can be scheduled: a, above b and c, has no row. What is said of b holds, whatever c is like."""
        tasks = [TaskSpec("a", ["b", "c"]), TaskSpec("b", fields=fields), TaskSpec("c")]
        fast_host.store(NO_ROW, state, None, tasks=tasks)
        with fast_host.plugin() as scheduler, fast_host.unreconciled():
            scheduler.loop()
            assert fast_host.fast_path.n_decided == 1
        assert run_state() == expected

    def test_an_expansion_to_nothing_may_end_a_run(self, fast_host: FastHost) -> None:
        """In the same pass, and by the states of all leaves."""
        tasks = [TaskSpec("a", ["b"]), TaskSpec("b", over="a"), TaskSpec("c")]
        fast_host.store("success", None, "failed", tasks=tasks, lengths={"a": 0})
        with fast_host.plugin() as scheduler:
            scheduler.loop()
            assert fast_host.fast_path.n_decided == 1
        assert states() == ["success", "skipped", "failed"]
        assert run_state() == "failed"

    def test_shadow_mode_agrees_and_lets_the_host_decide(self, fast_host: FastHost) -> None:
        """The effects of both ways are undone, and then the run is decided once."""
        fast_host.store("success", None, None)
        with fast_host.plugin(shadow_share="1.0") as scheduler:
            scheduler.loop()
            shadow = fast_host.fast_path.shadow
            assert (shadow.n_compared, shadow.n_differences) == (1, 0)
            assert fast_host.fast_path.n_decided == 0
            scheduler.loop()
            assert shadow.n_compared == 2
        assert states() == ["success", "scheduled", None]

    def test_shadow_mode_agrees_about_the_end_of_a_run(self, fast_host: FastHost) -> None:
        fast_host.store("success", "failed", "upstream_failed")
        with fast_host.plugin(shadow_share="1.0") as scheduler:
            scheduler.loop()
            shadow = fast_host.fast_path.shadow
            assert (shadow.n_compared, shadow.n_differences) == (1, 0)
            assert not fast_host.runtime().stats.fallbacks
        assert run_state() == "failed"

    def test_a_difference_switches_the_dag_off(
        self, fast_host: FastHost, caplog: pytest.LogCaptureFixture
    ) -> None:
        """It is logged with what it takes to see it again, and other DAGs are not concerned."""
        fast_host.store("success", None, None)
        fast_host.store("success", None, None, dag_id="other")
        with fast_host.plugin(shadow_share="1.0") as scheduler:
            asked = RunView.asked

            def none_of_chain(view: RunView, host_pass: Any, dag_run: Any, session: Any) -> Sequence[int]:
                return [] if dag_run.dag_id == "chain" else asked(view, host_pass, dag_run, session)

            with mock.patch.object(RunView, "asked", none_of_chain):
                scheduler.loop()
            shadow = fast_host.fast_path.shadow
            assert (shadow.n_compared, shadow.n_differences) == (2, 1)
            assert "would have decided run run of DAG chain otherwise" in caplog.text
            assert "schedulable: () instead of (('b', -1),)" in caplog.text
            assert "Reproduction: content " in caplog.text
            scheduler.loop()
            assert shadow.n_compared == 3, "the other DAG alone"
        assert states() == ["success", "scheduled", None]
