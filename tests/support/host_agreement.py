"""Compares a compact DAG with the objects that the host makes of the same document. For Airflow 2.11 and 3.

Each question yields triples (the question, our answer, the host's answer); `differences` keeps the unequal ones.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from operator import attrgetter
from types import SimpleNamespace
from typing import Any

from airflow.models.dagrun import DagRun
from airflow.serialization import serialized_objects
from airflow.task.priority_strategy import PriorityWeightStrategy, validate_and_load_priority_weight_strategy

from sched_cache.format import ABSENT, CompactDag
from sched_cache.format.fields import HOT_TASK_FIELDS
from sched_cache.format.groups import group_ids

_IS_AIRFLOW_2 = not hasattr(serialized_objects, "DagSerialization")

Answers = Iterator[tuple[str, Any, Any]]
Question = Callable[[CompactDag, Any], Answers]


def differences(answers: Iterable[tuple[str, Any, Any]]) -> list[str]:
    """One line for each question on which we and the host disagree; 1, 1.0 and True are not equal here."""
    return [
        f"{what}: ours {ours!r}, host's {theirs!r}"
        for what, ours, theirs in answers
        if ours != theirs or type(ours) is not type(theirs)
    ]


def edges(dag: CompactDag, host: Any) -> Answers:
    yield "task_ids", list(dag.task_ids), [task.task_id for task in host.tasks]
    for task in host.tasks:
        ours = dag.task(task.task_id)
        yield f"{task.task_id} downstream", sorted(ours.downstream_task_ids), sorted(task.downstream_task_ids)
        yield f"{task.task_id} upstream", sorted(ours.upstream_task_ids), sorted(task.upstream_task_ids)


def weights(dag: CompactDag, host: Any) -> Answers:
    for task in host.tasks:
        index = dag.index(task.task_id)
        ours = {
            "downstream": dag.derived_column("weight.downstream")[index],
            "upstream": dag.derived_column("weight.upstream")[index],
            "absolute": dag.effective(index, "priority_weight"),
        }
        for rule, weight in ours.items():
            strategy = validate_and_load_priority_weight_strategy(rule)
            yield f"{task.task_id} {rule}", weight, strategy.get_weight(SimpleNamespace(task=task))


def relevant_setups(dag: CompactDag, host: Any) -> Answers:
    for task in host.tasks:
        theirs = {setup.task_id for setup in task.get_upstreams_only_setups()}
        yield task.task_id, _task_ids(dag, "setups", task.task_id), theirs


def skip_parents(dag: CompactDag, host: Any) -> Answers:
    for task in host.tasks:
        theirs = {parent.task_id for parent in task.upstream_list if parent.inherits_from_skipmixin}
        yield task.task_id, _task_ids(dag, "skip_parents", task.task_id), theirs


@dataclass(frozen=True)
class _TaskInstance:
    task_id: str
    state: None = None


def effective_leaves(dag: CompactDag, host: Any) -> Answers:
    instances = [_TaskInstance(task.task_id) for task in host.tasks]
    theirs = DagRun._tis_for_dagrun_state(None, dag=host, tis=instances)
    ours = {dag.task_ids[index] for index in dag.derived_value("effective_leaves")}
    yield "effective leaves", ours, {instance.task_id for instance in theirs}


def time_restriction(dag: CompactDag, host: Any) -> Answers:
    theirs = host._time_restriction
    yield "earliest", dag.derived_value("earliest_start"), _timestamp(theirs.earliest)
    yield "latest", dag.derived_value("latest_end"), _timestamp(theirs.latest)
    # Left out, it was Airflow 2's default.
    yield "catchup", dag.field("catchup", _IS_AIRFLOW_2), theirs.catchup


def groups(dag: CompactDag, host: Any) -> Answers:
    ids = _group_ids(dag)
    for task in host.tasks:
        index = dag.index(task.task_id)
        row = dag.derived_column("group")[index]
        yield f"{task.task_id} group", ids[row], task.task_group.group_id
        mapped_row = dag.derived_column("mapped_group")[index]
        mapped = task.get_closest_mapped_task_group()
        ours = None if mapped_row is ABSENT else ids[mapped_row]
        yield f"{task.task_id} mapped group", ours, None if mapped is None else mapped.group_id


def simple(dag: CompactDag, host: Any) -> Answers:
    """A simple task is outside everything that needs the host's own judgement."""

    for task in host.tasks:
        theirs = not (
            any(relative.get_needs_expansion() for relative in (task, *task.upstream_list))
            or any(task.get_upstreams_only_setups())
            or any(getattr(parent, "inherits_from_skipmixin", False) for parent in task.upstream_list)
            or task.is_teardown
        )
        yield task.task_id, dag.derived_column("simple")[dag.index(task.task_id)], theirs


