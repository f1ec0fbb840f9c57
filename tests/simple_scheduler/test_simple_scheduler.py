"""A short run of a scheduler written against the simple classes; `make simple-dag` makes a long one."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.simple_scheduler.cluster import Cluster
from tests.support.servers import MariadbServer, PostgresServer, RedisServer, required

_SECONDS = 10.0


@pytest.mark.parametrize("make_database", [PostgresServer, MariadbServer], ids=["postgresql", "mariadb"])
def test_no_freshly_parsed_dag_is_lost_or_handled_twice(
    make_database: type[PostgresServer | MariadbServer], tmp_path: Path
) -> None:
    """While two processors write, workers are killed, and Redis and the database are hurt."""
    with required():
        servers = make_database(), RedisServer()
    with servers[0] as database, servers[1] as redis:
        url = database.url(database.create_database())
        cluster = Cluster(tmp_path, url, redis, seed=1, restart_database=database.restart)
        found = cluster.run(_SECONDS)
        counts = cluster.summary()
    assert not found, found[:10]
    # Enough has happened, or the check says nothing.
    assert counts["published"] > 15
    assert counts["loop_handled"] > 8
    assert counts["loop_queue"] > 20
    assert counts["processes_started"] > 5
