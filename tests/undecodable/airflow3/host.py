"""Airflow 3: a scheduler and a server in this process."""

from __future__ import annotations

import datetime as dt
import json
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import Any

from airflow.api_fastapi.app import create_app
from airflow.jobs.scheduler_job_runner import SchedulerJobRunner
from airflow.models import DagModel, DagRun, TaskInstance
from airflow.models.serialized_dag import SerializedDagModel
from airflow.serialization.definitions.baseoperator import SerializedBaseOperator
from airflow.serialization.definitions.dag import SerializedDAG
from airflow.serialization.definitions.mappedoperator import SerializedMappedOperator
from airflow.serialization.serialized_objects import DagSerialization
from airflow.utils.session import create_session
from sqlalchemy import select

from tests.airflow3.support import stored_dags
from tests.airflow3.support.activation import activated
from tests.airflow3.support.every_kind import base_document
from tests.airflow3.support.scheduler import Scheduler
from tests.hosts.subject import PLUGIN, STOCK
from tests.support.undecodable import Case, cases
from tests.undecodable.airflow3.models import MODELS
from tests.undecodable.airflow3.requests import API, COMMANDS
from tests.undecodable.airflow3.rows import DATE, RUN
from tests.undecodable.airflow3.scheduler import SCHEDULER
from tests.undecodable.rows import Database
from tests.undecodable.trial import BAD, GOOD


class Airflow3:
    """A scheduler and an API server in this process."""

    runner: SchedulerJobRunner
    web_bag: Any

    def __init__(self) -> None:
        self.documents = {}
        for dag_id in (BAD, GOOD):
            document = base_document()
            document["dag"]["dag_id"] = dag_id
            self.documents[dag_id] = document
        self.entries = (*SCHEDULER, *MODELS, *API, *COMMANDS)

    @cached_property
    def client(self) -> Any:
        """Of the API server."""
        return _client()

    def store(self) -> None:
        """Both DAGs, each with a run that is queued and one that runs with task instances without a state."""
        stored_dags.store(self.documents.values())
        for dag_id in (BAD, GOOD):
            for days in (0, 1):
                stored_dags.create_run(dag_id, DATE + dt.timedelta(days))

    statements = f"""
        UPDATE dag_run SET state = 'running', start_date = '2026-01-02' WHERE run_id = '{RUN}';
        UPDATE dag SET next_dagrun = '2026-01-11', next_dagrun_create_after = '2026-01-12',
            next_dagrun_data_interval_start = '2026-01-11', next_dagrun_data_interval_end = '2026-01-12',
            exceeds_max_non_backfill = false, max_active_runs = 16
    """

    def cases(self) -> list[Case]:
        """Every field of the spoilt DAG, in every form."""
        names = (
            SerializedBaseOperator.get_serialized_fields() | SerializedMappedOperator.get_serialized_fields()
        )
        return list(cases(self.documents[BAD], SerializedDAG.get_serialized_fields(), names))

    def decode(self, document: Any) -> Any:
        DagSerialization._load_operator_extra_links = True
        return DagSerialization.from_dict(json.loads(json.dumps(document)))

    @contextmanager
    def activated(self, is_plugin: bool) -> Iterator[None]:
        with activated(PLUGIN if is_plugin else STOCK), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self.runner = Scheduler().runner
            yield

    def renew(self) -> None:
        from airflow.api_fastapi.common.dagbag import create_dag_bag
        from airflow.jobs import scheduler_job_runner

        self.runner.scheduler_dag_bag = scheduler_job_runner.DBDagBag(load_op_links=False)
        self.web_bag = create_dag_bag()

    def session(self) -> Any:
        from airflow import settings

        # That of the thread, as `create_session` gives the scheduler: what it calls without a session shares it.
        assert settings.Session is not None
        return settings.Session()

    def forget_sessions(self) -> None:
        from airflow import settings

        assert settings.Session is not None
        settings.Session.remove()

    def rewrite(self, database: Database, document: Any, dag_hash: str) -> None:
        changed = {**document, "dag": {**document["dag"]}}
        if changed["dag"].get("dag_id") is not None:
            changed["dag"]["dag_id"] = BAD
        database.execute(
            "UPDATE serialized_dag SET data = %s, data_compressed = NULL, dag_hash = %s WHERE dag_id = %s",
            (json.dumps(changed), dag_hash, BAD),
        )

    def share_encoded(self) -> None:
        from sched_cache_airflow.hosts.installed import discard_runtime, runtime

        with create_session(scoped=False) as session:
            for row in session.scalars(select(SerializedDagModel)):
                for with_links in (False, True):
                    runtime().contents.get(row.dag_version_id, row.dag_hash, with_links, session)
        assert runtime().contents.publisher.drain(timeout_seconds=60)
        discard_runtime()

    def run(self, dag_id: str, session: Any, run_id: str = RUN) -> DagRun:
        """The run that runs."""
        return session.scalars(select(DagRun).where(DagRun.dag_id == dag_id, DagRun.run_id == run_id)).one()

    def tasks(self, session: Any, dag_id: str, run_id: str = RUN) -> list[TaskInstance]:
        query = select(TaskInstance).where(TaskInstance.dag_id == dag_id, TaskInstance.run_id == run_id)
        return list(session.scalars(query.order_by(TaskInstance.task_id, TaskInstance.map_index)))

    def both(self, session: Any) -> list[DagModel]:
        return list(session.scalars(select(DagModel).order_by(DagModel.dag_id)))


def _client() -> Any:
    """Of an API server in this process. The app is the same on stock and with the plugin: its bag is another one."""
    from airflow.api_fastapi.app import get_auth_manager
    from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
    from starlette.testclient import TestClient

    app = create_app(apps="core")
    token = get_auth_manager().generate_jwt(SimpleAuthManagerUser(username="ann", role="ADMIN"))
    return TestClient(app, headers={"Authorization": f"Bearer {token}"})
