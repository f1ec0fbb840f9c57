"""A short run against real servers; `make chaos` makes a long one."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.chaos.cluster import Cluster
from tests.support.servers import MariadbServer, PostgresServer, RedisServer, required

SECONDS = float(os.environ.get("SCHED_CACHE_CHAOS_SECONDS", "12"))


@pytest.mark.parametrize("make_database", [PostgresServer, MariadbServer], ids=["postgresql", "mariadb"])
def test_no_property_is_violated_on_real_servers(
    make_database: type[PostgresServer | MariadbServer], tmp_path: Path
) -> None:
    """S1 to S4, S6 and L while workers are killed, Redis is flushed, paused, restarted and failed over, and lied to."""
    with required():
        database, redis = make_database(), RedisServer()
    with database, redis:
        cluster = Cluster(tmp_path, database.url(database.create_database()), redis, 1, database.restart)
        found = cluster.run(SECONDS)
    happened = cluster.summary()
    assert found == [], happened
    assert happened["read"] >= 50 and happened["published"] >= 5 and happened["faults"] >= 2, happened
