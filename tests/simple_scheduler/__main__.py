"""`python -m tests.simple_scheduler --minutes 10 [--database mariadb] [--seed N]`; see `make simple-dag`."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

from tests.simple_scheduler.cluster import Cluster
from tests.support.servers import MariadbServer, PostgresServer, RedisServer


def main() -> int:
    parser = argparse.ArgumentParser(description="Hurt a 1.10-style cluster and check what it did.")
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--database", choices=("postgresql", "mariadb"), default="postgresql")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    make = PostgresServer if arguments.database == "postgresql" else MariadbServer
    with make() as database, RedisServer() as redis, tempfile.TemporaryDirectory() as folder:
        url = database.url(database.create_database())
        cluster = Cluster(Path(folder), url, redis, arguments.seed, database.restart)
        found = cluster.run(arguments.minutes * 60)
        print(json.dumps(cluster.summary()))
    for one in found[:20]:
        print(one)
    print(f"{len(found)} violations, seed {arguments.seed}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
