"""The command line of a long run with faults injected into its servers."""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

from tests.support.servers import MariadbServer, PostgresServer, RedisServer


class HurtCluster(Protocol):
    """Processes on a database and a Redis, and the faults that are injected into these servers."""

    def run(self, seconds: float) -> list[str]:
        """The violations that were found."""
        ...

    def summary(self) -> Mapping[str, object]:
        """The number of events."""
        ...


MakeCluster = Callable[[Path, str, RedisServer, int, Callable[[], None]], HurtCluster]


def main(description: str, make_cluster: MakeCluster) -> int:
    """Runs a cluster for `--minutes`, and says what happened and what was wrong; 1 if something was."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--database", choices=("postgresql", "mariadb"), default="postgresql")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    make = PostgresServer if arguments.database == "postgresql" else MariadbServer
    with make() as database, RedisServer() as redis, tempfile.TemporaryDirectory() as folder:
        url = database.url(database.create_database())
        cluster = make_cluster(Path(folder), url, redis, arguments.seed, database.restart)
        found = cluster.run(arguments.minutes * 60)
        print(json.dumps(cluster.summary()))
    for one in found[:20]:
        print(one)
    print(f"{len(found)} violations, seed {arguments.seed}")
    return 1 if found else 0
