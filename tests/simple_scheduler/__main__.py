"""`python -m tests.simple_scheduler --minutes 10 [--database mariadb] [--seed N]`; see `make simple-dag`."""

from __future__ import annotations

import sys

from tests.simple_scheduler.cluster import Cluster
from tests.support.hurt_cluster.command import main

if __name__ == "__main__":
    sys.exit(main("Hurt a 1.10-style cluster and check what it did.", Cluster))
