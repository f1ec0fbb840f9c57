"""Parts with a valid header and checksum and any content, as an attacker would write them."""

from __future__ import annotations

from typing import Any

import msgpack

from sched_cache.format.header import COLD, HEADER_BYTES, HOT, add_header, part_digest

NO_COLD = b"\x00" * 16
"""The digest of a cold part that does not exist."""


def packed(value: Any) -> bytes:
    """`value` as MessagePack, keys of any type and in any order."""
    found: bytes = msgpack.packb(value, unicode_errors="surrogatepass")
    return found


def constant(value: Any) -> bytes:
    """A column in which every row has `value`."""
    return packed([0, value])


def nested(depth: int) -> bytes:
    """MessagePack of null in `depth` arrays; deeper than any library would pack."""
    return b"\x91" * depth + b"\xc0"


def hot_part(
    *,
    dag_id: Any = "d",
    n_tasks: Any = None,
    task_ids: Any = ("a", "b", "c"),
    cold_digest: Any = NO_COLD,
    fields: Any = None,
    columns: Any = None,
    derived: Any = None,
    graph: Any = None,
    groups: Any = None,
    column_section: Any = None,
) -> bytes:
    """A hot part in which everything not given is as the encoder would write it for three unconnected tasks.

    task_ids, fields, columns, derived, graph, groups: values to be packed, or bytes that are taken for packed
        already.
    """
    if n_tasks is None:
        n_tasks = len(task_ids) if isinstance(task_ids, (list, tuple)) else 3
    if fields is None:
        fields = {"outer": {}, "dag": {}, "derived": {}, "cold_dag": [], "cold_task": []}
    if column_section is None:
        column_section = [columns or {}, derived or {}]
    if graph is None:
        graph = [constant(0), b"", constant(0), b""] if n_tasks else [b"", b"", b"", b""]
    sections = [fields, column_section, graph]
    return add_header(
        HOT,
        packed(
            [
                dag_id,
                n_tasks,
                task_ids if isinstance(task_ids, bytes) else packed(task_ids),
                cold_digest,
                *(section if isinstance(section, bytes) else packed(section) for section in sections),
                groups if isinstance(groups, bytes) or groups is None else packed(groups),
            ]
        ),
    )


def cold_part(
    *, shape: Any = None, dag_fields: Any = None, columns: Any = None, groups: Any = None, body: Any = None
) -> bytes:
    """A cold part for `hot_part`, everything not given as the encoder would write it.

    body: instead of all others, the whole body as bytes or as a value.
    """
    if body is None:
        usual_shape = {
            "dag_id_name": "dag_id",
            "edge_name": "downstream_task_ids",
            "group_name": "",
            "split_partials": False,
            "has_edges": constant(False),
            "envelope": packed([3, [], 0, 0, b"", b""]),
        }
        shape = (
            {**usual_shape, **shape} if isinstance(shape, dict) else usual_shape if shape is None else shape
        )
        body = [shape, dag_fields or {}, columns or {}, groups or {}]
    return add_header(COLD, body if isinstance(body, bytes) else packed(body))


def matching(cold: bytes, **hot: Any) -> tuple[bytes, bytes]:
    """(a hot part that names `cold` as its own, `cold`)."""
    return hot_part(cold_digest=part_digest(cold), **hot), cold


def resealed(data: bytes, part: int) -> bytes:
    """The same body, however damaged, behind a header that holds."""
    return add_header(part, data[HEADER_BYTES:])
