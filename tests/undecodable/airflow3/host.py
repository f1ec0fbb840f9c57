"""Airflow 3: a scheduler and a server in this process."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from airflow.api_fastapi.app import create_app
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
from tests.undecodable.airflow3.scheduler import SCHEDULER
from tests.undecodable.host import HostInProcess
from tests.undecodable.states import RUN
from tests.undecodable.trial import BAD


class Airflow3(HostInProcess):
    """A scheduler and an API server in this process."""

    entries = (*SCHEDULER, *MODELS, *API, *COMMANDS)
    stored_dags = stored_dags
    dag_id_field = "dag_id"
    statements = f"""
        UPDATE dag_run SET state = 'running', start_date = '2026-01-02' WHERE run_id = '{RUN}';
        UPDATE dag SET next_dagrun = '2026-01-11', next_dagrun_create_after = '2026-01-12',
            next_dagrun_data_interval_start = '2026-01-11', next_dagrun_data_interval_end = '2026-01-12',
            exceeds_max_non_backfill = false, max_active_runs = 16
    """

    def base_document(self) -> Any:
        return base_document()

    def new_client(self) -> Any:
        return _client()

    def executors(self) -> list[Any]:
        return list(self.runner.executors[:1])

    def current_dag(self, dag_id: str, session: Any) -> Any:
        return self.runner.scheduler_dag_bag.get_latest_version_of_dag(dag_id, session=session)

    def dag_of_run(self, run: Any, session: Any) -> Any:
        return self.runner.scheduler_dag_bag.get_dag_for_run(run, session)

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

    def share_encoded(self) -> None:
        from sched_cache_airflow.hosts.installed import discard_runtime, runtime

        with create_session(scoped=False) as session:
            for row in session.scalars(select(SerializedDagModel)):
                for with_links in (False, True):
                    runtime().contents.get(row.dag_version_id, row.dag_hash, with_links, session)
        assert runtime().contents.publisher.drain(timeout_seconds=60)
        discard_runtime()


def _client() -> Any:
    """Of an API server in this process. The app is the same on stock and with the plugin: its bag is another one."""
    from airflow.api_fastapi.app import get_auth_manager
    from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
    from starlette.testclient import TestClient

    app = create_app(apps="core")
    token = get_auth_manager().generate_jwt(SimpleAuthManagerUser(username="ann", role="ADMIN"))
    return TestClient(app, headers={"Authorization": f"Bearer {token}"})
