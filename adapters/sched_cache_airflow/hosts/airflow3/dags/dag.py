"""The host's DAG object over a compact DAG.

Source: Airflow 3.3.2 serialization/serialized_objects.py `_deserialize_dag_internal`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from airflow._shared.timezones.timezone import utcnow
from airflow.exceptions import TaskNotFound
from airflow.serialization.serialized_objects import TaskGroupSerialization, _ExpandInputRef

from sched_cache.format import CompactDag
from sched_cache_airflow.dags.column_dag import ColumnDag
from sched_cache_airflow.dags.column_operator import dict_of_instances
from sched_cache_airflow.hosts.airflow3.dags.operator import operator_class
from sched_cache_airflow.hosts.airflow3.dags.serialization import (
    DagSerialization,
    OperatorSerialization,
    SerializedDAG,
)
from sched_cache_airflow.releases import AIRFLOW_3

_own_dict = dict_of_instances(SerializedDAG)


class CompactSerializedDAG(ColumnDag, SerializedDAG):
    """A `SerializedDAG` whose attributes come from a compact DAG when they are first read. Safe for threads."""

    __slots__ = ()

    __dict__ = ColumnDag.every_attribute

    _host_class = SerializedDAG
    _not_found = TaskNotFound
    _reference = _ExpandInputRef
    _id_field = "dag_id"
    _tree_field = "task_group"
    _bytes_per_dag = 3_000
    _bytes_per_operator = 120

    def __init__(self, compact: CompactDag, load_op_links: bool) -> None:
        self._start(compact, load_op_links, utcnow())

    def _own(self) -> dict[str, Any]:
        own: dict[str, Any] = _own_dict(self)
        return own

    def _deserialize(self, fields: dict[str, Any]) -> dict[str, Any]:
        attributes: dict[str, Any] = vars(DagSerialization.deserialize_dag({**fields, "tasks": []}))
        return attributes

    def _operator_maker(self) -> Callable[[int], Any]:
        columns = self._columns
        return partial(operator_class(columns.hot_names, columns.cold_names, columns.load_op_links), columns)

    def _deserialize_task(self, document: dict[str, Any]) -> Any:
        OperatorSerialization._load_operator_extra_links = self._columns.load_op_links
        return OperatorSerialization.deserialize_operator(document, self._columns.client_defaults)

    def _deserialize_tree(self, encoded: Any, operators: dict[str, Any], dag: Any = None) -> Any:
        return TaskGroupSerialization.deserialize_task_group(encoded, None, operators, dag or self)

    def stock_copy(self) -> SerializedDAG:
        DagSerialization._load_operator_extra_links = self._columns.load_op_links
        return DagSerialization.from_dict(self.compact.to_serialized())


def dag_of_compact(compact: CompactDag, *, load_op_links: bool) -> CompactSerializedDAG | None:
    """The host's object for `compact`; None for a document that only the host's own path reads.

    Those are version 1, which the host rewrites before reading, and field names of older releases.
    """
    if compact.outer("__version") not in AIRFLOW_3.document_versions:
        return None
    names = compact.hot_column_names | compact.cold_column_names
    if names & _LEGACY_NAMES or "tasks" in compact.cold_field_names:
        return None
    return CompactSerializedDAG(compact, load_op_links)


_LEGACY_NAMES = frozenset(
    (
        "task_display_name",
        "_task_type",
        "_outlets",
        "_inlets",
        "on_execute_callback",
        "on_failure_callback",
        "on_retry_callback",
        "on_skipped_callback",
        "on_success_callback",
    )
)
