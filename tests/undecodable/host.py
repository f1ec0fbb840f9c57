"""The part of an Airflow in this process that both hosts have: its rows, and how they are read and rewritten."""

from __future__ import annotations

import datetime as dt
import json
from abc import ABC, abstractmethod
from functools import cached_property
from types import ModuleType
from typing import Any, ClassVar

from airflow.jobs.scheduler_job_runner import SchedulerJobRunner
from airflow.models import DagModel, DagRun, TaskInstance
from sqlalchemy import select

from tests.undecodable.rows import Database
from tests.undecodable.states import DATE, RUN
from tests.undecodable.trial import BAD, GOOD, Entry


class HostInProcess(ABC):
    """A scheduler and a server in this process.

    Attributes:
        stored_dags: the module that stores documents and creates runs.
        dag_id_field: how a document spells the id of its DAG.
        statements: SQL after both DAGs were stored.
    """

    runner: SchedulerJobRunner
    web_bag: Any
    entries: tuple[Entry, ...]
    stored_dags: ClassVar[ModuleType]
    dag_id_field: ClassVar[str]
    statements: ClassVar[str]

    def __init__(self) -> None:
        self.documents = {}
        for dag_id in (BAD, GOOD):
            document = self.base_document()
            document["dag"][self.dag_id_field] = dag_id
            self.documents[dag_id] = document

    @abstractmethod
    def base_document(self) -> Any:
        """A DAG with a task of every kind, without an id."""

    @abstractmethod
    def new_client(self) -> Any:
        """Of the server."""

    @abstractmethod
    def executors(self) -> list[Any]:
        """The one of the scheduler."""

    @abstractmethod
    def current_dag(self, dag_id: str, session: Any) -> Any:
        """The newest content, from the bag of the scheduler."""

    @abstractmethod
    def dag_of_run(self, run: Any, session: Any) -> Any:
        """The content of the run, from the bag of the scheduler."""

    @cached_property
    def client(self) -> Any:
        """Of the server."""
        return self.new_client()

    def store(self) -> None:
        """Both DAGs, each with a run that is queued and one that runs with task instances without a state."""
        self.stored_dags.store(self.documents.values())
        for dag_id in (BAD, GOOD):
            for days in (0, 1):
                self.stored_dags.create_run(dag_id, DATE + dt.timedelta(days))

    def session(self) -> Any:
        """That of the thread, as `create_session` gives the scheduler: what it calls without a session shares it."""
        from airflow import settings

        assert settings.Session is not None
        return settings.Session()

    def forget_sessions(self) -> None:
        """Ends what the host keeps for a thread."""
        from airflow import settings

        assert settings.Session is not None
        settings.Session.remove()

    def rewrite(self, database: Database, document: Any, dag_hash: str) -> None:
        """Replaces the stored document of the spoilt DAG by this one."""
        changed = {**document, "dag": {**document["dag"]}}
        if changed["dag"].get(self.dag_id_field) is not None:
            changed["dag"][self.dag_id_field] = BAD
        database.execute(
            "UPDATE serialized_dag SET data = %s, data_compressed = NULL, dag_hash = %s WHERE dag_id = %s",
            (json.dumps(changed), dag_hash, BAD),
        )

    def run(self, dag_id: str, session: Any, run_id: str = RUN) -> DagRun:
        """The run that runs."""
        return session.scalars(select(DagRun).where(DagRun.dag_id == dag_id, DagRun.run_id == run_id)).one()

    def tasks(self, session: Any, dag_id: str, run_id: str = RUN) -> list[TaskInstance]:
        query = select(TaskInstance).where(TaskInstance.dag_id == dag_id, TaskInstance.run_id == run_id)
        return list(session.scalars(query.order_by(TaskInstance.task_id, TaskInstance.map_index)))

    def both(self, session: Any) -> list[DagModel]:
        return list(session.scalars(select(DagModel).order_by(DagModel.dag_id)))
