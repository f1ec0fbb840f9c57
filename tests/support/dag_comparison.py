"""Every answer of two deserialized DAGs, side by side: a host's objects against ours; the same for every host."""

from __future__ import annotations

import itertools
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from operator import methodcaller
from typing import Any

from tests.support.canonical import Canonical

ABSENT = "no_such_attribute"
Question = tuple[str, Callable[[Any], Any]]
"""The name of a question in a difference, and the function that asks an object."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One question that got two answers. ``where`` is the expression, e.g. ``tasks['a'].retries``."""

    where: str
    stock: Any
    ours: Any

    def __str__(self) -> str:
        return f"{self.where}: stock {self.stock!r}, ours {self.ours!r}"


class DagComparison(ABC):
    """Two DAGs of one host. What is asked of each kind of object is the host's."""

    canonical: Canonical
    not_in_subsets: tuple[str, ...] = ()
    """The attributes that a DAG keeps after the first read. They are removed before a subset copies them."""

    @abstractmethod
    def dag_questions(self, stock: Any) -> Iterator[Question]: ...

    @abstractmethod
    def task_questions(self, stock: Any) -> Iterator[Question]: ...

    @abstractmethod
    def group_questions(self, stock: Any) -> Iterator[Question]: ...

    @abstractmethod
    def shown_questions(self) -> Iterator[Question]:
        """The results of the host's pages and APIs for a DAG."""

    @abstractmethod
    def equality(self, task: Any, twin: Any) -> Mapping[str, bool]:
        """Relations between a task of ours and other objects, by name."""

    def compare(self, stock: Any, ours: Any, *, subsets: bool = True) -> list[Difference]:
        """Every difference between the host's deserialized DAG and ours, in no more than a few per cause.

        Cost: some 200 reads for each task of both DAGs.

        Args:
            subsets: whether to compare what ``partial_subset`` makes of some tasks, too.
        """
        found = list(self._differences("dag", stock, ours, self.dag_questions(stock)))
        if stock.task_ids != ours.task_ids:
            return found
        for task_id in stock.task_ids:
            task, twin = stock.get_task(task_id), ours.get_task(task_id)
            found += self._differences(f"tasks[{task_id!r}]", task, twin, self.task_questions(task))
            found += self._identity(task_id, task, twin, ours)
        groups, twins = stock.task_group.get_task_group_dict(), ours.task_group.get_task_group_dict()
        for group_id in groups.keys() & twins.keys():
            group = groups[group_id]
            questions = self.group_questions(group)
            found += self._differences(f"groups[{group_id!r}]", group, twins[group_id], questions)
        found += self._differences("shown", stock, ours, self.shown_questions())
        if subsets:
            for task_id in _sample(stock.task_ids):
                for up, down in ((True, False), (False, True)):
                    found += self._compare_subsets(stock, ours, task_id, up, down)
        return found

    def compare_first_answers(
        self, make_stock: Callable[[], Any], make_ours: Callable[[], Any]
    ) -> list[Difference]:
        """Differences in what an untouched copy of ours answers: a lazy object must not depend on earlier questions.

        Cost: both twice for each of some 130 questions; within one question the tasks share a copy.

        Args:
            make_stock: may give the same object each time, where stock's remembers no answer.
        """
        found: list[Difference] = []
        stock = make_stock()
        for name, ask in self.dag_questions(stock):
            found += self._differences("untouched dag", make_stock(), make_ours(), [(name, ask)])
        asked: dict[str, dict[str, Callable[[Any], Any]]] = {}
        for task in stock.tasks:
            for name, ask in self.task_questions(task):
                asked.setdefault(name, {})[task.task_id] = ask
        for (name, asks), (way, take) in itertools.product(asked.items(), _WAYS_TO_A_TASK.items()):
            theirs, ours = make_stock(), make_ours()
            for task_id, ask in asks.items():
                where = f"untouched {way}({task_id!r})"
                found += self._differences(where, take(theirs, task_id), take(ours, task_id), [(name, ask)])
        return found

    def _differences(
        self, where: str, stock: Any, ours: Any, questions: Iterable[Question]
    ) -> Iterator[Difference]:
        outcome = self.canonical.outcome
        for name, ask in questions:
            expected, actual = outcome(partial(ask, stock)), outcome(partial(ask, ours))
            if expected != actual:
                yield Difference(f"{where}.{name}", expected, actual)

    def _identity(self, task_id: str, task: Any, twin: Any, ours: Any) -> Iterator[Difference]:
        """Relations between objects: the host compares tasks by identity and checks their class."""
        checks = {
            "same object every time": twin is ours.get_task(task_id) is ours.task_dict[task_id],
            "task.dag is the DAG": twin.dag is ours,
            "isinstance of stock's class": isinstance(twin, type(task)),
            **self.equality(task, twin),
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
        self, stock: Any, ours: Any, task_id: str, upstream: bool, downstream: bool
    ) -> list[Difference]:
        """A subset is a deep copy that is cut to size: it shows whether our objects survive copying."""
        options = {"include_upstream": upstream, "include_downstream": downstream}
        before = self.canonical(list(ours.task_dict))
        for dag in (stock, ours):
            for name in self.not_in_subsets:
                vars(dag).pop(name, None)
        subset, twin = stock.partial_subset([task_id], **options), ours.partial_subset([task_id], **options)
        where = f"partial_subset([{task_id!r}], {upstream=}, {downstream=})"
        found = [
            Difference(f"{where} {difference.where}", difference.stock, difference.ours)
            for difference in self.compare(subset, twin, subsets=False)
        ]
        after = self.canonical(list(ours.task_dict))
        if after != before:
            found.append(Difference(f"{where} changed the original", before, after))
        return found


