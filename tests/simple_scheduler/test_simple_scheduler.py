"""A short run of a scheduler written against the simple classes; `make simple-dag` makes a long one."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.simple_scheduler.cluster import Cluster
from tests.support.hurt_cluster.command import DATABASES, MakeDatabase, run
from tests.support.servers import required

_SECONDS = 10.0


@pytest.mark.parametrize("make_database", DATABASES.values(), ids=DATABASES)
def test_no_freshly_parsed_dag_is_lost_or_handled_twice(make_database: MakeDatabase, tmp_path: Path) -> None:
    """While two processors write, workers are killed, and Redis and the database are hurt."""
    with required():
        found, counts = run(Cluster, make_database, tmp_path, _SECONDS)
    assert not found, found[:10]
    # Enough has happened, or the check says nothing.
    assert counts["published"] > 15
    assert counts["loop_handled"] > 8
    assert counts["loop_queue"] > 20
    assert counts["processes_started"] > 5
