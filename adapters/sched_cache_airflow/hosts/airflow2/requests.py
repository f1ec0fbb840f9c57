"""Airflow 2.11: one DAG folder; a request names the file as the processor does."""

from __future__ import annotations

from typing import Any

from sched_cache_airflow.hosts.contract import ChangedFile, HostFolder


class FolderRequests:
    """Source: 2.11.2 models/dagbag.py `DagPriorityParsingRequest`."""

    def folders(self) -> list[HostFolder]:
        """`[core] dags_folder`."""
        from airflow.settings import DAGS_FOLDER

        return [HostFolder(None, str(DAGS_FOLDER))]

    def row(self, file: ChangedFile) -> dict[str, Any]:
        """The path with the host's spelling of the folder in front."""
        return {"fileloc": file.path}
