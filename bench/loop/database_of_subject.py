"""The metadata database of a subject, which can be reset to a state of its case."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..airflow_home import airflow_environ
from ..case import Case
from ..subject import Subject
from .metadata_db import metadata_db
from .templates import ensure_templates, template


def run_environ(subject: Subject, services: Mapping[str, str]) -> dict[str, str]:
    """Airflow's variables for the processes of a subject."""
    return airflow_environ(services["home"], metadata_db(services["database"]).url(_name(subject)))


def _name(subject: Subject) -> str:
    return f"run_{subject.name}"


class SubjectDatabase:
    """Creates the templates of the case if they are missing."""

    def __init__(self, case: Case, subject: Subject, services: Mapping[str, str]) -> None:
        ensure_templates(case, services)
        self._case = case
        self._database = metadata_db(services["database"])
        self._name = _name(subject)

    def restore(self, state: str) -> None:
        """`state` is one of `templates.STATES`. Connections of this process to the old one are closed."""
        engine().dispose()
        self._database.copy(template(self._case, state), self._name)


def engine() -> Any:
    """The host's, of this process."""
    from airflow import settings

    return settings.engine
