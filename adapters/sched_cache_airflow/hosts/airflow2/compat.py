"""Differences between the supported Airflow 2 releases, detected from the classes and attributes of the host."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from airflow.serialization import serialized_objects

DECODE_START_TRIGGER_ARGS: Final[Callable[[Any], Any] | None] = vars(serialized_objects).get(
    "decode_start_trigger_args"
)
"""The decoder of the arguments of a trigger that a task starts from: since 2.10. Before, a field like others."""
