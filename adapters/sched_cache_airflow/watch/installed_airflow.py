"""The installed Airflow: its DAG folders, the files that count, and requests to parse them."""

from __future__ import annotations

import os
from collections.abc import Iterable
from importlib import metadata

from sched_cache.cli.failure import UsageError
from sched_cache_airflow.hosts.contract import ChangedFile, HostFolder, HostRequests


class AskFailedError(Exception):
    """The host's database did not accept the requests, and none was written. The caller can try again."""


class InstalledAirflow:
    """The installed Airflow. Reads its configuration, and connects to its database for requests."""

    def __init__(self, requests: HostRequests) -> None:
        self._requests = requests

    def folders(self) -> list[HostFolder]:
        """The folders in which files change in place; not those of bundles that download their files."""
        return self._requests.folders()

    def listing(self, folder: str) -> list[str]:
        """The paths of Python and zip files below `folder`, without those that `.airflowignore` names.

        Raises:
            UsageError: symlinks in it form a loop.
        """
        from airflow.utils.file import find_dag_file_paths

        try:
            return list(find_dag_file_paths(folder, False))
        except RuntimeError as error:
            raise UsageError(f"{folder}: {error}") from error

    def may_have_dags(self, path: str) -> bool:
        """Whether the processor would parse the file, considering `[core] dag_discovery_safe_mode`."""
        from airflow.configuration import conf
        from airflow.utils.file import might_contain_dag

        try:
            return bool(might_contain_dag(path, conf.getboolean("core", "dag_discovery_safe_mode")))
        except OSError:
            return False  # it has been removed again

    @property
    def write_interval_seconds(self) -> float:
        """The time after a write of a DAG in which the host does not write it again."""
        from airflow.configuration import conf

        return float(conf.getint("core", "min_serialized_dag_update_interval"))

    @property
    def home(self) -> str:
        """AIRFLOW_HOME."""
        from airflow.configuration import AIRFLOW_HOME

        return str(AIRFLOW_HOME)

    def ask(self, files: Iterable[ChangedFile]) -> None:
        """Makes the processor parse `files` in its next loop, in one transaction.

        A pending request is sufficient, because the processor reads the file after it has taken the request.

        Raises:
            AskFailedError: the database did not accept them.
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
            # Output of the host during its import must not mix with the lines of this command.
            os.environ.setdefault("AIRFLOW__LOGGING__LOGGING_LEVEL", "WARNING")
            from sched_cache_airflow.hosts.installed import host_named

            return InstalledAirflow(host_named(f"airflow{major}").requests) if _takes_requests() else None
    return None


def _takes_requests() -> bool:
    """Whether the host has a table for them: since 2.10."""
    from airflow.models import dagbag

    return hasattr(dagbag, "DagPriorityParsingRequest")
