"""The plugin in this process, for the Airflow that is installed here.

This is the only module that creates a host and a process of it. Entry points of Airflow, commands, benchmarks and tests
ask it for them. All modules below are given the process when they are installed, or when their objects are created.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from sched_cache_airflow.hosts.contract import AirflowHost
from sched_cache_airflow.process.host_process import HostProcess
from sched_cache_airflow.process.per_process import PerProcess
from sched_cache_airflow.releases import host_version, release_of, supported


def host_named(name: str) -> AirflowHost[Any]:
    """The host of a folder. Imports nothing of Airflow, and need not be the one that is installed."""
    host: AirflowHost[Any] = import_module(f"{__package__}.{name}.host").HOST
    return host


def _make() -> HostProcess[Any]:
    release = release_of(host_version() or "")
    if release is None:
        raise LookupError(f"the Airflow that is installed is none of {supported()}")
    return HostProcess(host_named(release.host.name))


_found = PerProcess(_make)


def host_process() -> HostProcess[Any]:
    """The one of this process. A forked child goes on with that of its parent.

    Raises:
        LookupError: no supported Airflow is installed.
    """
    return _found.get()


def runtime() -> Any:
    """The state of this process, made at first use."""
    return host_process().runtime()


def discard_runtime() -> None:
    """Forgets the state of this process; the next use reads the configuration again."""
    host_process().discard_runtime()
