"""The installation on Airflow 3."""

from __future__ import annotations

from importlib import import_module
from typing import Any, ClassVar

from airflow.models import DagRun
from airflow.utils.session import create_session
from sqlalchemy.engine import ScalarResult

from tests.airflow3.support import runs
from tests.airflow3.support.cluster import Cluster
from tests.airflow3.support.content import DagContent
from tests.contracts.installation import InstallationContract


class TestInstallation(InstallationContract):
    """Scheduler and API server in one process."""

    users: ClassVar[tuple[str, ...]] = (
        "airflow.jobs.scheduler_job_runner",
        "airflow.api_fastapi.common.dagbag",
    )

    def parts(self) -> Any:
        return import_module("sched_cache_airflow.airflow3.install")


def test_runs_and_decisions_are_what_a_sites_plugin_expects(cluster: Cluster) -> None:
    """With a session and without one, in the scheduler's thread and outside of its loop."""
    content = DagContent("of_a_site", ("a", "b"))
    cluster.processor.publish(content)
    run_id = runs.trigger(content.dag_id, cluster.api_dag_bag)
    with create_session() as session:
        found = DagRun.get_queued_dag_runs_to_set_running(session=session)
        assert isinstance(found, ScalarResult)
        assert [run.run_id for run in found] == [run_id]
    cluster.scheduler.loop()
    with create_session() as session:
        found = DagRun.get_running_dag_runs_to_examine(session)
        assert isinstance(found, ScalarResult)
        run = found.one()
        run.dag = cluster.api_dag_bag.get_dag_for_run(run, session=session)
        with_session = run.task_instance_scheduling_decisions(session=session)
        session.expunge_all()
    detached = run.task_instance_scheduling_decisions()
    for decision in (with_session, detached):
        assert [ti.task_id for ti in decision.tis] == ["a", "b"]
        assert [ti.task_id for ti in decision.unfinished_tis] == ["a", "b"]
        assert decision.finished_tis == []
