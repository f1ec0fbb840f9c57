"""Every answer of two deserialized DAGs, side by side: the host's objects against ours."""

from __future__ import annotations

import datetime
import io
import itertools
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import redirect_stdout
from dataclasses import dataclass
from typing import Any

import pendulum
from airflow.models.baseoperator import BaseOperator
from airflow.serialization.serialized_objects import SerializedDAG
from airflow.timetables.base import DataInterval, TimeRestriction
from airflow.utils.dag_edges import dag_edges
from airflow.utils.task_group import TaskGroup, task_group_to_dict

from tests.airflow2.contract.canonical import canonical, outcome

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
_ABSENT = "no_such_attribute"


@dataclass(frozen=True, slots=True)
class Difference:
    """One question that got two answers. ``where`` is the expression, e.g. ``tasks['a'].retries``."""

    where: str
    stock: Any
    ours: Any

    def __str__(self) -> str:
        return f"{self.where}: stock {self.stock!r}, ours {self.ours!r}"


Question = tuple[str, Callable[[Any], Any]]


def compare_dags(stock: SerializedDAG, ours: SerializedDAG, *, subsets: bool = True) -> list[Difference]:
    """Every difference between the host's deserialized DAG and ours.

    Args:
        subsets: whether to compare what ``partial_subset`` makes of some tasks, too.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # some attributes are deprecated
        found = list(_differences("dag", stock, ours, _dag_questions(stock)))
        if stock.task_ids != ours.task_ids:
            return found
        for task_id in stock.task_ids:
            task, twin = stock.get_task(task_id), ours.get_task(task_id)
            found += _differences(f"tasks[{task_id!r}]", task, twin, _task_questions(task))
            found += _identity(task_id, task, twin, ours)
        groups, twins = stock.task_group.get_task_group_dict(), ours.task_group.get_task_group_dict()
        for group_id in groups.keys() & twins.keys():
            group = groups[group_id]
            found += _differences(f"groups[{group_id!r}]", group, twins[group_id], _group_questions(group))
        found += _differences("pages", stock, ours, _page_questions())
        if subsets:
            for task_id in _sample(stock.task_ids):
                for up, down in ((True, False), (False, True)):
                    found += _compare_subsets(stock, ours, task_id, up, down)
        return found


def compare_first_answers(
    make_stock: Callable[[], SerializedDAG], make_ours: Callable[[], SerializedDAG]
) -> list[Difference]:
    """Differences in what an untouched copy of ours answers: a lazy object must not depend on earlier questions.

    Cost: both twice for each of some 130 questions, since stock's remember some of their answers, too; within one
    question the tasks share a copy.
    """
    found: list[Difference] = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        stock = make_stock()
        for name, ask in _dag_questions(stock):
            found += _differences("untouched dag", make_stock(), make_ours(), [(name, ask)])
        asked: dict[str, dict[str, Callable[[Any], Any]]] = {}
        for task in stock.tasks:
            for name, ask in _task_questions(task):
                asked.setdefault(name, {})[task.task_id] = ask
        for (name, asks), (way, take) in itertools.product(asked.items(), _WAYS_TO_A_TASK.items()):
            ours, theirs = make_ours(), make_stock()
            for task_id, ask in asks.items():
                where = f"untouched {way}({task_id!r})"
                found += _differences(where, take(theirs, task_id), take(ours, task_id), [(name, ask)])
    return found


_WAYS_TO_A_TASK: dict[str, Callable[[SerializedDAG, str], Any]] = {
    "get_task": lambda dag, task_id: dag.get_task(task_id),
    "task_dict": lambda dag, task_id: dag.task_dict[task_id],
}


def _differences(where: str, stock: Any, ours: Any, questions: Iterable[Question]) -> Iterator[Difference]:
    for name, ask in questions:
        expected, actual = outcome(lambda ask=ask: ask(stock)), outcome(lambda ask=ask: ask(ours))
        if expected != actual:
            yield Difference(f"{where}.{name}", expected, actual)


def _attributes(stock: Any) -> Iterator[Question]:
    """Reads of every attribute and property that stock's object has, and of one that it has not."""
    for name in sorted({*dir(stock), _ABSENT} - _NOT_COMPARED):
        try:
            is_method = callable(getattr(stock, name))
        except Exception:
            is_method = False  # an exception is an answer
        if not is_method and not (name.startswith("__") and name.endswith("__")):
            yield name, lambda node, name=name: getattr(node, name)


def _dag_questions(stock: SerializedDAG) -> Iterator[Question]:
    yield from _attributes(stock)
    yield "repr()", repr
    # The REST API copies what stands there: `get_dag_details` in api_connexion/endpoints/dag_endpoint.py.
    yield "__dict__", lambda dag: sorted(name for name in dag.__dict__ if not name.startswith("_"))
    yield "tasks", lambda dag: list(dag.tasks)
    yield "task_dict", lambda dag: list(dag.task_dict.items())
    yield "has_task(unknown)", lambda dag: dag.has_task(_ABSENT)
    yield "get_task(unknown)", lambda dag: dag.get_task(_ABSENT)
    yield "get_task(unknown, subdags)", lambda dag: dag.get_task(_ABSENT, include_subdags=True)
    yield "has_task_group(every)", lambda dag: [dag.has_task_group(name) for name in dag.task_group_dict]
    yield (
        "get_edge_info()",
        lambda dag: [
            dag.get_edge_info(task.task_id, other) for task in dag.tasks for other in task.downstream_task_ids
        ],
    )
    yield (
        "timetable.next_dagrun_info()",
        lambda dag: dag.timetable.next_dagrun_info(
            last_automated_data_interval=None, restriction=TimeRestriction(None, _NOW, True)
        ),
    )
    yield "next_dagrun_info()", lambda dag: dag.next_dagrun_info(DataInterval(_NOW, _NOW), restricted=False)
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


