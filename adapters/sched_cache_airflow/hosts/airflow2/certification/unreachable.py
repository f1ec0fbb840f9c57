"""The lines of the pinned functions of Airflow 2 that no loop of a scheduler reaches, each with its reason.

A line is named by its function and its text. A release that does not have it ignores it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

UNREACHABLE: Final[Mapping[str, Mapping[str, str]]] = {}
