"""The decoding of tasks' fields that is the same in both hosts."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from sched_cache.format import PARTIAL_PREFIX


class TaskFields(ABC):
    """The common base of the two implementations of `HostFields`."""

    portable_types = frozenset(
        ("dict", "set", "tuple", "datetime", "timedelta", "relativedelta", "param", "xcomref", "arg_not_set")
    )

    def attempt(self, name: str, value: Any) -> Any:
        """The result of the host's `populate_operator` for a value of a column, including `partial_kwargs`."""
        if name == "partial_kwargs":
            return self.partial_kwargs(value)
        if name.startswith(PARTIAL_PREFIX):
            keyword = name.removeprefix(PARTIAL_PREFIX)
            return self.partial_kwargs({keyword: value})[keyword]
        if name == "params":
            return self.params(value)
        if name in ("expand_input", "op_kwargs_expand_input"):
            return value["type"], self.deserialize(value["value"])
        if name == "operator_class":
            return {key: self.deserialize(inner) for key, inner in value.items()}
        if name == "_operator_extra_links":
            raise TypeError("extra links are tried with their tasks: to deserialize some loads every plugin")
        if name == "start_trigger_args":
            return self.decode_start_trigger_args(value) if value else None
        return self.decode(name, value)

    @abstractmethod
    def decode(self, name: str, value: Any) -> Any:
        """The value that the host's `populate_operator` gives the field `name`."""

    @abstractmethod
    def decode_start_trigger_args(self, value: Any) -> Any:
        """The host's object for the value in a document."""

    @abstractmethod
    def deserialize(self, value: Any) -> Any:
        """The object that the host's `BaseSerialization` makes of an encoded value."""

    @abstractmethod
    def params(self, value: Any) -> Any:
        """The parameters of a task."""

    @abstractmethod
    def partial_kwargs(self, value: Any) -> Any:
        """The arguments of a mapped task, by keyword."""
