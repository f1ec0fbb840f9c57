"""Somebody at the UI, at the command line or at a DAG file, between two loops."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any
from unittest import mock

from airflow.utils.session import create_session
from sqlalchemy.orm import Session

from tests.airflow3.support.stored_dags import store
from tests.hosts.home import option
from tests.support.scheduling import user

_NO_THROTTLE = {option("core", "min_serialized_dag_update_interval"): "0"}


class User(user.User):
    def new_session(self) -> AbstractContextManager[Session]:
        return create_session(scoped=False)

    def store(self, document: Any) -> None:
        with mock.patch.dict("os.environ", _NO_THROTTLE):
            store([document])

    def clear(self, dag: Any, tasks: list[str], run: Any, session: Session) -> None:
        dag.clear(task_ids=tasks, run_id=run.run_id, session=session)
