"""The plugin in charge of this process, or stock Airflow."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from unittest import mock

from tests.hosts.subject import ON, Subject


@contextmanager
def activated(subject: Subject) -> Iterator[None]:
    """The subject in charge of this process until the block ends; its options are read anew."""
    # Whatever the test imports later would stay as it is: the entry points are off in this process.
    import airflow.api_fastapi.common.dagbag
    import airflow.jobs.scheduler_job_runner  # noqa: F401

    from sched_cache_airflow.hosts.installed import host_process

    host_process().uninstall()
    if subject.name == "stock":
        yield
        return
    with mock.patch.dict(os.environ, ON):
        host_process().install()
        try:
            yield
        finally:
            host_process().uninstall()
