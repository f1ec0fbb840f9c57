"""Functions that read the words of the installed Airflow, for both hosts. Each imports them when it is called."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module
from inspect import get_annotations
from operator import attrgetter
from pkgutil import iter_modules
from typing import Any, Final

_DEPS: Final = "airflow.ti_deps.deps"


def states() -> Iterable[Any]:
    """The states of a task instance that has one."""
    return _at("airflow.utils.state:TaskInstanceState")


def unfinished_states() -> Iterable[Any]:
    """The states from which a task instance goes on."""
    return _at("airflow.utils.state:State.unfinished")


def finished_states() -> Iterable[Any]:
    """The states that a task instance ends in."""
    return _at("airflow.utils.state:State.finished")


def schedulable_states() -> Iterable[Any]:
    """The states of task instances that a scheduler examines."""
    return _at("airflow.ti_deps.dependencies_states:SCHEDULEABLE_STATES")


def trigger_rules() -> Iterable[Any]:
    """The rules of `TriggerRuleDep`."""
    try:
        return _at("airflow.task.trigger_rule:TriggerRule.all_triggers", is_called=True)
    except ModuleNotFoundError:
        return _at("airflow.utils.trigger_rule:TriggerRule.all_triggers", is_called=True)


def dependencies() -> Iterable[str]:
    """The classes that every task is examined by: those of the scheduler, and those of a task that names no other."""
    asked_for = _of("airflow.ti_deps.dep_context:DepContext")().deps
    return map(_name, {*asked_for, *_new_task().deps})


def modules_of_dependencies() -> Iterable[str]:
    """The modules of dependency classes. The host gives a sensor or a mapped task more than `dependencies`."""
    return (module.name for module in iter_modules(import_module(_DEPS).__path__))


def expansions() -> Iterable[Any]:
    """The forms of what a task is mapped over."""
    return _at("airflow.models.expandinput:_EXPAND_INPUT_TYPES")


def task_fields() -> Iterable[Any]:
    """The fields that a document has of a task."""
    return _at(
        "airflow.serialization.serialized_objects:SerializedBaseOperator.get_serialized_fields",
        is_called=True,
    )


def task_attributes() -> Iterable[str]:
    """The attributes of the object of a task before the host has read its document."""
    task = _new_task()
    return {*vars(task), *get_annotations(type(task))}


def dag_fields() -> Iterable[Any]:
    """The fields that a document has of a DAG."""
    return _at("airflow.serialization.serialized_objects:SerializedDAG.get_serialized_fields", is_called=True)


def types() -> Iterable[Any]:
    """The `__type` of values in a document."""
    return _at("airflow.serialization.enums:DagAttributeTypes")


def _at(path: str, *, is_called: bool = False) -> Iterable[Any]:
    found = _of(path)
    some: Iterable[Any] = found() if is_called else found
    return some


def _of(path: str) -> Any:
    module, _, names = path.partition(":")
    return attrgetter(names)(import_module(module))


def _new_task() -> Any:
    return _of("airflow.serialization.serialized_objects:SerializedBaseOperator")(task_id="any")


def _name(dependency: Any) -> str:
    cls = type(dependency)
    return f"{cls.__module__}.{cls.__qualname__}".removeprefix(f"{_DEPS}.")
