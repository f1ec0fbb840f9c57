"""Airflow 2.11: a scheduler and a server in this process."""

from __future__ import annotations

import json
import os
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

from airflow.models.mappedoperator import MappedOperator
from airflow.models.serialized_dag import SerializedDagModel
from airflow.serialization.serialized_objects import SerializedBaseOperator, SerializedDAG
from airflow.utils.session import create_session
from sqlalchemy import select

from tests.airflow2.support import stored_dags
from tests.airflow2.support.every_kind import base_document
from tests.airflow2.support.scheduler import Scheduler
from tests.airflow2.support.subject import plugin
from tests.support.undecodable import Case, cases
from tests.undecodable.airflow2.models import MODELS
from tests.undecodable.airflow2.requests import COMMANDS, WEB
from tests.undecodable.airflow2.scheduler import SCHEDULER
from tests.undecodable.host import HostInProcess
from tests.undecodable.states import RUN
from tests.undecodable.trial import BAD

_CONFIG = """
from airflow.www.fab_security.manager import AUTH_DB

AUTH_TYPE = AUTH_DB
AUTH_ROLE_PUBLIC = "Admin"
WTF_CSRF_ENABLED = False
"""


class Airflow2(HostInProcess):
    """A scheduler and a webserver in this process."""

    entries = (*SCHEDULER, *MODELS, *WEB, *COMMANDS)
    stored_dags = stored_dags
    dag_id_field = "_dag_id"
    statements = f"""
        UPDATE dag_run SET state = 'running', start_date = '2026-01-02' WHERE run_id = '{RUN}';
        UPDATE dag SET next_dagrun = '2026-01-11', next_dagrun_create_after = '2026-01-12',
            next_dagrun_data_interval_start = '2026-01-11', next_dagrun_data_interval_end = '2026-01-12',
            max_active_runs = 16
    """

    def base_document(self) -> Any:
        return base_document()

    def new_client(self) -> Any:
        return _client()

    def executors(self) -> list[Any]:
        return list(self.runner.job.executors)

    def current_dag(self, dag_id: str, session: Any) -> Any:
        return self.runner.dagbag.get_dag(dag_id, session=session)

    def dag_of_run(self, run: Any, session: Any) -> Any:
        return self.runner.dagbag.get_dag(run.dag_id, session=session)

    def cases(self) -> list[Case]:
        """Every field of the spoilt DAG, in every form."""
        names = SerializedBaseOperator.get_serialized_fields() | MappedOperator.get_serialized_fields()
        return list(cases(self.documents[BAD], SerializedDAG.get_serialized_fields(), names))

    def decode(self, document: Any) -> Any:
        SerializedDAG._load_operator_extra_links = True
        return SerializedDAG.from_dict(json.loads(json.dumps(document)))

    @contextmanager
    def activated(self, is_plugin: bool) -> Iterator[None]:
        from sched_cache_airflow.hosts.installed import host_process

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            host_process().uninstall()
            if not is_plugin:
                self.runner = Scheduler().runner
                yield
                return
            with plugin(publish_contents="True"):
                self.runner = Scheduler().runner
                yield

    def renew(self) -> None:
        from airflow import models
        from airflow.settings import DAGS_FOLDER

        self.runner.dagbag = models.DagBag(DAGS_FOLDER, read_dags_from_db=True, load_op_links=False)
        self.web_bag = models.DagBag(DAGS_FOLDER, read_dags_from_db=True)

    def share_encoded(self) -> None:
        from sched_cache_airflow.hosts.installed import discard_runtime, runtime

        with create_session() as session:
            for dag_id, dag_hash in session.execute(
                select(SerializedDagModel.dag_id, SerializedDagModel.dag_hash)
            ).all():
                for with_links in (False, True):
                    runtime().contents.get(dag_id, dag_hash, with_links, session)
        assert runtime().contents.publisher.drain(timeout_seconds=60)
        discard_runtime()


def _client() -> Any:
    """Of a webserver in this process that lets everybody in. The app is the same with the plugin: its bag is not."""
    from airflow.www.app import create_app

    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        config = Path(folder, "webserver_config.py")
        config.write_text(_CONFIG)
        options = {
            "AIRFLOW__WEBSERVER__CONFIG_FILE": str(config),
            "AIRFLOW__WEBSERVER__SECRET_KEY": "a key of a test",
            "AIRFLOW__API__AUTH_BACKENDS": "airflow.api.auth.backend.default",
        }
        with mock.patch.dict(os.environ, options):
            return create_app().test_client()
