"""Who is on trial: Airflow as it is, or Airflow with the plugin."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from unittest import mock

from tests.hosts.home import option


@contextmanager
def plugin(**options: str) -> Iterator[None]:
    """The plugin in charge of this process until the block ends, with these options."""
    from sched_cache_airflow.hosts.installed import host_process

    chosen = {"enabled": "True", "publish_contents": "False", **options}
    with mock.patch.dict(os.environ, {option("sched_cache", name): value for name, value in chosen.items()}):
        host_process().install()
        try:
            yield
        finally:
            host_process().uninstall()
