"""Runs of a cluster on servers of its own: of a test, and of the command line of a long run."""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tests.support.hurt_cluster.cluster import HurtCluster
from tests.support.servers import MariadbServer, PostgresServer, RedisServer

MakeDatabase = type[PostgresServer] | type[MariadbServer]
MakeCluster = Callable[[Path, str, RedisServer, int, Callable[[], None]], HurtCluster]
DATABASES: Mapping[str, MakeDatabase] = {"postgresql": PostgresServer, "mariadb": MariadbServer}


def run(
    make_cluster: MakeCluster, make_database: MakeDatabase, folder: Path, seconds: float, seed: int = 1
) -> tuple[list[str], Mapping[str, Any]]:
    """The violations, and the numbers of events. Raises ServerMissingError."""
    with make_database() as database, RedisServer() as redis:
        url = database.url(database.create_database())
        cluster = make_cluster(folder, url, redis, seed, database.restart)
        return cluster.run(seconds), cluster.summary()


def main(description: str, make_cluster: MakeCluster) -> int:
    """Runs a cluster for `--minutes`, and says what happened and what was wrong; 1 if something was."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--database", choices=DATABASES, default="postgresql")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found, happened = run(
            make_cluster,
            DATABASES[arguments.database],
            Path(folder),
            arguments.minutes * 60,
            arguments.seed,
        )
    print(json.dumps(happened))
    for one in found[:20]:
        print(one)
    print(f"{len(found)} violations, seed {arguments.seed}")
    return 1 if found else 0
