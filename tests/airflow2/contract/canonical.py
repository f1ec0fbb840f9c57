"""Values of two deserialized DAGs in a form that can be compared with ``==`` and read in a failure."""

from __future__ import annotations

import datetime
import enum
import re
import weakref
from collections.abc import Mapping
from typing import Any

import attrs
from airflow.models.mappedoperator import MappedOperator
from airflow.models.operator import BaseOperator
from airflow.models.param import Param, ParamsDict
from airflow.serialization.serialized_objects import (
    SerializedDAG,
    _PriorityWeightStrategyNotRegistered,
    encode_timetable,
)
from airflow.task.priority_strategy import PriorityWeightStrategy
from airflow.ti_deps.deps.base_ti_dep import BaseTIDep
from airflow.timetables.base import Timetable
from airflow.utils.operator_resources import Resources
from airflow.utils.task_group import TaskGroup

_ADDRESS = re.compile(" at 0x[0-9a-f]+")


def canonical(value: Any) -> Any:
    """``value`` as nested tuples, lists and dicts of plain values; types are kept, so ``1`` is not ``True``.

    Nodes of the DAG become their ids: what they hold is compared where they are at home.
    """
    if value is None or isinstance(value, str | bytes):
        is_plain = isinstance(value, str) and not isinstance(value, enum.Enum)
        return str(value) if is_plain else (type(value).__name__, str(value)) if value is not None else None
    if isinstance(value, bool | int | float):
        return (type(value).__name__, value)
    if isinstance(value, weakref.ProxyType | TaskGroup):
        return ("group", value.group_id)
    if isinstance(value, SerializedDAG):
        return ("dag", value.dag_id)
    if isinstance(value, BaseOperator | MappedOperator):
        return ("task", value.task_id)
    if isinstance(value, ParamsDict):
        return ("params", [(name, canonical(value.get_param(name))) for name in value])
    if isinstance(value, Param):
        return ("param", canonical((value.value, value.description, value.schema)))
    if isinstance(value, Mapping):
        return {key: canonical(item) for key, item in value.items()}
    if isinstance(value, set | frozenset):
        if any(isinstance(item, BaseTIDep) for item in value):
            return (type(value).__name__, sorted(canonical(item) for item in value))
        # Iteration order is part of the value: pages turn such sets into lists.
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
        return ("raises", type(failure).__name__, _ADDRESS.sub("", str(failure)))
