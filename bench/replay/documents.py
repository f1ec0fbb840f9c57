"""The file with the DAGs of one replay, which all its processes read."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

VARIABLE = "BENCH_REPLAY_FILE"
_NAME_DIGITS = 8


@dataclass(frozen=True, slots=True)
class Replayed:
    """One DAG: its name in the report, how many tasks it has, and the JSON text of its document."""

    name: str
    n_tasks: int
    text: str


def write_documents(documents: Iterable[dict[str, Any]], path: Path, *, show_names: bool) -> int:
    """Writes the DAGs, the largest first, for this process and its children to read; how many."""
    found = []
    for document in documents:
        dag = document.get("dag", {})
        dag_id = str(dag.get("dag_id", ""))
        if dag_id:
            name = dag_id if show_names else hashed(dag_id)
            found.append(Replayed(name, len(dag.get("tasks", ())), json.dumps(document)))
    found.sort(key=lambda one: (-one.n_tasks, one.name))
    with path.open("w") as file:
        for one in found:
            print(json.dumps([one.name, one.n_tasks, one.text]), file=file)
    os.environ[VARIABLE] = str(path)
    return len(found)


def read_documents() -> Iterator[Replayed]:
    """The DAGs that `write_documents` has written; none if there is no replay."""
    path = os.environ.get(VARIABLE)
    if path:
        with open(path) as file:
            for line in file:
                yield Replayed(*json.loads(line))


def hashed(dag_id: str) -> str:
    """A name that reveals nothing to a reader, except that a guessed dag_id can be checked."""
    return hashlib.blake2b(dag_id.encode(), digest_size=_NAME_DIGITS // 2).hexdigest()
