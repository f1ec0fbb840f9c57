"""Encodes the serialized document as a hot and a cold part. The layout of both bodies is documented here.

    hot   [dag_id, number of tasks, task ids, digest of the cold part, fields, columns, graph, groups]
            task ids [task_id...]
            fields   {"outer": {...}, "dag": {...}, "derived": {...}, "cold_dag": [name...],
                      "cold_task": [name...]}
            columns  [{task field: column}, {derived field: column}]
            graph    see graph.py
            groups   null, or [count, parents, {group field: column}]
    cold  [shape, dag fields, {task field: column}, {group field: column}]
            shape    how the document represents its structure, see `_shape`

`task ids`, `fields`, `columns`, `graph`, `groups` and every column are byte strings that contain MessagePack again, so
that a reader unpacks only what is used.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sched_cache.errors import InvalidDagError
from sched_cache.format.columns import encode_column
from sched_cache.format.derived import Derived, derive
from sched_cache.format.document import Document, read_document
from sched_cache.format.fields import HotFields
from sched_cache.format.graph import encode_graph
from sched_cache.format.groups import encode_groups
from sched_cache.format.header import (
    COLD,
    HOT,
    MAX_PART_BYTES,
    add_header,
    body_of,
    content_hash_of,
    part_digest,
)
from sched_cache.format.messagepack import canonical, pack, unpack

DEFAULT_HOT_FIELDS = HotFields()
_FIELDS = 4
"""The position of the fields in the hot body."""


@dataclass(frozen=True, slots=True)
class EncodedDag:
    """One content: both parts and the hash that names them.

    content_hash: 32 lower-case hexadecimal digits. Equal documents have equal hashes, in any order of keys.
    """

    dag_id: str
    hot: bytes
    cold: bytes
    content_hash: str


def encode_dag(
    serialized: Any,
    hot_fields: HotFields = DEFAULT_HOT_FIELDS,
    labels: Mapping[str, str] | None = None,
    *,
    sort_keys: bool = True,
) -> EncodedDag:
    """The compact form of the mapping that Airflow stores in `serialized_dag.data`, version 1, 2 or 3.

    Linear in tasks and edges for chains, layers and trees. `serialized` is not changed.

    Args:
        serialized: the stored document as `json.loads` returns it.
        hot_fields: the fields that a scheduler reads; all nodes must use the same.
        labels: additional strings for the hot part, such as the host's own hash of the document.
        sort_keys: if false, objects inside of fields and groups keep the order of their keys, and documents that
            differ only in this order have different hashes.

    Raises:
        InvalidDagError: names the DAG and the field.
    """
    document = read_document(serialized, keep_order=not sort_keys)
    derived, upstream = derive(document)
    dag_id = document.dag_id
    columns = {
        name: encode_column(document.column(name), f"dag.tasks[*].{name}", dag_id, sort_keys=sort_keys)
        for name in sorted(document.field_names)
    }
    hot_columns = {name: packed for name, packed in columns.items() if hot_fields.is_hot_task_field(name)}
    cold_columns = {name: packed for name, packed in columns.items() if name not in hot_columns}
    hot_groups: bytes | None = None
    cold_groups: dict[str, bytes] = {}
    if document.groups:
        hot_groups, cold_groups = encode_groups(document.groups, dag_id, sort_keys=sort_keys)
    dag_fields = canonical(document.dag_fields, "dag", dag_id, sort_keys=sort_keys)
    cold_dag_fields = {name: value for name, value in dag_fields.items() if name not in hot_fields.dag}

    cold = add_header(COLD, pack([_shape(document), cold_dag_fields, cold_columns, cold_groups]))
    fields: dict[str, Any] = {
        "outer": canonical(document.outer, "document", dag_id, sort_keys=sort_keys),
        "dag": {name: value for name, value in dag_fields.items() if name in hot_fields.dag},
        "derived": canonical(derived.values, "derived", dag_id),
        "cold_dag": list(cold_dag_fields),
        "cold_task": list(cold_columns),
    }
    if labels:
        fields["labels"] = canonical(labels, "labels", dag_id)
    body = [
        dag_id,
        len(document.task_ids),
        pack(document.task_ids),
        part_digest(cold),
        pack(fields),
        pack([hot_columns, _derived_columns(derived)]),
        encode_graph(document.downstream, upstream),
        hot_groups,
    ]
    hot = add_header(HOT, pack(body))
    for part in (hot, cold):
        if len(part) > MAX_PART_BYTES:
            raise InvalidDagError(
                dag_id, "document", f"takes {len(part)} bytes, the limit is {MAX_PART_BYTES}"
            )
    return EncodedDag(dag_id, hot, cold, content_hash_of(hot))


def with_labels(encoded: EncodedDag, labels: Mapping[str, str]) -> EncodedDag:
    """The same content with additional `labels`, and therefore with another hash."""
    body = unpack(body_of(encoded.hot, HOT), "hot body")
    fields = unpack(body[_FIELDS], "fields")
    fields["labels"] = canonical({**fields.get("labels", {}), **labels}, "labels", encoded.dag_id)
    body[_FIELDS] = pack(fields)
    hot = add_header(HOT, pack(body))
    return EncodedDag(encoded.dag_id, hot, encoded.cold, content_hash_of(hot))


def _derived_columns(derived: Derived) -> dict[str, bytes]:
    return {name: encode_column(values, name, None) for name, values in derived.columns.items() if values}


def _shape(document: Document) -> dict[str, Any]:
    """How the document represents its structure; needed only to restore the document."""
    shape: dict[str, Any] = {
        "dag_id_name": document.dag_id_name,
        "edge_name": document.edge_name,
        "group_name": document.group_name,
        "split_partials": document.has_split_partials,
    }
    if document.rows:
        shape["has_edges"] = encode_column(document.has_edges, "edges", document.dag_id)
        shape["envelope"] = encode_column(document.envelopes, "dag.tasks[*]", document.dag_id)
    return shape
