"""Airflow 2.11: a scheduler and a server in this process."""

from __future__ import annotations

import datetime as dt
import json
import os
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any
from unittest import mock

from airflow.jobs.scheduler_job_runner import SchedulerJobRunner
from airflow.models import DagModel, DagRun, TaskInstance
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
from tests.undecodable.airflow2.rows import DATE, RUN
from tests.undecodable.airflow2.scheduler import SCHEDULER
from tests.undecodable.rows import Database
from tests.undecodable.trial import BAD, GOOD

_CONFIG = """
from airflow.www.fab_security.manager import AUTH_DB

AUTH_TYPE = AUTH_DB
AUTH_ROLE_PUBLIC = "Admin"
WTF_CSRF_ENABLED = False
"""


class Airflow2:
    """A scheduler and a webserver in this process."""

    runner: SchedulerJobRunner
    web_bag: Any

    def __init__(self) -> None:
        self.documents = {}
        for dag_id in (BAD, GOOD):
            document = base_document()
            document["dag"]["_dag_id"] = dag_id
            self.documents[dag_id] = document
        self.entries = (*SCHEDULER, *MODELS, *WEB, *COMMANDS)

    @cached_property
    def client(self) -> Any:
        """Of the webserver."""
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
            max_active_runs = 16
    """

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

    def session(self) -> Any:
        from airflow import settings

        # That of the thread, as `create_session` gives the scheduler: what it calls without a session shares it.
        return settings.Session()

    def forget_sessions(self) -> None:
        from airflow import settings

        settings.Session.remove()

    def rewrite(self, database: Database, document: Any, dag_hash: str) -> None:
        changed = {**document, "dag": {**document["dag"]}}
        if changed["dag"].get("_dag_id") is not None:
            changed["dag"]["_dag_id"] = BAD
        database.execute(
            "UPDATE serialized_dag SET data = %s, data_compressed = NULL, dag_hash = %s WHERE dag_id = %s",
            (json.dumps(changed), dag_hash, BAD),
        )

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

    def run(self, dag_id: str, session: Any, run_id: str = RUN) -> DagRun:
        """The run that runs."""
        return session.scalars(select(DagRun).where(DagRun.dag_id == dag_id, DagRun.run_id == run_id)).one()

    def tasks(self, session: Any, dag_id: str, run_id: str = RUN) -> list[TaskInstance]:
        query = select(TaskInstance).where(TaskInstance.dag_id == dag_id, TaskInstance.run_id == run_id)
        return list(session.scalars(query.order_by(TaskInstance.task_id, TaskInstance.map_index)))

    def both(self, session: Any) -> list[DagModel]:
        return list(session.scalars(select(DagModel).order_by(DagModel.dag_id)))


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
