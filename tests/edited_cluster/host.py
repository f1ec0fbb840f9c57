"""Which host this interpreter has, and what the tests of that host can do with it."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from bench.loop.host import host


def host_name() -> Any:
    """`airflow2` or `airflow3`."""
    return host()


def support(name: str) -> Any:
    """A module of the host's `support`."""
    return import_module(f"tests.{host()}.support.{name}")
