"""A loop takes the run that a task instance has loaded, where the host's code is known."""

from __future__ import annotations

import pytest

pytest.importorskip("airflow.models.taskinstance")

from sched_cache_airflow.hosts.airflow2 import known_code as host_code
from sched_cache_airflow.patching.known_code import digests


@pytest.mark.parametrize("path", host_code.LOOP)
def test_code_of_the_installed_release_is_known(path: str) -> None:
    """Or nobody would be spared anything."""
    assert digests([path]) == {path: host_code.LOOP[path]}
