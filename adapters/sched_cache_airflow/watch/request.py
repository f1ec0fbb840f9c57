"""The basis of a request for a file: the folders of an Airflow, and the columns of its table of requests."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

from sched_cache_airflow.watch.folder import ChangedFile


class HostFolder(NamedTuple):
    """A folder that the host's processor reads. bundle: None on a host without bundles."""

    bundle: str | None
    path: str


class Dialect(Protocol):
    """The operations that differ between `airflow2` and `airflow3`."""

    def folders(self) -> list[HostFolder]:
        """The folders whose files change in place."""

    def row(self, file: ChangedFile) -> dict[str, Any]:
        """The columns of a request for one file, its id left to the host."""
