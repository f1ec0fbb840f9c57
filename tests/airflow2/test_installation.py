"""The installation on Airflow 2.11."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any, ClassVar

from airflow.jobs.scheduler_job_runner import SchedulerJobRunner
from airflow.models import DagRun, TaskInstance
from airflow.models.serialized_dag import SerializedDagModel
from airflow.utils.session import create_session
from airflow.utils.state import DagRunState

from sched_cache_airflow.hosts.installed import host_process
from tests.airflow2.support.scheduler import IdleExecutor, Scheduler
from tests.airflow2.support.stored_runs import chain, start_run, store
from tests.airflow2.support.subject import plugin
from tests.contracts.installation import InstallationContract
from tests.hosts.metadata_db import MetadataDb


class TestInstallation(InstallationContract):
    """Scheduler and webserver in one process."""

    users: ClassVar[tuple[str, ...]] = (
        "airflow.jobs.scheduler_job_runner",
        "airflow.www.extensions.init_dagbag",
        "airflow.www.gunicorn_config",
        "airflow.api.common.trigger_dag",
    )
    always_called: ClassVar[frozenset[str]] = frozenset(
        (
            "task_instance_scheduling_decisions",
            "verify_integrity",
            "_are_premature_tis",
            "_tis_for_dagrun_state",
            "_do_scheduling",
            "_get_next_dagruns_to_examine",
            "_should_update_dag_next_dagruns",
            "prepare_for_execution",
            "complete_execution",
            "init_dagbag",
            "post_worker_init",
        )
    )
    optional: ClassVar[frozenset[tuple[str, str]]] = frozenset(
        (module, "DagBag")
        for module in (
            "airflow.models",
            "airflow.models.taskinstance",
            "airflow.jobs.scheduler_job_runner",
            "airflow.api.common.trigger_dag",
            "airflow.www.extensions.init_dagbag",
        )
    )

    def parts(self) -> Any:
        return host_process()


def in_thread(function: Callable[[], Any]) -> Any:
    """The result of `function` in another thread."""
    found: list[Any] = []
    thread = threading.Thread(target=lambda: found.append(function()))
    thread.start()
    thread.join()
    return found[0]


def used_by_a_site() -> dict[str, Any]:
    """Answers of everything that a site's plugin may call, override and extend."""
    from airflow.models.dagbag import DagBag

    called: set[str] = set()

    class OfASite(SchedulerJobRunner):
        """Overrides each private method, and calls it by `super()`."""

        def _do_scheduling(self, session: Any) -> Any:
            called.add("_do_scheduling")
            return super()._do_scheduling(session=session)

        def _get_next_dagruns_to_examine(self, state: Any, session: Any) -> Any:
            found = super()._get_next_dagruns_to_examine(state=state, session=session)
            called.add(type(found).__name__)
            return found

        def _should_update_dag_next_dagruns(self, *arguments: Any, **options: Any) -> Any:
            called.add("_should_update_dag_next_dagruns")
            return super()._should_update_dag_next_dagruns(*arguments, **options)

        def _verify_integrity_if_dag_changed(self, dag_run: Any, session: Any) -> Any:
            called.add("_verify_integrity_if_dag_changed")
            return super()._verify_integrity_if_dag_changed(dag_run=dag_run, session=session)

    class BagOfASite(DagBag):
        def get_dag(self, dag_id: str, session: Any = None) -> Any:
            called.add("get_dag")
            return super().get_dag(dag_id, session=session) if session else super().get_dag(dag_id)

    store("of_a_site", chain(2))
    bag = BagOfASite(read_dags_from_db=True, collect_dags=False)
    start_run(bag.get_dag("of_a_site"))
    scheduler = Scheduler(IdleExecutor(slots=0))
    scheduler.runner.__class__ = OfASite
    scheduler.loops(2)
    answers: dict[str, Any] = {"other thread": in_thread(lambda: bag.get_dag("of_a_site").task_ids)}
    with create_session() as session:
        run = session.query(DagRun).one()
        run.dag = bag.get_dag("of_a_site", session=session)
        stored = SerializedDagModel.get("of_a_site", session=session)
        instance = session.query(TaskInstance).filter_by(task_id="task_0").one()
        answers["run"] = instance.get_dagrun(session).run_id, instance.get_dagrun(session=session).run_id
        decide = run.task_instance_scheduling_decisions
        decisions = {
            "by keyword": decide(session=session),
            "by position": decide(session),
            "unbound": DagRun.task_instance_scheduling_decisions(run, session),
            "original": DagRun.task_instance_scheduling_decisions.__wrapped__(run, session=session),
        }
        scheduler.runner._verify_integrity_if_dag_changed(run, session)
        answers["update"] = scheduler.runner._should_update_dag_next_dagruns(
            run.dag, run.dag_model, last_dag_run=run, session=session
        )
        run.verify_integrity(session=session)
        session.flush()
        session.expunge_all()
    decisions["alone"] = run.task_instance_scheduling_decisions()
    decisions["other thread"] = in_thread(run.task_instance_scheduling_decisions)
    for name, decision in decisions.items():
        answers[name] = {
            field: sorted(ti.task_id for ti in getattr(decision, field))
            for field in ("tis", "schedulable_tis", "unfinished_tis", "finished_tis")
        }
    answers["stored"] = in_thread(lambda: stored.dag.task_ids)
    with create_session() as session:
        states = session.query(DagRun.state, TaskInstance.task_id, TaskInstance.state).join(
            DagRun.task_instances
        )
        answers["states"] = sorted(map(repr, states))
        assert session.query(DagRun).one().state == DagRunState.RUNNING
    return {**answers, "called": called}


def test_a_sites_plugin_may_extend_and_call_what_is_replaced(
    airflow_db: MetadataDb, quiet_host: None, empty_database: Callable[[], None]
) -> None:
    """By `super()`, by name of the class, without a session, and in another thread: the answers are those of stock."""
    found = []
    for subject in (nullcontext, plugin):
        with subject():
            found.append(used_by_a_site())
        empty_database()
    stock, ours = found
    assert {"_do_scheduling", "ScalarResult", "get_dag", "_verify_integrity_if_dag_changed"} <= stock[
        "called"
    ]
    assert ours == stock
