"""The DAG object over the compact form, for a stored document of the host."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sched_cache.format import decode_dag, encode_dag
from sched_cache_airflow.hosts.airflow3.dags.dag import dag_of_compact
from sched_cache_airflow.hosts.airflow3.dags.serialization import DagSerialization, SerializedDAG


def dag_of(document: Mapping[str, Any], *, load_op_links: bool) -> SerializedDAG:
    """The DAG of one document, without any tier: our object, or the host's if only the host can read the document.

    Raises:
        What the host raises for a document that it cannot read.
    """
    encoded = encode_dag(document, sort_keys=False)
    ours = dag_of_compact(decode_dag(encoded.hot, encoded.cold), load_op_links=load_op_links)
    if ours is not None:
        return ours
    DagSerialization._load_operator_extra_links = load_op_links
    return DagSerialization.from_dict(dict(document))
