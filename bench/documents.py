"""The document of a case, and the operations of every format subject on it."""

from __future__ import annotations

import json
import zlib
from dataclasses import dataclass
from typing import Any

from .case import Case
from .serialized import generate_document


@dataclass(frozen=True, slots=True)
class DocumentCase:
    """One serialized DAG, and the task in its middle, which the operations look up."""

    document: dict[str, Any]
    text: str  # the JSON as a database column holds it
    task_ids: list[str]
    wanted: str

    @property
    def n_tasks(self) -> int:
        return len(self.task_ids)


def document_case(case: Case) -> DocumentCase:
    """Generated again from the case's parameters and seed."""
    document: dict[str, Any] = generate_document(
        str(case.parameters["shape"]), int(case.parameters["n_tasks"]), seed=case.seed
    )
    task_ids = [task["__var"]["task_id"] for task in document["dag"]["tasks"]]
    return DocumentCase(document, json.dumps(document), task_ids, task_ids[len(task_ids) // 2])


def deflated(data: bytes) -> bytes:
    """As Airflow compresses a document: zlib at its default level."""
    return zlib.compress(data)


def copied(data: bytes) -> bytes:
    """A copy of the bytes in separate memory, as from a socket."""
    return bytes(bytearray(data))
