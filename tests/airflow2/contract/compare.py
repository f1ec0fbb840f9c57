"""The questions to the DAGs of Airflow 2.11, for `tests/support/dag_comparison.py`."""

from __future__ import annotations

import datetime
import io
import itertools
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import redirect_stdout
from typing import Any

import pendulum
from airflow.models.baseoperator import BaseOperator
from airflow.serialization.serialized_objects import SerializedDAG
from airflow.timetables.base import DataInterval, TimeRestriction
from airflow.utils.dag_edges import dag_edges
from airflow.utils.task_group import task_group_to_dict

from tests.airflow2.contract.canonical import canonical
from tests.support.dag_comparison import (
    ABSENT,
    DagComparison,
    Difference,
    Question,
    common_dag_questions,
    common_group_questions,
    common_task_questions,
)

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # the host uses what its libraries deprecate
    from airflow.api_connexion.schemas.dag_schema import dag_detail_schema
    from airflow.api_connexion.schemas.task_schema import task_schema

_NOW = pendulum.datetime(2026, 3, 1)
# When a copy was made differs between any two copies; the rest is compared node by node.
_NOT_COMPARED = {
    "last_loaded", "task_dict", "_task_group", "task_group", "_dag", "dag", "children", "log", "_log",
    "_abc_impl",
}  # fmt: skip


class _Comparison(DagComparison):
    canonical = canonical
    not_in_subsets = ("task_group_dict",)

    def dag_questions(self, stock: Any) -> Iterator[Question]:
        yield from _attributes(stock)
        yield from common_dag_questions()
        yield "get_task(unknown, subdags)", lambda dag: dag.get_task(ABSENT, include_subdags=True)
        yield "has_task_group(every)", lambda dag: [dag.has_task_group(name) for name in dag.task_group_dict]
        yield (
            "timetable.next_dagrun_info()",
            lambda dag: dag.timetable.next_dagrun_info(
                last_automated_data_interval=None, restriction=TimeRestriction(None, _NOW, True)
            ),
        )
        yield (
            "next_dagrun_info()",
            lambda dag: dag.next_dagrun_info(DataInterval(_NOW, _NOW), restricted=False),
        )
        yield "infer_automated_data_interval()", lambda dag: dag.infer_automated_data_interval(_NOW)
        yield (
            "iter_dagrun_infos_between()",
            lambda dag: list(
                itertools.islice(dag.iter_dagrun_infos_between(_NOW, _NOW + datetime.timedelta(9)), 3)
            ),
        )
        yield "params.validate()", lambda dag: dag.params.deep_merge({}).validate()
        yield "validate()", lambda dag: dag.validate()
        # Its order is not the same for two copies of stock's.
        yield "topological_sort()", lambda dag: sorted(task.task_id for task in dag.topological_sort())
        yield "get_tree_view()", lambda dag: dag.get_tree_view()
        yield "serialize_dag()", SerializedDAG.serialize_dag

    def task_questions(self, stock: Any) -> Iterator[Question]:
        yield from _attributes(stock)
        if isinstance(stock, BaseOperator):
            yield "hash()", hash
        yield from common_task_questions(stock)
        yield "weight_rule.get_weight()", lambda task: task.weight_rule.get_weight(_TaskInstance(task))
        yield "task_schema", lambda task: task_schema.dump(task)

    def group_questions(self, stock: Any) -> Iterator[Question]:
        yield from _attributes(stock)
        yield from common_group_questions(hasattr(stock, "get_parse_time_mapped_ti_count"))

    def shown_questions(self) -> Iterator[Question]:
        yield "graph nodes", lambda dag: task_group_to_dict(dag.task_group)
        yield (
            "graph edges",
            lambda dag: sorted(dag_edges(dag), key=lambda edge: (edge["source_id"], edge["target_id"])),
        )
        yield "details", _details
        yield "tree", _printed_tree

    def equality(self, task: Any, twin: Any) -> Mapping[str, bool]:
        """The host compares by value."""
        is_plain = isinstance(task, BaseOperator)
        return {
            "equal to stock's": not is_plain or (twin == task and task == twin and hash(task) == hash(twin)),
            "equal to nothing else": twin != object(),
        }


def _attributes(stock: Any) -> Iterator[Question]:
    """Reads of every attribute and property that stock's object has, and of one that it has not."""
    for name in sorted({*dir(stock), ABSENT} - _NOT_COMPARED):
        try:
            is_method = callable(getattr(stock, name))
        except Exception:
            is_method = False  # an exception is an answer
        if not is_method and not (name.startswith("__") and name.endswith("__")):
            yield name, lambda node, name=name: getattr(node, name)


class _TaskInstance:
    """The part of a task instance that the weight rules read."""

    def __init__(self, task: Any) -> None:
        self.task = task
        self.try_number = 1


def _details(dag: Any) -> Any:
    shown = dag_detail_schema.dump(dag)
    return {
        name: value
        for name, value in shown.items()
        if name not in ("last_loaded", "last_parsed", "file_token")
    }


def _printed_tree(dag: Any) -> str:
    printed = io.StringIO()
    with redirect_stdout(printed):
        dag.tree_view()
    return printed.getvalue()


def compare_dags(stock: SerializedDAG, ours: SerializedDAG) -> list[Difference]:
    """Every difference between the host's deserialized DAG and ours."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # some attributes are deprecated
        return _Comparison().compare(stock, ours)


def compare_first_answers(
    make_stock: Callable[[], SerializedDAG], make_ours: Callable[[], SerializedDAG]
) -> list[Difference]:
    """Differences in what an untouched copy of ours answers. Stock's remember some of their answers, too."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return _Comparison().compare_first_answers(make_stock, make_ours)
