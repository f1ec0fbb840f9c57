"""The host's DAG object over a compact DAG.

Source: Airflow 2.11.2 serialization/serialized_objects.py `SerializedDAG.deserialize_dag`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from airflow.exceptions import TaskNotFound
from airflow.serialization.serialized_objects import (
    SerializedBaseOperator,
    SerializedDAG,
    TaskGroupSerialization,
    _ExpandInputRef,
)
from airflow.utils import timezone

from sched_cache.format import CompactDag
from sched_cache_airflow.dags.column_dag import ColumnDag
from sched_cache_airflow.dags.column_operator import dict_of_instances
from sched_cache_airflow.hosts.airflow2.dags.operator import new_operator, operator_class
from sched_cache_airflow.releases import AIRFLOW_2

_own_dict = dict_of_instances(SerializedDAG)


class CompactSerializedDAG(ColumnDag, SerializedDAG):
    """A `SerializedDAG` whose attributes come from a compact DAG when they are first read. Safe for threads."""

    __dict__ = ColumnDag.every_attribute

    _host_class = SerializedDAG
    _not_found = TaskNotFound
    _reference = _ExpandInputRef
    _id_field = "_dag_id"
    _tree_field = "_task_group"
    # Including the attributes that the host's own path reads of each task, two sets among them: tests/airflow2/figures.
    _bytes_per_dag = 5_000
    _bytes_per_operator = 140

    def __init__(self, compact: CompactDag, load_op_links: bool) -> None:
        self._start(compact, load_op_links, timezone.utcnow())

    @property
    def subdags(self) -> list[Any]:
        """None: a DAG with subdags stays on the host's own path."""
        return []

    def _own(self) -> dict[str, Any]:
        own: dict[str, Any] = _own_dict(self)
        return own

    def _deserialize(self, fields: dict[str, Any]) -> dict[str, Any]:
        attributes: dict[str, Any] = vars(SerializedDAG.deserialize_dag({**fields, "tasks": []}))
        return attributes

    def _operator_maker(self) -> Callable[[int], Any]:
        columns = self._columns
        make = operator_class(columns.hot_names, columns.cold_names, columns.load_op_links)
        return partial(new_operator, make, columns)

    def _deserialize_task(self, document: dict[str, Any]) -> Any:
        SerializedBaseOperator._load_operator_extra_links = self._columns.load_op_links
        return SerializedBaseOperator.deserialize_operator(document)

    def _deserialize_tree(self, encoded: Any, operators: dict[str, Any], dag: Any = None) -> Any:
        return TaskGroupSerialization.deserialize_task_group(encoded, None, operators, dag or self)

    def stock_copy(self) -> SerializedDAG:
        SerializedDAG._load_operator_extra_links = self._columns.load_op_links
        return SerializedDAG.from_dict(self.compact.to_serialized())


def dag_of_compact(compact: CompactDag, *, load_op_links: bool) -> CompactSerializedDAG | None:
    """The host's object for `compact`; None for a document that only the host's own path can read.

    Such a document has subdags, no tree of task groups, or field names that the host rewrites.
    """
    if compact.outer("__version") not in AIRFLOW_2.document_versions:
        return None
    names = compact.hot_column_names | compact.cold_column_names
    if names & _LEFT_TO_THE_HOST or "tasks" in compact.cold_field_names:
        return None
    if "SubDagOperator" in compact.column("_task_type"):
        return None
    if compact.groups() is None and compact.serialized_fields().get("_task_group") is None:
        return None
    return CompactSerializedDAG(compact, load_op_links)


_LEFT_TO_THE_HOST = frozenset(("subdag", "_is_dummy", "_downstream_task_ids"))