_ATTRIBUTES: dict[str, Callable[[Any], Any]] = {
    "_is_mapped": lambda task: type(task).__name__.endswith("MappedOperator"),
    "_needs_expansion": lambda task: task.get_needs_expansion(),
    "_can_skip_downstream": lambda task: task.inherits_from_skipmixin,
    "_is_empty": lambda task: task.inherits_from_empty_operator,
    "_is_sensor": lambda task: "ReadyToRescheduleDep" in {type(dep).__name__ for dep in task.deps},
    "reschedule": lambda task: getattr(task, "reschedule", False),
    "_operator_name": lambda task: task.operator_name,
    "_task_display_name": lambda task: task.task_display_name,
}
"""Where the host's attribute has another name than the field."""


def hot_fields_but(
    without: frozenset[str] = frozenset(), without_if_mapped: frozenset[str] = frozenset()
) -> Question:
    """Every hot field of every task, read through the flyweight.

    Args:
        without: fields that tasks of this host do not have; without_if_mapped: nor its mapped tasks.
    """

    def hot_fields(dag: CompactDag, host: Any) -> Answers:
        for task in host.tasks:
            ours = dag.task(task.task_id)
            absent = without | (without_if_mapped if ours._is_mapped else set())
            for field in HOT_TASK_FIELDS:
                if field.name in absent or field.name in _STRUCTURED:
                    continue
                read = _ATTRIBUTES.get(field.name, attrgetter(field.name))
                value = _as_host(field.name, getattr(ours, field.name), ours, host)
                yield f"{task.task_id}.{field.name}", value, _comparable(field.name, read(task))
            if ours.deps is not None:
                theirs = {f"{type(dep).__module__}.{type(dep).__name__}" for dep in task.deps}
                yield f"{task.task_id} deps", set(ours.deps), theirs
            if ours._is_mapped:
                theirs = getattr(task, task._expand_input_attr)
                yield f"{task.task_id} expands", _our_expansion(ours, host), _expansion(theirs)

    return hot_fields


_STRUCTURED = frozenset(
    ("partial_kwargs", "_expand_input_attr", "expand_input", "op_kwargs_expand_input", "deps")
)
"""How a task is mapped, and what it depends on. Keywords of `partial_kwargs` are compared under their own names."""


def _as_host(name: str, value: Any, ours: Any, host: Any) -> Any:
    """The serialized `value` of a task as the host holds it."""
    deserialize = serialized_objects.BaseSerialization.deserialize
    if name == "_operator_name":
        return value or ours.task_type
    if name == "_task_display_name":
        return value or ours.task_id
    if name in ("start_date", "end_date") and value is None:
        return _comparable(name, getattr(host, name))  # the host gives a task without dates those of its DAG
    if name == "start_trigger_args" and value is not None:
        decode = getattr(serialized_objects, "_decode_start_trigger_args", None)
        return (decode or serialized_objects.decode_start_trigger_args)(value)
    if name in ("outlets", "inlets"):
        return [deserialize(item) for item in value]
    if isinstance(value, dict) and "__type" in value:
        value = deserialize(value)
    return _comparable(name, value)


def _comparable(name: str, value: Any) -> Any:
    if name == "retry_exponential_backoff":  # a switch in Airflow 2, a factor in 3
        return 2.0 if value is True else float(value)
    if isinstance(value, PriorityWeightStrategy):
        encode = getattr(serialized_objects, "_encode_priority_weight_strategy", None)
        return str((encode or serialized_objects.encode_priority_weight_strategy)(value))
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, datetime):
        return value.timestamp()
    if isinstance(value, str):
        return str.__str__(value)
    return value


def _our_expansion(ours: Any, host: Any) -> Any:
    encoded = getattr(ours, ours._expand_input_attr)
    value = serialized_objects.BaseSerialization.deserialize(encoded["value"])
    return _expansion(serialized_objects._ExpandInputRef(encoded["type"], value).deref(host))


def _expansion(expand_input: Any) -> Any:
    """(its class, the tasks whose results it takes, its literals): the host's objects know no equality."""
    value = expand_input.value
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    literals = [(key, item) for key, item in items if not hasattr(item, "iter_references")]
    sources = [(task.task_id, key) for task, key in expand_input.iter_references()]
    return type(expand_input).__name__, sources, literals


def _timestamp(moment: datetime | None) -> float | None:
    return None if moment is None else moment.timestamp()


def _task_ids(dag: CompactDag, name: str, task_id: str) -> set[str]:
    indices = dag.derived_column(name)[dag.index(task_id)]
    return set() if indices is ABSENT else {dag.task_ids[index] for index in indices}


def _group_ids(dag: CompactDag) -> list[str | None]:
    found = dag.groups()
    assert found is not None, f"the groups of {dag.dag_id} are not regular"
    rows = [
        {name: value for name, column in found.columns.items() if (value := column[row]) is not ABSENT}
        for row in range(len(found))
    ]
    return group_ids(rows, found.parents)
