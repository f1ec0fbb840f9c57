"""Values of two deserialized DAGs in a form that can be compared with ``==`` and read in a failure."""

from __future__ import annotations

import datetime
import enum
import weakref
from collections.abc import Mapping
from typing import Any

import attrs
from airflow.sdk.definitions.operator_resources import Resources
from airflow.serialization.definitions.baseoperator import SerializedBaseOperator
from airflow.serialization.definitions.dag import SerializedDAG
from airflow.serialization.definitions.mappedoperator import SerializedMappedOperator
from airflow.serialization.definitions.param import SerializedParam, SerializedParamsDict
from airflow.serialization.definitions.taskgroup import SerializedTaskGroup
from airflow.serialization.encoders import encode_timetable
from airflow.serialization.serialized_objects import _PriorityWeightStrategyNotRegistered
from airflow.task.priority_strategy import PriorityWeightStrategy
from airflow.ti_deps.deps.base_ti_dep import BaseTIDep
from airflow.timetables.base import Timetable


def canonical(value: Any) -> Any:
    """``value`` as nested tuples, lists and dicts of plain values; types are kept, so ``1`` is not ``True``.

    Nodes of the DAG become their ids: what they hold is compared where they are at home.
    """
    if value is None or isinstance(value, str | bytes):
        return str(value) if isinstance(value, str) and not isinstance(value, enum.Enum) else value
    if isinstance(value, bool | int | float):
        return (type(value).__name__, value)
    if isinstance(value, weakref.ProxyType | SerializedTaskGroup):
        return ("group", value.group_id)
    if isinstance(value, SerializedDAG):
        return ("dag", value.dag_id)
    if isinstance(value, SerializedBaseOperator | SerializedMappedOperator):
        return ("task", value.task_id)
    if isinstance(value, SerializedParamsDict):
        return ("params", [(name, canonical(param)) for name, param in value.items()])
    if isinstance(value, SerializedParam):
        return ("param", canonical((value.value, value.description, value.schema, value.source)))
    if isinstance(value, Mapping):
        return {key: canonical(item) for key, item in value.items()}
    if isinstance(value, set | frozenset):
        # Iteration order is part of the value: the API turns such sets into JSON lists.
        return (type(value).__name__, [canonical(item) for item in value])
    if isinstance(value, tuple | list):
        return (type(value).__name__, [canonical(item) for item in value])
    if isinstance(value, datetime.datetime):
        return ("datetime", value.isoformat(), str(value.tzinfo))
    if isinstance(value, datetime.timedelta | datetime.tzinfo | enum.Enum):
        return (type(value).__name__, str(value))
    if isinstance(value, Timetable):
        return ("timetable", type(value).__qualname__, canonical(encode_timetable(value)))
    if isinstance(value, PriorityWeightStrategy | BaseTIDep):
        return (type(value).__module__, type(value).__qualname__)
    if isinstance(value, Resources):
        return ("resources", canonical(value.to_dict()))
    if attrs.has(type(value)):
        fields = {field.name: canonical(getattr(value, field.name)) for field in attrs.fields(type(value))}
        return (type(value).__qualname__, fields)
    if callable(value):
        return ("callable", getattr(value, "__qualname__", repr(value)))
    return (type(value).__qualname__, canonical(vars(value)) if hasattr(value, "__dict__") else repr(value))


def outcome(read: Any) -> Any:
    """What calling ``read`` gives: its canonical value, or the exception's type and text.

    A generator is drained. An exception is an answer too: the host catches several of them.
    """
    try:
        value = read()
        if hasattr(value, "__next__"):
            value = list(value)
        return canonical(value)
    except (Exception, _PriorityWeightStrategyNotRegistered) as failure:
        return ("raises", type(failure).__name__, str(failure))