_TASK_METHODS = (
    "get_upstreams_follow_setups",
    "get_upstreams_only_setups",
    "get_upstreams_only_setups_and_teardowns",
    "iter_mapped_dependants",
    "iter_mapped_dependencies",
    "_iter_all_mapped_downstreams",
)


def _task_questions(stock: Any) -> Iterator[Question]:
    yield from _attributes(stock)
    yield "repr()", repr
    if isinstance(stock, BaseOperator):
        yield "hash()", hash
    yield "template fields", lambda task: [getattr(task, name) for name in task.template_fields]
    for upstream in (True, False):
        yield (
            f"get_direct_relative_ids({upstream})",
            lambda task, up=upstream: task.get_direct_relative_ids(up),
        )
        yield f"get_direct_relatives({upstream})", lambda task, up=upstream: task.get_direct_relatives(up)
        yield (
            f"get_flat_relative_ids({upstream})",
            lambda task, up=upstream: sorted(task.get_flat_relative_ids(upstream=up)),
        )
    for name in _TASK_METHODS:
        if hasattr(stock, name):
            yield f"{name}()", lambda task, name=name: sorted(node.node_id for node in getattr(task, name)())
    for name in (
        "get_closest_mapped_task_group",
        "iter_mapped_task_groups",
        "get_parse_time_mapped_ti_count",
        "get_needs_expansion",
        "has_dag",
        "get_dag",
        "serialize_for_task_group",
        "get_inlet_defs",
        "get_outlet_defs",
        "_get_specified_expand_input",
    ):
        if hasattr(stock, name):
            yield f"{name}()", lambda task, name=name: getattr(task, name)()
    yield "weight_rule.get_weight()", lambda task: task.weight_rule.get_weight(_TaskInstance(task))
    yield "task_schema", lambda task: task_schema.dump(task)
    yield "len of every set", lambda task: [len(task.upstream_task_ids), len(task.downstream_task_ids)]


class _TaskInstance:
    """What the weight rules read."""

    def __init__(self, task: Any) -> None:
        self.task = task
        self.try_number = 1


def _group_questions(stock: TaskGroup) -> Iterator[Question]:
    yield from _attributes(stock)
    yield "children", lambda group: list(group.children.items())
    yield "iteration", lambda group: list(group)
    for name in (
        "topological_sort",
        "hierarchical_alphabetical_sort",
        "get_roots",
        "get_leaves",
        "iter_tasks",
    ):
        yield f"{name}()", lambda group, name=name: getattr(group, name)()
    yield "iter_mapped_task_groups()", lambda group: group.iter_mapped_task_groups()
    if hasattr(stock, "get_parse_time_mapped_ti_count"):
        yield "get_parse_time_mapped_ti_count()", lambda group: group.get_parse_time_mapped_ti_count()
        yield "iter_mapped_dependencies()", lambda group: group.iter_mapped_dependencies()
    yield "type()", type


def _page_questions() -> Iterator[Question]:
    yield "graph nodes", lambda dag: task_group_to_dict(dag.task_group)
    yield (
        "graph edges",
        lambda dag: sorted(dag_edges(dag), key=lambda edge: (edge["source_id"], edge["target_id"])),
    )
    yield "details", _details
    yield "tree", _printed_tree


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


def _identity(task_id: str, task: Any, twin: Any, ours: SerializedDAG) -> Iterator[Difference]:
    """What holds between objects: the host compares tasks by identity and value, and checks their class."""
    is_plain = isinstance(task, BaseOperator)
    checks = {
        "same object every time": twin is ours.get_task(task_id) is ours.task_dict[task_id],
        "task.dag is the DAG": twin.dag is ours,
        "isinstance of stock's class": isinstance(twin, type(task)),
        "equal to stock's": not is_plain or (twin == task and task == twin and hash(task) == hash(twin)),
        "equal to nothing else": twin != object(),
        "in its group": any(child is twin for child in twin.task_group.children.values()),
        "upstream_list holds the DAG's objects": all(
            up is ours.get_task(up.task_id) for up in twin.upstream_list
        ),
        "private sets": twin.upstream_task_ids is not twin.downstream_task_ids,
    }
    for name, holds in checks.items():
        if not holds:
            yield Difference(f"tasks[{task_id!r}]: {name}", True, False)


def _compare_subsets(
    stock: SerializedDAG, ours: SerializedDAG, task_id: str, upstream: bool, downstream: bool
) -> list[Difference]:
    """A subset is a deep copy that is cut to size: it shows whether our objects survive copying."""
    options = {"include_upstream": upstream, "include_downstream": downstream}
    before = canonical(list(ours.task_dict))
    for dag in (stock, ours):  # once read, it would be copied into stock's subset, which has fewer groups
        vars(dag).pop("task_group_dict", None)
    subset, twin = stock.partial_subset([task_id], **options), ours.partial_subset([task_id], **options)
    where = f"partial_subset([{task_id!r}], {upstream=}, {downstream=})"
    found = [
        Difference(f"{where} {difference.where}", difference.stock, difference.ours)
        for difference in compare_dags(subset, twin, subsets=False)
    ]
    if canonical(list(ours.task_dict)) != before:
        found.append(Difference(f"{where} changed the original", before, canonical(list(ours.task_dict))))
    return found


def _sample(task_ids: list[str]) -> list[str]:
    """The first, a middle and the last task."""
    return list(dict.fromkeys([task_ids[0], task_ids[len(task_ids) // 2], task_ids[-1]])) if task_ids else []
