"""A loop takes the run that a task instance has loaded, where the host's code is known."""

from __future__ import annotations

import pytest

pytest.importorskip("airflow.models.taskinstance")

from sched_cache_airflow.patching.known_code import digests
from sched_cache_airflow.releases import AIRFLOW_2_11


@pytest.mark.parametrize("path", AIRFLOW_2_11.loop)
def test_code_of_the_installed_release_is_known(path: str) -> None:
    """Or nobody would be spared anything."""
    assert digests([path]) == {path: AIRFLOW_2_11.loop[path]}
