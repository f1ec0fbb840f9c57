"""The work of the subjects of the suite `replay` on an operator's DAGs."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

from ..case import Case
from ..documents import copied, deflated
from ..subject import Work
from .documents import Replayed, read_documents


def chosen(case: Case) -> list[Replayed]:
    """The DAGs of the case: all, or the one of its rank."""
    everything = list(read_documents())
    rank = int(case.parameters["rank"])
    return everything if rank == 0 else everything[rank - 1 : rank]


def stock_replay(case: Case) -> Work:
    """The JSON, and the host's deserialization."""
    from airflow.serialization.serialized_objects import DagSerialization

    def read(text: str) -> object:
        dag = DagSerialization.from_dict(json.loads(text))
        for task in dag.task_dict.values():
            _ = task.retries
            break
        return dag

    texts = [one.text for one in chosen(case)]
    readable = _readable(read, texts)
    return _work(read, readable, len(texts), sum(len(deflated(text.encode())) for text in readable))


def product_replay(case: Case) -> Work:
    """The compact form."""
    from sched_cache.format import decode_dag, encode_dag
    from sched_cache.format.compression import compress

    def read(hot: bytes) -> object:
        dag = decode_dag(copied(hot))
        if dag.n_tasks:
            _ = dag.task(dag.task_ids[0]).retries
        return dag

    texts = [one.text for one in chosen(case)]
    encoded = [
        encode_dag(json.loads(text)) for text in _readable(lambda text: encode_dag(json.loads(text)), texts)
    ]
    stored = sum(len(compress(one.hot)) + len(compress(one.cold)) for one in encoded)
    return _work(read, [one.hot for one in encoded], len(texts), stored)


def _readable(read: Callable[[str], object], texts: Sequence[str]) -> list[str]:
    """The DAGs that the subject can read: a DAG may need a plugin that is not installed here."""
    found = []
    for text in texts:
        try:
            read(text)
        except Exception:
            continue
        found.append(text)
    return found


def _work(read: Callable[[Any], object], sources: Sequence[Any], n_dags: int, stored_bytes: int) -> Work:
    def read_all() -> list[object]:
        return [read(source) for source in sources]

    return Work(
        timed={"read": read_all},
        retained={"resident_bytes": read_all},
        figures={
            "read_bytes": sum(len(source) for source in sources),
            "stored_bytes": stored_bytes,
            "not_understood": n_dags - len(sources),
        },
    )
