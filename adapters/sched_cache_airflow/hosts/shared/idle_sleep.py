"""The idle sleep of the scheduler's loop, which ends when there is something to do."""

from __future__ import annotations

import time
from types import ModuleType
from typing import Any

from sched_cache_airflow.patching.guard import IDLE_SLEEP, guard
from sched_cache_airflow.process.host_process import HostProcess
from sched_cache_airflow.wake.time_module import TimeModule


def time_module(stock: ModuleType, process: HostProcess[Any]) -> ModuleType:
    """The module `time` for `airflow.jobs.scheduler_job_runner`. What a site has put in its place stays there."""
    if stock is not time:
        return stock
    return TimeModule(
        stock, lambda: process.runtime().wake.nap, lambda *error: process.runtime().fallbacks.note(*error)
    )


def begin_nap_loop(process: HostProcess[Any], runner: Any) -> None:
    """The scheduler `runner` begins a loop, after which it may sleep. Never raises."""
    with guard(IDLE_SLEEP, process.runtime().fallbacks.note):
        process.runtime().wake.nap.loop_began(runner)
