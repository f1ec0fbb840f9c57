"""Somebody at the UI, at the command line or at a DAG file, between two loops."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

from airflow.utils.session import create_session
from sqlalchemy.orm import Session

from tests.airflow2.support.stored_dags import store
from tests.support.scheduling import user


class User(user.User):
    def new_session(self) -> AbstractContextManager[Session]:
        return create_session()

    def store(self, document: Any) -> None:
        store([document])

    def clear(self, dag: Any, tasks: list[str], run: Any, session: Session) -> None:
        date = run.execution_date
        dag.clear(task_ids=tasks, start_date=date, end_date=date, session=session)
