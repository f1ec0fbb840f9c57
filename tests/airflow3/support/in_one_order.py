"""Task instances in one order, also where the installed release does not ask the database for one."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

from sched_cache_airflow.hosts.installed import host_process
from sched_cache_airflow.hosts.shared.certification.sorted_task_instances import sorted_task_instances


def in_one_order() -> AbstractContextManager[None]:
    """Sorts them while the block runs, if the host does not."""
    return nullcontext() if host_process().host.decisions.is_ordered else sorted_task_instances()
