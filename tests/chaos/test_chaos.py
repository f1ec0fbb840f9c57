"""A short run against real servers; `make chaos` makes a long one."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.chaos.cluster import Cluster
from tests.support.hurt_cluster.command import DATABASES, MakeDatabase, run
from tests.support.servers import required

SECONDS = float(os.environ.get("SCHED_CACHE_CHAOS_SECONDS", "12"))


@pytest.mark.parametrize("make_database", DATABASES.values(), ids=DATABASES)
def test_no_property_is_violated_on_real_servers(make_database: MakeDatabase, tmp_path: Path) -> None:
    """S1 to S4, S6 and L while workers are killed, Redis is flushed, paused, restarted and failed over, and lied to."""
    with required():
        found, happened = run(Cluster, make_database, tmp_path, SECONDS)
    assert found == [], happened
    assert happened["read"] >= 50 and happened["published"] >= 5 and happened["faults"] >= 2, happened
