"""Every answer of two deserialized DAGs, side by side: the host's objects against ours."""

from __future__ import annotations

import datetime
import itertools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from airflow.api_fastapi.core_api.datamodels.tasks import TaskResponse
from airflow.api_fastapi.core_api.services.ui.task_group import task_group_to_dict, task_group_to_dict_grid
from airflow.serialization.definitions.dag import SerializedDAG
from airflow.serialization.definitions.mappedoperator import get_mapped_ti_count, is_mapped
from airflow.serialization.definitions.taskgroup import SerializedTaskGroup
from airflow.timetables.base import TimeRestriction
from airflow.utils.dag_edges import dag_edges

from tests.airflow3.contract.canonical import canonical, outcome
from tests.airflow3.contract.host_reads import HOST_READS

_NOW = datetime.datetime(2026, 3, 1, tzinfo=datetime.timezone.utc)
# When a copy was made differs between any two copies, and the API leaves ``class_ref`` behind; the rest is
# compared node by node.
_NOT_COMPARED = {
    "last_loaded", "class_ref", "task_dict", "task_group", "dag", "children", "log", "_cached_logger"
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
    """Every difference between the host's deserialized DAG and ours, in no more than a few per cause.

    Cost: some 200 reads for each task of both DAGs.

    Args:
        subsets: whether to compare what ``partial_subset`` makes of some tasks, too.
    """
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
    found += _differences("api", stock, ours, _api_questions(stock))
    if subsets:
        for task_id in _sample(stock.task_ids):
            for up, down in ((True, False), (False, True)):
                found += _compare_subsets(stock, ours, task_id, up, down)
    return found


def compare_first_answers(stock: SerializedDAG, make_ours: Callable[[], SerializedDAG]) -> list[Difference]:
    """Differences in what an untouched copy of ours answers: a lazy object must not depend on earlier questions.

    Cost: ``make_ours`` twice for each of some 130 questions; within one question the tasks share a copy.
    """
    found: list[Difference] = []
    for name, ask in _dag_questions(stock):
        found += _differences("untouched dag", stock, make_ours(), [(name, ask)])
    asked: dict[str, dict[str, Callable[[Any], Any]]] = {}
    for task in stock.tasks:
        for name, ask in _task_questions(task):
            asked.setdefault(name, {})[task.task_id] = ask
    for (name, asks), (way, take) in itertools.product(asked.items(), _WAYS_TO_A_TASK.items()):
        ours = make_ours()
        for task_id, ask in asks.items():
            where = f"untouched {way}({task_id!r})"
            found += _differences(where, take(stock, task_id), take(ours, task_id), [(name, ask)])
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


def _attributes(owner: str, stock: Any) -> Iterator[Question]:
    """Reads of every attribute that the host reads, that is serialized, or that stock's object holds."""
    names = set(HOST_READS[owner]) | set(getattr(stock, "__dict__", ())) | {_ABSENT}
    names.update(
        getattr(type(stock), "__attrs_attrs__", ()) and [a.name for a in type(stock).__attrs_attrs__]
    )
    if hasattr(stock, "get_serialized_fields"):
        names |= stock.get_serialized_fields()
    for name in sorted(names - _NOT_COMPARED):
        if not callable(getattr(stock, name, None)):
            yield name, lambda node, name=name: getattr(node, name)


def _dag_questions(stock: SerializedDAG) -> Iterator[Question]:
    yield from _attributes("SerializedDAG", stock)
    yield "__dict__", lambda dag: sorted(name for name in dag.__dict__ if not name.startswith("_"))
    yield "repr()", repr
    yield "tasks", lambda dag: list(dag.tasks)
    yield "task_dict", lambda dag: list(dag.task_dict.items())
    yield "has_task(unknown)", lambda dag: dag.has_task(_ABSENT)
    yield "get_task(unknown)", lambda dag: dag.get_task(_ABSENT)
    yield "[unknown]", lambda dag: dag[_ABSENT]
    yield "[every id]", lambda dag: [dag[node_id] for node_id in [*dag.task_ids, *dag.task_group_dict]]
    yield (
        "get_edge_info()",
        lambda dag: [
            dag.get_edge_info(task.task_id, other) for task in dag.tasks for other in task.downstream_task_ids
        ],
    )
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
    yield "params.deep_merge()", lambda dag: dag.params.deep_merge({_ABSENT: 1}).validate()


def _task_questions(stock: Any) -> Iterator[Question]:
    yield from _attributes(type(stock).__name__, stock)
    yield "repr()", repr
    yield "hash()", hash
    yield "template fields", lambda task: [getattr(task, name) for name in task.template_fields]
    for upstream in (True, False):
        yield (
            f"get_direct_relative_ids({upstream})",
            lambda task, up=upstream: task.get_direct_relative_ids(up),
        )
        yield f"get_direct_relatives({upstream})", lambda task, up=upstream: task.get_direct_relatives(up)
        for depth in (None, 0, 1, 2, -1):
            yield (
                f"get_flat_relative_ids(upstream={upstream}, depth={depth})",
                lambda task, up=upstream, depth=depth: sorted(
                    task.get_flat_relative_ids(upstream=up, depth=depth)
                ),
            )
    for name in (
        "get_upstreams_follow_setups",
        "get_upstreams_only_setups",
        "get_upstreams_only_setups_and_teardowns",
        "iter_mapped_dependants",
        "iter_mapped_dependencies",
        "_iter_all_mapped_downstreams",
    ):
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
        "_get_specified_expand_input",
    ):
        if hasattr(stock, name):
            yield f"{name}()", lambda task, name=name: getattr(task, name)()
    yield "expand_start_from_trigger()", lambda task: task.expand_start_from_trigger(context={})
    yield "expand_start_trigger_args()", lambda task: task.expand_start_trigger_args(context={})
    yield "is_mapped(task)", is_mapped
    yield "get_mapped_ti_count.dispatch", lambda task: get_mapped_ti_count.dispatch(type(task))
    yield "TaskResponse", lambda task: TaskResponse.model_validate(task).model_dump_json()
    yield "len of every set", lambda task: [len(task.upstream_task_ids), len(task.downstream_task_ids)]


def _group_questions(stock: SerializedTaskGroup) -> Iterator[Question]:
    yield from _attributes("SerializedTaskGroup", stock)
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
    if stock.is_mapped:
        yield "get_parse_time_mapped_ti_count()", lambda group: group.get_parse_time_mapped_ti_count()
        yield "iter_mapped_dependencies()", lambda group: group.iter_mapped_dependencies()
    yield "type()", type


def _api_questions(stock: SerializedDAG) -> Iterator[Question]:
    yield "graph nodes", lambda dag: task_group_to_dict(dag.task_group)
    yield "grid nodes", lambda dag: task_group_to_dict_grid(dag.task_group)
    yield (
        "graph edges",
        lambda dag: sorted(dag_edges(dag), key=lambda edge: (edge["source_id"], edge["target_id"])),
    )


def _identity(task_id: str, task: Any, twin: Any, ours: SerializedDAG) -> Iterator[Difference]:
    """What holds between objects: the host compares tasks by identity and checks their class."""
    checks = {
        "same object every time": twin is ours.get_task(task_id) is ours.task_dict[task_id],
        "task.dag is the DAG": twin.dag is ours,
        "isinstance of stock's class": isinstance(twin, type(task)),
        "no equality but identity": twin.__eq__(object()) is NotImplemented or is_mapped(task),
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
