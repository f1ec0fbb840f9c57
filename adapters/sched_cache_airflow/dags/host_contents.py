"""The protocol of a host's stored DAGs and DAG objects, from which the DAGs of a process are made."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Protocol

from sqlalchemy.engine import Connection
from sqlalchemy.orm import Session

from sched_cache.format import CompactDag
from sched_cache_airflow.dags.trial import TriedDag, TriedFields


class HostDag(TriedDag, Protocol):
    """The host's DAG object over a compact DAG."""

    @property
    def nbytes(self) -> int: ...

    def renewed(self) -> HostDag:
        """The DAG without the objects created by its use, or the DAG itself if these are few or recent."""


class HostContents(Protocol):
    """The contents that the host stores, and its objects of them. `version_id`: what names a version there."""

    @property
    def fields(self) -> TriedFields:
        """Its decoding of the fields of tasks."""

    def read(self, version_id: Any, reader: Session | Connection) -> tuple[dict[str, Any], str] | None:
        """(document, hash) of the host's row as it is now; None if there is none. One query, no ORM entity."""

    def hash_of(self, version_id: Any, reader: Connection) -> str | None:
        """The hash of the host's row as it is now; None if there is none. One query."""

    def present(self, version_ids: Collection[Any], reader: Connection) -> set[Any]:
        """Those that the host has a row of. One query."""

    def current(self, after: str, limit: int, reader: Connection) -> list[tuple[str, Any, str]]:
        """(DAG, version, hash) of the current content of the first `limit` DAGs with greater ids. One query or two."""

    def dag_of(self, compact: CompactDag, *, load_op_links: bool) -> HostDag | None:
        """The host's object; None for a document that only the host's own path reads."""

    def key_of(self, version_id: Any) -> str:
        """Its key in our tables."""

    def version_of(self, key: str) -> Any:
        """The version that has this key in our tables; None for a key of another program."""

    def noted(self, text: str) -> Any:
        """The version that a row of the table `written` names; None if no version has such a name."""
