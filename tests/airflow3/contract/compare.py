"""The questions to the DAGs of Airflow 3.3, for `tests/support/dag_comparison.py`."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from airflow.api_fastapi.core_api.datamodels.tasks import TaskResponse
from airflow.api_fastapi.core_api.services.ui.task_group import task_group_to_dict, task_group_to_dict_grid
from airflow.serialization.definitions.mappedoperator import get_mapped_ti_count, is_mapped
from airflow.timetables.base import TimeRestriction
from airflow.utils.dag_edges import dag_edges

from sched_cache_airflow.hosts.airflow3.dags.serialization import SerializedDAG
from tests.airflow3.contract.canonical import canonical
from tests.airflow3.contract.host_reads import HOST_READS
from tests.support.dag_comparison import (
    ABSENT,
    DagComparison,
    Difference,
    Question,
    common_dag_questions,
    common_group_questions,
    common_task_questions,
)

_NOW = datetime.datetime(2026, 3, 1, tzinfo=datetime.timezone.utc)
# When a copy was made differs between any two copies, and the API leaves ``class_ref`` behind; the rest is
# compared node by node.
_NOT_COMPARED = {
    "last_loaded", "class_ref", "task_dict", "task_group", "dag", "children", "log", "_cached_logger"
}  # fmt: skip


class _Comparison(DagComparison):
    canonical = canonical

    def dag_questions(self, stock: Any) -> Iterator[Question]:
        yield from _attributes("SerializedDAG", stock)
        yield from common_dag_questions()
        yield "[unknown]", lambda dag: dag[ABSENT]
        yield "[every id]", lambda dag: [dag[node_id] for node_id in [*dag.task_ids, *dag.task_group_dict]]
        yield (
            "timetable.next_dagrun_info_v2()",
            lambda dag: dag.timetable.next_dagrun_info_v2(
                last_dagrun_info=None, restriction=TimeRestriction(None, _NOW, True)
            ),
        )
        yield (
            "iter_dagrun_infos_between()",
            lambda dag: [
                info
                for _, info in zip(
                    range(3), dag.iter_dagrun_infos_between(_NOW, _NOW + datetime.timedelta(9)), strict=False
                )
            ],
        )
        yield "validate_partition_key()", lambda dag: dag.validate_partition_key("2026-03-01")
        yield "params.deep_merge()", lambda dag: dag.params.deep_merge({ABSENT: 1}).validate()

    def task_questions(self, stock: Any) -> Iterator[Question]:
        yield from _attributes(type(stock).__name__, stock)
        yield "hash()", hash
        yield from common_task_questions(stock)
        for upstream in (True, False):
            for depth in (0, 1, 2, -1):
                yield (
                    f"get_flat_relative_ids(upstream={upstream}, depth={depth})",
                    lambda task, up=upstream, depth=depth: sorted(
                        task.get_flat_relative_ids(upstream=up, depth=depth)
                    ),
                )
        yield "expand_start_from_trigger()", lambda task: task.expand_start_from_trigger(context={})
        yield "expand_start_trigger_args()", lambda task: task.expand_start_trigger_args(context={})
        yield "is_mapped(task)", is_mapped
        yield "get_mapped_ti_count.dispatch", lambda task: get_mapped_ti_count.dispatch(type(task))
        yield "TaskResponse", lambda task: TaskResponse.model_validate(task).model_dump_json()

    def group_questions(self, stock: Any) -> Iterator[Question]:
        yield from _attributes("SerializedTaskGroup", stock)
        yield from common_group_questions(stock.is_mapped)

    def shown_questions(self) -> Iterator[Question]:
        yield "graph nodes", lambda dag: task_group_to_dict(dag.task_group)
        yield "grid nodes", lambda dag: task_group_to_dict_grid(dag.task_group)
        yield (
            "graph edges",
            lambda dag: sorted(dag_edges(dag), key=lambda edge: (edge["source_id"], edge["target_id"])),
        )

    def equality(self, task: Any, twin: Any) -> Mapping[str, bool]:
        return {"no equality but identity": twin.__eq__(object()) is NotImplemented or is_mapped(task)}


def _attributes(owner: str, stock: Any) -> Iterator[Question]:
    """Reads of every attribute that the host reads, that is serialized, or that stock's object holds."""
    names = set(HOST_READS[owner]) | set(getattr(stock, "__dict__", ())) | {ABSENT}
    names.update(
        getattr(type(stock), "__attrs_attrs__", ()) and [a.name for a in type(stock).__attrs_attrs__]
    )
    if hasattr(stock, "get_serialized_fields"):
        names |= stock.get_serialized_fields()
    for name in sorted(names - _NOT_COMPARED):
        if not callable(getattr(stock, name, None)):
            yield name, lambda node, name=name: getattr(node, name)


def compare_dags(stock: SerializedDAG, ours: SerializedDAG) -> list[Difference]:
    """Every difference between the host's deserialized DAG and ours."""
    return _Comparison().compare(stock, ours)


def compare_first_answers(stock: SerializedDAG, make_ours: Callable[[], SerializedDAG]) -> list[Difference]:
    """Differences in what an untouched copy of ours answers."""
    return _Comparison().compare_first_answers(lambda: stock, make_ours)
