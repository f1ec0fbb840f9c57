"""Runs `sched-cache` in the process of the test."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Outcome:
    """Exit code, standard output, and standard error."""

    code: int
    out: bytes
    err: str


Run = Callable[..., Outcome]
"""Takes the arguments of the command line."""
