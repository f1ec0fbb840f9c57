"""Values of two deserialized DAGs in a form that can be compared with ``==`` and read in a failure."""

from __future__ import annotations

import datetime
import enum
import re
import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from airflow.serialization.serialized_objects import _PriorityWeightStrategyNotRegistered
from airflow.task.priority_strategy import PriorityWeightStrategy
from airflow.ti_deps.deps.base_ti_dep import BaseTIDep
from airflow.timetables.base import Timetable

_ADDRESS = re.compile(" at 0x[0-9a-f]+")
_MISSING = object()


@dataclass(frozen=True, slots=True)
class Canonical:
    """Makes values comparable: a call returns nested tuples, lists and dicts of plain values.

    Types are kept, so ``1`` is not ``True``. Nodes of the DAG become their ids: what they hold is compared where they
    are at home.

    group, dag, task: the host's classes of nodes. resources: its class of them. encode_timetable: its function.
    further: class -> what stands for its values, a tuple of comparable parts.
    """

    group: Any
    dag: Any
    task: Any
    resources: Any
    encode_timetable: Callable[[Any], Any]
    further: Mapping[type[Any], Callable[[Any], tuple[Any, ...]]]

    def __call__(self, value: Any) -> Any:
        if value is None:
            return None
        if isinstance(value, str | bytes):
            is_plain = isinstance(value, str) and not isinstance(value, enum.Enum)
            return str(value) if is_plain else (type(value).__name__, str(value))
        if isinstance(value, bool | int | float):
            return (type(value).__name__, value)
        of_host = self._of_host(value)
        return self._of_anybody(value) if of_host is _MISSING else of_host

    def _of_host(self, value: Any) -> Any:
        if isinstance(value, weakref.ProxyType | self.group):
            return ("group", value.group_id)
        if isinstance(value, self.dag):
            return ("dag", value.dag_id)
        if isinstance(value, self.task):
            return ("task", value.task_id)
        for host_class, parts in self.further.items():
            if isinstance(value, host_class):
                return (host_class.__name__, *map(self, parts(value)))
        if isinstance(value, Timetable):
            return ("timetable", type(value).__qualname__, self(self.encode_timetable(value)))
        if isinstance(value, PriorityWeightStrategy | BaseTIDep):
            return (type(value).__module__, type(value).__qualname__)
        if isinstance(value, self.resources):
            return ("resources", self(value.to_dict()))
        return _MISSING

    def _of_anybody(self, value: Any) -> Any:
        kind = type(value).__qualname__
        if isinstance(value, Mapping):
            return {key: self(item) for key, item in value.items()}
        if isinstance(value, set | frozenset):
            if any(isinstance(item, BaseTIDep) for item in value):
                return (kind, sorted(self(item) for item in value))
            # Iteration order is part of the value: APIs and pages turn such sets into lists.
            return (kind, [self(item) for item in value])
        if isinstance(value, tuple | list):
            return (kind, [self(item) for item in value])
        if isinstance(value, datetime.datetime):
            return ("datetime", value.isoformat(), str(value.tzinfo))
        if isinstance(value, datetime.timedelta | datetime.tzinfo | enum.Enum):
            return (kind, str(value))
        if fields := getattr(type(value), "__attrs_attrs__", None):
            return (kind, {field.name: self(getattr(value, field.name)) for field in fields})
        if callable(value):
            return ("callable", getattr(value, "__qualname__", repr(value)))
        return (kind, self(vars(value)) if hasattr(value, "__dict__") else repr(value))

    def outcome(self, read: Callable[[], Any]) -> Any:
        """The outcome of ``read()``: its canonical value, or the exception's type and text.

        A generator is drained. An exception is an outcome, too, because the host catches several of them.
        """
        try:
            value = read()
            if hasattr(value, "__next__"):
                value = list(value)
            return self(value)
        except (Exception, _PriorityWeightStrategyNotRegistered) as failure:
            return ("raises", type(failure).__name__, _ADDRESS.sub("", str(failure)))