_WAYS_TO_A_TASK: dict[str, Callable[[Any, str], Any]] = {
    "get_task": lambda dag, task_id: dag.get_task(task_id),
    "task_dict": lambda dag, task_id: dag.task_dict[task_id],
}


# Questions that hosts have in common


def common_dag_questions() -> Iterator[Question]:
    yield "repr()", repr
    # The hosts' REST APIs copy what stands there.
    yield "__dict__", lambda dag: sorted(name for name in dag.__dict__ if not name.startswith("_"))
    yield "tasks", lambda dag: list(dag.tasks)
    yield "task_dict", lambda dag: list(dag.task_dict.items())
    yield "has_task(unknown)", lambda dag: dag.has_task(ABSENT)
    yield "get_task(unknown)", lambda dag: dag.get_task(ABSENT)
    yield (
        "get_edge_info()",
        lambda dag: [
            dag.get_edge_info(task.task_id, other) for task in dag.tasks for other in task.downstream_task_ids
        ],
    )


_ON_TASKS = (
    "get_upstreams_follow_setups",
    "get_upstreams_only_setups",
    "get_upstreams_only_setups_and_teardowns",
    "iter_mapped_dependants",
    "iter_mapped_dependencies",
    "_iter_all_mapped_downstreams",
)
_OF_TASKS = (
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
)


def common_task_questions(stock: Any) -> Iterator[Question]:
    yield "repr()", repr
    yield "template fields", lambda task: [getattr(task, name) for name in task.template_fields]
    for upstream in (True, False):
        yield from _questions_of_relatives(upstream)
    for name in _ON_TASKS:
        if hasattr(stock, name):
            yield f"{name}()", _node_ids_by(name)
    for name in _OF_TASKS:
        if hasattr(stock, name):
            yield f"{name}()", methodcaller(name)
    yield "len of every set", lambda task: [len(task.upstream_task_ids), len(task.downstream_task_ids)]


def _questions_of_relatives(upstream: bool) -> Iterator[Question]:
    yield f"get_direct_relative_ids({upstream})", lambda task: task.get_direct_relative_ids(upstream)
    yield f"get_direct_relatives({upstream})", lambda task: task.get_direct_relatives(upstream)
    yield (
        f"get_flat_relative_ids({upstream})",
        lambda task: sorted(task.get_flat_relative_ids(upstream=upstream)),
    )


def _node_ids_by(method: str) -> Callable[[Any], Any]:
    return lambda task: sorted(node.node_id for node in getattr(task, method)())


_OF_GROUPS = (
    "topological_sort",
    "hierarchical_alphabetical_sort",
    "get_roots",
    "get_leaves",
    "iter_tasks",
    "iter_mapped_task_groups",
)
_OF_MAPPED_GROUPS = ("get_parse_time_mapped_ti_count", "iter_mapped_dependencies")


def common_group_questions(is_mapped: bool) -> Iterator[Question]:
    yield "children", lambda group: list(group.children.items())
    yield "iteration", lambda group: list(group)
    for name in (*_OF_GROUPS, *(_OF_MAPPED_GROUPS if is_mapped else ())):
        yield f"{name}()", methodcaller(name)
    yield "type()", type


def _sample(task_ids: list[str]) -> list[str]:
    """The first, a middle and the last task."""
    return list(dict.fromkeys([task_ids[0], task_ids[len(task_ids) // 2], task_ids[-1]])) if task_ids else []
