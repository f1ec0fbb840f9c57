"""The Airflow that is asked: where its DAG files are, which count, and how a request for one is written."""

from __future__ import annotations

import os
from collections.abc import Iterable
from importlib import metadata

from sched_cache.cli.failure import UsageError
from sched_cache_airflow.hosts.contract import ChangedFile, HostFolder, HostRequests
from sched_cache_airflow.watch.airflow2 import Airflow2
from sched_cache_airflow.watch.airflow3 import Airflow3


class AskFailedError(Exception):
    """The host's database did not take the requests; nothing was asked. Ask again."""


class InstalledAirflow:
    """The Airflow installed here. Reads its configuration, and its database when asked for a file."""

    def __init__(self, requests: HostRequests) -> None:
        self._requests = requests

    def folders(self) -> list[HostFolder]:
        """The folders whose files change in place; a bundle that brings its own files is not among them."""
        return self._requests.folders()

    def listing(self, folder: str) -> list[str]:
        """The paths of Python and zip files below `folder`, without those that `.airflowignore` names.

        Raises:
            UsageError: a symlink in it leads back, so that it has no end.
        """
        from airflow.utils.file import find_dag_file_paths

        try:
            return list(find_dag_file_paths(folder, False))
        except RuntimeError as error:
            raise UsageError(f"{folder}: {error}") from error

    def may_have_dags(self, path: str) -> bool:
        """Whether the processor would look for DAGs in it, with `[core] dag_discovery_safe_mode`."""
        from airflow.configuration import conf
        from airflow.utils.file import might_contain_dag

        try:
            return bool(might_contain_dag(path, conf.getboolean("core", "dag_discovery_safe_mode")))
        except OSError:
            return False  # it is gone again

    @property
    def write_interval_seconds(self) -> float:
        """How long the host does not write a DAG again after it wrote it."""
        from airflow.configuration import conf

        return float(conf.getint("core", "min_serialized_dag_update_interval"))

    @property
    def home(self) -> str:
        """AIRFLOW_HOME."""
        from airflow.configuration import AIRFLOW_HOME

        return str(AIRFLOW_HOME)

    def ask(self, files: Iterable[ChangedFile]) -> None:
        """Makes the processor parse `files` in its next loop, in one transaction.

        A pending request is as good as a new one: the processor that takes it reads the file afterwards.

        Raises:
            AskFailedError: the database did not take them.
        """
        from airflow.models.dagbag import DagPriorityParsingRequest
        from airflow.utils.session import create_session
        from sqlalchemy import insert
        from sqlalchemy.exc import IntegrityError, SQLAlchemyError

        try:
            with create_session() as session:
                for file in files:
                    try:
                        with session.begin_nested():
                            session.execute(
                                insert(DagPriorityParsingRequest.__table__).values(**self._requests.row(file))
                            )
                    except IntegrityError:
                        continue
        except SQLAlchemyError as error:
            raise AskFailedError(f"{type(error).__name__}: {str(error).splitlines()[0]}") from error


def host_here() -> InstalledAirflow | None:
    """The Airflow of this environment; None if there is none that takes requests."""
    for distribution, major in (("apache-airflow-core", "3"), ("apache-airflow", "2")):
        try:
            version = metadata.version(distribution)
        except metadata.PackageNotFoundError:
            continue
        if version.split(".")[0] == major:
            # What the host prints while it is imported is not ours, and this command prints lines of its own.
            os.environ.setdefault("AIRFLOW__LOGGING__LOGGING_LEVEL", "WARNING")
            return InstalledAirflow(Airflow3() if major == "3" else Airflow2())
    return None
