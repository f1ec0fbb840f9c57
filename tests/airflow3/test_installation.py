"""The installation on Airflow 3."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest
from airflow.models import DagRun
from airflow.models.dag_version import DagVersion
from airflow.models.serialized_dag import SerializedDagModel
from airflow.utils.session import create_session
from sqlalchemy import select
from sqlalchemy.engine import ScalarResult

from sched_cache_airflow.hosts.airflow3.compat import ENDS_A_RUN, forget_dags
from sched_cache_airflow.hosts.installed import host_process
from tests.airflow3.support import runs
from tests.airflow3.support.bags import dag_of_version
from tests.airflow3.support.cluster import Cluster
from tests.airflow3.support.content import DagContent
from tests.contracts.installation import InstallationContract


class TestInstallation(InstallationContract):
    """Scheduler and API server in one process."""

    users: ClassVar[tuple[str, ...]] = (
        "airflow.jobs.scheduler_job_runner",
        "airflow.api_fastapi.common.dagbag",
    )
    always_called: ClassVar[frozenset[str]] = frozenset(
        (
            "latest_item_select_object",
            "get_running_dag_runs_to_examine",
            "get_queued_dag_runs_to_set_running",
            "task_instance_scheduling_decisions",
            "verify_integrity",
            "_are_premature_tis",
            "_tis_for_dagrun_state",
            "_do_scheduling",
            "_schedule_all_dag_runs",
            ENDS_A_RUN.rpartition(".")[2],
            "prepare_for_execution",
            "complete_execution",
        )
    )

    def parts(self) -> Any:
        return host_process()


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


def test_code_of_a_site_has_its_say_in_each_dag(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows and their DAGs are not taken past what was put into `SerializedDagModel` after the installation."""
    content = DagContent("of_a_site", ("a", "b"))
    cluster.processor.publish(content)
    get, dag = SerializedDagModel.get, vars(SerializedDagModel)["dag"]
    with create_session() as session:
        version_id = session.scalars(select(DagVersion.id)).one()
        for _ in range(2):  # loaded, and from memory
            assert cluster.scheduler.current_dag(content.dag_id, session).task_ids == ["a", "b"]
            assert dag_of_version(cluster.api_dag_bag, version_id, session).task_ids == ["a", "b"]
        with monkeypatch.context() as of_a_site:
            of_a_site.setattr(SerializedDagModel, "get", lambda *args, **kwargs: None)
            assert cluster.scheduler.current_dag(content.dag_id, session) is None
            assert cluster.api_dag_bag.get_latest_version_of_dag(content.dag_id, session=session) is None
        assert SerializedDagModel.get == get
        asked: list[str] = []

        def noted(row: Any) -> Any:
            asked.append(row.dag_id)
            return dag.fget(row)

        with monkeypatch.context() as of_a_site:
            of_a_site.setattr(SerializedDagModel, "dag", property(noted))
            assert cluster.scheduler.current_dag(content.dag_id, session).task_ids == ["a", "b"]
            assert asked == [content.dag_id]
            cluster.api_dag_bag.get_latest_version_of_dag(content.dag_id, session=session)
            forget_dags(cluster.api_dag_bag)
            session.expunge_all()
            assert dag_of_version(cluster.api_dag_bag, version_id, session).task_ids == ["a", "b"]
            assert asked == [content.dag_id] * 3
        assert cluster.scheduler.current_dag(content.dag_id, session).task_ids == ["a", "b"]
        assert len(asked) == 3
